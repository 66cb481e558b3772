"""Machine code gives what NumPy gives, for nan, inf and -0.0 too; or NumPy runs."""

import itertools
import time

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.compile.numba_code import machine_code
from autograd_lite.compile.sheet import LoweringError

pytest.importorskip("numba")
SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, -1.5, 1.0, -1.0, 2.0, 0.5, 3.0, 0.3])
EITHER_ZERO = ("max", "nanmean", "min", "@", "sum", "clip(x, x", "relu")
"""Calls in which NumPy itself gives 0.0 or -0.0 by the order of what it compares or adds."""
pytestmark = pytest.mark.filterwarnings("ignore")

WRITTEN_OUT = """
np.power(x, 0.5) | np.power(x, y) | np.power(2.0, x) | x**2 | x**3 | x**-1 | x**-1.0 | x**0
x ** y[1] | np.sqrt(x) | np.log(x) | np.log2(x) | np.log1p(x) | np.arcsin(x) | np.arccosh(x)
np.arctanh(x) | np.exp(x) | np.exp2(x) | np.expm1(x) | np.tanh(x) | np.sin(x) | np.sinh(x)
np.sign(x) | np.signbit(x) | np.isnan(x) | np.isfinite(x) | np.floor(x) | np.ceil(x) | np.rint(x)
np.fmin(x, y) | np.fmax(x, y) | np.minimum(x, y) | np.maximum(x, y) | np.max(x) | np.min(y)
np.hypot(x, y) | np.arctan2(x, y) | np.copysign(x, y) | np.fmod(x, y)
np.logaddexp(x, y) | np.reciprocal(x) | 1 / x | x / y | x * 0 | x + 0 | 0 - x | -x | x - x
np.where(x, x, y) | np.where(x > y, x, y) | np.logical_and(x, y) | np.logical_xor(x, y)
(x > 0) & (y > 0) | ~(x > 0) | (x > 0) * x | (x > 0).astype(int) + 1 | np.nextafter(x, y)
np.abs(x) | np.cbrt(x) | np.prod(x) | np.cumsum(x) | np.sum(x > 0) * x | x @ y
x.astype(np.float32) ** 0.5 | x.astype(np.float32) + 1 | x.astype(np.float32) > 0.3
al.grad(lambda x: np.sum(np.abs(x)))(x) | al.grad(lambda x: np.sum(x**3))(x)
np.clip(x, -1.0, 1.0) | np.clip(x, -0.0, 2.0) | np.clip(x, None, 0.5) | np.clip(x, x, y)
x // 2.0 | 2.0 // x | x // y | x % y | 2.0 % x | x % -0.3 | np.divmod(x, y)[0]
np.nan_to_num(x * np.nan) | np.nan_to_num(x, nan=1.0, posinf=3.0, neginf=-4.0) | np.nan_to_num(x)
np.heaviside(x, 0.5) | np.heaviside(x, y) | np.sinc(x) | np.round(x) | np.round(x, 2)
np.round(x, -1) | np.fix(x) | np.modf(x)[0] | np.modf(x)[1] | np.isposinf(x) | np.isneginf(x)
np.any(x) | np.all(x) | np.any(x > 0) | np.all(x > y, axis=0) | np.count_nonzero(x)
np.argmax(x) | np.argmin(x) | np.argmax(x, keepdims=True) | np.argmin(np.stack([x, y]), axis=0)
np.sort(np.stack([x, y]), axis=0) + 0 | np.sort(np.concatenate([x, y, -x])) + 0 | np.nanmax(x)
np.sort(x.astype(np.float32)) + 0 | x.astype(np.float32) // 0.3 | x.astype(np.float32) % 0.3
np.clip(x.astype(np.float32), 0.3, 0.7) | np.nan_to_num(x.astype(np.float32))
np.linalg.norm(x) | np.linalg.norm(x, np.inf) | np.linalg.norm(x, 1) | np.linalg.norm(x, 3)
np.linalg.norm(x, -np.inf) | np.linalg.norm(x, 0) | np.mean(x) | np.var(x) | np.std(x, ddof=1)
np.argsort(np.stack([x, y, x]), axis=0, stable=True) | np.isclose(x, y) | np.nanmean(x[None], 0)
(x > 0).astype(int) // ((y > 0) - 1) | (x > 0).astype(int) % 2 | np.linspace(x, y, 3)[1]
np.interp(x, [-1.0, 0.0, 2.5], [1.0, np.inf, 2.0]) | np.digitize(x, [-1.0, 0.0, 2.0])
np.isin(x, y) | np.searchsorted([-1.0, 0.0, 2.5], y) | np.gradient(x) | np.unwrap(x * 4)
np.real(x) | al.relu(x) | al.sigmoid(x) | al.softplus(x) | al.softmax(x) | al.logsumexp(x)
al.grad(lambda x: np.sum(np.clip(x, -1.0, 1.0)))(x) | al.grad(lambda x: np.sum(x % 0.7))(x)
al.grad(lambda x: np.sum(np.sqrt(x)))(x) | al.grad(lambda x: np.sum(np.maximum(x, 0)))(x)
"""
LEFT_TO_NUMPY = """
np.spacing(x) | np.argsort(x) * x | (x > 0).astype(np.int32) // 2 * x
np.real(x * 1j) | np.imag(x * 1j) | np.sum((x * 1j).astype(float))
((x > 0) + (y > 0)) * x
((x > 0) @ (y > 0)) * x | np.diff(x > 0) * 2
(np.where(y > 0, 1, -1).astype(np.int8) * 100 * 2) * x
"""


