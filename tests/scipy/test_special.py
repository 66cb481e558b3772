"""SciPy's functions on Tensors: the values are SciPy's, and derivatives those of differences."""

import re
import subprocess
import sys

import numpy as np
import pytest

import autograd_lite as al

special = pytest.importorskip("scipy.special", reason="SciPy is not installed")
ours = al.scipy.special

X = np.array([[0.2, 0.45, 0.7], [0.31, 0.55, 0.8]])


def behind(name, *given):
    """A function of SciPy's as one of its last argument."""
    return (lambda x: getattr(special, name)(*given, x),) * 2


ONE = "cbrt erf exp2 expit expm1 i0 i0e i1 i1e j0 j1 k0 k0e k1 k1e log1p y0 y1"
TWO = "jn jv yn yv iv ive kn kv kve gammainc gammaincc gammaincinv"
CALLS = {
    **{name: behind(name) for name in ONE.split()},
    **{name: behind(name, 2) for name in TWO.split()},
    **{name: behind(name, 1.5, 2.5) for name in ("betainc", "betaincc", "betaincinv", "hyp1f1")},
    "hyp2f1": behind("hyp2f1", 0.5, 1.5, 2.0),
    "boxcox": (lambda t: special.boxcox(t, 1 - t),) * 2,
    "boxcox by 0": (lambda t: special.boxcox(t, 0.0 * t),) * 2,
    "boxcox1p": (lambda t: special.boxcox1p(t, 1 - t),) * 2,
    "huber": (lambda t: special.huber(0.5 * t, 0.3 - t**2),) * 2,
    "pseudo_huber": (lambda t: special.pseudo_huber(t, 1 - t),) * 2,
    "polygamma": (lambda t: ours.polygamma(2, t), lambda t: special.polygamma(2, t)),
    "polygamma of order 0": (lambda t: ours.polygamma(0, t), special.digamma),
    "zeta": (lambda t: ours.zeta(3, t), lambda t: special.zeta(3, t)),
    "multigammaln": (lambda t: ours.multigammaln(t + 1, 3),
                     lambda t: special.multigammaln(t + 1, 3)),
    "softmax": (ours.softmax, special.softmax),
    "softmax of rows": (lambda t: ours.softmax(t, axis=1), lambda t: special.softmax(t, axis=1)),
    "log_softmax": (ours.log_softmax, special.log_softmax),
    "softplus": (ours.softplus, lambda t: np.log1p(np.exp(t))),
    "logsumexp": (ours.logsumexp, special.logsumexp),
    "logsumexp of columns": (lambda t: ours.logsumexp(t, 0, keepdims=True),
                             lambda t: special.logsumexp(t, 0, keepdims=True)),
    "logsumexp with factors": (lambda t: ours.logsumexp(t, axis=1, b=np.stack([2.0, 0.0, t[0, 0]])),
                               lambda t: special.logsumexp(t, axis=1, b=[2.0, 0.0, t[0, 0]])),
}  # fmt: skip
"""Calls of our functions, and of SciPy's, that are not those of an operation's own entry."""


@pytest.mark.parametrize("name", CALLS)
def test_the_value_is_scipys_and_the_derivatives_those_of_differences(name):
    mine, scipys = CALLS[name]
    np.testing.assert_allclose(mine(al.Tensor(X)).numpy(), scipys(X), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(mine(X), scipys(X), rtol=1e-13, atol=1e-15)
    assert al.gradcheck(mine, X, order=2)


@pytest.mark.parametrize("name", sorted(set(ours.__all__) - set(CALLS)))
def test_every_other_name_is_scipys_own_and_recorded(name):
    function = getattr(special, name)
    assert getattr(ours, name) is function
    t = al.Tensor(X, requires_grad=True)
    y = function(*[t] * getattr(function, "nin", 1))
    assert y.requires_grad
    np.testing.assert_allclose(y.numpy(), function(*[X] * getattr(function, "nin", 1)), rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "x"),
    [("gamma", -1.5), ("gammaln", -0.3), ("gammaln", -2.7), ("digamma", -1.4), ("rgamma", -0.5),
     ("erfcx", -1.0), ("dawsn", -3.0), ("log_ndtr", -40.0), ("log_ndtr", -1e8), ("log_ndtr", 5.0),
     ("log_expit", -800.0), ("exprel", 0.0),
     ("exprel", 1e-9), ("expi", -0.5)],
)  # fmt: skip
def test_derivatives_far_away_and_on_the_other_side(name, x):
    mpmath = pytest.importorskip("mpmath", reason="mpmath, which computes them, is missing")
    m = mpmath.mp
    f = {
        "gamma": m.gamma, "gammaln": lambda x: m.log(abs(m.gamma(x))), "digamma": m.digamma,
        "rgamma": m.rgamma, "erfcx": lambda x: m.exp(x * x) * m.erfc(x),
        "dawsn": lambda x: m.exp(-x * x) * m.erfi(x) * m.sqrt(m.pi) / 2,
        "log_ndtr": lambda x: m.log(m.ncdf(x)), "log_expit": lambda x: -m.log1p(m.exp(-x)),
        "exprel": lambda x: m.expm1(x) / x if x else m.mpf(1), "expi": m.ei,
    }[name]  # fmt: skip
    with mpmath.workdps(60):
        wanted = float(mpmath.diff(f, mpmath.mpf(x)))
    np.testing.assert_allclose(al.grad(getattr(special, name))(x), wanted, rtol=1e-11)


