"""NumPy's own functions on Tensors: recorded, computed on the values, or refused at the call."""

import inspect
import itertools
import re

import numpy as np
import pytest
from oracles import cases, over

from autograd_lite import Tensor

CASES = cases()


def leaf(value, **kwargs):
    return Tensor(value, requires_grad=True, **kwargs)


M = np.array([[0.3, -1.2, 0.7], [1.5, 0.4, -0.6]])
V = np.array([0.5, -0.25, 2.0])
CUBE = np.arange(24.0).reshape(2, 3, 4) / 10 - 1.03


def same(result, expected, rtol=0.0):
    assert isinstance(result, Tensor)
    assert result.requires_grad
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result.numpy(), expected, rtol=rtol, atol=rtol / 100)


# ------------------------------------------------------------ what is recorded


@over([case for case in CASES if case.entry.numpy])
def test_functions_that_an_entry_stands_for(case):
    for function, dtype in itertools.product(case.entry.numpy, (np.float64, np.float32)):
        operands = [x.astype(dtype) if x.dtype != bool else x for x in case.operands()]
        expected = function(*operands, **case.given)
        same(function(*map(leaf_or_mask, operands), **case.given), expected)
        for i, x in enumerate(operands):  # One Tensor among arrays is enough.
            if x.dtype != bool:
                mixed = [leaf(x) if k == i else other for k, other in enumerate(operands)]
                same(function(*mixed, **case.given), expected)


def leaf_or_mask(x):
    return Tensor(x) if x.dtype == bool else leaf(x)


