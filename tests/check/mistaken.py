"""Networks with their gradients by hand as source text, so that one line can be made wrong.

Every network is a family: any number of rows, inputs, hidden units, outputs. A mistake replaces one
piece of the text by another, and says what the tool must call it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import autograd_lite as al

LR = 0.3


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def slope(z):
    return sigmoid(z) * (1 - sigmoid(z))


def slope_from_output(a):
    return a * (1 - a)


def shuffled(rows):
    """The rows in an order that is neither the right one nor reversed nor shifted."""
    n = len(rows)
    return rows[[1, 0, *range(2, n)] if n < 5 else [2, 0, *range(4, n), 1, 3]]


@dataclass(frozen=True)
class Network:
    name: str
    shapes: tuple[tuple[int, ...], ...]
    build: Callable  # (rng, *shape) -> loss, values by name
    by_hand: str  # Assigns `gradients`.
    mistakes: tuple[tuple[str, str, str], ...]  # What to call it, the right text, the wrong one.
    only: tuple[str, ...] = ()  # The gradients to compare, if not all.

    def gradients(self, values, right="", wrong=""):
        assert self.by_hand.count(right) or not right, right
        names = {"np": np, "sigmoid": sigmoid, "slope": slope, "LR": LR, "shuffled": shuffled,
                 "slope_from_output": slope_from_output, **values}  # fmt: skip
        exec(self.by_hand.replace(right, wrong) if right else self.by_hand, names)
        return names["gradients"]


def tensors(**arrays):
    return {name: al.Tensor(x, requires_grad=True, name=name) for name, x in arrays.items()}


def data(**arrays):
    return {name: al.Tensor(x, name=name) for name, x in arrays.items()}


def named(**made):
    for name, tensor in made.items():
        tensor.name = name
    return tensor


def values(*groups):
    return {name: t.numpy().copy() for group in groups for name, t in group.items()}


# ------------------------------------------------------------------------ one weight


def one_weight(rng):
    p = tensors(w=rng.normal(size=(1, 1)))
    d = data(x=rng.normal(size=(1, 1)) + 5, goal=rng.normal(size=(1, 1)) + 42)
    pred = named(pred=d["x"] @ p["w"])
    loss = np.sum((pred - d["goal"]) ** 2)
    return loss, values(p, d)


ONE_WEIGHT = """
pred = x * w
delta = 2 * (pred - goal)
gradients = {"w": delta * x, "pred": delta}
"""

# ------------------------------------------------------------------------ one neuron


def neuron(rng, n, k):
    p = tensors(w=rng.normal(size=(k, 1)))
    d = data(X=rng.normal(size=(n, k)), y=rng.random((n, 1)))
    z = named(z=d["X"] @ p["w"])
    out = named(out=al.sigmoid(z))
    return al.mse(out, d["y"], reduction="half_sum"), values(p, d)


NEURON = """
z = X @ w
out = sigmoid(z)
error = out - y
delta = error * out * (1 - out)
gradients = {"w": X.T @ delta, "z": delta, "out": error}
"""

# ------------------------------------------------------------------------ two layers


def two_layers(rng, n, k, h, m, reduction="half_sum"):
    p = tensors(syn0=rng.normal(size=(k, h)), syn1=rng.normal(size=(h, m)))
    d = data(X=rng.normal(size=(n, k)), y=rng.random((n, m)))
    z1 = named(z1=d["X"] @ p["syn0"])
    l1 = named(l1=al.sigmoid(z1))
    z2 = named(z2=l1 @ p["syn1"])
    l2 = named(l2=al.sigmoid(z2))
    return al.mse(l2, d["y"], reduction=reduction), values(p, d)


def written_out(z):
    """The sigmoid in several operations."""
    return 1 / (1 + np.exp(-z))


def two_layers_written_out(rng, n, k, h, m):
    p = tensors(syn0=rng.normal(size=(k, h)), syn1=rng.normal(size=(h, m)))
    d = data(X=rng.normal(size=(n, k)), y=rng.random((n, m)))
    z1 = named(z1=d["X"] @ p["syn0"])
    l1 = named(l1=written_out(z1))
    z2 = named(z2=l1 @ p["syn1"])
    l2 = named(l2=written_out(z2))
    return al.mse(l2, d["y"], reduction="half_sum"), values(p, d)


TWO_LAYERS = """
z1 = X @ syn0
l1 = sigmoid(z1)
z2 = l1 @ syn1
l2 = sigmoid(z2)
error = l2 - y
l2_delta = error * l2 * (1 - l2)
syn1_grad = l1.T @ l2_delta
l1_delta = (l2_delta @ syn1.T) * l1 * (1 - l1)
syn0_grad = X.T @ l1_delta
gradients = {"syn1": syn1_grad, "syn0": syn0_grad, "z2": l2_delta, "z1": l1_delta}
"""

# ------------------------------------------------------------------------ with biases


def with_biases(rng, n, k, h, m):
    p = tensors(W1=rng.normal(size=(k, h)), b1=rng.normal(size=h),
                W2=rng.normal(size=(h, m)), b2=rng.normal(size=m))  # fmt: skip
    d = data(x=rng.normal(size=(n, k)), y_true=rng.random((n, m)))
    sum_h = named(sum_h=d["x"] @ p["W1"] + p["b1"])
    hidden = named(h=al.sigmoid(sum_h))
    sum_o = named(sum_o=hidden @ p["W2"] + p["b2"])
    y_pred = named(y_pred=al.sigmoid(sum_o))
    return al.mse(y_pred, d["y_true"], reduction="mean"), values(p, d)


WITH_BIASES = """
sum_h = x @ W1 + b1
h = sigmoid(sum_h)
sum_o = h @ W2 + b2
y_pred = sigmoid(sum_o)
d_y = 2 * (y_pred - y_true) / y_true.size
d_o = d_y * slope(sum_o)
d_h = (d_o @ W2.T) * slope(sum_h)
gradients = {"W2": h.T @ d_o, "b2": d_o.sum(axis=0), "W1": x.T @ d_h, "b1": d_h.sum(axis=0),
             "h": d_o @ W2.T, "y_pred": d_y}