@pytest.mark.parametrize("name", ["huber", "pseudo_huber", "zeta"])
def test_values_at_the_edge_of_the_domain_are_scipys(name):
    x = np.array([0.0, -1.0, 0.5, 1.0, 3.0, np.nan])
    if name == "zeta":
        np.testing.assert_array_equal(ours.zeta(x), special.zeta(x))
        return
    f, r = getattr(special, name), np.array([0.7, 0.2, -3.0, 0.0, 1.0, 1.0])
    t = al.Tensor(x, requires_grad=True)
    y = f(t, r)
    np.testing.assert_allclose(y.numpy(), f(x, r), rtol=1e-15)
    np.sum(y).backward()
    assert np.isfinite(t.grad.numpy()[:5]).all()


@pytest.mark.parametrize("n", range(5))
def test_the_reciprocal_of_gamma_is_smooth_at_its_poles(n):
    slope = al.grad(special.rgamma)(-float(n))
    np.testing.assert_allclose(slope, (-1) ** n * special.factorial(n), rtol=1e-14)


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (special.entr, [0.0]),
        (lambda a: special.xlogy(a, 0.0), [0.0]),
        (lambda b: special.xlogy(0.0, b), [0.0]),
        (lambda a: special.rel_entr(a, 0.5), [0.0]),
        (lambda a: special.kl_div(a, 0.5), [0.0]),
        (lambda b: special.kl_div(0.0, b + 1), [1.0]),
        (lambda b: special.xlog1py(0.0, b - 1), [0.0]),
    ],
)
def test_where_a_logarithm_of_0_is_multiplied_with_0_the_derivative_is_finite(f, wanted):
    x = al.Tensor([0.0], requires_grad=True)
    y = f(x)
    y.sum().backward(create_graph=True)
    assert x.grad.tolist() == wanted


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda t: special.jv(t, 1.0), "v"),
        (lambda t: special.jv(t, t), "v"),
        (lambda t: special.gammainc(t, 1.0), "a"),
        (lambda t: special.betainc(1.0, t, 0.5), "b"),
        (lambda t: ours.polygamma(t, 1.0), "n"),
        (lambda t: ours.zeta(t, 1.0), "x"),
    ],
)
def test_a_parameter_without_a_derivative_is_refused_by_name(call, argument):
    t = al.Tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match=rf"has no derivative by {argument} in autograd_lite, got"):
        call(t)
    assert np.isfinite(call(t.detach()))


def test_what_has_no_derivative_is_refused_with_what_to_write():
    t = al.Tensor(0.5, requires_grad=True)
    with pytest.raises(TypeError, match=r"^scipy\.special\.ellipk has no derivative in autograd"):
        special.ellipk(t)
    with pytest.raises(al.GradientError, match=r"al\.scipy\.special\.softmax\(t\)"):
        special.softmax(t)
    said = re.escape("For its value, call scipy.special.ellipk with t.numpy()")
    with pytest.raises(AttributeError, match=said):
        _ = ours.ellipk
    with pytest.raises(ValueError, match=r"needs a > \(d - 1\) / 2 = 1\.0"):
        ours.multigammaln(t, 3)


def test_a_derivation_imports_what_it_calls_and_runs():
    t = al.Tensor([0.5, 2.0], requires_grad=True, name="t")
    derivation = al.derive(np.sum(special.gammaln(t) * t))
    scope = {"np": np}
    exec(str(derivation), scope)
    _, gradients = scope["loss_and_gradients"](t.numpy())
    np.testing.assert_allclose(gradients["t"], derivation.function(t=t.numpy())[1]["t"])
    assert str(derivation).startswith("from scipy import special\n\ndef loss_and_gradients(t)")


def test_a_compiled_function_calls_scipy():
    def f(x):
        return np.sum(special.gammaln(x) * special.jv(2, x) * special.erfc(x))

    compiled = al.compile(al.value_and_grad(f), backend="numpy")
    for got, wanted in zip(compiled(X), al.value_and_grad(f)(X), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-14)


def test_out_is_a_recorded_write():
    x = al.Tensor(X, requires_grad=True)
    out = np.zeros_like(x)
    special.gammaln(x, out=out)
    (out * out).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * special.gammaln(X) * special.digamma(X))


def test_scipy_is_imported_for_those_alone_who_use_it():
    program = """
import sys, numpy as np, autograd_lite as al
from autograd_lite import ops
w = al.Tensor([1.0, 2.0], requires_grad=True)
np.linalg.norm(w), np.fft.fft(w), al.derive(np.sum(w)), ops.load()
assert not any(name.partition(".")[0] == "scipy" for name in sys.modules)
import scipy.special
assert "autograd_lite.ops.gammas" not in sys.modules
scipy.special.gammaln(w).sum().backward()
assert "autograd_lite.scipy" not in sys.modules
import pickle
assert pickle.loads(pickle.dumps(ops.gammaln)) is ops.gammaln
assert al.scipy.special.gammaln is scipy.special.gammaln
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_without_scipy_the_door_says_what_to_install(tmp_path):
    program = """
import sys
sys.modules["scipy"] = None
import importlib.util
importlib.util.find_spec = lambda name: None
import autograd_lite as al
try:
    al.scipy
except ImportError as error:
    assert "pip install 'autograd_lite[scipy]'" in str(error)
else:
    raise AssertionError
from autograd_lite import *
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
