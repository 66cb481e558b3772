"""No array is shared with the caller: what is handed out is read-only, what is taken is copied."""

import copy

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import Tensor, no_grad


def leaf(value):
    return Tensor(value, requires_grad=True)


@pytest.mark.parametrize("value", [2.0, [1.0, 2.0], [[1.0]]], ids=repr)
def test_what_is_handed_out_is_read_only(value):
    t = leaf(value)
    for tensor in (t, t * 1.0, t.T, t.detach()):
        with no_grad():
            asked_for = np.asarray(tensor)
        for array in (tensor.data, tensor.numpy(), asked_for):
            assert isinstance(array, np.ndarray)
            assert not array.flags.writeable
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    (t * 2.0).sum().backward()
    with pytest.raises(ValueError, match="read-only"):
        t.grad.numpy()[...] = 0


def test_conversion_to_an_array():
    t = Tensor([1.0, 2.0])
    assert np.asarray(t, np.float32).dtype == np.float32
    writeable = np.array(t)
    writeable[0] = 100.0
    assert t.tolist() == [1.0, 2.0]
    assert np.asarray(t, copy=False) is not None
    with pytest.raises(ValueError, match="copy"):
        np.asarray(t, np.float32, copy=False)


def test_callers_array_is_neither_locked_nor_aliased():
    array, w = np.array([1.0, 2.0]), leaf([3.0, 4.0])
    y = (w * array).sum()
    assert array.flags.writeable
    array[:] = 100.0
    y.backward()
    assert w.grad.tolist() == [1.0, 2.0]


def test_view_of_a_callers_array_is_not_aliased():
    array, w = np.arange(6.0), leaf([3.0, 4.0])
    view = array[::3]
    view.flags.writeable = False  # Its owner can still change it.
    y = (w * view).sum()
    array[:] = 100.0
    y.backward()
    assert w.grad.tolist() == [0.0, 3.0]


@pytest.mark.parametrize(
    ("use", "given"),
    [
        (lambda t, a: t[a], np.array([0, 0])),
        (lambda t, a: t[a, a], np.array([0, 1])),
        (lambda t, a: t[a], [0, 0]),
        (lambda t, a: t[a], np.array([True, False])),
        (lambda t, a: t @ a, np.eye(2)),
        (lambda t, a: t @ a, [[1.0, 0.0], [0.0, 1.0]]),
        (lambda t, a: np.where(a, t, 0.0), np.array([True, False])),
        (lambda t, a: np.maximum(t, a), np.zeros(2)),
        (lambda t, a: np.clip(t, a, None), np.zeros(2)),
        (lambda t, a: np.clip(t, -9.0, a), np.array(2.5)),
        (lambda t, a: t.clip(a, 9.0), np.zeros(2)),
        (lambda t, a: np.transpose(t, a), [1, 0]),
        (lambda t, a: np.concatenate([t, a]), np.ones((1, 2))),
        (lambda t, a: al.mse(t, a), np.ones((2, 2))),
        (lambda t, a: t**a, np.array([2, 3])),
    ],
    ids=lambda value: "" if callable(value) else repr(value),
)
def test_changing_an_array_after_its_use_changes_nothing(use, given):
    def gradient(change):
        t, array = leaf([[1.0, 2.0], [3.0, 4.0]]), copy.deepcopy(given)
        y = use(t, array)
        y = (y * y).sum()
        if change:
            for index in np.ndindex(np.shape(array)):
                if isinstance(array, list) and len(index) == 2:
                    array[index[0]][index[1]] = 5.0
                elif isinstance(array, list):
                    array[index[0]] = 1 - array[index[0]]
                else:
                    array[index] = 1 - array[index]
        y.backward()
        return t.grad.tolist()

    assert gradient(change=True) == gradient(change=False)


def test_static_array_of_an_own_operation_is_not_aliased():
    def scaled(x, *, by):
        return x * by

    own = al.Primitive(scaled, {"x": lambda g, y, x, by: g * by})
    factors, x = np.array([2.0, 3.0]), leaf([1.0, 1.0])
    y = own(x, by=factors).sum()
    factors[:] = 100.0
    y.backward()
    assert x.grad.tolist() == [2.0, 3.0]