VARIANTS = [
    lambda np, t, m, v: np.sum(t, 1),
    lambda np, t, m, v: np.sum(t, axis=(0, -1)),
    lambda np, t, m, v: np.sum(t, -1, keepdims=True),
    lambda np, t, m, v: np.sum(a=t, axis=0),
    lambda np, t, m, v: np.sum(t, axis=None, dtype=None, out=None, keepdims=False),
    lambda np, t, m, v: np.sum(t, 0, None, None, True),
    lambda np, t, m, v: np.mean(t, (0, 2)),
    lambda np, t, m, v: np.mean(t, axis=1, keepdims=True),
    lambda np, t, m, v: np.prod(t, 1),
    lambda np, t, m, v: np.prod(t, axis=(1, 2), keepdims=True),
    lambda np, t, m, v: np.max(t, 2),
    lambda np, t, m, v: np.max(t, axis=(0, 1), keepdims=True),
    lambda np, t, m, v: np.amax(t, 0),
    lambda np, t, m, v: np.min(t),
    lambda np, t, m, v: np.amin(t, axis=-1),
    lambda np, t, m, v: np.var(t, 1),
    lambda np, t, m, v: np.var(t, axis=0, ddof=1, keepdims=True),
    lambda np, t, m, v: np.std(t),
    lambda np, t, m, v: np.std(t, 1),
    lambda np, t, m, v: np.std(t, axis=(0, 1), ddof=1, keepdims=True),
    lambda np, t, m, v: np.add.reduce(t),
    lambda np, t, m, v: np.add.reduce(t, 1),
    lambda np, t, m, v: np.add.reduce(t, axis=None),
    lambda np, t, m, v: np.add.reduce(t, axis=(0, 2), keepdims=True),
    lambda np, t, m, v: np.multiply.reduce(t, axis=2),
    lambda np, t, m, v: np.maximum.reduce(t),
    lambda np, t, m, v: np.minimum.reduce(t, axis=-1, keepdims=True),
    lambda np, t, m, v: np.reshape(t, (6, 4)),
    lambda np, t, m, v: np.reshape(t, shape=-1),
    lambda np, t, m, v: np.ravel(t),
    lambda np, t, m, v: np.transpose(t),
    lambda np, t, m, v: np.transpose(t, (1, 2, 0)),
    lambda np, t, m, v: np.transpose(t, axes=[2, 0, 1]),
    lambda np, t, m, v: np.swapaxes(t, 0, -1),
    lambda np, t, m, v: np.swapaxes(t, axis1=1, axis2=2),
    lambda np, t, m, v: np.moveaxis(t, 0, -1),
    lambda np, t, m, v: np.moveaxis(t, [0, -1], [2, 0]),
    lambda np, t, m, v: np.moveaxis(t, [0, 1], [1, 0]),
    lambda np, t, m, v: np.expand_dims(t, 1),
    lambda np, t, m, v: np.expand_dims(t, axis=(0, -1)),
    lambda np, t, m, v: np.squeeze(np.expand_dims(t, 0), 0),
    lambda np, t, m, v: np.broadcast_to(t, (5, 2, 3, 4)),
    lambda np, t, m, v: np.broadcast_to(t, shape=(2, 3, 4)),
    lambda np, t, m, v: np.copy(t),
    lambda np, t, m, v: np.concatenate((t, t)),
    lambda np, t, m, v: np.concatenate([t, CUBE, t], 1),
    lambda np, t, m, v: np.concatenate([t, [1.0, 2.0]], axis=None),
    lambda np, t, m, v: np.concatenate([t, 1.0], axis=None),
    lambda np, t, m, v: np.concatenate(t),
    lambda np, t, m, v: np.stack([t, t, CUBE]),
    lambda np, t, m, v: np.stack((t, t), axis=-2),
    lambda np, t, m, v: np.stack([t[0, 0, 0], 1.0]),
    lambda np, t, m, v: np.clip(t, -0.5, 0.5),
    lambda np, t, m, v: np.clip(t, -0.5, None),
    lambda np, t, m, v: np.clip(t, a_min=None, a_max=0.5),
    lambda np, t, m, v: np.clip(t, min=-0.5),
    lambda np, t, m, v: np.clip(t, max=0.5),
    lambda np, t, m, v: np.clip(t, m[..., None], 0.5),
    lambda np, t, m, v: np.clip(CUBE, -0.5, m[..., None]),
    lambda np, t, m, v: np.clip(t, np.float64(-0.5), np.array(0.5)),
    lambda np, t, m, v: np.dot(v, v),
    lambda np, t, m, v: np.dot(m, v),
    lambda np, t, m, v: np.dot(v, M.T),
    lambda np, t, m, v: np.dot(m, t),
    lambda np, t, m, v: np.dot(v, t),
    lambda np, t, m, v: np.dot(t, CUBE.reshape(2, 4, 3)),
    lambda np, t, m, v: np.dot(CUBE.reshape(4, 2, 3), t),
    lambda np, t, m, v: np.dot(v, CUBE.tolist()),
    lambda np, t, m, v: np.dot(2.0, v),
    lambda np, t, m, v: np.dot(v, [1.0, 2.0, 3.0]),
    lambda np, t, m, v: np.dot(m, np.swapaxes(t, 1, 2)[:, :0, :].reshape(0, 3, 2)),
    lambda np, t, m, v: np.matmul(m, t),
    lambda np, t, m, v: np.where(CUBE > 0, t, -t),
    lambda np, t, m, v: np.where(t > 0, t, 0.0),
    lambda np, t, m, v: np.where(t, t, m[..., None]),
    lambda np, t, m, v: np.power(np.abs(t), 2),
    lambda np, t, m, v: np.float_power(np.abs(t), m[..., None]),
    lambda np, t, m, v: np.fabs(t),
    lambda np, t, m, v: np.add(t, 1),
    lambda np, t, m, v: np.add(1, t),
    lambda np, t, m, v: np.add(CUBE, t),
    lambda np, t, m, v: np.positive(t),
]


def source(function):
    return inspect.getsource(function).strip().rstrip(",").partition(": ")[2]


@pytest.mark.parametrize("variant", VARIANTS, ids=source)
def test_arguments_by_position_and_by_keyword(variant):
    try:
        expected = variant(np, CUBE, M, V)
    except ValueError as error:  # Tensors are to be refused where arrays are.
        with pytest.raises(ValueError, match=re.escape(str(error)[:20])):
            variant(np, leaf(CUBE), leaf(M), leaf(V))
        return
    result = variant(np, leaf(CUBE), leaf(M), leaf(V))
    exact = not re.search("dot|float_power", source(variant))  # These add or round differently.
    same(result, np.asarray(expected), rtol=0 if exact else 1e-13)


