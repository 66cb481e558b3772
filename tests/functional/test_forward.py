"""The forward walk gives what pulling back twice gives, for every operation and around it."""

import numpy as np
import pytest
from oracles import Case, cases, over

import autograd_lite as al
from autograd_lite.functional.forward import push_forward
from autograd_lite.functional.tracing import Trace
from autograd_lite.functional.transforms import _pulled_twice

RNG = np.random.default_rng(7)
VECTOR = RNG.normal(size=4)
CASES = [case for case in cases() if case.differentiable and not case.turns_complex]


def both(f, primals, tangents):
    """The derivative along tangents, by the forward walk and by pulling back twice."""
    trace = Trace(f, primals, {})
    walked = push_forward(trace.outputs, trace.inputs, tangents, False)
    assert walked is not None
    return walked, _pulled_twice(trace, tangents, False)


def varied(case: Case, dtype=np.float64):
    """The operation as a function of the operands that have a rule."""
    operands = case.operands(dtype)

    def f(*xs):
        filled = list(operands)
        for i, x in zip(case.differentiable, xs, strict=True):
            filled[i] = x
        return case.entry(*filled, **case.given)

    primals = [operands[i] for i in case.differentiable]
    return f, primals, [case.direction(i).astype(dtype) for i in case.differentiable]


def scale(arrays):
    return max(float(np.abs(a).max(initial=0.0)) for a in arrays)


@over(CASES)
def test_every_operation(case: Case):
    for dtype, digits in ((np.float64, 1e-10), (np.float32, 1e-3)):
        (walked,), (pulled,) = both(*varied(case, dtype))
        assert walked.dtype == pulled.dtype
        assert np.shape(walked) == np.shape(pulled)
        np.testing.assert_allclose(walked, pulled, digits, digits * scale([pulled]))


@over(CASES)
def test_every_operation_is_differentiated_again(case: Case):
    f, primals, tangents = varied(case)
    weights = case.cotangent()

    def along(*xs):
        return np.sum(weights * al.jvp(f, xs, tangents)[1])

    def turned(*xs):  # The derivative of a gradient along a direction is a symmetric form.
        g = al.grad(lambda *zs: np.sum(weights * f(*zs)), tuple(range(len(xs))))(*xs)
        return sum(np.sum(a * v) for a, v in zip(g, tangents, strict=True))

    everywhere = tuple(range(len(primals)))
    walked, pulled = (al.grad(h, everywhere)(*primals) for h in (along, turned))
    for a, b in zip(walked, pulled, strict=True):
        np.testing.assert_allclose(a, b, 1e-8, 1e-9 * scale(pulled))


@over(CASES)
def test_a_direction_of_one_operand_alone(case: Case):
    f, primals, tangents = varied(case)
    for i, v in enumerate(tangents):

        def one(x, i=i):
            return f(*primals[:i], x, *primals[i + 1 :])

        (walked,), (pulled,) = both(one, [primals[i]], [v])
        np.testing.assert_allclose(walked, pulled, 1e-10, 1e-10 * scale([pulled]))


def writes(x):
    y = x * 2.0
    y[1] = x[0] * x[2]
    z = y[1:]
    z *= x[:3]
    return y, z, x


def twice(x):
    y = np.sin(x)
    return {"same": [y, y, x], "none": np.ones(2), "number": np.sum(y.numpy())}


@pytest.mark.parametrize("f", [writes, twice, lambda x: np.stack([x, x.detach(), x * x])])
def test_programs(f):
    walked, pulled = both(f, [VECTOR], [VECTOR[::-1].copy()])
    for a, b in zip(walked, pulled, strict=True):
        np.testing.assert_allclose(a, b)


def test_what_is_older_than_the_inputs_is_not_looked_at():
    w = al.Tensor(VECTOR, requires_grad=True)
    history = w
    for _ in range(2000):
        history = history * 1.0
    y, y_dot = al.jvp(lambda x: x * history, (VECTOR,), (VECTOR,))
    np.sum(y_dot).backward()
    np.testing.assert_allclose(w.grad.numpy(), VECTOR)
    np.testing.assert_allclose(y.numpy(), y_dot.numpy())


def test_results_are_arrays_of_their_own():
    x, v = VECTOR.copy(), VECTOR[::-1].copy()
    _, rates = al.jvp(lambda x: (x, x, x[:2], np.broadcast_to(x, (2, 4))), (x,), (v,))
    for rate in rates:
        rate += 1.0
    np.testing.assert_array_equal(v, VECTOR[::-1])
    np.testing.assert_array_equal(rates[0], v + 1)


def test_a_hook_that_changes_gradients_changes_the_derivative_along_a_direction():
    def halved(x):
        y = np.sin(x)
        if y.requires_grad:
            y.register_hook(lambda g: g * 0.5)
        return y * y

    _, y_dot = al.jvp(halved, (VECTOR,), (np.ones(4),))
    np.testing.assert_allclose(y_dot, np.sin(VECTOR) * np.cos(VECTOR))


def test_an_operation_of_ones_own_needs_nothing_besides_its_rules():
    @al.primitive(
        a=lambda g, y, a, b: np.sum(g) * b[::-1],
        b=lambda g, y, a, b: np.sum(g) * a[::-1],
    )
    def crossed_product(a, b):
        return np.sum(a * b[::-1])[None]

    @al.primitive(x=lambda g, y, x, b: (g * b).sum(axis=0), b=None, entrywise=True)
    def row_times(x, b):  # It sums over the rows that x was stretched to, as a rule may.
        return x * b

    for f in (
        lambda x: crossed_product(x, np.exp(x)),
        lambda x: row_times(x, np.arange(12.0).reshape(3, 4)),
    ):
        walked, pulled = both(f, [VECTOR], [VECTOR + 1])
        np.testing.assert_allclose(walked[0], pulled[0])


def test_chains_need_no_recursion():
    def chain(x):
        for _ in range(20_000):
            x = x * 1.0001
        return x

    _, y_dot = al.jvp(chain, (1.0,), (1.0,))
    np.testing.assert_allclose(y_dot, 1.0001**20_000)
