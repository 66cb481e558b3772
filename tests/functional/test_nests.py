"""Arguments and results of transforms that are nests: structure, order, types."""

import dataclasses
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

import autograd_lite as al


def test_nested_arguments_give_results_of_the_same_structure():
    params = {"layers": [(np.ones((2, 3)), np.zeros(3)), (np.ones((3, 1)), np.zeros(1))], "s": 2.0}

    def net(p, x):
        for w, b in p["layers"]:
            x = np.tanh(x @ w + b)
        return np.sum(x) * p["s"]

    g = al.grad(net)(params, np.ones((4, 2)))
    assert list(g) == ["layers", "s"]
    assert [type(layer) for layer in g["layers"]] == [tuple, tuple]
    assert g["layers"][0][0].shape == (2, 3)
    assert g["s"] == pytest.approx(net(params, np.ones((4, 2))) / 2)


@pytest.mark.parametrize(
    "fixed", [1, "text", None, np.arange(3), True, al.Tensor(3), np.sin], ids=lambda x: type(x)
)
def test_what_is_no_floating_number_in_a_nest_is_passed_on(fixed):
    def f(p):
        assert p["n"][0] is fixed
        return np.sum(p["w"] ** 3)

    nest = {"w": np.ones(2), "n": [fixed]}
    for gradient in (
        al.grad(f)(nest), al.value_and_grad(f)(nest)[1], al.vjp(f, nest)[1](1.0)[0],
        al.jacobian(f)(nest),
    ):  # fmt: skip
        assert gradient["w"].tolist() == [3.0, 3.0]
        assert gradient["n"][0].dtype == int
        assert not gradient["n"][0].any()
    assert al.hessian(f)(nest)["w"]["w"].tolist() == [[6.0, 0.0], [0.0, 6.0]]
    assert al.jvp(f, (nest,), (nest,))[1] == 6.0
    assert al.hvp(f, (nest,), (nest,))[0]["w"].tolist() == [6.0, 6.0]


@dataclasses.dataclass(frozen=True)
class Weights:
    w: np.ndarray
    b: float
    width: int = 3

    def __post_init__(self):
        assert self.width == 3


class Registered:
    def __init__(self, w):
        self.w = w


al.register_nest(Registered, vars, lambda old, parts: type(old)(**parts))


def test_dataclasses_and_registered_classes_are_nests():
    def f(p):
        return np.sum(p[0].w * p[1].w) * p[0].b * p[0].width

    weights, other = Weights(np.array([1.0, 2.0]), 2.0), Registered(np.array([3.0, 4.0]))
    first, second = al.grad(f)((weights, other))
    assert type(first) is Weights
    assert first.w.tolist() == [18.0, 24.0]
    assert first.b == 33.0
    assert type(second) is Registered
    assert second.w.tolist() == [6.0, 12.0]
    assert al.hessian(f)((weights, other))[0].b[1].w.tolist() == [3.0, 6.0]
    with pytest.raises(TypeError, match=r"argument 0\[0\]\.b is 1j"):
        al.grad(f)((Weights(np.ones(2), 1j), other))


def test_parts_without_names_are_refused():
    kind = al.register_nest(type("Pair", (), {}), lambda p: ((p,), None), lambda p, parts: p)
    with pytest.raises(TypeError, match=r"the parts of a Pair as a dict, by name, .* got a tuple"):
        al.grad(lambda p: 1.0)(kind())


Layer = namedtuple("Layer", "w b")


def nest():
    return OrderedDict(first=Layer(np.array([[1.0, 2.0]]), [0.5]), second=(np.array([3.0]),))


def of_nest(p, x):
    y = np.tanh(x @ p["first"].w.T * p["first"].b[0])
    return {"out": y * p["second"][0], "rest": (np.sum(y**2), [p["second"][0]])}


def flat(x):
    """Return of_nest as a function of one array, and its result as one array."""
    p = OrderedDict(first=Layer(x[None, :2], [x[2]]), second=(x[3:],))
    out = of_nest(p, np.array([[0.3, 0.1], [0.2, -0.4]]))
    return np.concatenate([out["out"].reshape(-1), out["rest"][0].reshape(1), out["rest"][1][0]])


DATA = np.array([[0.3, 0.1], [0.2, -0.4]])


FLAT = np.array([1.0, 2.0, 0.5, 3.0])


