"""Programs at random, of one kind each, against an independent library: in value, gradient and
Hessian product.

HIPS autograd computes those with transforms inside of a computation, PyTorch views that are written
to and then have hooks. Memory layouts and writes with `out=` are NumPy's own: there the program
itself runs on complex numbers, whose imaginary parts carry a derivative without an error of
differences. Programs of SciPy's functions run in SciPy, and their derivatives are differences.

``PROGRAMS=2000 python -m pytest -k by_kind -n 0 -s tests/numpy_api`` runs as many, from a seed of
its own (or `SEED`), and prints how many of each kind agree.
"""

import functools
import os
import time

import autograd
import autograd.numpy as anp
import numpy as np
import oracles
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
from oracles import units

import autograd_lite as al

WANTED = int(os.environ.get("PROGRAMS", "0"))
SEED = int(os.environ.get("SEED", time.time_ns() % 10**9 if WANTED else 0))


class Library:
    """What a program calls, beside NumPy's functions: `grad`, and SciPy's modules."""

    def __init__(self, numpy, grad, scipy):
        self.numpy, self.grad, self.scipy = numpy, grad, scipy

    def __getattr__(self, name):
        return getattr(self.numpy, name)


def moderate(np, y):
    return y / (1.0 + 0.1 * np.sum(np.abs(y) ** 2))


# ---------------------------------------------------------------- steps without writes

NESTED = {
    "product": lambda np, a, b: np.sin(a) * b,
    "tanh": lambda np, a, b: np.tanh(a @ b),
    "inner": lambda np, a, b: np.grad(lambda z: np.sum(np.sin(z * b) * a))(a),
    "closed over": lambda np, a, b: np.grad(lambda z: np.sum(np.tanh(z @ a) * np.cos(b)))(b),
    "outer operand": lambda np, a, b: a * np.grad(lambda s: np.sum(np.exp(0.1 * s * a) * b))(0.7),
    "twice": lambda np, a, b: np.grad(
        lambda z: np.sum(np.grad(lambda w: np.sum(np.sin(w) * z * a))(b) * z)
    )(a),
    "descent": lambda np, a, b: b - 0.1 * np.grad(lambda z: np.sum((a @ z - 1.0) ** 2))(b),
    "unused": lambda np, a, b: np.grad(lambda z: np.sum(z * z * z))(b) + 0.0 * a,
}

SCIPY = {
    **{
        name: lambda np, a, b, name=name: getattr(np.scipy.special, name)(a) * b
        for name in ["erf", "erfc", "expit", "i0e", "i1e", "log_ndtr", "ndtr"]
    },
    **{
        name: lambda np, a, b, name=name: getattr(np.scipy.special, name)(1.5 + np.tanh(a)) + b
        for name in ["gammaln", "digamma", "entr", "i0", "i1"]
    },
    **{
        name: lambda np, a, b, name=name: getattr(np.scipy.special, name)(0.5 + 0.4 * np.tanh(a))
        for name in ["logit", "ndtri", "erfinv"]
    },
    **{
        name: lambda np, a, b, name=name: getattr(np.scipy.special, name)(
            1.5 + np.tanh(a), 1.5 + np.sin(b)
        )
        for name in ["xlogy", "xlog1py", "betaln", "rel_entr"]
    },
    "polygamma": lambda np, a, b: np.scipy.special.polygamma(1, 2.0 + np.tanh(a)) * b,
    "logsumexp": lambda np, a, b: np.scipy.special.logsumexp(a, axis=0) * b,
    "softmax": lambda np, a, b: np.scipy.special.softmax(a, axis=1) @ b,
    "log_softmax": lambda np, a, b: np.scipy.special.log_softmax(a, axis=1) * b,
    "expm": lambda np, a, b: np.scipy.linalg.expm(0.3 * np.tanh(a)) @ b,
    "triangular": lambda np, a, b: np.scipy.linalg.solve_triangular(
        np.tanh(a) + 3.0 * np.eye(3), b, lower=True
    ),
    "cho_solve": lambda np, a, b: np.scipy.linalg.cho_solve(
        np.scipy.linalg.cho_factor(a @ a.T + 2.0 * np.eye(3)), b
    ),
    "norm": lambda np, a, b: np.scipy.stats.norm.logpdf(a, b, 1.5 + np.tanh(a)),
    "gamma": lambda np, a, b: np.scipy.stats.gamma.logpdf(1.5 + np.tanh(a), 2.0 + np.tanh(b)),
    "t": lambda np, a, b: np.scipy.stats.t.logpdf(a, 3.0 + np.tanh(b)),
}


