"""Results have NumPy's type, dtype and strides: what `reshape` and `ravel` share depends on them.

Every call in the coverage table is made on operands that lie in memory in different ways.
"""

import warnings

import numpy as np
import pytest
from numpy_calls import INPUTS, SCOPE, calls

import autograd_lite as al


def fortran(x):
    return np.asfortranarray(x) if x.ndim else x


def every_other_row(x):
    return np.repeat(x, 2, axis=0)[::2] if x.ndim else x


def backwards(x):
    return x[::-1].copy()[::-1] if x.ndim else x


def permuted(x):
    return x.swapaxes(0, 1).copy().swapaxes(0, 1) if x.ndim > 1 else x


LAYOUTS = {
    "rows": np.copy,
    "columns": fortran,
    "every other row": every_other_row,
    "backwards": backwards,
    "permuted": permuted,
}


def described(result):
    """Type, dtype, shape and strides, as far as they say where an entry is."""
    if isinstance(result, tuple | list):
        return [described(part) for part in result]
    kind = type(result)
    if isinstance(result, al.Tensor):
        result = result._value()
        kind = np.ndarray if isinstance(result, np.ndarray) else type(result)
    if not isinstance(result, np.ndarray | np.generic):
        return kind
    strides = [s for s, n in zip(result.strides, result.shape, strict=True) if n > 1]
    return kind, result.dtype, result.shape, strides if result.size else None


def stored(value):
    """A result that lies in memory as `value` does."""
    t = al.Tensor(value, requires_grad=True) * 1
    t._array = value[()]
    return t


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_results_lie_in_memory_as_numpys_do(layout):
    arrays = {name: LAYOUTS[layout](x) for name, x in INPUTS.items()}
    tensors = {name: stored(x) for name, x in arrays.items()}
    others, tried = {}, 0
    for call in calls():
        if "sliding_window_view" in call or "np.pad" in call:  # The windows here are a copy.
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = described(eval(call, SCOPE | arrays))
        got = described(eval(call, SCOPE | tensors))
        tried += 1
        if got != want:
            others[call] = got, want
    assert tried > 400
    assert others == {}


@pytest.mark.parametrize("order", "CFAK")
@pytest.mark.parametrize("lay_out", [np.array, np.asfortranarray, np.transpose, lambda x: x[::2]])
def test_what_ravel_shares_is_numpys(order, lay_out):
    array = np.array(lay_out(np.arange(12.0).reshape(4, 3)), order="K")
    t = al.Tensor(array, requires_grad=True) * 1.0
    for x in (array, t):
        flat = np.ravel(x, order)
        flat[1:3] *= 100.0
    np.testing.assert_array_equal(t.numpy(), array)
