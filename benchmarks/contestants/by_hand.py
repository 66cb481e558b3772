"""Steps as a person writes them in NumPy: derivatives found on paper, in the articles' form."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from benchmarks.workloads import Array, Run


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _slope(x: Any) -> Any:
    y = _sigmoid(x)
    return y * (1 - y)


def one_weight(w: float, x: float, goal: float, alpha: float) -> Run:
    """Article 000; its derivative, delta times input, is half of that of delta squared."""

    def step() -> float:
        nonlocal w
        pred = w * x
        delta = pred - goal
        error = delta**2
        w = w - alpha * (delta * x)
        return error

    return step, lambda: [w]


def neuron(x: Array, y: Array, w: Array) -> Run:
    """Articles 001 and 004: the error-weighted derivative."""

    def step() -> None:
        nonlocal w
        out = 1 / (1 + np.exp(-np.dot(x, w)))
        error = y - out
        w += np.dot(x.T, error * out * (1 - out))

    return step, lambda: [w]


def two_layers(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    """Article 001: the loop of its eleven lines."""

    def step() -> None:
        nonlocal w1, w2
        l1 = 1 / (1 + np.exp(-np.dot(x, w1)))
        l2 = 1 / (1 + np.exp(-np.dot(l1, w2)))
        delta2 = (y - l2) * (l2 * (1 - l2))
        delta1 = delta2.dot(w2.T) * (l1 * (1 - l1))
        w2 += l1.T.dot(delta2)
        w1 += x.T.dot(delta1)

    return step, lambda: [w1, w2]


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    """Article 003: nine numbers, each with its own partial derivative.

    As there, the slope of the sigmoid is computed from its input wherever the derivation names it.
    """
    samples = itertools.cycle(zip(x, y, strict=True))
    u1, u3, u2, u4 = w1.ravel()  # Column j of w1 leads to hidden neuron j.
    (c1, c2), (u5, u6), (c3,) = b1, w2.ravel(), b2

    def step() -> None:
        nonlocal u1, u2, u3, u4, u5, u6, c1, c2, c3
        xs, target = next(samples)
        s1 = u1 * xs[0] + u2 * xs[1] + c1
        h1 = _sigmoid(s1)
        s2 = u3 * xs[0] + u4 * xs[1] + c2
        h2 = _sigmoid(s2)
        s3 = u5 * h1 + u6 * h2 + c3
        pred = _sigmoid(s3)
        d_pred = -2 * (target - pred)
        d_u5, d_u6, d_c3 = h1 * _slope(s3), h2 * _slope(s3), _slope(s3)
        d_h1, d_h2 = u5 * _slope(s3), u6 * _slope(s3)
        d_u1, d_u2, d_c1 = xs[0] * _slope(s1), xs[1] * _slope(s1), _slope(s1)
        d_u3, d_u4, d_c2 = xs[0] * _slope(s2), xs[1] * _slope(s2), _slope(s2)
        u1 -= rate * d_pred * d_h1 * d_u1
        u2 -= rate * d_pred * d_h1 * d_u2
        c1 -= rate * d_pred * d_h1 * d_c1
        u3 -= rate * d_pred * d_h2 * d_u3
        u4 -= rate * d_pred * d_h2 * d_u4
        c2 -= rate * d_pred * d_h2 * d_c2
        u5 -= rate * d_pred * d_u5
        u6 -= rate * d_pred * d_u6
        c3 -= rate * d_pred * d_c3

    return step, lambda: [[[u1, u3], [u2, u4]], [c1, c2], [[u5], [u6]], [c3]]


def chain(x: Array, scale: float, shift: float, links: int, rate: float) -> Run:
    """Keep what each sine was taken of; then go back over it."""

    def step() -> Any:
        nonlocal x
        y = x
        inputs = []
        for _ in range(links):
            y = y * scale + shift
            inputs.append(y)
            y = np.sin(y)
        g = np.ones_like(y)
        for s in reversed(inputs):
            g = g * np.cos(s) * scale
        x = x - rate * g
        return y.sum()

    return step, lambda: [x]


def mlp(
    x: Array,
    y: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
    rate: float,
) -> Run:
    """Three layers forward and back; the loss itself is not needed for its gradient."""

    def step() -> None:
        nonlocal w1, b1, w2, b2, w3, b3
        h1 = np.tanh(x @ w1 + b1)
        h2 = np.tanh(h1 @ w2 + b2)
        out = h2 @ w3 + b3
        d3 = (out - y) * (2 / out.size)
        d2 = d3 @ w3.T * (1 - h2 * h2)
        d1 = d2 @ w2.T * (1 - h1 * h1)
        w3 -= rate * (h2.T @ d3)
        b3 -= rate * d3.sum(axis=0)
        w2 -= rate * (h1.T @ d2)
        b2 -= rate * d2.sum(axis=0)
        w1 -= rate * (x.T @ d1)
        b1 -= rate * d1.sum(axis=0)

    return step, lambda: [w1, b1, w2, b2, w3, b3]


def elementwise(x: Array, rate: float) -> Run:
    """Differentiate a product of two functions of one number."""

    def step() -> Any:
        nonlocal x
        t = np.tanh(x)
        e = np.exp(-x * x)
        total = (t * e).sum()
        x = x - rate * (e * (1 - t * t) - 2 * x * t * e)
        return total

    return step, lambda: [x]


def filling(w: float, shares: Array, rate: float) -> Run:
    """Fill the array in, then go back over its entries."""
    given = shares.tolist()

    def step() -> Any:
        nonlocal w
        y = np.zeros(len(given))
        for i, share in enumerate(given):
            y[i] = w * share
        g = 0.0
        for i, share in enumerate(given):
            g += 2 * y[i] * share
        w = w - rate * g
        return (y * y).sum()

    return step, lambda: [w]


def joining(w: float, shares: Array, rate: float) -> Run:
    """Stack the numbers, then go back over them."""
    given = shares.tolist()

    def step() -> Any:
        nonlocal w
        y = np.stack([w * share for share in given])
        g = 0.0
        for gy, share in zip(2 * y, given, strict=True):
            g += gy * share
        w = w - rate * g
        return (y * y).sum()

    return step, lambda: [w]


def waves(height: Array, steps: int, dt: float, pull: float, rate: float) -> Run:
    """Every step is linear: go back over them with what each of them adds to what it reads."""
    n, m = height.shape

    def step() -> Any:
        nonlocal height
        h, u, v = height.copy(), np.zeros((n + 1, m)), np.zeros((n, m + 1))
        for _ in range(steps):
            u[1:-1] -= pull * (h[1:] - h[:-1])
            v[:, 1:-1] -= pull * (h[:, 1:] - h[:, :-1])
            h[:, :] -= dt * (u[1:] - u[:-1])
            h[:, :] -= dt * (v[:, 1:] - v[:, :-1])
        g, gu, gv = 2 * h, np.zeros_like(u), np.zeros_like(v)
        for _ in range(steps):
            d = dt * g
            gv[:, 1:] -= d
            gv[:, :-1] += d
            gu[1:] -= d
            gu[:-1] += d
            d = pull * gv[:, 1:-1]
            g[:, 1:] -= d
            g[:, :-1] += d
            d = pull * gu[1:-1]
            g[1:] -= d
            g[:-1] += d
        height = height - rate * g
        return (h * h).sum()

    return step, lambda: [height]


def forward(x: Array, y: Array, w1: Array, w2: Array, v1: Array, v2: Array, rate: float) -> Run:
    """Push a direction through two layers."""

    def step() -> Any:
        nonlocal w1, w2
        h = np.tanh(x @ w1)
        off = h @ w2 - y
        pushed = ((1 - h * h) * (x @ v1)) @ w2 + h @ v2
        rise = 2 * np.mean(off * pushed)
        w1 = w1 - rate * rise * v1
        w2 = w2 - rate * rise * v2
        return np.mean(off * off)

    return step, lambda: [w1, w2]
