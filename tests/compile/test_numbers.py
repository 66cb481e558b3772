"""A number is bound anew by ``t += u`` in a program, as in Python."""

import copy
import pickle

import numpy as np
import pytest

import autograd_lite as al

A = np.arange(1.0, 5.0)


def mean(w):
    d = np.mean(w**2)
    t = d
    t += 1
    return d * t


def entry(w):
    d = w[0]
    t = d
    t *= 3
    return d * t


def several(w):
    d = np.sum(w) * 1
    t = d
    t **= 2
    t -= 1
    t /= 3
    return d * t


@pytest.mark.parametrize("f", [mean, entry, several])
def test_its_other_names_keep_what_they_have(f):
    expected = al.grad(f)(A)
    np.testing.assert_allclose(al.compile(f, backend="numpy")(A), f(A))
    np.testing.assert_allclose(al.compile(al.grad(f), backend="numpy")(A), expected)
    np.testing.assert_allclose(al.derive(f, A).function(A + 1)[1]["w"], al.grad(f)(A + 1))
    np.testing.assert_allclose(al.export(f, A, to="numpy")(A), f(A))


@pytest.mark.parametrize("backend", ["auto", "numpy", "numba"])
def test_integers_that_c_does_not_have(backend):
    x = np.array([1.5, -2.0])
    fast = al.compile(lambda x, n: x * n, backend=backend)
    for n in (3, 2**62, 2**63, 2**70, -(2**63), -(2**63) - 1, 4):
        for _ in range(2):
            np.testing.assert_array_equal(fast(x, n), x * n)


@pytest.mark.parametrize("backend", ["auto", "numpy", "numba"])
def test_shifts_and_plus(backend):
    a, b = np.array([1, 2, 3]), np.array([62, 63, 1])
    fast = al.compile(lambda a, b: ((+a << b) >> 1, 8 >> b, a << 1), backend=backend)
    for got, expected in zip(fast(a, b), ((a << b) >> 1, 8 >> b, a << 1), strict=True):
        np.testing.assert_array_equal(got, expected)
    python = al.compile(lambda a, b: (a << b) + (+a >> 1), backend=backend)
    assert [python(1, 70), python(5, 2)] == [1 << 70, 22]


def test_what_is_compiled_is_not_copied():
    fast = al.compile(np.tanh)
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="and compile that"):
            copied(fast)


@pytest.mark.parametrize("f", [np.fmod, np.arctan2, np.power, np.hypot, np.copysign, np.maximum])
@pytest.mark.parametrize("kinds", [(np.int64, np.int64), (np.int32, np.float32), ("f4", int)])
def test_functions_of_two_kinds_of_numbers_are_those_of_numpy(f, kinds):
    pytest.importorskip("numba")
    a, b = (
        np.array(x).astype(kind) for x, kind in zip(([7, -5, 3], [2, 3, 1]), kinds, strict=True)
    )
    np.testing.assert_allclose(al.compile(f, backend="numba")(a, b), f(a, b), rtol=1e-13)


@pytest.mark.parametrize("f", [np.left_shift, np.right_shift])
@pytest.mark.parametrize("by", [np.array([-1, 63, 64, 0]), 70, 3, -2])
def test_shifts_by_more_than_there_are_bits_are_those_of_numpy(f, by):
    pytest.importorskip("numba")
    a = np.array([-2, 5, -7, 1])
    np.testing.assert_array_equal(al.compile(f, backend="numba")(a, by), f(a, by))


@pytest.mark.parametrize("f", [np.dot, np.matmul, np.inner, np.outer])
def test_products_of_two_kinds_of_numbers_are_computed_in_the_wider_one(f):
    pytest.importorskip("numba")
    xs = np.array([0.1, 0.7], np.float32), np.array([0.3, 1.5])
    for a, b in (xs, xs[::-1]):
        np.testing.assert_allclose(al.compile(f, backend="numba")(a, b), f(a, b), rtol=1e-15)
