"""What the tests of compiled functions that never are stale have in common."""

import numpy as np

import autograd_lite as al

X = np.array([1.0, 2.0, 3.0])


class Settings:
    def __init__(self):
        self.scale = 2.0
        self.table = [1.0, 2.0]


def both(f):
    """Return a compiled function, warm, and the function itself."""
    fast = al.compile(f, backend="numpy")
    for _ in range(3):
        fast(X)
    return fast


def same(fast, f, *args):
    np.testing.assert_allclose(fast(*args), f(*args))
