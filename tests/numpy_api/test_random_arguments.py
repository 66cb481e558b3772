"""NumPy's functions with random arguments of theirs give its numbers, types, shapes and slopes.

Arguments are drawn by the names that NumPy's own signatures give them. What a Tensor does not take
is refused: no argument is passed over, and no gradient is lost.
"""

import inspect
import random
import zlib

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.numpy_api import coverage

CALLS = 12
"""Calls of every function: those that NumPy does not take are drawn anew."""

SEQUENCES = {
    "concatenate", "concat", "stack", "vstack", "hstack", "dstack", "column_stack", "block",
    "multi_dot",
}  # fmt: skip
SPECIAL = {
    # What is written into, called, or told in a language of its own has tests of its own.
    "copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask", "apply_along_axis",
    "apply_over_axes", "piecewise", "einsum", "interp",
    # What needs positions, or arrays of other shapes than are drawn here.
    "bincount", "choose", "gradient", "ldexp", "select", "take_along_axis", "tensorinv",
}  # fmt: skip
LEFT_ALONE = {"out", "like", "device", "casting", "subok", "signature", "overwrite_input"}
ANY_ORDER = {"unique", "unique_values", "intersect1d", "union1d", "eig", "roots"}
"""Results whose order, or whose sign, NumPy leaves open."""

FLAGS = """
    assume_unique bias compute_uv copy cov density endpoint ensure_min equal_nan full full_matrices
    hermitian include_initial increasing keepdims retstep return_counts return_index return_indices
    return_inverse returned rowvar sorted sparse stable upper
"""
VALUES = {
    "dtype": [None, float, np.float32, int],
    "ddof": [0, 1],
    "correction": [0, 1],
    "initial": [0.5, 0.75],
    "k": [0, 1, -1],
    "offset": [0, 1, -1],
    "n": [0, 1, 2, 3],
    "shift": [0, 1, -2],
    "reps": [2, (2, 1)],
    "repeats": [0, 2, [1, 2, 0]],
    "kth": [0, -1],
    "new_shape": [(2, 3), 7],
    "order": ["C", "F", "A"],
    "ord": [None, 1, 2, np.inf, 3],
    "mode": ["full", "same", "clip", "wrap", "edge", "reflect", "constant", "reduced"],
    "indices": [0, [0, 0], slice(0, 1)],
    "obj": [0, [0, 1], slice(0, 1)],
    "indices_or_sections": [1, 2, [1]],
    "pad_width": [1, (1, 2)],
    "num": [2, 5],
    "deg": [1],
    "norm": [None, "ortho", "forward"],
    "bins": [3, [0.0, 0.5, 1.0, 2.0]],
    "range": [None, (0.0, 2.0)],
    "rcond": [1e-9, 0.3],
    "edge_order": [1, 2],
    "indexing": ["xy", "ij"],
    "method": ["linear", "lower", "nearest", "weibull", "median_unbiased"],
    "kind": [None, "stable"],
    "trim": ["fb", "f"],
    "s": [None],
    "fill_value": [1.0],
    "nan": [0.5],
    "base": [2.0],
} | {flag: [True, False] for flag in FLAGS.split()}
"""What arguments may be, by their names."""


