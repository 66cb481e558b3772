"""A number is bound anew by ``t += u`` in a program, as in Python."""

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
