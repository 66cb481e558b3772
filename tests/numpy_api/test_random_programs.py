"""Whole programs at random: shared values, broadcasting, reductions, views, assignments.

A program is a list of steps, each of which takes values from a pool and puts its result there. The
same program runs on Tensors, on arrays, on arrays of complex numbers, and on the boxes of HIPS
autograd. A step that does not fit the shapes that it meets does something that fits.
"""

import autograd
import autograd.numpy as anp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import by_complex_step, locked
from printed_code import assert_both_run

from autograd_lite import Tensor

SHAPES = [(2, 3), (3,), (2, 1), (), (3, 2), (1, 3)]
LARGEST = 40  # Entries in one value; a step that would make more does something smaller.


def fits(a, b):
    try:
        return np.prod(np.broadcast_shapes(a.shape, b.shape)) <= LARGEST
    except ValueError:
        return False


def binary(combine):
    """A step with two operands that broadcast; with their sums, if they do not."""
    return lambda np, a, b, k: combine(np, a, b) if fits(a, b) else combine(np, a, np.sum(b))


def unary(f):
    return lambda np, a, b, k: f(np, a)


def axis_of(a, k):
    """One of the axes, counted from either end, or None for all."""
    return [None, *range(-a.ndim, a.ndim)][k % (2 * a.ndim + 1)]


def matmul(np, a, b, k):
    if a.ndim and b.ndim and a.shape[-1] == b.shape[max(b.ndim - 2, 0)]:
        return a @ b
    return a @ a.T if a.ndim == 2 else a * a


def outer(np, a, b, k):
    small = a.ndim + b.ndim <= 3 and np.prod(a.shape + b.shape) <= LARGEST
    return a.reshape(a.shape + (1,) * b.ndim) * b if small else a * 0.5


def stretch(np, a, b, k):
    if not fits(a, b):
        return -a
    shape = np.broadcast_shapes(a.shape, b.shape)
    return a + np.broadcast_to(b.reshape((1,) * (len(shape) - b.ndim) + b.shape), shape)


def pick(np, a, b, k):
    indices = [
        (..., None),
        (slice(None, None, -1),),
        (slice(0, 1),),
        (np.array([0, -1, 0]),),
        (..., -1),
        (0,),
        (..., np.array([-1, 0])),
    ]
    return a[indices[k % len(indices)]] if a.ndim else a[None]


def join(np, a, b, k):
    if a.size * 3 > LARGEST:
        return np.ravel(a)
    if not a.ndim or k % 2:
        return np.stack([a, np.sin(a)], axis=k % (a.ndim + 1))
    return np.concatenate([a, np.tanh(a), a], axis=k % a.ndim)


def assign(np, a, b, k):
    """In place, after the old value has been used; the sum makes all of one kind."""
    changed = a + 0.0 * np.sum(b)
    before = np.sin(changed)
    if changed.ndim:
        changed[k % changed.shape[0]] = np.sum(b) * before[-1]
        changed[..., :1] *= 0.5
    return changed * before


SMOOTH = {
    "tanh": unary(lambda np, a: np.tanh(a)),
    "sin": unary(lambda np, a: np.sin(a)),
    "exp": unary(lambda np, a: np.exp(np.sin(a))),
    "sqrt": unary(lambda np, a: np.sqrt(1.0 + a * a)),
    "log": unary(lambda np, a: np.log(2.0 + np.cos(a))),
    "sigmoid": unary(lambda np, a: 1.0 / (1.0 + np.exp(-np.sin(a)))),
    "negative": unary(lambda np, a: -a),
    "add": binary(lambda np, a, b: a + b),
    "subtract": binary(lambda np, a, b: 1.0 - a - b),
    "multiply": binary(lambda np, a, b: np.sin(a) * b),
    "divide": binary(lambda np, a, b: a / (2.0 + np.sin(b))),
    "power": binary(lambda np, a, b: (1.5 + np.sin(a)) ** np.cos(b)),
    "sum": lambda np, a, b, k: np.sum(a, axis=axis_of(a, k)),
    "mean": lambda np, a, b, k: a - np.mean(a, axis=axis_of(a, k), keepdims=True),
    "prod": lambda np, a, b, k: np.prod(1.5 + np.tanh(a), axis=axis_of(a, k)),
    "transpose": unary(lambda np, a: a.T),
    "ravel": unary(lambda np, a: np.ravel(a)),
    "swapaxes": lambda np, a, b, k: np.swapaxes(a, k % a.ndim, -1) if a.ndim else a * 1.0,
    "expand": lambda np, a, b, k: np.expand_dims(a, k % (a.ndim + 1)) if a.ndim < 3 else a[0],
    "pick": pick,
    "matmul": matmul,
    "outer": outer,
    "stretch": stretch,
    "join": join,
}
KINKED = {
    "abs": unary(lambda np, a: np.abs(a)),
    "maximum": binary(lambda np, a, b: np.maximum(a, b)),
    "minimum": binary(lambda np, a, b: np.minimum(a, b)),
    "clip": unary(lambda np, a: np.clip(a, -0.51, 0.77)),
    "max": lambda np, a, b, k: np.max(a, axis=axis_of(a, k)),
    "min": lambda np, a, b, k: np.min(a, axis=axis_of(a, k), keepdims=True),
    "var": lambda np, a, b, k: np.var(a, axis=axis_of(a, k)),
    "where": binary(lambda np, a, b: np.where(a > b, a + 0.0 * b, b * b + 0.0 * a)),
}
IN_PLACE = {"assign": assign}