class Arguments:
    """Arguments for one call: arrays, and what goes with the first of them."""

    def __init__(self, name, seed):
        self.random, self.rng = random.Random(seed), np.random.default_rng(seed)
        self.name = name.rpartition(".")[2]
        shapes = [(), (3,), (4,), (2, 3), (3, 3), (1, 4), (2, 1, 3), (2, 3, 4), (2, 0)]
        if "linalg" in name and self.name != "outer":
            shapes = [(2, 2), (3, 3), (2, 3, 3)]
        self.shape = self.random.choice(shapes)
        self.arrays = []

    def array(self, shape):
        x = self.rng.uniform(0.2, 1.8, shape)
        if len(shape) > 1 and shape[-1] == shape[-2]:
            x = x + 2 * np.eye(shape[-1])
        self.arrays.append(x)
        return x

    def related(self):
        one = tuple(self.random.choice([1, n]) for n in self.shape)
        return self.array(self.random.choice([self.shape, self.shape, self.shape[-1:], (), one]))

    def drawn(self, name):
        ndim = len(self.shape)
        axis = self.random.randrange(-ndim, ndim) if ndim else 0
        axes = tuple(self.random.sample(range(ndim), ndim))
        mask = self.rng.random(self.shape) < 0.6
        fitting = {
            "axis": [None, axis, axis, axes[:2]],
            "axes": [axes[:2], axes, 1],
            "where": [True, mask, mask],
            "shape": [(-1,), (2, *self.shape), self.shape[::-1]],
            "condition": [mask],
            "mask": [mask],
            "q": [0.5, 0.0, [0.2, 0.7]] if "quantile" in self.name else [50, [20, 70]],
        } | {key: [axis] for key in ("source", "destination", "axis1", "axis2")}
        known = VALUES | fitting
        return self.random.choice(known[name]) if name in known else self.related()

    def of(self, function):
        """Draw positional arguments and keywords."""
        positional, keywords = [], {}
        if isinstance(function, np.ufunc):
            if self.random.random() < 0.3:
                keywords["dtype"] = self.drawn("dtype")
            return [
                self.array(self.shape),
                *(self.related() for _ in range(1, function.nin)),
            ], keywords
        for p in inspect.signature(function).parameters.values():
            needed = p.default is p.empty
            if p.kind is p.VAR_POSITIONAL:
                positional += [self.related() for _ in range(1 + bool(not positional))]
            elif p.kind is p.VAR_KEYWORD or p.name in LEFT_ALONE:
                continue
            elif needed and not positional:
                many = self.name in SEQUENCES
                positional.append(
                    [self.related(), self.related()] if many else self.array(self.shape)
                )
            elif needed and p.kind is not p.KEYWORD_ONLY:
                positional.append(self.drawn(p.name))
            elif needed or self.random.random() < 0.4:
                keywords[p.name] = self.drawn(p.name)
        return positional, keywords


def numbers_in(result):
    """List the arrays of floating-point numbers in a result."""
    if isinstance(result, list | tuple):
        return [x for part in result for x in numbers_in(part)]
    inexact = getattr(getattr(result, "dtype", None), "kind", "") in ("f", "c")
    return [result] if inexact else []


def called(function, arguments, values):
    """Call with these in place of the arrays that were drawn."""
    given = {id(x): value for x, value in zip(arguments.arrays, values, strict=True)}

    def put(x):
        return [put(y) for y in x] if isinstance(x, list) else given.get(id(x), x)

    positional, keywords = arguments.call
    return numbers_in(function(*map(put, positional), **{k: put(v) for k, v in keywords.items()}))


def check(function, arguments):
    """Compare one call; return whether NumPy, and the Tensor, took it."""
    try:
        want = called(function, arguments, arguments.arrays)
    except Exception:  # noqa: BLE001  (whatever NumPy says)
        return False
    tensors = [al.Tensor(x, requires_grad=True) for x in arguments.arrays]
    try:
        got = called(function, arguments, tensors)
    except (TypeError, ValueError, IndexError, al.GradientError):
        return False
    assert len(got) == len(want)
    for x, y in zip(got, want, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        rtol = 1e-4 if y.dtype == np.float32 else 1e-9
        np.testing.assert_allclose(getattr(x, "data", x), y, rtol=rtol, atol=rtol)
    if any(y.dtype not in (np.float64, np.complex128) for y in want):
        return True
    weights = [arguments.rng.normal(size=y.shape) for y in want]
    ways = [arguments.rng.normal(size=x.shape) for x in arguments.arrays]

    def total(results):
        return sum(np.sum(w * np.real(y)) for w, y in zip(weights, results, strict=True))

    def at(h):
        pairs = zip(arguments.arrays, ways, strict=True)
        return total(called(function, arguments, [x + h * way for x, way in pairs]))

    slopes = [(at(h) - at(-h)) / (2 * h) for h in (1e-5, 3e-6)]
    if not np.isfinite(slopes).all() or abs(slopes[0] - slopes[1]) > 1e-5 * (1 + abs(slopes[0])):
        return True  # At a kink.
    result = total(got)
    if getattr(result, "requires_grad", False):
        result.backward()
    pairs = zip(tensors, ways, strict=True)
    slope = sum(float(np.sum(t.grad * way)) for t, way in pairs if t.grad is not None)
    assert slope == pytest.approx(slopes[0], rel=1e-4, abs=1e-4)
    return True


FUNCTIONS = {
    row.name: coverage.public()[row.name]
    for row in coverage.table()
    if row.status == "differentiable" and row.name.rpartition(".")[2] not in SPECIAL | ANY_ORDER
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_call_with_any_arguments_is_numpys_or_refused(name):
    taken = 0
    for k in range(4 * CALLS):
        arguments = Arguments(name, zlib.crc32(f"{name} {k}".encode()))
        arguments.call = arguments.of(FUNCTIONS[name])
        taken += check(FUNCTIONS[name], arguments)
        if taken == CALLS:
            break
    assert taken > 1
