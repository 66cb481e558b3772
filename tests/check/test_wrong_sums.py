"""Sums and maxima along the wrong axis, and derivatives of functions with another part inside."""

import numpy as np
import pytest

import autograd_lite as al

RNG = np.random.default_rng(5)
X, Y, GAIN = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3)), RNG.uniform(0.5, 2, size=4)
START = RNG.normal(size=(4, 4))
HEAD = RNG.normal(size=(4, 3))


def length(w):
    q = np.tanh(X @ w) @ HEAD
    r = np.sqrt(np.sum(q**2, axis=1, keepdims=True))
    return np.sum((q / r - Y) ** 2)


LENGTH = """
h = np.tanh(X @ w)
q = h @ HEAD
r = np.sqrt(np.sum(q**2, axis=1, keepdims=True))
du = 2 * (q / r - Y)
dq = du / r - q * np.sum(du * q, axis=1, keepdims=True) / r**3
dw = X.T @ (dq @ HEAD.T * (1 - h**2))
"""


def layer_norm(w):
    a = np.tanh(X @ w)
    c = a - a.mean(axis=1)[:, None]
    s = np.sqrt(np.mean(c**2, axis=1) + 1e-5)[:, None]
    return np.sum((GAIN * c / s @ HEAD - Y) ** 2)


LAYER_NORM = """
a = np.tanh(X @ w)
c = a - a.mean(axis=1)[:, None]
s = np.sqrt(np.mean(c**2, axis=1) + 1e-5)[:, None]
dn = 2 * (GAIN * c / s @ HEAD - Y) @ HEAD.T * GAIN
dc = dn / s - c * np.mean(dn * c, axis=1, keepdims=True) / s**3
da = dc - np.mean(dc, axis=1, keepdims=True)
dw = X.T @ (da * (1 - a**2))
"""


def swish(w):
    z = X @ w
    return np.sum((z * al.sigmoid(1.7 * z) @ HEAD - Y) ** 2)


SWISH = """
s = lambda x: 1 / (1 + np.exp(-x))
z = X @ w
da = 2 * (z * s(1.7 * z) @ HEAD - Y) @ HEAD.T
dw = X.T @ (da * (s(1.7 * z) + 1.7 * z * s(1.7 * z) * (1 - s(1.7 * z))))
"""


def silu(w):
    z = X @ w
    h = z * al.sigmoid(z)
    h.name = "h"
    return np.sum((h @ HEAD - Y) ** 2)


SILU = SWISH.replace("1.7 * ", "")


@pytest.mark.parametrize(
    ("f", "by_hand", "right", "wrong", "title"),
    [
        (length, LENGTH, "(du * q, axis=1", "(du * q, axis=0", "is summed over axis 0"),
        (length, LENGTH, "(du * q, axis=1", "(du * q, axis=None", "is summed over all axes"),
        (layer_norm, LAYER_NORM, "(dn * c, axis=1", "(dn * c, axis=0", "is averaged over axis 0"),
        (layer_norm, LAYER_NORM, "(dc, axis=1", "(dc, axis=0", "is averaged over axis 0"),




        (silu, SILU, "* (1 - s(z))", "* (1 - z * s(z))", "sigmoid + h * (1 - h) stands in place"),
        (silu, SILU, "(s(z) + z * s(z)", "(z * s(z) + s(z)", "h + sigmoid * (1 - sigmoid)"),
        (swish, SWISH, "1 / (1 + np.exp(-x))", "1 / (1 + np.exp(-x / 1.7))",
         "1.7 is left out of 1.7 * (X @ w) forwards, and not in its derivative"),
    ],
)  # fmt: skip
def test_what_is_taken_along_another_axis_or_inside_is_named(f, by_hand, right, wrong, title):
    assert right in by_hand
    w = al.Tensor(START, requires_grad=True, name="w")
    made = {"np": np, "X": X, "Y": Y, "GAIN": GAIN, "HEAD": HEAD, "w": START}
    exec(by_hand.replace(right, wrong), made)
    assert title in str(al.compare(f(w), {"w": made["dw"]})["w"].diagnosis)
    exec(by_hand, made)
    assert al.compare(f(w), {"w": made["dw"]})