def programs(*kinds):
    names = sorted(name for kind in kinds for name in kind)
    number = st.integers(0, 59)
    step = st.tuples(st.sampled_from(names), number, number, number)
    shapes = st.tuples(st.sampled_from(SHAPES), st.sampled_from(SHAPES), st.sampled_from(SHAPES))
    return st.tuples(shapes, st.lists(step, min_size=3, max_size=9), st.integers(0, 999))


def run(program, np_, x, y):
    """The value of a program: all that it computed, weighted and summed."""
    (_, _, shape), steps, seed = program
    constant = np.random.default_rng(seed + 1).normal(size=shape)
    pool = [x, y, constant]
    for name, i, k, extra in steps:
        step = (SMOOTH | KINKED | IN_PLACE)[name]
        pool.append(step(np_, pool[-1 - i % len(pool)], pool[-1 - k % len(pool)], extra))
    total = 0.0
    for n, value in enumerate(pool):
        weights = np.cos(np.arange(np.prod(value.shape)) + n).reshape(value.shape)
        total = total + np_.sum(np_.tanh(value) * weights)
    return total


def starts(program):
    shapes, _, seed = program
    rng = np.random.default_rng(seed)
    return [locked(rng.normal(size=shape)) for shape in shapes[:2]]


def gradients(program, arrays, create_graph=False):
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    run(program, np, *tensors).backward(create_graph=create_graph)
    return tensors, [tensor.grad for tensor in tensors]


CHECKED = settings(derandomize=True, deadline=None, max_examples=120)
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@CHECKED
@given(programs(SMOOTH, KINKED))
def test_gradients_are_those_of_hips_autograd(program):
    arrays = starts(program)
    expected = autograd.grad(lambda x, y: run(program, anp, x, y), (0, 1))(*arrays)
    for create_graph in (False, True):
        for got, want in zip(gradients(program, arrays, create_graph)[1], expected, strict=True):
            np.testing.assert_allclose(got.numpy(), want, **CLOSE)


@CHECKED
@given(programs(SMOOTH, IN_PLACE))
def test_gradients_are_those_of_the_complex_step(program):
    arrays = starts(program)
    got = gradients(program, arrays)[1]
    for i in range(2):
        want = by_complex_step(lambda *xs: run(program, np, *xs), tuple(arrays), i)
        np.testing.assert_allclose(got[i], want, **CLOSE)


@CHECKED
@given(programs(SMOOTH, IN_PLACE))
def test_hessian_is_symmetric_and_the_derivative_of_the_gradient(program):
    arrays = starts(program)
    rng = np.random.default_rng(0)
    u, v = ([rng.normal(size=array.shape) for array in arrays] for _ in range(2))

    def product(direction):
        tensors, first = gradients(program, arrays, create_graph=True)
        for tensor in tensors:
            tensor.zero_grad()
        along = sum((g * d).sum() for g, d in zip(first, direction, strict=True))
        along.backward()
        return [tensor.grad.numpy() for tensor in tensors]

    def dot(a, b):
        return sum((x * y).sum() for x, y in zip(a, b, strict=True))

    hu, hv = product(u), product(v)
    scale = 1 + sum(np.abs(part).sum() for part in (*hu, *hv))
    np.testing.assert_allclose(dot(v, hu), dot(u, hv), rtol=1e-9, atol=1e-11 * scale)

    h = 1e-5
    ends = [
        gradients(program, [x + sign * h * d for x, d in zip(arrays, u, strict=True)])[1]
        for sign in (1, -1)
    ]
    for got, above, below in zip(hu, *ends, strict=True):
        np.testing.assert_allclose(got, (above - below).numpy() / (2 * h), atol=1e-6 * scale)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(programs(SMOOTH, KINKED, IN_PLACE))
def test_the_code_of_a_derivation_runs(program):
    x, y = starts(program)
    assert_both_run(lambda x, y: run(program, np, x, y), {"x": x, "y": y})


def test_every_step_changes_the_value():
    """So that a program cannot be empty by accident."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(1, 3))
    for name, step in (SMOOTH | KINKED | IN_PLACE).items():
        results = [step(np, a, b, k) for k in range(4)]
        assert any(r.shape != a.shape or not np.array_equal(r, a) for r in results), name
