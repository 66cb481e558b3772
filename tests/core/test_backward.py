"""The sweep: what is added up where, in what order, and when it is forgotten."""

import copy
import gc
import pickle
import re
import weakref

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import GradientError, Primitive, Tensor
from autograd_lite.core import backward
from autograd_lite.core.backward import backward_pass, operands_of
from autograd_lite.core.modes import Watch
from autograd_lite.numpy_api import values_of

LONG = 200_000


def leaf(value, **kwargs):
    return Tensor(value, requires_grad=True, **kwargs)


# ------------------------------------------------------------ adding up


def test_backward_twice_adds_exactly_twice():
    w = leaf([1.0, 2.0])
    inner = w * w
    loss = (inner * inner).sum()
    loss.backward()
    assert w.grad.tolist() == [4.0, 32.0]
    loss.backward()
    assert w.grad.tolist() == [8.0, 64.0]


def test_gradients_of_two_losses_add_up():
    w = leaf(3.0)
    (w * w).backward()
    (5 * w).backward()
    assert w.grad.item() == 11.0


def test_zero_grad_forgets():
    w = leaf(3.0)
    (w * w).backward()
    w.zero_grad()
    assert w.grad is None
    (w * w).backward()
    assert w.grad.item() == 6.0


def test_nodes_that_are_used_twice():
    """A depth-first sweep without an order gets this wrong."""
    a = leaf(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad.item() == 4.0


def test_diamond_with_arms_of_different_length():
    x = leaf(2.0)
    y = x * x
    long_arm = ((y + 1.0) * 2.0 - 3.0) * y
    (long_arm + y * x).backward()
    # (2 y - 1) y + y x with y = x²: 2 x⁴ - x² + x³
    assert x.grad.item() == 8 * 2.0**3 - 2 * 2.0 + 3 * 2.0**2


def test_operand_used_in_both_places():
    x = leaf([2.0, 3.0])
    (x / x).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    x.zero_grad()
    (x @ x).backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_a_hundred_doublings():
    x = leaf(1.0)
    y = x
    for _ in range(100):
        y = y + y
    assert y.item() == 2.0**100
    y.backward()
    assert x.grad.item() == 2.0**100


def test_a_hundred_thousand_uses_of_one_tensor():
    w = leaf([1.0, -1.0])
    total = Tensor(0.0)
    for k in range(100_000):
        total = total + w * k
    total.sum().backward()
    assert w.grad.tolist() == [4999950000.0] * 2


def test_one_operation_with_a_thousand_operands():
    w = leaf([1.0, -1.0])
    for joined in (np.concatenate([w] * 1000), np.stack([w] * 1000)):
        w.zero_grad()
        (joined.reshape(1000, 2) * np.arange(1000)[:, None]).sum().backward()
        assert w.grad.tolist() == [499500.0, 499500.0]


def test_chain_of_200_000_operations():
    x = leaf([1.0, 2.0], name="x")
    y = x
    for _ in range(LONG // 2):
        y = y * 0.5 + 1.0
    assert repr(y) == "Tensor([2., 2.], from=add)"
    with al.no_grad():
        twins = (copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y)))
    for twin in twins:
        assert twin.is_leaf
        assert twin.tolist() == [2.0, 2.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.5 ** (LONG // 2)] * 2
    inner = weakref.ref(y._operands[0])
    gc.disable()
    try:
        del y, twin
        assert inner() is None
    finally:
        gc.enable()


def test_recorded_sweep_through_a_long_chain():
    x = leaf(0.5)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (y * y).backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first.backward()
    assert x.grad.item() == 2.0


def counted():
    """Return a sum whose rules count how often they are called."""
    calls = []

    def total(a, b):
        return a + b

    def rule(g, y, a, b):
        calls.append(None)
        return g

    return Primitive(total, {"a": rule, "b": rule}), calls


@pytest.mark.parametrize("n", [1_000, 4_000])
def test_every_use_is_visited_once(n):
    """So time is linear: in a chain, in a fan, and where both operands are one and the same."""
    total, calls = counted()
    x = leaf(1.0)
    chain = fan = x
    for _ in range(n):
        chain = total(chain, 0.0)
        fan = total(fan, x)
    doubled = x
    for _ in range(100):
        doubled = total(doubled, doubled)
    for y, uses, slope in ((chain, n, 1.0), (fan, 2 * n, n + 1.0), (doubled, 200, 2.0**100)):
        for create_graph in (False, True):
            calls.clear()
            x.zero_grad()
            y.backward(create_graph=create_graph)
            assert len(calls) == uses
            assert x.grad.item() == slope


def test_only_leaves_accumulate():
    x = leaf(2.0)
    inner = x * x
    (inner * 3.0).backward()
    assert x.grad.item() == 12.0
    with pytest.warns(UserWarning, match=r"only leaves keep their gradients.*call retain_grad\(\)"):
        assert inner.grad is None


def test_a_parameter_that_was_bound_again_says_so():
    w = leaf([1.0, 2.0])
    (w * w).sum().backward()
    w = w - 0.1 * w.grad
    (w * w).sum().backward()
    with pytest.warns(UserWarning, match=r"write w\.data = \.\.\. for its new value"):
        assert w.grad is None


def test_a_result_that_keeps_its_gradient_has_none_before_without_a_word():
    inner = leaf(2.0) * 3.0
    inner.retain_grad()
    assert inner.grad is None


def test_backward_from_a_leaf_gives_the_cotangent():
    x = leaf([1.0, 2.0])
    x.backward([3.0, 4.0])
    assert x.grad.tolist() == [3.0, 4.0]


def test_gradients_of_two_leaves_can_be_changed_apart():
    """Also where both got one and the same cotangent."""
    for create_graph in (False, True):
        a, b, seed = leaf([1.0, 2.0]), leaf([3.0, 4.0]), Tensor([5.0, 6.0])
        (a + b).backward(seed, create_graph=create_graph)
        a.grad *= 10.0
        assert a.grad.tolist() == [50.0, 60.0]
        assert b.grad.tolist() == [5.0, 6.0]
        assert seed.tolist() == [5.0, 6.0]


# ------------------------------------------------------------ constants


def test_constants_get_no_gradient_and_their_rules_are_not_called():
    called = []

    def product(a, b):
        return a * b

    def rule(name, other):
        def rule(g, y, a, b):
            called.append(name)
            return g * (b if other == "b" else a)

        return rule

    watched = Primitive(product, {"a": rule("a", "b"), "b": rule("b", "a")})
    w, constant = leaf([1.0, 2.0]), Tensor([3.0, 4.0])
    for operands in ((w, constant), (w, np.array([3.0, 4.0])), (w, 3.0)):
        watched(*operands).sum().backward()
    assert called == ["a", "a", "a"]
    assert constant.grad is None
    watched(constant, w).sum().backward()
    assert called[-1] == "b"


def test_result_of_constants_is_a_leaf_without_history():
    result = Tensor([1.0]) * Tensor([2.0])
    assert result.is_leaf
    assert not result.requires_grad
    assert result._operands == ()


def test_operand_without_a_rule_stops_the_gradient():
    condition = leaf([0.0, 1.0])
    x = leaf([3.0, 4.0])
    np.where(condition, x, 0.0).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]
    assert condition.grad is None


def test_failed_sweep_leaves_no_gradient_of_its_own_behind():
    w = leaf([1.0, 2.0])
    broken = leaf(1.0)
    broken.register_hook(lambda g: g.reshape(1, 1))
    loss = (w * broken).sum()
    for _ in range(2):
        with pytest.raises(ValueError, match="hook"):
            loss.backward()
    assert broken.grad is None


def test_failed_rule_leaves_the_gradients_of_all_leaves_alone():
    def fails(x):
        return x * 1.0

    young = leaf(3.0)
    old = Primitive(fails, {"x": lambda g, y, x: 1 / 0})(young)
    late = leaf(2.0)
    for create_graph in (False, True):
        with pytest.raises(ZeroDivisionError):
            (old * late).backward(create_graph=create_graph)
        assert late.grad is None
        assert young.grad is None


# ------------------------------------------------------------ what the sweep asks of a rule


def test_rule_that_returns_a_wrong_shape_is_named():
    def double(x):
        return 2 * x

    wrong = Primitive(double, {"x": lambda g, y, x: g[:1]})
    message = (
        "the rule of <primitive double> for x returned a cotangent of shape (1,) for an operand of "
        "shape (3,). A rule must return the operand's shape, or the shape to which"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        wrong(leaf([1.0, 2.0, 3.0])).sum().backward()


@pytest.mark.parametrize("zero", [0, 0.0, [0.0, 0.0], np.zeros(2), np.zeros(2, int)], ids=repr)
def test_rule_may_return_numbers_and_lists(zero):
    def sign(x):
        return np.sign(x)

    for create_graph in (False, True):
        x = leaf([3.0, -2.0] if np.ndim(zero) else 3.0)
        step = Primitive(sign, {"x": lambda g, y, x: zero})
        (step(x) * x).sum().backward(create_graph=create_graph)
        np.testing.assert_array_equal(x.grad.numpy(), np.sign(x.data))
        assert x.grad.dtype == np.float64


def test_rule_that_returns_none_is_named():
    def double(x):
        return 2 * x

    forgot = Primitive(double, {"x": lambda g, y, x: None})
    with pytest.raises(TypeError, match="the rule of <primitive double> for x returned None"):
        forgot(leaf(1.0)).backward()


def test_complex_results_are_not_differentiated():
    w = leaf([1.0, 2.0])
    for start in (None, [1.0, 1.0]):
        with pytest.raises(TypeError, match="needs a real result, got dtype complex128"):
            (w * 1j if start else (w * 1j).sum()).backward(start)
    assert w.grad is None
    abs(w * 1j).sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_error_in_a_forward_pass_names_operation_and_operands():
    x = leaf(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^add got a: \(2, 3\), b: \(2,\): the shapes do not "):
        x + np.ones(2)
    with pytest.raises(IndexError, match=r"^getitem got x: \(2, 3\), index=5: index 5 is out of "):
        x[5]
    with pytest.raises(np.exceptions.AxisError, match=r"^sum got x: \(2, 3\), axis=2, keepdims="):
        x.sum(axis=2)
    with pytest.raises(ValueError, match=r"^reshape got x: \(2, 3\), shape=\(4,\): cannot resh"):
        x.reshape(4)
    with pytest.raises(ValueError, match=r"^concatenate got arrays\[0\]: \(2, 3\), arrays\[1\]: "):
        np.concatenate([x, x[0]])


def test_error_of_a_kind_that_cannot_be_made_from_a_message_is_still_reported():
    class FancyError(ValueError):
        def __init__(self, left, right):
            super().__init__(f"{left} and {right}")

    def fail(x):
        raise FancyError(1, 2)

    with pytest.raises(ValueError, match=r"^fail got x: \(\): 1 and 2$"):
        Primitive(fail, {"x": None})(leaf(1.0))


def test_default_settings():
    assert al.is_grad_enabled()
    with pytest.raises(GradientError, match="nothing it was computed from requires a gradient"):
        Tensor(1.0).backward()


# ------------------------------------------------------------ between targets and a root

TRANSFORMS = {
    "grad": lambda f, x: al.grad(f)(x),
    "vjp": lambda f, x: al.vjp(f, x)[1](1.0)[0],
    "jacobian": lambda f, x: al.jacobian(f)(x),
    "hvp": lambda f, x: al.hvp(f, (x,), (1.0,)),
    "hessian": lambda f, x: al.hessian(f)(x),
    "grad of grad": lambda f, x: al.grad(al.grad(f))(x),
}


def each_transform():
    return pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)


class Visits(Watch):
    """Counts what backward passes send on."""

    def __init__(self):
        self.number = 0

    def passed(self, node, i, g, gx, total):
        self.number += 1


@each_transform()
def test_a_transform_leaves_what_is_outside_alone(transform):
    w = leaf(3.0)
    outer = w * w
    outer.retain_grad()
    outer.register_hook(lambda g: pytest.fail("an outer hook was called"))
    w.register_hook(lambda g: pytest.fail("a hook of an outer leaf was called"))
    result = transform(lambda x: outer * x**3, 2.0)
    assert result is not None
    assert (w.grad, outer.grad) == (None, None)


def test_a_transform_of_an_outer_tensor_is_recorded_and_touches_nothing_yet():
    w, seen = leaf(3.0), []
    y = w * 2.0
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.item()))
    slope = al.grad(lambda x: x**3)(y)  # 3 y²
    assert (w.grad, y.grad, seen) == (None, None, [])
    slope.backward()
    assert (w.grad.item(), y.grad.item(), seen) == (6 * 6.0 * 2, 36.0, [36.0])


