"""Transforms of functions: values, structures, nesting, mistakes."""

import pickle
import traceback
import warnings

import numpy as np
import pytest

import autograd_lite as al


def f(x):
    return np.tanh(x) * np.sin(x) + x**3


def f1(x):
    return np.sin(x) / np.cosh(x) ** 2 + np.tanh(x) * np.cos(x) + 3 * x**2


def test_grad_of_a_numpy_function_gives_a_plain_number_or_array():
    assert al.grad(f)(0.7) == pytest.approx(f1(0.7), rel=1e-14)
    assert type(al.grad(f)(0.7)) is np.float64
    g = al.grad(lambda x: np.sum(f(x)))(np.array([0.7, -1.2]))
    assert type(g) is np.ndarray
    g[0] = 0.0  # The result is the caller's own.


def test_grad_nests_without_limit():
    nested = np.exp
    for _ in range(5):
        nested = al.grad(nested)
    assert nested(0.5) == pytest.approx(np.exp(0.5), rel=1e-14)


def test_a_gradient_through_a_parameter_outside_is_not_lost():
    w = al.Tensor(2.0, requires_grad=True)
    slope = al.grad(lambda x: w * x**2)(3.0)
    assert slope.item() == 12.0
    slope.backward()
    assert w.grad.item() == 6.0


def test_argnums_choose_and_a_sequence_gives_a_tuple():
    def g(a, b, c):
        return a * b**2 + c

    assert al.grad(g, 1)(2.0, 3.0, 1.0) == 12.0
    assert al.grad(g, (2, 0))(2.0, 3.0, 1.0) == (1.0, 9.0)
    assert al.grad(g, -1)(2.0, 3.0, 1.0) == 1.0


def test_value_and_grad_with_aux_passes_the_rest_on():
    (value, aux), g = al.value_and_grad(lambda x: (x**2, "kept"), has_aux=True)(3.0)
    assert (value, aux, g) == (9.0, "kept", 6.0)
    assert al.grad(lambda x: (x**2, "kept"), has_aux=True)(3.0) == (6.0, "kept")


CONSTANT = "does not depend on"


def test_a_result_that_does_not_depend_on_the_input_is_said_once():
    for f in (lambda x: 3.0, lambda x: np.float64(2.0), lambda x: 4, lambda x: np.sum(x > 1.0)):
        for transform in (al.grad, al.jacobian, al.hessian):
            with pytest.warns(UserWarning, match=CONSTANT) as said:
                assert not transform(f)(np.ones(2)).any()
            assert len(said) == 1

    def detached(a, b):
        return np.sum(a * b.detach())

    with pytest.warns(UserWarning, match="result of detached does not depend on what argnums=1"):
        al.grad(detached, 1)(np.ones(2), np.ones(2))
    assert not al.hessian(lambda x: np.sum(3 * x))(np.ones(2)).any()  # A constant derivative.


def test_a_truth_value_has_no_derivative():
    for f in (lambda x: np.allclose(x, x), lambda x: x > 0.0, lambda x: {"a": True}):
        with pytest.raises(TypeError, match="a truth value, which has no derivative"):
            al.vjp(f, np.ones(2))


def test_vjp_and_jvp_are_the_two_products_with_the_jacobian():
    rng = np.random.default_rng(0)
    x, v, u = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=(3, 2))

    def g(x):
        return np.exp(x).T @ (x @ x.T)

    jac = al.jacobian(g)(x)
    assert jac.shape == (3, 2, 2, 3)
    y, pullback = al.vjp(g, x)
    np.testing.assert_allclose(y, g(x), rtol=1e-14)
    np.testing.assert_allclose(pullback(u)[0], np.tensordot(u, jac, 2), rtol=1e-12)
    _, y_dot = al.jvp(g, (x,), (v,))
    np.testing.assert_allclose(y_dot, np.tensordot(jac, v, 2), rtol=1e-12)
    h = 1e-6
    np.testing.assert_allclose(y_dot, (g(x + h * v) - g(x - h * v)) / (2 * h), rtol=1e-6)


