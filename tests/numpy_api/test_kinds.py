"""Values and dtypes are NumPy's for integers, booleans and short floats, in every call."""

import warnings

import numpy as np
import pytest
from numpy_calls import INPUTS, SCOPE, calls

import autograd_lite as al


def whole(x):
    return np.where(np.isnan(x), 1, np.round(3 * x))


KINDS = {
    "int64": lambda x: whole(x).astype(np.int64),
    "uint8": lambda x: np.abs(whole(x)).astype(np.uint8),
    "bool": lambda x: np.where(np.isnan(x), True, x > 0.3),
    "float32": lambda x: x.astype(np.float32),
    "float16": lambda x: x.astype(np.float16),
}
TOLERANCES = {"float16": 2e-2, "float32": 1e-4, "complex64": 1e-4}
WIDER = ("np.histogram", "np.percentile", "np.nanquantile")
"""What NumPy computes in double precision from here or there on."""
OTHERWISE = {
    "np.pow(p, 2)": ("bool",),
    "np.piecewise": ("bool",),  # A function of no entries is called here, and not in NumPy.
}


def plain(result):
    """A result as arrays, in lists."""
    if isinstance(result, tuple | list):
        return [plain(part) for part in result]
    if isinstance(result, al.Tensor):
        return np.asarray(result._value())
    return np.asarray(result) if isinstance(result, np.ndarray | np.generic) else result


def equal(a, b, exact=1e-9):
    """Whether two results have the same dtypes and shapes, and numbers equal to rounding."""
    if isinstance(b, list):
        return (
            isinstance(a, list)
            and len(a) == len(b)
            and all(equal(*pair, exact) for pair in zip(a, b, strict=True))
        )
    if not isinstance(b, np.ndarray):
        return repr(a) == repr(b)
    exact = TOLERANCES.get(b.dtype.name, exact)
    return (
        a.dtype == b.dtype
        and a.shape == b.shape
        and np.allclose(a, b, rtol=exact, atol=exact, equal_nan=True)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_dtypes_are_numpys(kind):
    arrays = {name: KINDS[kind](x) for name, x in INPUTS.items()}
    tensors = {name: al.Tensor(x, requires_grad=x.dtype.kind == "f") for name, x in arrays.items()}
    wrong, tried = {}, 0
    for call in calls():
        if any(call.startswith(start) and kind in kinds for start, kinds in OTHERWISE.items()):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = plain(eval(call, SCOPE | arrays))
            except (TypeError, ValueError, OverflowError, np.linalg.LinAlgError):
                continue  # Not for this kind.
            tried += 1
            try:
                found = plain(eval(call, SCOPE | tensors))
            except Exception as error:  # noqa: BLE001  (whatever it is, it is wrong)
                found = error
        exact = TOLERANCES.get(kind, 1e-9) if call.startswith(WIDER) else 1e-9
        if not equal(found, expected, exact):
            wrong[call] = found, expected
    assert tried > 300
    assert wrong == {}
