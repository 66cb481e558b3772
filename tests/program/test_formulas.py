"""Formulas give NumPy's very numbers: of nan, infinity and -0.0, and for every length."""

import subprocess
import sys

import numpy as np
import pytest

from autograd_lite.program.formulas import FORMULAS
from autograd_lite.program.trace import expanded, trace

SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 0.0, -1.5, 1.0, -1.0, 2.0, 0.5, 3.0, 0.3, 1e30, 1e-30]
A = np.repeat(SPECIAL, len(SPECIAL))
B = np.tile(SPECIAL, len(SPECIAL))
M = np.cos(np.arange(12.0)).reshape(3, 4) * 3
PICKED = np.array([1, 2, 0])
P = np.array([-1.0, 0.0, 0.5, 3.0])
ONE = (np.sinc, np.round, np.fix, np.modf, np.isposinf, np.isneginf, np.nan_to_num)
TWO = (np.remainder, np.floor_divide, np.heaviside)
ALONG = (np.sort, np.argmax, np.argmin, np.any, np.all, np.count_nonzero, np.nanmax, np.nanmin)
CALLS = [
    *((f, (A,), {}) for f in ONE),
    *((f, (A, B), {}) for f in TWO),
    *((f, (A.astype(np.float32), np.float32(0.3)), {}) for f in TWO),
    *((f, (A.reshape(14, 14),), {"axis": axis}) for f in ALONG for axis in (0, 1, None)),
    *((f, (A.reshape(14, 14),), {"axis": 1, "keepdims": True}) for f in ALONG[1:]),
    *((np.sort, (np.roll(A, 5)[::3][:n],), {}) for n in range(1, 34)),
    *((np.round, (A,), {"decimals": n}) for n in (-1, 2)),
    *((np.clip, (A, low, high), {}) for low, high in ((-0.5, 1.0), (1.0, -0.5), (None, 0.5))),
    (np.clip, (A,), {"min": B, "max": B + 1}),
    *((np.argsort, (A.reshape(14, 14),), {"axis": k, "stable": True}) for k in (0, 1, None)),
    *((np.take, (M, PICKED), {"axis": axis}) for axis in (0, 1, -1, None)),
    *((np.take_along_axis, (M, PICKED.reshape(3, 1)), {"axis": axis}) for axis in (1, -1)),
    (np.take_along_axis, (M, PICKED), {"axis": None}),
    *((np.isclose, (A, B), {"equal_nan": same}) for same in (True, False)),
    *((np.isclose, (1 + 1e-5 * B, 1.0), {"rtol": r, "atol": 1e-5}) for r in (0, 1e-5, 1e-4)),
    *((np.linspace, (-1.5, M), {"num": n, "axis": k}) for n in (1, 2, 7) for k in (0, -1)),
    *(
        (f, (0.5, 0.5 + y), {"num": 5, "endpoint": b})
        for f in (np.linspace, np.logspace)
        for b in (True, False)
        for y in (0.0, 1.3)
    ),
    (np.linspace, (-1.5, M), {"num": 4, "dtype": int}),
    (np.sum, (A > 0,), {"dtype": int}),
    (np.sum, (M > 0,), {"dtype": float, "axis": 0}),
    *((np.unwrap, (3 * M,), {"axis": axis}) for axis in (0, 1)),
    *((np.unwrap, (3 * M,), {"period": 2.0, "discont": d}) for d in (None, 1.5)),
    *((np.searchsorted, (P, A), {"side": side}) for side in ("left", "right")),
    *((np.digitize, (A, P), {"right": right}) for right in (True, False)),
    *(
        (np.interp, (A, P, f), ends)
        for f in (P**2, np.array([1.0, 1.0, np.inf, 2.0]))
        for ends in ({}, {"left": -7.0, "right": 9.0})
    ),
    *((np.isin, (A, B[:n]), {"invert": n == 3}) for n in (0, 3)),
    *((np.angle, (A,), {"deg": deg}) for deg in (True, False)),
    (np.nan_to_num, (A,), {"nan": 1.0, "posinf": 3.0, "neginf": -4.0}),
    *(
        (np.linalg.vector_norm, (np.arange(6.0).reshape(2, 3) - 2,), {"axis": axis, "ord": order})
        for axis in (0, 1, None, (0, 1))
        for order in (0, 1, 2, 3, 0.5, np.inf, -np.inf)
    ),
]
TIES = {np.sort, np.nanmax, np.nanmin, np.clip}
"""Where zeros of both signs tie, NumPy takes either."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", FORMULAS)
def test_a_formula_gives_numpys_numbers(function):
    calls = [(args, kwargs) for f, args, kwargs in CALLS if f is function]
    assert calls or function is np.around
    for args, kwargs in calls:
        found, expected = FORMULAS[function](*args, **kwargs), function(*args, **kwargs)
        for a, b in zip(np.atleast_1d(found), np.atleast_1d(expected), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-14, err_msg=f"{function.__name__}{kwargs}")
            if function not in TIES and b.dtype.kind == "f":
                number = ~np.isnan(b)
                assert np.array_equal(np.signbit(a)[number], np.signbit(b)[number])


def test_what_is_first_used_in_a_trace_is_an_operation_in_it():
    """A family of operations is loaded when it is used, and two traces must not differ."""
    code = (
        "import numpy as np, autograd_lite as al\n"
        "slope = al.grad(lambda x: np.sum(np.cumsum(x)))\n"
        "f = al.compile(lambda x: np.cumsum(x) + slope(x), backend='numpy')\n"
        "assert f(np.ones(2)).tolist() == [3.0, 3.0]\n"
        "from autograd_lite.program.trace import expanded, trace\n"
        "assert expanded(trace(np.gradient, np.ones(4)).program.statements[0])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("x", [np.arange(5) ** 2, np.arange(5, dtype=np.uint8)])
def test_what_is_composed_of_real_numbers_is_left_to_numpy_where_there_are_none(x):
    statements = trace(lambda x: np.gradient(x, 2.0), x).program.statements
    assert all(expanded(s) is None for s in statements)