@pytest.mark.parametrize("variant", VARIANTS, ids=source)
def test_gradient_through_every_variant(variant):
    """Against central differences, along a random direction."""
    rng = np.random.default_rng(3)
    starts = [CUBE, M, V]
    tensors = [leaf(start) for start in starts]
    result = variant(np, *tensors)
    cotangent = rng.normal(size=result.shape)
    result.backward(cotangent)
    directions = [rng.normal(size=start.shape) for start in starts]

    def at(h):
        moved = [x + h * d for x, d in zip(starts, directions, strict=True)]
        return float((variant(np, *moved) * cotangent).sum())

    numerical = (at(1e-6) - at(-1e-6)) / 2e-6
    products = [
        (t.grad.numpy() * d).sum()
        for t, d in zip(tensors, directions, strict=True)
        if t.grad is not None
    ]
    np.testing.assert_allclose(sum(products), numerical, rtol=1e-6, atol=1e-8)


def test_float_power_computes_in_double_precision():
    t = leaf([2.0, 3.0], dtype=np.float32)
    result = np.float_power(t, 2)
    assert result.dtype == np.float64
    result.sum().backward()
    assert t.grad.dtype == np.float32
    assert np.float_power(Tensor([1, 2]), -1).tolist() == [1.0, 0.5]


def test_methods_are_the_functions():
    t = leaf(CUBE)
    for method, function in (
        (t.sum(axis=1), np.sum(CUBE, axis=1)),
        (t.mean(0), np.mean(CUBE, 0)),
        (t.var(0, ddof=1), np.var(CUBE, 0, ddof=1)),
        (t.std(keepdims=True), np.std(CUBE, keepdims=True)),
        (t.max((0, 1)), np.max(CUBE, (0, 1))),
        (t.min(), np.min(CUBE)),
        (t.prod(-1, keepdims=True), np.prod(CUBE, -1, keepdims=True)),
        (t[:, :, :3].dot(V), CUBE[:, :, :3].dot(V)),
        (t.T, CUBE.T),
        (t.clip(-0.5, 0.5), np.clip(CUBE, -0.5, 0.5)),
        (t.clip(max=0.5), np.clip(CUBE, None, 0.5)),
        (t.reshape(4, -1), CUBE.reshape(4, -1)),
        (t.reshape((4, 6)), CUBE.reshape(4, 6)),
        (t.reshape(-1), CUBE.ravel()),
        (t.ravel(), CUBE.ravel()),
        (t.flatten(), CUBE.ravel()),
        (t.transpose(), CUBE.T),
        (t.transpose(None), CUBE.T),
        (t.transpose(1, 0, 2), CUBE.transpose(1, 0, 2)),
        (t.transpose((1, 0, 2)), CUBE.transpose(1, 0, 2)),
        (t.swapaxes(0, 2), CUBE.swapaxes(0, 2)),
        (t[None].squeeze(0), CUBE),
        (t.mT, CUBE.mT),
        (t.real, CUBE),
        (t.conj(), CUBE),
        (t.trace(1, 0, 2), CUBE.trace(1, 0, 2)),
        (t.diagonal(0, 1, 2), CUBE.diagonal(0, 1, 2)),
        (t.cumsum(1), CUBE.cumsum(1)),
        (t.cumprod(), CUBE.cumprod()),
        (t.repeat(2, 0), CUBE.repeat(2, 0)),
        (t.take([1, 0], 2), CUBE.take([1, 0], 2)),
        (t.compress([False, True], 0), CUBE.compress([False, True], 0)),
        (t.ravel("F"), CUBE.ravel("F")),
        (t.copy(), CUBE),
    ):
        same(method, np.asarray(function))


def test_methods_without_derivative_give_what_arrays_give():
    t = leaf(CUBE)
    for method in (
        lambda x: x.argmax(), lambda x: x.argmin(1), lambda x: x.argmax(0, keepdims=True),
        lambda x: x.argsort(), lambda x: x.argsort(axis=0), lambda x: x.argpartition(1),
        lambda x: x.nonzero(), lambda x: x[0, 0].searchsorted(0.0), lambda x: x.any(),
        lambda x: x.all(axis=1), lambda x: x.round(1), lambda x: x.any(0, keepdims=True),
    ):  # fmt: skip
        result, expected = method(t), method(CUBE)
        assert type(result) is type(expected)
        np.testing.assert_equal(result, expected)