def pure(steps):
    """Make the programs of a kind whose steps write to nothing."""

    def make(rng):
        names = [str(name) for name in rng.choice(list(steps), rng.integers(2, 7))]
        picks = rng.integers(0, 50, (len(names), 2))
        weights = rng.normal(size=(2, 3, 3))

        def run(np, x):
            pool = [x, 0.5 * x.T]
            total = 0.0
            for name, (i, k) in zip(names, picks, strict=True):
                y = moderate(np, steps[name](np, pool[i % len(pool)], pool[k % len(pool)]))
                pool.append(y)
                total = total + np.sum(np.real(y) * weights[0] + np.imag(y) * weights[1])
            return total

        return names, run

    return make


def by_hips(run, x, v):
    lib = Library(anp, autograd.grad, None)
    gradient = autograd.grad(lambda x: run(lib, x))
    return run(lib, x), gradient(x), autograd.grad(lambda x: anp.sum(gradient(x) * v))(x)


def by_scipy(run, x, v, step=1e-3):
    lib = Library(np, None, scipy)
    slope = functools.partial(oracles.slope, step=step)

    def gradient(x):
        return np.array(
            [slope(lambda h, unit=unit: run(lib, x + h * unit)) for _, unit in units(x.shape)]
        )

    return (
        run(lib, x),
        gradient(x).reshape(x.shape),
        slope(lambda h: gradient(x + h * v).reshape(x.shape)),
    )


# ---------------------------------------------------------------- steps that write

LAYOUTS = {
    "transpose": lambda np, a, k: a.T,
    "reverse": lambda np, a, k: a[::-1],
    "flat": lambda np, a, k: a.reshape(-1).reshape(3, 3),
    "ravel": lambda np, a, k: np.ravel(a, order="CFAK"[k % 4]).reshape(3, 3),
    "reshape": lambda np, a, k: np.reshape(a, (3, 3), order="CFA"[k % 3]),
    "copy": lambda np, a, k: np.copy(a, order="CFAK"[k % 4]),
    "swap": lambda np, a, k: np.swapaxes(a, 0, 1)[:, ::-1],
    "sin": lambda np, a, k: np.sin(a),
    "product": lambda np, a, k: a * np.cos(a.T),
    "like": lambda np, a, k: np.zeros_like(a) + a,
}


def write_flat(np, a, k):
    """What NumPy shares with `a`, its layout decides."""
    flat = a.reshape(-1) if k % 2 else np.ravel(a, order="K")
    flat[k % 9] = np.sin(flat[(k + 4) % 9])
    flat[::2] *= 0.7
    return a


def write_column(np, a, k):
    row = a.T[k % 3]
    row += 0.3 * a[0, 0]
    return a * a


LAYOUTS |= {"write flat": write_flat, "write column": write_column}


def accumulate(np, a, b, c, k):
    np.add.at(c, (np.array([0, 2, 0]), k % 3), a[1])
    return c


def put_along(np, a, b, c, k):
    np.put_along_axis(c, np.array([[0], [2], [1]]), b[:, :1] * a[:, 1:2], 1)
    return c


def copyto(np, a, b, c, k):
    np.copyto(c, a * b, where=np.arange(9).reshape(3, 3) % 2 == k % 2)
    return c


def masked(np, a, b, c, k):
    return np.multiply(a, c, out=c, where=np.eye(3) == k % 2)