@each_transform()
def test_an_outer_leaf_that_was_given_a_new_value_does_not_matter(transform):
    w = leaf(3.0)
    outer = w * w
    w.data = 100.0
    assert np.isfinite(np.ravel(values_of(transform(lambda x: outer.detach() * x**3, 2.0)))).all()
    expected = transform(lambda x: 9.0 * x**3, 2.0)
    np.testing.assert_array_equal(
        *(values_of(x) for x in (transform(lambda x: outer * x**3, 2.0), expected))
    )


@each_transform()
def test_an_outer_rule_that_fails_does_not_matter(transform):
    def fails(x):
        return x * 1.0

    outer = Primitive(fails, {"x": lambda g, y, x: 1 / 0})(leaf(3.0))
    assert transform(lambda x: outer * x**3, 2.0) is not None
    with pytest.raises(ZeroDivisionError):
        outer.backward()


@each_transform()
def test_an_outer_anomaly_does_not_matter(transform):
    outer = np.log(leaf(5e-324))  # Its derivative is infinite.
    with al.detect_anomaly():
        transform(lambda x: (outer + x) ** 3, 2.0)
        with pytest.raises(al.AnomalyError):
            (outer * 2.0).backward()


@each_transform()
def test_the_length_of_an_outer_history_does_not_matter(transform, monkeypatch):
    """Neither for what a backward pass sends, nor for what it looks at to know its way."""
    visits, asked = [], []
    monkeypatch.setattr(
        backward, "operands_of", lambda node: asked.append(node) or operands_of(node)
    )
    for length in (1, 500):
        outer = leaf(0.5)
        for _ in range(length):
            outer = outer * 1.0
        inner = outer * 0.5
        with Visits() as watch:
            transform(lambda x, inner=inner, outer=outer: (inner * x) ** 3 + outer * x, 2.0)
        visits.append((watch.number, len(asked)))
        asked.clear()
    assert visits[0] == visits[1]
    assert min(visits[0]) > 0


