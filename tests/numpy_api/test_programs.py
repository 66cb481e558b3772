"""Programs as people write them for arrays, with Tensors passed in: all that they may change."""

import numpy as np
import pytest

import autograd_lite as al

RNG = np.random.default_rng(0)
SEEN = [0, 2, 1, 1, 2]
PLACES = RNG.normal(size=(6, 2))
KNOTS = np.sort(RNG.uniform(0, 5, 7))


def wave(u):
    """Steps of the wave equation in place, on borders that reflect and that absorb."""
    u, v = u.copy(), np.zeros_like(u)
    for _ in range(12):
        bend = np.zeros_like(u)
        bend[1:-1] = u[2:] - 2 * u[1:-1] + u[:-2]
        v += 0.4 * bend
        u[1:-1] += 0.1 * v[1:-1] * (1 + u[1:-1] ** 2)
        u[0], u[-1] = u[1], 0.0
    return np.sum(u**2)


def hidden_markov(p):
    """The log-likelihood of what was seen, by the forward algorithm."""
    moves, shows = np.exp(p[:9].reshape(3, 3)), np.exp(p[9:].reshape(3, 3))
    moves /= moves.sum(axis=1, keepdims=True)
    shows /= shows.sum(axis=1)[:, None]
    state = np.full_like(p, 1 / 3, shape=(3,)) * shows[:, SEEN[0]]
    for seen in SEEN[1:]:
        state = state @ moves * shows[:, seen]
    return -np.log(state.sum())


def spline(y):
    """The energy of a natural cubic spline, its system of equations filled in entry by entry."""
    widths, n = np.diff(KNOTS), len(KNOTS)
    a, right = np.eye(n), np.zeros_like(y)
    for i in range(1, n - 1):
        a[i, i - 1 : i + 2] = widths[i - 1], 2 * (widths[i - 1] + widths[i]), widths[i]
        right[i] = 3 * ((y[i + 1] - y[i]) / widths[i] - (y[i] - y[i - 1]) / widths[i - 1])
    bends = np.linalg.solve(a, right)
    return np.trapezoid(bends**2, KNOTS)


def planets(s):
    """Bodies that attract each other, one pair after the other."""
    places, speeds = s[:6].reshape(3, 2).copy(), s[6:].reshape(3, 2).copy()
    for _ in range(3):
        for i, j in ((0, 1), (0, 2), (1, 2)):
            away = places[j] - places[i]
            pull = away / np.sqrt(away @ away + 0.1) ** 3
            speeds[i] += 0.1 * pull
            speeds[j] -= 0.2 * pull
        places += 0.1 * speeds
    return np.sum(places**2)


def gaussian_process(p):
    """The log-likelihood of numbers, by Cholesky, with noise added on the diagonal."""
    length, scale, noise = np.exp(p)
    apart = ((PLACES[:, None] - PLACES[None]) ** 2).sum(-1)
    k = scale * np.exp(-apart / length**2)
    k[np.diag_indices(len(k))] += noise
    half = np.linalg.cholesky(k)
    white = np.linalg.solve(half, np.sin(np.arange(6.0)))
    return 0.5 * white @ white + np.log(np.diag(half)).sum()


def attention(p):
    """One head that looks back only: what is ahead is masked in place."""
    x, weights = p[:12].reshape(3, 4), p[12:].reshape(3, 4, 4)
    query, key, value = (x @ w for w in weights)
    scores = query @ key.T / np.sqrt(key.shape[-1])
    scores[np.triu(np.ones((3, 3), bool), 1)] = -1e9
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    return np.sum((shares @ value) ** 2)


def low_rank(p):
    """The nearest positive matrix of rank 2: eigenvalues cut off in place."""
    a = p.reshape(4, 4)
    values, vectors = np.linalg.eigh(a + a.T)
    values[values < 0] = 0.0
    values[:-2] = 0.0
    return np.sum(((vectors * values) @ vectors.T - a) ** 2)


SIZES = {wave: 10, hidden_markov: 18, spline: 7, planets: 12, gaussian_process: 3, attention: 60,
         low_rank: 16}  # fmt: skip


def slope(f, x, direction, h=1e-4):
    near, far = (f(x + k * h * direction) - f(x - k * h * direction) for k in (1, 2))
    return (8 * near - far) / (12 * h)


@pytest.mark.parametrize("program", SIZES, ids=lambda f: f.__name__)
def test_a_program_has_the_derivatives_that_its_differences_have(program):
    rng = np.random.default_rng(1)
    x, direction = rng.normal(size=(2, SIZES[program])) * 0.5
    before = x.copy()
    value, gradient = al.value_and_grad(program)(x)
    assert value == program(x)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(gradient @ direction, slope(program, x, direction), rtol=1e-7)
    (product,) = al.hvp(program, (x,), (direction,))
    np.testing.assert_allclose(
        product, slope(al.grad(program), x, direction), rtol=1e-6, atol=1e-6 * abs(product).max()
    )