def through_view(np, a, b, c, k):
    np.sin(a[1:], out=c[:2])
    np.divide(c[0], 2.0 + np.cos(b[0]), out=c[k % 3])
    return c


def sums(np, a, b, c, k):
    np.sum(a * b, axis=k % 2, out=c[1])
    return c


OUT = {
    "add": lambda np, a, b, c, k: np.add(a, b, out=c),
    "multiply itself": lambda np, a, b, c, k: np.multiply(c, np.sin(a), out=c),
    "exp": lambda np, a, b, c, k: np.exp(0.3 * np.sin(b), out=c),
    "matmul": lambda np, a, b, c, k: np.matmul(np.tanh(a), np.sin(b), out=c),
    "transposed": lambda np, a, b, c, k: np.subtract(a, b, out=c.T),
    "accumulate": accumulate,
    "put along": put_along,
    "copyto": copyto,
    "masked": masked,
    "through view": through_view,
    "sums": sums,
}


def layouts(rng):
    names = [str(name) for name in rng.choice(list(LAYOUTS), rng.integers(3, 9))]
    picks = rng.integers(0, 60, (len(names), 2))
    weights = rng.normal(size=(len(names) + 2, 3, 3))
    order = "CF"[rng.integers(2)]

    def run(np, x):
        start = np.copy(x * 1.0, order=order)
        pool = [start, np.concatenate([start, x], axis=0)[::2]]
        for name, (i, k) in zip(names, picks, strict=True):
            pool.append(LAYOUTS[name](np, pool[i % len(pool)], k))
        return sum(np.sum(np.sin(0.5 * y) * w) for y, w in zip(pool, weights, strict=True))

    return names, run


def outs(rng):
    names = [str(name) for name in rng.choice(list(OUT), rng.integers(3, 9))]
    picks = rng.integers(0, 60, (len(names), 3))
    weights = rng.normal(size=(3, 3))

    def run(np, x):
        pool = [np.sin(x), x * x.T, np.zeros_like(x), x + 0.5]
        total = 0.0
        for name, (i, j, k) in zip(names, picks, strict=True):
            c = pool[k % 4]
            y = OUT[name](np, pool[i % 4], pool[j % 4], c, k)
            total = total + np.sum(np.sin(0.3 * y) * weights)
        return total + sum(np.sum(np.cos(0.3 * y) * weights) for y in pool)

    return names, run


def by_numpy(run, x, v):
    """Value, gradient and Hessian product by NumPy on complex numbers."""

    def gradient(x):
        found = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            moved = x.astype(complex)
            moved[index] += 1e-30j
            found[index] = np.imag(run(np, moved)) / 1e-30
        return found

    return run(np, x), gradient(x), oracles.slope(lambda h: gradient(x + h * v), step=1e-5)


# ---------------------------------------------------------------- views that have hooks

VIEWS = {
    "row": lambda t, k: t[k % 3],
    "column": lambda t, k: t[:, k % 3],
    "block": lambda t, k: t[:2, k % 2 :],
    "transposed row": lambda t, k: t.T[k % 3],
    "of a view": lambda t, k: t[1:][0],
    "entry": lambda t, k: t[k % 3, 1:2],
}


def imul(t, value):
    t *= value


def iadd(t, value):
    t += value


WRITES = {
    "multiply": lambda t, base, copy: imul(t, 0.7),
    "add": lambda t, base, copy: iadd(t, copy(base)[0, 0]),
    "assign": lambda t, base, copy: t.__setitem__(0, copy(base)[1, 1] * copy(base)[2, 0]),
    "whole": lambda t, base, copy: imul(base, copy(base)[0, 1]),
}


def keep(taken, number, g):
    taken.setdefault(number, g)