def test_results_may_be_nested_too():
    expected = al.jacobian(flat)(FLAT)
    found = al.jacobian(of_nest)(nest(), DATA)
    assert list(found) == ["out", "rest"]
    by = found["out"]
    assert type(by) is OrderedDict
    assert type(by["first"]) is Layer
    assert by["first"].w.shape == (2, 1, 1, 2)
    np.testing.assert_allclose(by["first"].w.reshape(2, 2), expected[:2, :2], rtol=1e-13)
    np.testing.assert_allclose(by["first"].b[0].ravel(), expected[:2, 2], rtol=1e-13)
    total, (second,) = found["rest"]
    np.testing.assert_allclose(total["first"].w[0], expected[2, :2], rtol=1e-13)
    assert second["second"][0].item() == 1.0
    assert second["first"].w.tolist() == [[[0.0, 0.0]]]

    y, pullback = al.vjp(of_nest, nest(), DATA)
    assert y["rest"][1][0] == 3.0
    weights = np.array([1.0, -2.0, 0.5, 4.0])
    given = {"rest": (0.5, [np.array([4.0])]), "out": np.array([[1.0], [-2.0]])}  # Another order.
    by_p, by_x = pullback(given)
    pulled = np.concatenate([by_p["first"].w[0], by_p["first"].b, by_p["second"][0]])
    np.testing.assert_allclose(pulled, weights @ expected, rtol=1e-13)
    assert by_x.shape == (2, 2)

    v = {"second": (np.array([4.0]),), "first": Layer(np.array([[1.0, -2.0]]), [0.5])}
    _, y_dot = al.jvp(of_nest, (nest(), DATA), (v, np.zeros((2, 2))))
    pushed = np.concatenate([y_dot["out"].ravel(), [y_dot["rest"][0]], y_dot["rest"][1][0]])
    np.testing.assert_allclose(pushed, expected @ [1.0, -2.0, 0.5, 4.0], rtol=1e-13)


def loss_of_nest(p, x):
    return np.sum(of_nest(p, x)["out"] ** 2)


def test_hessian_of_nested_arguments():
    expected = al.hessian(lambda x: np.sum(flat(x)[:2] ** 2))(FLAT)
    found = al.hessian(loss_of_nest)(nest(), DATA)
    np.testing.assert_allclose(
        found["first"].w["first"].w.reshape(2, 2), expected[:2, :2], rtol=1e-12
    )
    np.testing.assert_allclose(
        found["second"][0]["first"].w.reshape(2), expected[3, :2], rtol=1e-12
    )
    np.testing.assert_allclose(found["first"].b[0]["second"][0], expected[2, 3:], rtol=1e-12)
    both = al.hessian(lambda a, b: np.sum(a**2 * b), (0, 1))(np.array([1.0, 2.0]), 3.0)
    assert [[np.shape(h) for h in row] for row in both] == [[(2, 2), (2,)], [(2,), ()]]
    assert both[0][1].tolist() == [2.0, 4.0]
    v = {"second": (np.array([4.0]),), "first": Layer(np.array([[1.0, -2.0]]), [0.5])}
    (product, _) = al.hvp(loss_of_nest, (nest(), DATA), (v, np.zeros((2, 2))))
    np.testing.assert_allclose(
        [*product["first"].w[0], *product["first"].b, *product["second"][0]],
        expected @ [1.0, -2.0, 0.5, 4.0],
        rtol=1e-12,
    )


def test_the_order_of_keys_in_tangents_does_not_matter():
    """Shapes are equal here, so a wrong pairing would show in the value only."""

    def f(p):
        return p["a"] * 10.0 + p["b"]

    assert al.jvp(f, ({"a": 1.0, "b": 2.0},), ({"b": 1.0, "a": 0.0},))[1] == 1.0
    (product,) = al.hvp(lambda p: p["a"] ** 2, ({"a": 1.0, "b": 2.0},), ({"b": 1.0, "a": 0.0},))
    assert product == {"a": 0.0, "b": 0.0}


def test_dicts_keep_their_type():
    p = defaultdict(list, w=2.0)
    g = al.grad(lambda p: p["w"] ** 2)(p)
    assert type(g) is defaultdict
    assert g["w"] == 4.0
    assert g["other"] == []
    assert p["w"] == 2.0


def test_nesting_through_structures_and_kinds_of_transforms():
    def f(p):
        return np.sin(p["a"]) * p["b"] ** 2

    p = {"a": 0.5, "b": 2.0}
    mixed = al.grad(lambda p: al.grad(f)(p)["a"])(p)["b"]
    assert mixed == pytest.approx(np.cos(0.5) * 4.0)
    third = al.grad(lambda a: al.hessian(f)({"a": a, "b": 2.0})["b"]["b"])(0.5)
    assert third == pytest.approx(2 * np.cos(0.5))
    along = al.jvp(lambda a: al.grad(f)({"a": a, "b": 2.0})["b"], (0.5,), (1.0,))[1]
    assert along == pytest.approx(4 * np.cos(0.5))
    of_jvp = al.jacobian(lambda x: al.jvp(np.sin, (x,), (x,))[1])(np.array([0.5, 1.0]))
    x = np.array([0.5, 1.0])
    np.testing.assert_allclose(of_jvp, np.diag(np.cos(x) - x * np.sin(x)), rtol=1e-12)