def functions(text):
    return [call.strip() for call in text.strip().replace("\n", "|").split("|")]


def inputs():
    """Pairs of two numbers each: small, so that machine code is soon made."""
    pairs = zip(itertools.cycle(SPECIAL), np.repeat(SPECIAL, len(SPECIAL)), strict=False)
    rows = np.array([*pairs]).reshape(-1, 2, 2)
    return [(rows[:, :, 0][k], rows[:, :, 1][k]) for k in range(len(rows))]


def same(found, expected, call):
    assert np.asarray(found).dtype == np.asarray(expected).dtype, call
    rtol = 1e-6 if expected.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found, expected, rtol=rtol, err_msg=call)
    if expected.dtype.kind == "f" and not any(word in call for word in EITHER_ZERO):
        numbers = ~np.isnan(expected)
        np.testing.assert_array_equal(
            np.signbit(found)[numbers], np.signbit(expected)[numbers], err_msg=call
        )


@pytest.mark.parametrize("part", range(4))  # Each is compiled in a second or two.
def test_machine_code_gives_numpys_numbers(part):
    calls = functions(WRITTEN_OUT)[part::4]
    f = eval(f"lambda x, y: ({', '.join(calls)})", {"np": np, "al": al})
    fast = al.compile(f, backend="numba")
    for x, y in inputs():
        for call, found, expected in zip(calls, fast(x, y), f(x, y), strict=True):
            same(found, expected, call)
    assert fast.why.startswith("numba")


@pytest.mark.parametrize("call", functions(LEFT_TO_NUMPY))
def test_what_machine_code_would_get_wrong_is_left_to_numpy(call):
    f = eval(f"lambda x, y: {call}", {"np": np})
    fast = al.compile(f, backend="numba")
    for x, y in inputs():
        same(fast(x, y), f(x, y), call)
    assert "NumPy, since numba does not do" in fast.why


def test_what_is_too_much_is_said_though_numpy_goes_on_after_an_error():
    """NumPy's loops over objects do; then their error is a SystemError, whatever the first was."""
    w = al.Tensor(np.ones((12, 8)), requires_grad=True)
    step = al.compile(lambda x: np.sum(np.tanh(x @ w)), al.optim.SGD([w], lr=0.1), backend="numba")
    step(np.ones((12, 12)))
    assert step.why.endswith("does not do matmul (float64[12, 8]): more than 4000 numbers")


EMPTY = ["np.sum(x)", "np.nanmean(x)", "np.prod(x, axis=1)", "np.cumulative_prod(x, axis=1)"]
EMPTY += ["np.cumulative_prod(x, axis=-1, include_initial=True)", "np.linspace(0, 1, 3)"]


@pytest.mark.parametrize("call", EMPTY)
def test_machine_code_of_an_array_without_entries(call):
    f = eval(f"lambda x: np.sum({call})", {"np": np})
    x = np.empty((2, 0))
    for one in (f, al.value_and_grad(f)):
        fast = al.compile(one, backend="numba")
        np.testing.assert_equal(fast(x), one(x))
        assert fast.why.startswith("numba")


def test_what_refuses_ones_is_not_written_out():
    f = al.grad(lambda x: np.sum(np.intersect1d(x, x[::-1], assume_unique=True) ** 2))
    fast, x = al.compile(f, backend="numba"), np.array([3.0, 2.0, 5.0])
    for row in (x, 2 * x):
        np.testing.assert_array_equal(fast(row), f(row))
    assert "NumPy, since numba does not do" in fast.why


def test_a_step_beside_eager_takes_rounding_for_rounding_where_there_is_nan():
    fast = al.compile(np.tanh, backend="numba")
    x = np.linspace(-2, 2, 12)
    for k in range(9):
        np.testing.assert_allclose(fast(np.append(x, k)), np.tanh(np.append(x, k)))
        np.testing.assert_allclose(fast(np.append(x, np.nan)), np.tanh(np.append(x, np.nan)))