def viewed(rng):
    """Return a function of (lib, x, copy): `copy` keeps PyTorch from saving what is written to."""
    views = [str(name) for name in rng.choice(list(VIEWS), rng.integers(2, 5))]
    writes = [str(name) for name in rng.choice(list(WRITES), rng.integers(2, 6))]
    picks = rng.integers(0, 60, len(views) + len(writes))
    weights = rng.normal(size=(4, 3, 3))

    def run(lib, x, copy, taken):
        base = lib.sin(x) * 1.5
        pool = [VIEWS[name](base, k) for name, k in zip(views, picks, strict=False)]
        total = lib.sum(copy(base) * copy(base) * weights[3].item(0))
        for name, k in zip(writes, picks[len(views) :], strict=True):
            WRITES[name](pool[k % len(pool)], base, copy)
            total = total + lib.sum(lib.sin(copy(pool[(k + 1) % len(pool)])))
        for number, t in enumerate(pool):
            t = copy(
                t[...]
            )  # PyTorch crashes where a view of what has been written to gets a hook.
            t.register_hook(functools.partial(keep, taken, number))
            total = total + lib.sum(lib.cos(t) * weights[0].item(number))
        return total + lib.sum(lib.tanh(copy(base)) ** 2)

    return views + writes, run


def by_pytorch(run, x, v):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    t, taken = torch.tensor(x, requires_grad=True), {}
    y = run(torch, t, torch.clone, taken)
    (gradient,) = torch.autograd.grad(y, t, create_graph=True)
    (product,) = torch.autograd.grad((gradient * torch.tensor(v)).sum(), t)
    hooked = [taken[number].detach().numpy() for number in sorted(taken)]
    return y.item(), gradient.detach().numpy(), product.numpy(), *hooked


def ours_with_hooks(run, x, v):
    t, taken = al.Tensor(x, requires_grad=True), {}
    y = run(np, t, lambda t: t, taken)
    y.backward(create_graph=True)
    gradient = t.grad
    hooked = [taken[number].numpy() for number in sorted(taken)]
    t.zero_grad()
    (gradient * v).sum().backward()
    return y.item(), gradient.numpy(), t.grad.numpy(), *hooked


# ---------------------------------------------------------------- the tests


def ours(run, x, v):
    lib = Library(np, al.grad, al.scipy)
    value, gradient = al.value_and_grad(lambda x: run(lib, x))(x)
    (product,) = al.hvp(lambda x: run(lib, x), (x,), (v,))
    return value, gradient, product


KINDS = {
    "nested": (pure(NESTED), ours, by_hips),
    "scipy": (pure(SCIPY), ours, by_scipy),
    "layouts": (layouts, ours, by_numpy),
    "out": (outs, ours, by_numpy),
    "views with hooks": (viewed, ours_with_hooks, by_pytorch),
}
FEW = 12
"""How many programs of a kind always run."""


def agree(got, want, close):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        size = 1 + np.abs(b).max()
        np.testing.assert_allclose(a, b, rtol=close, atol=0.1 * close * size)


@pytest.mark.parametrize("kind", KINDS)
def test_value_gradient_and_hessian_product_are_those_of_an_independent_library(kind):
    make, mine, theirs = KINDS[kind]
    close = 1e-6 if theirs is by_scipy else 1e-8
    count = -(-WANTED // len(KINDS)) or FEW
    off = []
    for seed in range(SEED, SEED + count):
        rng = np.random.default_rng(seed)
        steps, run = make(rng)
        x, v = 0.8 * rng.normal(size=(2, 3, 3))
        try:
            got = mine(run, x, v)
            try:
                agree(got, theirs(run, x, v), close)
            except AssertionError:
                if theirs is not by_scipy:
                    raise
                agree(got, by_scipy(run, x, v, 1e-4), close)  # Near a pole, steps are too long.
        except Exception as error:  # noqa: BLE001  # All that disagree are told at once.
            off.append(f"seed {seed}, {steps}: {type(error).__name__}: {error}")
    print(f"{kind}: {count - len(off)} of {count} agree, seeds from {SEED}")
    assert not off, f"{len(off)} of {count}:\n" + "\n".join(off[:5])