def test_only_what_leads_from_a_root_to_a_target_is_visited():
    a, b = leaf(2.0), leaf(3.0)
    u, v = a * 2.0, b * 2.0
    for _ in range(100):
        v = v * 1.0
    y = u * v
    beyond = y
    for _ in range(100):
        beyond = beyond * 1.0  # Younger than the root, and not part of it.
    for targets, expected, steps in (
        ({a}, {a: 12.0}, 2), ({u}, {u: 6.0}, 1), ({y}, {y: 1.0}, 0), ({b}, {b: 8.0}, 102),
        ({a, u}, {u: 6.0}, 1),  # What arrives at a target goes no further.
        ({beyond}, {}, 0), (set(), {}, 0),
    ):  # fmt: skip
        for create_graph in (False, True):
            seed = Tensor(1.0) if create_graph else np.float64(1.0)
            with Visits() as watch:
                found = backward_pass(
                    y, seed, targets=frozenset(targets), create_graph=create_graph
                )
            assert {x: values_of(g) for x, g in found} == expected
            assert watch.number == steps


def test_a_target_that_is_written_to_afterwards_keeps_its_version():
    w = leaf([1.0, 2.0])

    def f(x):
        t = x * w
        before = (t * t).sum()
        t[0] = 5.0 * x[1]
        return before + t.sum()

    assert al.grad(f)(np.array([3.0, 4.0])).tolist() == [6.0, 32.0 + 5.0 + 2.0]
    assert w.grad is None


def test_an_index_that_is_a_tensor_adds_up_what_it_picks_twice():
    twice = np.array([2, 0, 2])
    of_tensors = al.Tensor(twice)
    for index, same in (
        (twice, of_tensors),
        ((twice, twice), (of_tensors, of_tensors)),
        ((slice(None), twice), (slice(None), of_tensors)),
        ((np.arange(3), twice), (np.arange(3), of_tensors)),
    ):
        gradients = [
            al.grad(lambda x, i=i: np.sum(x[i] ** 2))(np.ones((3, 4))) for i in (index, same)
        ]
        np.testing.assert_array_equal(*gradients)
