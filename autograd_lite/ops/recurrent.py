"""Recurrences: a state that is carried along a sequence.

The operand `z` is what the inputs contribute, for every step, of the shape (steps, batch, gates *
width): it is one product of matrices, and made outside. What is left is the recurrence itself. It
is one operation, since its backward pass then computes the gates of all steps at once.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.core.notation import call
from autograd_lite.core.primitive import example, primitive


def logistic(x: Any) -> Any:
    """Return the logistic function; as a tangent, it cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _earlier(first: Any, states: Any) -> Any:
    """Return the state before every step."""
    return np.concatenate([first[None], states[:-1]])


def _summed(before: Any, d: Any) -> Any:
    """Add up, over steps and rows, the products of what was multiplied and what arrives."""
    return before.reshape(-1, before.shape[-1]).T @ d.reshape(-1, d.shape[-1])


def _rnn_back(g: Any, y: Any, *operands: Any, relu: bool) -> Callable[[int], Any]:
    _, h, w = operands
    derivative = y > 0 if relu else 1 - y * y
    d, arriving = [], 0.0
    for t in reversed(range(y.shape[0])):
        d.append((g[t] + arriving) * derivative[t])
        arriving = d[-1] @ w.T
    dz = np.stack(d[::-1])
    return (dz, arriving, _summed(_earlier(h, y), dz)).__getitem__


@primitive(
    operands=_rnn_back,
    notation=call("rnn"),
    examples=(
        example((3, 2, 2), (2, 2), (2, 2)),
        example((2, 1, 3), (1, 3), (3, 3), relu=True),
        example((1, 2, 1), (2, 1), (1, 1)),
    ),
)
def rnn(*operands: Any, relu: bool = False) -> Any:
    r"""Carry a state along: from `z`, `h` and `w`, the state after every step.

    .. math:: h_t = \tanh(z_t + h_{t-1} w)
    """
    z, h, w = operands
    states = []
    for t in range(len(z)):
        h = z[t] + h @ w
        h = np.maximum(h, 0) if relu else np.tanh(h)
        states.append(h)
    return np.stack(states)


def _gru_back(g: Any, y: Any, *operands: Any) -> Callable[[int], Any]:
    z, h, w, b = operands
    n = h.shape[-1]
    before = _earlier(h, y)
    a = before @ w + b
    both = logistic(z[..., : 2 * n] + a[..., : 2 * n])
    r, u, a = both[..., :n], both[..., n:], a[..., 2 * n :]
    new = np.tanh(z[..., 2 * n :] + r * a)
    to_new, to_u = (1 - u) * (1 - new * new), (before - new) * u * (1 - u)
    to_r, wt = a * r * (1 - r), w.T
    d, da, arriving = [], [], 0.0
    for t in reversed(range(y.shape[0])):
        dh = g[t] + arriving
        dn = dh * to_new[t]
        gates = np.concatenate([dn * to_r[t], dh * to_u[t]], axis=-1)
        d.append(np.concatenate([gates, dn], axis=-1))
        da.append(np.concatenate([gates, dn * r[t]], axis=-1))
        arriving = dh * u[t] + da[-1] @ wt
    dz, dh = np.stack(d[::-1]), np.stack(da[::-1])
    return (dz, arriving, _summed(before, dh), dh.sum(axis=(0, 1))).__getitem__