LINES = """
def f(n, x, c):
    a = x[0]
    b = x[1]
    i = 3
    e = a > b
    for k in range(n):
        p = (a + b) * 2
        q = np.exp(-p) % 0.3
        r = np.maximum(q, np.nan) if c else p
        s = np.hypot(p, (-1.5)) / (i // 2)
        t = ~e
        x[k] = s
        a = b
        b = s
        i = i + 1
        e = (a < b) == t
    x[2] = a
    x[3] = i
    x[4] = e
    x[5] = q
    for k in range(n):
        rows = np.zeros((5000, 2), np.float64)
        for t in range(k):
            rows[t - 6, 1] += b * k
        x[6] = rows[4999, 1]
    return b
"""


def test_lines_in_a_row_are_one_instruction_with_the_same_numbers():
    kinds = [(np.dtype(int), -1), (np.dtype(float), 1), (np.dtype(bool), -1)]
    names = {"np": np}
    exec(LINES, names)
    x = np.array([0.3, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0])
    y = x.copy()
    expected = names["f"](6, x, False)
    fast = machine_code(LINES, kinds, [(np.dtype(float), True)]).call
    assert fast(6, y, False) == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(y, x, rtol=1e-14)


def test_lines_that_numba_has_no_type_for_are_refused():
    kinds = [(np.dtype(int), -1), (np.dtype(float), 1), (np.dtype(bool), -1)]
    for before, after, said in (
        ("np.hypot(p", "np.hypot(p, p, p", "hypot"), ("if c else", "if c and c else", "c and c"),
    ):  # fmt: skip
        with pytest.raises(LoweringError, match=said):
            machine_code(LINES.replace(before, after), kinds)


@pytest.mark.parametrize("direct", [True, False])
def test_what_memory_has_no_room_for_is_an_error(direct):
    source = f"def f(n):\n    x = np.empty(({1 << 50}, 2), np.float64)\n    x[0, 0] = n"
    with pytest.raises(MemoryError):
        machine_code(source, [(np.dtype(int), -1)], direct=direct).call(3)


@pytest.mark.parametrize("name", ["erfc", "ndtr", "dawsn", "gammaln", "j0"])
def test_gradients_of_functions_that_numba_lacks_run_in_scipy(name):
    pytest.importorskip("scipy")
    f = al.value_and_grad(lambda x: np.sum(getattr(al.scipy.special, name)(x) ** 2))
    x = np.linspace(0.2, 0.9, 4)
    for compiled, eager in zip(al.compile(f, backend="numba")(x), f(x), strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-13)


def test_in_a_hurry_numpy_runs_what_takes_seconds_to_compile():
    x = np.ones((40, 40))
    quick = al.compile(lambda x: np.tanh(x) * 2.0)
    np.testing.assert_allclose(quick(x), np.tanh(x) * 2.0)
    assert "lines in little time" in quick.why
    assert not quick.why.startswith("numba")


SOON = [np.sort, np.median, np.argmax, np.nanmax, np.any, al.grad(np.prod)]
SOON += [al.grad(lambda x: np.sum(np.cumprod(x)))]


@pytest.mark.parametrize("f", SOON)
def test_what_takes_thousands_of_comparisons_is_left_to_numpy(f):
    x = np.linspace(0.99, 1.01, 2000)
    quick = al.compile(lambda x: f(x) * 2.0)
    np.testing.assert_allclose(quick(x), f(x) * 2.0, rtol=1e-9)
    assert "NumPy, since numba does not do" in quick.why


def test_many_parameters_are_soon_compiled():
    ws = [al.Tensor([float(k), 1.0], requires_grad=True) for k in range(60)]
    step = al.compile(lambda x: -sum(np.sum(w) * x for w in ws), al.optim.SGD(ws, lr=1.0))
    began = time.process_time()
    step(2.0)
    assert time.process_time() - began < 10  # About one; a tuple of their arrays took twenty.
    assert step.why.startswith("numba")
    assert [w.numpy()[1] for w in ws] == [3.0] * 60


def test_many_powers_and_functions_are_soon_compiled_and_choose_as_numpy_does():
    t = np.linspace(0.1, 2, 80)
    f = al.compile(lambda x, k: np.sum(np.tanh(x / t) ** k + np.maximum(x, t) ** k))
    began = time.process_time()
    for k in (0.5, 0.5, 2.5):
        expected = np.sum(np.tanh(0.7 / t) ** k + np.maximum(0.7, t) ** k)
        np.testing.assert_allclose(f(np.array(0.7), k), expected, rtol=1e-13)
    assert time.process_time() - began < 6  # About one; 160 branches of numba's took twenty.
    assert f.why.startswith("numba")


def test_what_numba_itself_cannot_put_together_runs_in_numpy():
    f = al.compile(lambda x, y: np.sum(np.log2(x)) + np.sum(np.log2(y)))
    assert f(np.full(2, 2, np.float32), np.full(2, 2.0)) == 4