"""

# ------------------------------------------------------------------------ other activations


def with_tanh(rng, n, k, h, m):
    p = tensors(syn0=rng.normal(size=(k, h)), syn1=rng.normal(size=(h, m)))
    d = data(X=rng.normal(size=(n, k)), y=rng.random((n, m)))
    z1 = named(z1=d["X"] @ p["syn0"])
    l1 = named(l1=np.tanh(z1))
    l2 = named(l2=l1 @ p["syn1"])
    return al.mse(l2, d["y"], reduction="half_sum"), values(p, d)


WITH_TANH = """
z1 = X @ syn0
l1 = np.tanh(z1)
l2 = l1 @ syn1
l2_delta = l2 - y
l1_delta = (l2_delta @ syn1.T) * (1 - l1**2)
gradients = {"syn1": l1.T @ l2_delta, "syn0": X.T @ l1_delta, "l2": l2_delta, "z1": l1_delta}
"""


def residual(rng, n, a, m):
    p = tensors(W1=rng.normal(size=(a, a)), W2=rng.normal(size=(a, a)), W3=rng.normal(size=(a, m)))
    d = data(X=rng.normal(size=(n, a)), y=rng.normal(size=(n, m)))
    u = named(u=d["X"] @ p["W1"])
    h = named(h=d["X"] + al.relu(u))
    v = named(v=h @ p["W2"])
    k = named(k=h + np.maximum(v, 0))
    out = named(out=k @ p["W3"])
    return al.mse(out, d["y"], reduction="half_sum"), values(p, d)


RESIDUAL = """
u = X @ W1
h = X + np.maximum(u, 0)
v = h @ W2
k = h + np.maximum(v, 0)
delta = k @ W3 - y
dk = delta @ W3.T
dv = dk * (v > 0)
dh = dk + dv @ W2.T
du = dh * (u > 0)
gradients = {"W3": k.T @ delta, "k": dk, "v": dv, "W2": h.T @ dv, "h": dh, "u": du, "W1": X.T @ du}
"""

TWO_LAYER_MISTAKES = (
    ("constant factor", "error = l2 - y", "error = 2 * (l2 - y)"),
    ("constant factor", "syn0_grad = X.T", "syn0_grad = 0.5 * X.T"),
    ("averaged, not summed", "error = l2 - y", "error = (l2 - y) / y.size"),
    ("sign flipped", "error = l2 - y", "error = y - l2"),
    ("sign flipped", "syn0_grad = X.T", "syn0_grad = -X.T"),
    ("transposed", "X.T @ l1_delta", "l1_delta.T @ X"),
    ("factor missing", "l1 * (1 - l1)", "l1"),
    ("factor missing", "l1 * (1 - l1)", "(1 - l1)"),
    ("factor missing", "l2 * (1 - l2)", "l2"),
    ("factor doubled", "l1 * (1 - l1)", "l1 * l1 * (1 - l1)"),
    ("factor doubled", "l2 * (1 - l2)", "l2 * (1 - l2) * (1 - l2)"),
    ("derivative left out", "error * l2 * (1 - l2)", "error"),
    ("derivative left out", " * l1 * (1 - l1)", ""),
    ("derivative doubled", "l1 * (1 - l1)", "(l1 * (1 - l1)) ** 2"),
    ("derivative at the activation", "l1 * (1 - l1)", "slope(l1)"),
    ("derivative at the activation", "l2 * (1 - l2)", "slope(l2)"),
    ("derivative at the pre-activation", "l1 * (1 - l1)", "slope_from_output(z1)"),
    ("derivative at the pre-activation", "l2 * (1 - l2)", "slope_from_output(z2)"),
    ("another activation's derivative", "l1 * (1 - l1)", "(1 - l1**2)"),
    ("another activation's derivative", "l1 * (1 - l1)", "(1 - np.tanh(z1) ** 2)"),
    ("another activation's derivative", "l1 * (1 - l1)", "(z1 > 0)"),
    ("another activation's derivative", "l2 * (1 - l2)", "(1 - l2**2)"),
    ("wrong tensor", "l1.T @ l2_delta", "z1.T @ l2_delta"),
    ("wrong tensor", "l2 * (1 - l2)", "y * (1 - y)"),
    ("rows in another order", "X.T @ l1_delta", "X[::-1].T @ l1_delta"),
    ("rows in another order", "X.T @ l1_delta", "np.roll(X, 1, axis=0).T @ l1_delta"),
    ("rows in another order", "X.T @ l1_delta", "shuffled(X).T @ l1_delta"),
    ("rows in another order", "X.T @ l1_delta", "X.T @ shuffled(l1_delta)"),
    ("rows in another order", "l1.T @ l2_delta", "shuffled(l1).T @ l2_delta"),
    ("after the update", "@ syn1.T", "@ (syn1 - LR * syn1_grad).T"),
    ("permuted", "syn0_grad = X.T @ l1_delta", "syn0_grad = (X.T @ l1_delta)[::-1]"),
    ("rearranged", "syn0_grad = X.T @ l1_delta",
     "syn0_grad = (X.T @ l1_delta).ravel().reshape(syn0.shape, order='F')"),
    ("sign flipped in part", "l1_delta = ",
     "l1_delta = np.where(np.arange(len(X)) == 1, -1, 1)[:, None] * "),
    ("some entries", "gradients = {", "syn0_grad[1, 0] += 0.01; gradients = {"),
    ("learning rate", "syn0_grad = X.T", "syn0_grad = LR * X.T"),
    ("shape", "gradients = {", "syn0_grad = 8.0; gradients = {"),
    ("not finite", "gradients = {", "syn0_grad[1, 0] = np.nan; gradients = {"),
    ("not finite", "l1_delta = ", "l1_delta = np.nan * "),
)  # fmt: skip

NETWORKS = (
    Network("one weight", ((),), one_weight, ONE_WEIGHT, (
        ("constant factor", "2 * (pred - goal)", "(pred - goal)"),
        ("sign flipped", "pred - goal", "goal - pred"),
        ("factor missing", "delta * x", "delta"),
        ("factor doubled", "delta * x", "delta * x * x"),
        ("not finite", "delta * x", "delta * x * np.nan"),
    )),
    Network("neuron", ((4, 3), (5, 2), (3, 3)), neuron, NEURON, (
        ("constant factor", "error = out - y", "error = 2 * (out - y)"),
        ("averaged, not summed", "error = out - y", "error = (out - y) / len(y)"),
        ("sign flipped", "error = out - y", "error = y - out"),
        ("factor missing", "out * (1 - out)", "out"),
        ("factor missing", "out * (1 - out)", "(1 - out)"),
        ("derivative left out", " * out * (1 - out)", ""),
        ("derivative at the activation", "out * (1 - out)", "slope(out)"),
        ("derivative at the pre-activation", "out * (1 - out)", "slope_from_output(z)"),
        ("another activation's derivative", "out * (1 - out)", "(1 - out**2)"),
        ("another activation's derivative", "out * (1 - out)", "(1 - np.tanh(z) ** 2)"),
        ("wrong tensor", "out * (1 - out)", "y * (1 - y)"),
        ("rows in another order", '"w": X.T', '"w": X[::-1].T'),
        ("rows in another order", '"w": X.T', '"w": shuffled(X).T'),
        ("broadcast", "error = out - y", "error = out - y[:, 0]"),
        ("factor missing", "delta = error * ", "delta = "),
        ("sign flipped in part", '"w": X.T @ delta',
         '"w": (X.T @ delta) * np.where(np.arange(X.shape[1]) == 1, -1, 1)[:, None]'),
        ("shape", '"w": X.T @ delta', '"w": (X.T @ delta)[:, 0]'),
        ("permuted", '"w": X.T @ delta', '"w": (X.T @ delta)[::-1]'),
        ("learning rate", '"w": X.T', '"w": LR * X.T'),
        ("shape", '"w": X.T @ delta', '"w": 8.0'),
        ("not finite", '"w": X.T @ delta', '"w": X.T @ delta + np.inf'),
    )),
    Network("two layers", ((4, 3, 4, 1), (6, 3, 5, 2), (5, 2, 3, 3)), two_layers, TWO_LAYERS,
            TWO_LAYER_MISTAKES),
    Network("two layers, parameters only", ((4, 3, 4, 1), (6, 3, 5, 2), (5, 2, 3, 3)), two_layers,
            TWO_LAYERS, tuple(m for m in TWO_LAYER_MISTAKES if m[0] != "sign flipped in part"),
            only=("syn0", "syn1")),
    Network("two layers, sigmoid written out", ((4, 3, 4, 1), (6, 3, 5, 2)), two_layers_written_out,
            TWO_LAYERS, TWO_LAYER_MISTAKES),
    Network("square layers", ((4, 3, 3, 3), (3, 3, 3, 3)), two_layers, TWO_LAYERS, (
        ("not transposed", "l2_delta @ syn1.T", "l2_delta @ syn1"),
        ("wrong layer's weights", "l2_delta @ syn1.T", "l2_delta @ syn0.T"),
        ("transposed", "X.T @ l1_delta", "l1_delta.T @ X"),
        ("wrong tensor", "l1.T @ l2_delta", "X.T @ l2_delta"),
        ("wrong gradient", "X.T @ l1_delta", "X.T @ l2_delta"),
    )),
    Network("with biases", ((1, 2, 2, 1), (4, 2, 2, 1), (5, 3, 4, 2)), with_biases, WITH_BIASES, (
        ("constant factor", "d_y = 2 * ", "d_y = "),
        ("derivative left out", "d_y * slope(sum_o)", "d_y"),
        ("derivative left out", " * slope(sum_h)", ""),
        ("derivative at the activation", "slope(sum_h)", "slope(h)"),
        ("derivative at the activation", "slope(sum_o)", "slope(y_pred)"),
        ("derivative at the pre-activation", "slope(sum_h)", "slope_from_output(sum_h)"),
        ("sign flipped", "y_pred - y_true", "y_true - y_pred"),
        ("after the update", "@ W2.T) *", "@ (W2 - LR * h.T @ d_o).T) *"),
        ("another activation's derivative", "slope(sum_h)", "(1 - h**2)"),
        ("another activation's derivative", "slope(sum_o)", "(1 - np.tanh(sum_o) ** 2)"),
        ("wrong tensor", '"W2": h.T', '"W2": sum_h.T'),
        ("wrong tensor", "slope(sum_o)", "slope(y_true)"),
        ("shape", '"b2": d_o.sum(axis=0)', '"b2": 8.0'),
        ("not finite", '"b2": d_o.sum(axis=0)', '"b2": d_o.sum(axis=0) * np.nan'),
    )),
    Network("with biases, a batch", ((4, 2, 2, 1), (5, 3, 4, 2), (3, 2, 3, 3)), with_biases,
            WITH_BIASES, (
        ("summed, not averaged", " / y_true.size", ""),
        ("not summed over the batch", "d_o.sum(axis=0)", "d_o"),
        ("not summed over the batch", "d_h.sum(axis=0)", "d_h"),
        ("shape", "d_h.sum(axis=0)", "d_h.sum(axis=0, keepdims=True)"),
        ("shape", "d_h.sum(axis=0)", "d_h.sum()"),
        ("averaged, not summed", "d_h.sum(axis=0)", "d_h.mean(axis=0)"),
        ("summed over the wrong axis", "d_h.sum(axis=0)", "d_h.sum(axis=1)"),
        ("rows in another order", '"W1": x.T', '"W1": shuffled(x).T'),
        ("rows in another order", '"W2": h.T', '"W2": h[::-1].T'),
    )),
    Network("tanh", ((4, 3, 4, 1), (6, 3, 5, 2), (12, 4, 3, 3)), with_tanh, WITH_TANH, (
        ("another activation's derivative", "(1 - l1**2)", "l1 * (1 - l1)"),
        ("another activation's derivative", "(1 - l1**2)", "slope(z1)"),
        ("another activation's derivative", "(1 - l1**2)", "(l1 > 0)"),
        ("derivative left out", " * (1 - l1**2)", ""),
        ("factor missing", "1 - l1**2", "1 + l1"),
        ("derivative at the activation", "l1**2", "np.tanh(l1) ** 2"),
        ("derivative at the pre-activation", "l1**2", "z1**2"),
        ("rows in another order", "X.T @ l1_delta", "X[::-1].T @ l1_delta"),
        ("rows in another order", "X.T @ l1_delta", "np.roll(X, 2, axis=0).T @ l1_delta"),
        ("rows in another order", "X.T @ l1_delta", "X[[1, 0, *range(2, len(X))]].T @ l1_delta"),
    )),
    Network("residual", ((4, 4, 2), (6, 5, 3), (9, 3, 3)), residual, RESIDUAL, (
        ("wrong tensor", "(u > 0)", "(h > 0)"),
        ("wrong tensor", "(u > 0)", "(X > 0)"),
        ("wrong tensor", "(v > 0)", "(h > 0)"),
        ("wrong tensor", "(v > 0)", "(k > 0)"),
        ("wrong tensor", "(v > 0)", "(u > 0)"),
        ("another activation's derivative", "(v > 0)", "(1 - np.tanh(v) ** 2)"),
        ("another activation's derivative", "(u > 0)", "slope(u)"),
        ("derivative left out", " * (u > 0)", ""),
        ("derivative left out", " * (v > 0)", ""),
        ("path missing", "dk + dv @ W2.T", "dv @ W2.T"),
        ("path missing", "dk + dv @ W2.T", "dk"),
    )),
)  # fmt: skip