def test_a_pullback_may_be_called_again():
    _, pullback = al.vjp(lambda x: x**2, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(pullback(np.ones(2))[0], pullback(np.ones(2))[0])


def test_a_tall_jacobian_is_computed_forwards_and_is_the_same():
    def f(x, s):
        return np.sin(np.outer(np.arange(6.0), x)) * s

    x, s = np.array([0.5, -1.0], dtype=np.float32), np.array(2.0)
    tall = al.jacobian(f, (0, 1))(x, s)
    wide = al.jacobian(lambda x, s: np.sum(f(x, s) ** 2), (0, 1))(x, s)
    assert [j.shape for j in tall] == [(6, 2, 2), (6, 2)]
    assert [j.dtype for j in tall] == [np.float32, np.float64]
    for j, summed in zip(tall, wide, strict=True):
        by_rule = np.tensordot(2 * f(x, s), j, axes=2)
        np.testing.assert_allclose(by_rule, summed, rtol=1e-5)
    nested = al.jacobian(al.jacobian(lambda x: np.outer(x, x) ** 2))(np.array([1.0, 2.0]))
    np.testing.assert_allclose(nested[0, 1], [[8.0, 8.0], [8.0, 2.0]])


def test_jacobian_of_several_arguments_and_of_empty_results():
    a, b = np.arange(2.0), np.arange(3.0)
    by_a, by_b = al.jacobian(lambda a, b: np.sum(a) * b, (0, 1))(a, b)
    np.testing.assert_array_equal(by_a, np.outer(b, np.ones(2)))
    np.testing.assert_array_equal(by_b, np.eye(3))
    assert al.jacobian(lambda x: x[:0])(np.ones(2)).shape == (0, 2)


def test_hessian_is_symmetric_and_hvp_is_its_product():
    rng = np.random.default_rng(1)
    x, v = rng.normal(size=4), rng.normal(size=4)

    def g(x):
        return np.sum(np.sin(x) * np.exp(x[::-1])) + x[0] * x[1] * x[2]

    matrix = al.hessian(g)(x)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
    (product,) = al.hvp(g, (x,), (v,))
    np.testing.assert_allclose(product, matrix @ v, rtol=1e-12)
    numerical = (al.grad(g)(x + 1e-6 * v) - al.grad(g)(x - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(product, numerical, rtol=1e-6)


def test_forward_over_reverse_over_forward():
    def forward(x):
        return al.jvp(f, (x,), (1.0,))[1]

    assert al.grad(forward)(0.7) == pytest.approx(al.grad(al.grad(f))(0.7), rel=1e-12)
    assert al.jvp(forward, (0.7,), (1.0,))[1] == pytest.approx(al.grad(al.grad(f))(0.7), rel=1e-12)


def test_float32_arguments_keep_their_type():
    assert al.grad(lambda x: np.sum(x**2))(np.ones(2, np.float32)).dtype == np.float32


def test_what_cannot_be_differentiated_is_named():
    with pytest.raises(TypeError, match="sin: argument 0 is 1, and only floating-point"):
        al.grad(np.sin)(1)
    with pytest.raises(TypeError, match=r"argument 1\['w'\]\[0\] is 1j"):
        al.grad(lambda a, p: a, 1)(1.0, {"w": [1j]})
    with pytest.raises(ValueError, match=r"returned shape \(3,\)\. Sum the result"):
        al.grad(lambda x: x)(np.ones(3))
    with pytest.raises(ValueError, match=r"grad\(lambda x: np.sum\(f\(x\)\)\); where every entry"):
        al.grad(np.sin)(np.ones(3))
    with pytest.raises(TypeError, match=r"argument 0 is \[1, 2\], and only floating-point"):
        al.grad(lambda x: np.sum(x))([1, 2])
    with pytest.raises(TypeError, match="asks for argument 2, got 1 positional"):
        al.grad(np.sin, 2)(1.0)
    with pytest.raises(TypeError, match="must return one array, got a tuple"):
        al.grad(lambda x: (x, x))(1.0)
    with pytest.raises(ValueError, match=r"needs a cotangent of shape \(2,\), got \(3,\)"):
        al.vjp(np.sin, np.ones(2))[1](np.ones(3))
    with pytest.raises(ValueError, match="structure and shapes of the primals"):
        al.jvp(np.sin, (np.ones(2),), (np.ones(3),))
    with pytest.raises(TypeError, match="must be lists or tuples"):
        al.hvp(np.sin, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"argnums=\(0, -2\) asks for an argument twice"):
        al.grad(lambda a, b: a * b, (0, -2))(1.0, 2.0)
    with pytest.raises(TypeError, match="must return numbers, but it is None"):
        al.grad(lambda x: None)(1.0)
    with pytest.raises(TypeError, match=r"but its result\['b'\]\[1\] is 'text'"):
        al.vjp(lambda x: {"a": x, "b": [x, "text"]}, 1.0)
    with pytest.raises(TypeError, match="must return a pair for has_aux=True, got"):
        al.value_and_grad(np.sin, has_aux=True)(1.0)
    with pytest.raises(TypeError, match="real numbers, got an array of complex128"):
        al.vjp(np.sin, np.ones(2))[1](np.ones(2) * 1j)
    with pytest.raises(ValueError, match=r"of shape \['a'\]: \(\), got \['b'\]: \(\)\."):
        al.vjp(lambda x: {"a": x}, 1.0)[1]({"b": 1.0})


@pytest.mark.parametrize(
    "name", ["grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp", "checkpoint"]
)
def test_what_is_no_function_is_refused_at_once(name):
    more = {"vjp": (1.0,), "jvp": ((1.0,), (1.0,)), "hvp": ((1.0,), (1.0,))}.get(name, ())
    for wrong, shown in ((3, "3"), (al.Tensor(2.0), "a Tensor")):
        with pytest.raises(
            TypeError, match=rf"^{name} needs a function, got {shown}\. .*{name}\(f"
        ):
            getattr(al, name)(wrong, *more)


def fills_an_array(x):
    filled = np.zeros(2)
    filled[1] = x
    return np.sum(filled)


@pytest.mark.parametrize(
    "transform",
    [
        lambda: al.grad(fills_an_array)(1.0),
        lambda: al.grad(al.grad(fills_an_array))(1.0),
        lambda: al.vjp(fills_an_array, 1.0),
        lambda: al.jvp(fills_an_array, (1.0,), (1.0,)),
        lambda: al.jacobian(fills_an_array)(1.0),
        lambda: al.hessian(fills_an_array)(1.0),
        lambda: al.derive(fills_an_array, 1.0),
    ],
    ids=["grad", "twice", "vjp", "jvp", "jacobian", "hessian", "derive"],
)
def test_a_refusal_is_not_hidden_behind_an_error_of_numpys(transform):
    with pytest.raises(al.GradientError, match=r"number cannot carry the gradient") as caught:
        transform()
    assert "    filled[1] = x\n" in "".join(traceback.format_exception(caught.value))


def test_errors_of_the_function_itself_pass_as_they_are():
    def wrong(x):
        raise ValueError("mine") from KeyError("k")

    with pytest.raises(ValueError, match=r"^mine$") as caught:
        al.grad(wrong)(1.0)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    "wrong",
    [object(), np.ones(2) * 1j, 1j, {1, 2}, al.Tensor(3j), [[1j]], np.array(["a"]), b"1",
     np.datetime64("2020")],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: al.grad(f, 1)(1.0, {"w": [2.0, x]}),
        lambda f, x: al.value_and_grad(f, (0, 1))(1.0, {"w": [2.0, x]}),
        lambda f, x: al.vjp(f, 1.0, {"w": [2.0, x]}),
        lambda f, x: al.jvp(f, (1.0, {"w": [2.0, x]}), (1.0, {"w": [2.0, x]})),
        lambda f, x: al.jacobian(f, -1)(1.0, {"w": [2.0, x]}),
        lambda f, x: al.hessian(f, 1)(1.0, {"w": [2.0, x]}),
        lambda f, x: al.hvp(f, (1.0, {"w": [2.0, x]}), (1.0, {"w": [2.0, x]})),
    ],
    ids=["grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp"],
)
def test_every_transform_says_which_argument_cannot_be_differentiated(transform, wrong):
    def f(a, p):
        raise AssertionError("called")

    in_primals = r"^(f|grad\(f\)): argument 1\['w'\]\[1\](\[0\])* is "
    in_tangents = r"are real numbers, got .* at \[1\]\['w'\]\[1\]"
    with pytest.raises(TypeError, match=f"{in_primals}|{in_tangents}"):
        transform(f, wrong)


def test_transforms_are_pickled_as_what_they_are_made_of():
    for transform in (al.grad, al.value_and_grad, al.jacobian, al.hessian):
        made = transform(np.sin, argnums=(0,))
        again = pickle.loads(pickle.dumps(made))
        assert repr(again) == repr(made) == f"<function {transform.__name__}(sin)>"
        assert made.__doc__ == np.sin.__doc__
        assert str(again(1.0)) == str(made(1.0))


def test_a_derived_function_binds_as_a_method():
    class Body:
        def loss(self, x):
            return x**2

        slope = al.grad(loss, 1)

    assert Body().slope(3.0) == 6.0


def test_what_is_not_differentiated_may_be_anything():
    def f(x, how, table, *, scale, options=None):
        return np.sum(x[table["rows"]] ** len(how)) * scale + (options or 0.0)

    x, table = np.array([1.0, 2.0, 3.0]), {"rows": [0, 2], "what": object()}
    expected = np.array([4.0, 0.0, 12.0])
    rest, keywords = ("ab", table), {"scale": 2, "options": 1}
    np.testing.assert_array_equal(al.grad(f)(x, *rest, **keywords), expected)
    value, gradient = al.value_and_grad(f)(x, *rest, **keywords)
    assert value == 21.0
    np.testing.assert_array_equal(gradient, expected)
    np.testing.assert_array_equal(al.jacobian(f)(x, *rest, **keywords), expected)
    np.testing.assert_array_equal(al.hessian(f)(x, *rest, **keywords), np.diag([4.0, 0.0, 4.0]))

    def g(x, *, power):
        return np.sum(x**power)

    assert al.vjp(g, x, power=2)[0] == 14.0
    assert al.jvp(g, (x,), (x,), power=2) == (14.0, 28.0)
    np.testing.assert_array_equal(al.hvp(g, (x,), (x,), power=2)[0], 2 * x)


def test_the_other_result_is_passed_on_by_every_transform():
    def f(x):
        return np.sum(x**2), {"kept": x * 2, "text": "aux"}

    x = np.array([1.0, 2.0])
    results = {
        "grad": al.grad(f, has_aux=True)(x),
        "jacobian": al.jacobian(f, has_aux=True)(x),
        "hessian": al.hessian(f, has_aux=True)(x),
        "vjp": al.vjp(f, x, has_aux=True),
        "jvp": al.jvp(f, (x,), (x,), has_aux=True),
    }
    for result in results.values():
        aux = result[-1]
        assert aux["text"] == "aux"
        assert type(aux["kept"]) is np.ndarray  # Not a tensor that holds the record.
        assert aux["kept"].tolist() == [2.0, 4.0]
    assert results["hessian"][0].tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert results["jvp"][:2] == (5.0, 10.0)
    assert results["vjp"][1](1.0)[0].tolist() == [2.0, 4.0]


def test_the_other_result_can_be_differentiated_by_an_outer_level():
    def outer(x):
        slope, aux = al.grad(lambda y: (y**3 * x, x * y), has_aux=True)(2.0)
        return slope + aux

    assert al.grad(outer)(5.0) == 12.0 + 2.0


def test_zeros_come_without_other_warnings():
    x = np.array([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", f".*{CONSTANT}")
        for f in (lambda x: 3.0, lambda x: np.float64(2.0), lambda x: 4):
            assert al.grad(f)(x).tolist() == [0.0, 0.0]
            assert al.jacobian(f)(x).tolist() == [0.0, 0.0]
            assert al.hessian(f)(x).tolist() == [[0.0, 0.0], [0.0, 0.0]]
            assert al.vjp(f, x)[1](1.0)[0].tolist() == [0.0, 0.0]
            assert al.jvp(f, (x,), (x,))[1] == 0.0
            assert al.hvp(f, (x,), (x,))[0].tolist() == [0.0, 0.0]
        assert al.grad(lambda x: np.sum(x > 1.0))(x).tolist() == [0.0, 0.0]
        by_a, by_b = al.grad(lambda a, b: np.sum(a), (0, 1))(x, np.ones(3))
        assert (by_a.tolist(), by_b.tolist()) == ([1.0, 1.0], [0.0, 0.0, 0.0])
        y, y_dot = al.jvp(lambda x: {"a": x, "b": np.argmax(x)}, (x,), (x,))
        assert (y["b"], y_dot["b"], y_dot["a"].tolist()) == (1, 0.0, [1.0, 2.0])


def test_every_transform_inside_no_grad_and_beside_a_parameter():
    w, x = al.Tensor([2.0, 3.0], requires_grad=True), np.array([1.0, 2.0])

    def f(x):
        return np.sum(w * x**2)

    with al.no_grad():
        for result in (al.grad(f)(x), al.hvp(f, (x,), (x,))[0], al.vjp(f, x)[1](1.0)[0]):
            assert type(result) is np.ndarray  # Nothing is to be differentiated further.
            assert result.tolist() == [4.0, 12.0]
        assert al.jvp(f, (x,), (x,)) == (14.0, 28.0)
        assert al.hessian(f)(x).tolist() == [[4.0, 0.0], [0.0, 6.0]]
        assert not al.is_grad_enabled()


def test_linked_results_are_the_callers_own():
    """Changing one in place changes no other, and not what the pullback starts from."""
    w = al.Tensor(3.0, requires_grad=True)
    y, pullback = al.vjp(lambda a, b: (a + b) * w, 1.0, 2.0)
    y *= 100.0
    by_a, by_b = pullback(1.0)
    by_a += 10.0
    assert (by_a.item(), by_b.item()) == (13.0, 3.0)


def test_levels_are_not_confused_by_any_pair_of_transforms():
    def by_grad(f, x):
        return al.grad(f)(x)

    def by_jvp(f, x):
        return al.jvp(f, (x,), (1.0,))[1]

    def by_vjp(f, x):
        return al.vjp(f, x)[1](1.0)[0]

    def by_jacobian(f, x):
        return al.jacobian(f)(x)

    ways = (by_grad, by_jvp, by_vjp, by_jacobian)
    for outer in ways:
        for inner in ways:
            assert outer(lambda x: x * inner(lambda y: x + y, 1.0), 5.0) == 1.0  # noqa: B023  (called in the loop)
            assert outer(lambda x: x * inner(lambda y: x * y, 1.0), 5.0) == 10.0  # noqa: B023  (called in the loop)
            assert outer(lambda x: inner(lambda y: x * y**2, x), 3.0) == 12.0  # noqa: B023  (called in the loop)


def test_what_an_inner_level_has_made_does_not_make_tensors_of_the_results():
    x, v = np.array([0.5, 1.0]), np.array([2.0, 3.0])
    by_cotangent = al.grad(lambda g: np.sum(al.vjp(np.sin, x)[1](g)[0]))(v)
    by_tangent = al.grad(lambda v: np.sum(al.jvp(np.sin, (x,), (v,))[1]))(v)
    for result in (by_cotangent, by_tangent):
        assert type(result) is np.ndarray
        np.testing.assert_allclose(result, np.cos(x), rtol=1e-15)
    inner = al.grad(lambda a: al.grad(lambda b: a * b**2)(3.0))(2.0)
    assert type(inner) is np.float64
    assert inner == 6.0
