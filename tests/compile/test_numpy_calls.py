"""NumPy's functions compile: each call gives what it gives without, or is refused."""

import warnings

import numpy as np
from numpy_calls import INPUTS, SCOPE, calls

import autograd_lite as al


def equal(a, b):
    if isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(equal, a, b))
    if not isinstance(b, np.ndarray | np.generic):
        return repr(a) == repr(b)
    return np.asarray(a).dtype == b.dtype and np.allclose(a, b, rtol=1e-12, equal_nan=True)


def test_a_mean_of_short_floats_is_not_added_up_in_them():
    x = np.full((2000, 2), 100, np.float16)
    np.testing.assert_array_equal(al.compile(lambda x: x.mean(0), backend="numpy")(x), x[0])


def test_compiled_calls_are_numpys():
    wrong, refused, tried = {}, [], 0
    for call in calls():
        names = sorted(name for name in INPUTS if name in call)
        function = eval(f"lambda {', '.join(names)}: {call}", dict(SCOPE))
        arrays = [INPUTS[name] for name in names]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = function(*arrays)
            compiled = al.compile(function, backend="numpy")
            try:
                found = [compiled(*arrays) for _ in range(2)]
            except al.TraceError:
                refused.append(call)
                continue
        tried += 1
        if not all(equal(result, expected) for result in found):
            wrong[call] = found, expected
    assert wrong == {}
    assert tried > 430
    assert len(refused) < 20