@primitive(
    operands=_gru_back,
    notation=call("gru"),
    analytic=True,
    examples=(example((2, 2, 6), (2, 2), (2, 6), (6,)), example((3, 1, 3), (1, 1), (1, 3), (3,))),
)
def gru(*operands: Any) -> Any:
    r"""Carry a state along, with gates: from `z`, `h`, `w` and `b`, the state after every step.

    .. math::
        r &= \sigma(z_r + h w_r + b_r), \quad u = \sigma(z_u + h w_u + b_u) \\
        h &\leftarrow u h + (1 - u) \tanh(z_n + r (h w_n + b_n))

    The gates stand beside each other in `z`, `w` and `b`, in the order r, u, n.
    """
    z, h, w, b = operands
    n = h.shape[-1]
    states = []
    for t in range(len(z)):
        a = h @ w + b
        gates = logistic(z[t, :, : 2 * n] + a[:, : 2 * n])
        r, u = gates[:, :n], gates[:, n:]
        new = np.tanh(z[t, :, 2 * n :] + r * a[:, 2 * n :])
        h = new + u * (h - new)
        states.append(h)
    return np.stack(states)


def _lstm_back(g: Any, y: Any, *operands: Any) -> Callable[[int], Any]:
    z, h, c, w = operands
    n = h.shape[-1]
    before, cells, wt = _earlier(h, y[0]), _earlier(c, y[1]), w.T
    a = z + before @ w
    two, o = logistic(a[..., : 2 * n]), logistic(a[..., 3 * n :])
    i, f, new = two[..., :n], two[..., n:], np.tanh(a[..., 2 * n : 3 * n])
    seen = np.tanh(y[1])
    to_cell, to_o = o * (1 - seen * seen), seen * o * (1 - o)
    to_i, to_f, to_new = new * i * (1 - i), cells * f * (1 - f), i * (1 - new * new)
    d, dh, dc = [], 0.0, 0.0
    for t in reversed(range(y.shape[1])):
        dh = g[0, t] + dh
        dc = g[1, t] + dc + dh * to_cell[t]
        gates = [dc * to_i[t], dc * to_f[t], dc * to_new[t], dh * to_o[t]]
        d.append(np.concatenate(gates, axis=-1))
        dh, dc = d[-1] @ wt, dc * f[t]
    dz = np.stack(d[::-1])
    return (dz, dh, dc, _summed(before, dz)).__getitem__


@primitive(
    operands=_lstm_back,
    notation=call("lstm"),
    analytic=True,
    packed=True,
    whole=True,
    jax=(
        "(lambda z, h, c, w: jnp.stack(jax.lax.scan(lambda s, z: "
        "(lambda i, f, g, o: (lambda c: (lambda h: ((h, c), (h, c)))"
        "(jax.nn.sigmoid(o) * jnp.tanh(c)))"
        "(jax.nn.sigmoid(f) * s[1] + jax.nn.sigmoid(i) * jnp.tanh(g)))"
        "(*jnp.split(z + s[0] @ w, 4, axis=-1)), (h, c), z)[1]))({operands})"
    ),
    examples=(
        example((2, 2, 8), (2, 2), (2, 2), (2, 8)),
        example((3, 1, 4), (1, 1), (1, 1), (1, 4)),
    ),
)
def lstm(*operands: Any) -> Any:
    r"""Carry a state and a cell along: from `z`, `h`, `c` and `w`, both after every step.

    .. math::
        i, f, o &= \sigma(z_{i,f,o} + h w_{i,f,o}), \quad
        c \leftarrow f c + i \tanh(z_g + h w_g) \\
        h &\leftarrow o \tanh c

    The gates stand beside each other in `z` and `w`, in the order i, f, g, o.
    """
    z, h, c, w = operands
    n = h.shape[-1]
    y = np.empty((2, *z.shape[:2], n), np.result_type(*operands))
    half = np.full(4 * n, 0.5, y.real.dtype)  # A logistic function is half a tangent,
    half[2 * n : 3 * n] = 1  # and one gate is a tangent.
    up = 1 - half
    for t in range(len(z)):
        a = z[t] + h @ w
        a *= half
        np.tanh(a, out=a)
        a *= half
        a += up
        c, h = np.multiply(a[:, n : 2 * n], c, out=y[1, t]), y[0, t]
        c += a[:, :n] * a[:, 2 * n : 3 * n]
        np.tanh(c, out=h)
        h *= a[:, 3 * n :]
    return y
