"""Programs at random with complex numbers on the way, against HIPS autograd.

A program is a list of steps on a pool of values, real and complex; its result is real. A step that
would make numbers too large is followed by one that makes them small.
"""

import os

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from oracles import slope

import autograd_lite as al

COUNT = int(os.environ.get("PROGRAMS", "200")) // 5
SEED = int(os.environ.get("SEED", "0"))
MATRIX = np.array([[1.0, 0.3j, 0.2], [0.1 - 0.2j, 2.0, 0.4], [0.3, 0.5j, 1.5]])
PHASES = np.exp(-2j * np.pi * np.outer(range(3), range(3)) / 3)

STEPS = {
    "turn": lambda np, a, b: np.exp(1j * a),
    "sin": lambda np, a, b: np.sin(a),
    "cos": lambda np, a, b: np.cos(a) * b,
    "tanh": lambda np, a, b: np.tanh(0.3 * a),
    "log": lambda np, a, b: np.log(3.0 + np.tanh(0.3 * a)),
    "sqrt": lambda np, a, b: np.sqrt(4.0 + 1j + np.tanh(0.3 * a)),
    "power": lambda np, a, b: (3.0 + np.tanh(0.3 * a)) ** (1.5 + 0.2j),
    "add": lambda np, a, b: a + 1j * b,
    "subtract": lambda np, a, b: (2 - 1j) * a - b,
    "multiply": lambda np, a, b: a * b,
    "divide": lambda np, a, b: a / (4.0 + np.tanh(0.3 * b)),
    "conj": lambda np, a, b: np.conj(a) * b,
    "real": lambda np, a, b: np.real(a) * b,
    "imag": lambda np, a, b: np.imag(a) + b,
    "abs": lambda np, a, b: np.abs(a + 3.0 + 0.1j),
    "angle": lambda np, a, b: np.angle(a + 5.0) * b,
    "matmul": lambda np, a, b: a @ (b.T + MATRIX),
    "dft": lambda np, a, b: np.dot(PHASES, a),
    "einsum": lambda np, a, b: np.einsum("ij,kj->ik", a, b),
    "fft": lambda np, a, b: np.fft.fft(a),
    "ifft": lambda np, a, b: np.fft.ifft(a, axis=0) * b,
    "fft2": lambda np, a, b: np.fft.fft2(a, norm="ortho"),
    "shift": lambda np, a, b: np.fft.fftshift(a, 0) * b,
    "solve": lambda np, a, b: np.linalg.solve(MATRIX + 0.1 * np.tanh(0.3 * a), b),
    "inv": lambda np, a, b: np.linalg.inv(MATRIX + 0.1 * np.tanh(0.3 * a)),
    "det": lambda np, a, b: np.linalg.det(MATRIX + 0.1 * np.tanh(0.3 * a)) * b,
    "sum": lambda np, a, b: np.sum(a, axis=1, keepdims=True) * b,
    "mean": lambda np, a, b: a - np.mean(a, axis=0),
    "pick": lambda np, a, b: a[::-1, np.array([0, 2, 0])],
    "join": lambda np, a, b: np.concatenate([a[:1], b[1:]], axis=0),
    "stack": lambda np, a, b: np.stack([a[0], b[1], a[2]], axis=1),
    "where": lambda np, a, b: np.where(PHASES.real > 0, a, b),
    "reshape": lambda np, a, b: np.reshape(a.T, (9,)).reshape((3, 3)),
}


def program(seed):
    """Return a function of a module like numpy and a real array."""
    rng = np.random.default_rng(seed)
    steps = [
        (str(rng.choice(list(STEPS))), *map(int, rng.integers(0, 50, 2)))
        for _ in range(rng.integers(3, 9))
    ]
    weights = rng.normal(size=(2, 3, 3))

    def run(np, x):
        pool = [x, x.T * (1 + 0.5j)]
        total = 0.0
        for name, i, k in steps:
            y = STEPS[name](np, pool[i % len(pool)], pool[k % len(pool)])
            y = y / (1.0 + 0.1 * np.sum(np.abs(y + 0.1) ** 2))
            pool.append(y)
            total = total + np.sum(np.real(y) * weights[0] + np.imag(y) * weights[1])
        return total

    return steps, run


def check(seed):
    """Raise an error unless value, gradient and Hessian product agree."""
    steps, run = program(seed)
    rng = np.random.default_rng(seed)
    x, v = rng.normal(size=(2, 3, 3))
    value, gradient = al.value_and_grad(lambda x: run(np, x))(x)
    np.testing.assert_allclose(value, run(np, x), rtol=1e-12, err_msg=str(steps))
    try:
        want = np.real(autograd.grad(lambda x: run(anp, x))(x))  # It leaves imaginary parts there.
    except TypeError:  # It adds complex numbers to real ones in place.
        want = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            unit = np.zeros_like(x)
            unit[index] = 1
            want[index] = slope(lambda h, unit=unit: run(np, x + h * unit))
    np.testing.assert_allclose(gradient, want, rtol=1e-7, atol=1e-9, err_msg=str(steps))
    (curved,) = al.hvp(lambda x: run(np, x), (x,), (v,))
    bent = slope(lambda h: al.grad(lambda x: run(np, x))(x + h * v))
    size = np.abs(bent).max()
    np.testing.assert_allclose(curved, bent, rtol=1e-5, atol=1e-6 * (1 + size), err_msg=str(steps))


@pytest.mark.filterwarnings("ignore:Casting complex values:Warning:autograd")
@pytest.mark.parametrize("seed", range(SEED, SEED + COUNT))
def test_value_and_derivatives_are_those_of_hips_autograd(seed):
    check(seed)
