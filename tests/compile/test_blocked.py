"""Entrywise statements in blocks give the very numbers that they give at once."""

import importlib

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import optim

blocked = importlib.import_module("autograd_lite.compile.blocked")
RNG = np.random.default_rng(0)
X, Y, ROW, COLUMN = (RNG.normal(size=s) for s in ((7, 5), (7, 5), (5,), (7, 1)))


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(blocked, "LARGE", 10)
    monkeypatch.setattr(blocked, "ENTRIES", 10)


FUNCTIONS = {
    "a chain": lambda x, y: np.exp(np.tanh(x) * y - 1),
    "what is broadcast": lambda x, y: np.tanh(x + ROW) * COLUMN - x[0] * np.exp(y[:, :1]),
    "several results": lambda x, y: (x * y, np.tanh(x * y), (np.tanh(x * y) + y).T, x),
    "a sum in between": lambda x, y: np.exp(x * y - np.sum(x * y)) + np.tanh(x) * x,
    "sums along axes": lambda x, y: np.tanh(x) * y + np.exp(x).sum(axis=0) + y.mean(1)[:, None],
    "comparisons": lambda x, y: np.where((x > y) & (x < 1), np.sin(x) * y, np.cos(y) + x),
    "integers": lambda x, y: np.rint(x * 3).astype(int) * 2 + 1 - np.rint(y).astype(int),
    "transposed": lambda x, y: np.tanh(x.T * ROW[:, None]) * y.T + 1,
    "a result that is used twice": lambda x, y: (lambda t: t * t + t * np.exp(t))(x * y),
    "gradients": al.value_and_grad(lambda x, y: np.sum(np.tanh(x) * np.exp(-y * y) * ROW)),
    "second derivatives": al.grad(lambda x, y: np.sum(al.grad(lambda z: np.sum(z**3))(x) * y)),
}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [float, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_blocks_give_what_the_function_gives(name, dtype, order):
    f = FUNCTIONS[name]
    x, y = (np.array(z, dtype, order=order) for z in (X, Y))
    fast = al.compile(f, backend="numpy")
    first, kept = fast(x, y), al.compile(f, backend="numpy")(x + 1, y)
    fast(x + 1, y)
    expected = f(x, y)
    if not isinstance(expected, tuple):
        first, expected, kept = (first,), (expected,), (kept,)
    for found, want in zip(first, expected, strict=True):
        assert np.asarray(found).dtype == np.asarray(want).dtype
        np.testing.assert_allclose(found, want, rtol=1e-6 if dtype is np.float32 else 1e-14)


def test_a_chain_is_done_in_blocks_and_a_step_in_a_new_array():
    w = al.Tensor(X, requires_grad=True)
    before = w.numpy()
    step = al.compile(
        lambda y: np.sum(np.tanh(w) * np.exp(-w * y)), optim.SGD([w], lr=0.1), backend="numpy"
    )
    step(Y)
    assert step.source.count("for part") == 1
    assert step.source.count("tanh(w_part") == 1
    np.testing.assert_array_equal(before, X)
    v = al.Tensor(X, requires_grad=True)
    loss = np.sum(np.tanh(v) * np.exp(-v * Y))
    loss.backward()
    np.testing.assert_allclose(w.numpy(), X - 0.1 * v.grad.numpy())


def test_a_parameter_with_the_name_of_a_part():
    w, p = (al.Tensor(x, requires_grad=True, name=n) for x, n in ((X, "w"), (Y, "w_part")))
    step = al.compile(
        lambda: np.sum(np.tanh(w) * np.exp(p) * w * p), optim.SGD([w, p], lr=0.0), backend="numpy"
    )
    np.testing.assert_allclose([step() for _ in range(5)], np.sum(np.tanh(X) * np.exp(Y) * X * Y))
