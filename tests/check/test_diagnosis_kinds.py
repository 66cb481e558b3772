"""Mistakes of losses, normalisations, loops, masks, pooling and bookkeeping, by their names."""

import numpy as np
import pytest

import autograd_lite as al


def tensors(**arrays):
    return [al.Tensor(x, requires_grad=True, name=name) for name, x in arrays.items()]


def named(**made):
    for name, tensor in made.items():
        tensor.name = name


rng = np.random.default_rng(7)
X, Y = rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
LABELS = np.array([0, 2, 1, 0, 2, 2, 1])
MASK = (rng.uniform(size=(7, 3)) < 0.7) * 1.0
WEIGHT, GAIN = rng.normal(size=(4, 3)), rng.normal(size=3)
SERIES = rng.normal(size=(5, 2))
V, U = 0.6 * rng.normal(size=(3, 2)), 0.6 * rng.normal(size=(3, 3))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def classifier():
    (w,) = tensors(W=WEIGHT)
    z = X @ w
    named(z=z)
    return -np.sum(np.eye(3)[LABELS] * al.log_softmax(z, axis=1)) / 7 + 0.1 * np.sum(w**2)


CLASSIFIER = """
p = softmax(X @ WEIGHT)
d = p.copy(); d[np.arange(7), LABELS] -= 1
d = d / 7
found = {"W": X.T @ d + 0.2 * WEIGHT}
"""


def hinge():
    (w,) = tensors(W=WEIGHT)
    s = X @ w
    named(s=s)
    right = s[np.arange(7), LABELS].reshape(-1, 1)
    return (np.sum(np.maximum(0, s - right + 1.0)) - 7) / 7


HINGE = """
s = X @ WEIGHT
m = s - s[np.arange(7), LABELS][:, None] + 1 > 0
m[np.arange(7), LABELS] = False
d = m * 1.0
count = m.sum(axis=1)
d[np.arange(7), LABELS] = -count
found = {"W": X.T @ (d / 7)}
"""


def normalised():
    w, gain = tensors(W=WEIGHT, gain=GAIN)
    u = X @ w
    m = np.mean(u, axis=0)
    n = (u - m) / np.sqrt(np.mean((u - m) ** 2, axis=0) + 1e-2)
    named(u=u, n=n)
    return 0.5 * np.sum((np.tanh(gain * n) - Y) ** 2)


NORMALISED = """
u = X @ WEIGHT
c = u - u.mean(axis=0)
s = np.sqrt((c**2).mean(axis=0) + 1e-2)
n = c / s
a = np.tanh(GAIN * n)
d = (a - Y) * (1 - a**2)
dn = d * GAIN
du = dn / s - dn.mean(axis=0) / s - n * (dn * n).mean(axis=0) / s
found = {"W": X.T @ du, "gain": (d * n).sum(axis=0)}
"""


def masked():
    (w,) = tensors(W=WEIGHT)
    z = X @ w
    a = np.where(z > 0, z, 0.1 * z)
    h = a * MASK / 0.7
    p = np.exp(-(h**2))
    named(z=z, a=a, h=h, p=p)
    return np.sum((p - Y) ** 2)


MASKED = """
z = X @ WEIGHT
a = np.where(z > 0, z, 0.1 * z)
h = a * MASK / 0.7
p = np.exp(-(h**2))
dp = 2 * (p - Y)
dh = dp * p * -2 * h
dz = dh * MASK / 0.7 * np.where(z > 0, 1, 0.1)
found = {"W": X.T @ dz}
"""


def recurrent():
    v, u = tensors(V=V, U=U)
    h, loss = np.zeros(3), 0.0
    for t in range(5):
        h = np.tanh(v @ SERIES[t] + u @ h)
        loss = loss + np.sum(h**2 * np.array([1.0, 2.0, 3.0]))
    named(h=h)
    return loss


RECURRENT = """
h = {-1: np.zeros(3)}
for t in range(5):
    h[t] = np.tanh(V @ SERIES[t] + U @ h[t - 1])
dV, dU, later = 0 * V, 0 * U, np.zeros(3)
for t in reversed(range(5)):
    dh = 2 * h[t] * np.array([1.0, 2.0, 3.0]) + later
    dz = dh * (1 - h[t] ** 2)
    dV = dV + np.outer(dz, SERIES[t])
    dU = dU + np.outer(dz, h[t - 1])
    later = U.T @ dz
found = {"V": dV, "U": dU}
"""


def pooled():
    (w,) = tensors(W=WEIGHT)
    z = X @ w
    p = np.max(z, axis=1)
    named(z=z, p=p)
    return np.sum(p * np.arange(1.0, 8)) + 0.3 * np.sum(np.abs(w))


POOLED = """
z = X @ WEIGHT
top = z == z.max(axis=1, keepdims=True)
dz = top * np.arange(1.0, 8)[:, None]
found = {"W": X.T @ dz + 0.3 * np.sign(WEIGHT)}
"""


def attending():
    v, w = tensors(V=U, W=WEIGHT)
    k = X @ w
    scores = k @ v @ k.T + CAUSAL
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    a = e / np.sum(e, axis=1, keepdims=True)
    named(k=k, a=a, scores=scores)
    return 0.5 * np.sum((a @ Y - Y) ** 2)


CAUSAL = np.triu(np.full((7, 7), -1e9), 1)

ATTENDING = """
k = X @ WEIGHT
a = softmax(k @ U @ k.T + CAUSAL)
da = (a @ Y - Y) @ Y.T
ds = a * (da - (da * a).sum(axis=1, keepdims=True))
found = {"V": k.T @ ds @ k, "W": X.T @ (ds @ k @ U.T + ds.T @ k @ U)}
"""


def gaussian():
    w, m, s = tensors(W=WEIGHT, m=GAIN, s=GAIN[::-1].copy())
    u = X @ w
    h = np.log(1 + np.exp(u))
    mean, logvar = h @ m, h @ s
    named(u=u, h=h, mean=mean, logvar=logvar)
    return np.mean(logvar + (Y[:, 0] - mean) ** 2 / np.exp(logvar))


GAUSSIAN = """
m, s = GAIN, GAIN[::-1]
u = X @ WEIGHT
h = np.log(1 + np.exp(u))
v = np.exp(h @ s)
dm = 2 * (h @ m - Y[:, 0]) / v / 7
dl = (1 - (Y[:, 0] - h @ m) ** 2 / v) / 7
dh = np.outer(dm, m) + np.outer(dl, s)
found = {"W": X.T @ (dh / (1 + np.exp(-u))), "m": h.T @ dm, "s": h.T @ dl}
"""


def rated():
    p, q, bias = tensors(P=WEIGHT, Q=V.T[:, :2].copy() @ np.ones((2, 3)), bias=RATED_BIAS)
    predicted = X @ p + bias
    named(predicted=predicted)
    error = MASK * (Y - predicted)
    return np.sum(error**2) / np.sum(MASK) + 0.3 * np.sum(np.maximum(X @ p @ q.T, 0) ** 2)


RATED_BIAS = np.array([0.3, -0.4, 0.9])

RATED = """
q = V.T[:, :2] @ np.ones((2, 3))
r = X @ WEIGHT @ q.T
dr = 0.6 * np.maximum(r, 0)
de = 2 * MASK * (X @ WEIGHT + RATED_BIAS - Y) / MASK.sum()
found = {"P": X.T @ de + X.T @ (dr @ q), "bias": de.sum(axis=0), "Q": dr.T @ (X @ WEIGHT)}
"""


def gated():
    v, u, a = tensors(V=V, U=U, A=U.T.copy())
    h = np.zeros(3)
    for t in range(5):
        z = 1 / (1 + np.exp(-(u @ h)))
        n = np.tanh(v @ SERIES[t] + z * (a @ h))
        h = (1 - z) * n + z * h
    named(h=h, z=z, n=n)
    return 0.5 * np.sum((h - 1) ** 2)


GATED = """
sigmoid = lambda x: 1 / (1 + np.exp(-x))
A, dV, dU, dA, h, steps = U.T, 0 * V, 0 * U, 0 * U, np.zeros(3), []
for t in range(5):
    z = sigmoid(U @ h)
    n = np.tanh(V @ SERIES[t] + z * (A @ h))
    steps.append((z, n, h))
    h = (1 - z) * n + z * h
d = h - 1
for t in reversed(range(5)):
    z, n, h = steps[t]
    dn = d * (1 - z) * (1 - n ** 2)
    dz = (d * (h - n) + dn * (A @ h)) * z * (1 - z)
    dV, dU, dA = dV + np.outer(dn, SERIES[t]), dU + np.outer(dz, h), dA + np.outer(dn * z, h)
    d = d * z + U.T @ dz + A.T @ (dn * z)
found = {"V": dV, "U": dU, "A": dA}
"""


def pairs():
    table, other = tensors(T=WEIGHT, O=WEIGHT[::-1].copy())
    u, v = table[LABELS], other[LABELS[::-1]]
    z = np.sum(u * v, axis=1)
    unit = u / np.sqrt(np.sum(u**2, axis=1, keepdims=True))
    unit_v = v / np.sqrt(np.sum(v**2, axis=1, keepdims=True))
    named(u=u, v=v, z=z)
    return -np.sum(np.log(1 / (1 + np.exp(-z)))) + np.sum(unit * Y) + np.sum(unit_v * Y[::-1])


PAIRS = """
u, v = WEIGHT[LABELS], WEIGHT[::-1][LABELS[::-1]]
dz = 1 / (1 + np.exp(-(u * v).sum(axis=1))) - 1
found = {}
for name, g, x, other, at in (("T", Y, u, v, LABELS), ("O", Y[::-1], v, u, LABELS[::-1])):
    r = np.sqrt((x**2).sum(axis=1, keepdims=True))
    dx = dz[:, None] * other + (g - x / r * (g * x / r).sum(axis=1, keepdims=True)) / r
    found[name] = np.zeros((4, 3))
    np.add.at(found[name], at, dx)
"""


def rooted():
    (w,) = tensors(W=WEIGHT)
    q = np.mean((X @ w) ** 2, axis=0)
    named(q=q)
    return np.sum((q + 0.1) ** -0.5 * GAIN)


ROOTED = """
z = X @ WEIGHT
q = (z**2).mean(axis=0)
found = {"W": X.T @ (-0.5 * (q + 0.1) ** -1.5 * GAIN * 2 * z / 7)}
"""


def pooled_relu():
    (w,) = tensors(W=WEIGHT)
    a = np.maximum(X @ w - 2, 0)
    return np.sum(np.max(a, axis=1) * (Y[:, 0] + 3))


POOLED_RELU = """
z = X @ WEIGHT - 2
a = np.maximum(z, 0)
top = np.eye(3)[a.argmax(axis=1)]
found = {"W": X.T @ (top * (Y[:, :1] + 3) * (z > 0))}
"""


CASES = [
    (classifier, CLASSIFIER, "d[np.arange(7), LABELS] -= 1", "", "loss", "target is missing"),
    (classifier, CLASSIFIER, "d[np.arange(7), LABELS]", "d[:, LABELS]", "loss", "whole columns"),
    (classifier, CLASSIFIER, "LABELS] -= 1", "(LABELS + 1) % 3] -= 1", "loss", "1 too large"),
    (classifier, CLASSIFIER, "d = d / 7", "d = d * p * (1 - p) / 7", "loss", "once too often"),
    (classifier, CLASSIFIER, "d = d / 7", "", "factor missing", "the factor 1 / 7"),
    (classifier, CLASSIFIER, " + 0.2 * WEIGHT", "", "term of the loss", "left out"),
    (classifier, CLASSIFIER, "0.2 * WEIGHT", "0.2 * abs(WEIGHT)", "other power", "|W|"),
    (classifier, CLASSIFIER, "X.T @ d + 0.2 * WEIGHT", "0 * WEIGHT", "zero", "zero"),
    (classifier, CLASSIFIER, "X.T @ d + 0.2 * WEIGHT", "WEIGHT", "another's numbers", "value of W"),
    (classifier, CLASSIFIER, "X.T @ d + 0.2 * WEIGHT", "np.clip(X.T @ d + 0.2 * WEIGHT, -.1, .1)",
     "clipped", "±0.1"),
    (hinge, HINGE, "X.T @ (d / 7)", "X.T @ (d / 7) + 0.1 * WEIGHT", "term too many", "0.1 * W"),
    (hinge, HINGE, "d[np.arange(7), LABELS] = -count", "", "entry of the label", "no gradient"),
    (hinge, HINGE, "= -count", "= -count - 1", "entry of the label", "counted too"),
    (hinge, HINGE, "= -count", "= -1", "entry of the label", "-1 for each row"),
    (normalised, NORMALISED, " - dn.mean(axis=0) / s", "", "normalisation", "through the mean"),
    (normalised, NORMALISED, " - n * (dn * n).mean(axis=0) / s", "", "normalisation", "variance"),
    (normalised, NORMALISED, "dn / s", "dn / s**2", "normalisation", "divided by the variance"),
    (normalised, NORMALISED, "(dn * n).mean", "2 * (dn * n).mean", "normalisation", "factor 2"),
    (normalised, NORMALISED, "1 - a**2", "1 + a**2", "sign in a derivative", "1 + "),
    (normalised, NORMALISED, "(1 - a**2)", "(1 - (a - Y) ** 2)", "given what arrives", "arrives"),
    (masked, MASKED, "(z > 0, 1, 0.1)", "(z > 0, 0.1, 1)", "mask", "reversed"),
    (masked, MASKED, "dh * MASK", "dh * MASK[::-1]", "shared noise", "drawn anew"),
    (masked, MASKED, "dh * MASK / 0.7", "dh", "factors missing", "are missing"),
    (masked, MASKED, "dp * p * -2", "dp / p * -2", "factor inverted", "divided by p"),
    (masked, MASKED, "X.T @ dz", "X[-1:].T @ dz[-1:]", "one row only", "last row"),
    (recurrent, RECURRENT, " * (1 - h[t] ** 2)", "", "derivative left out", "at every step"),
    (recurrent, RECURRENT, "1 - h[t] ** 2", "1 - h[t - 1] ** 2", "at every step", "step before"),
    (recurrent, RECURRENT, "np.outer(dz, h[t - 1])", "np.outer(dz, h[t])", "wrong tensor", "h_t"),
    (recurrent, RECURRENT, "SERIES[t])\n    dU", "SERIES[t - 1])\n    dU", "wrong time", "before"),
    (recurrent, RECURRENT, "U.T @ dz", "U @ dz", "not transposed", ".T is forgotten"),
    (recurrent, RECURRENT, " + later", "", "path missing", "nothing comes back"),
    (recurrent, RECURRENT, "dV = dV + ", "dV = ", "overwritten, not added", "overwritten"),
    (pooled, POOLED, "z == z.max(axis=1, keepdims=True)", "z == z", "pooling", "every entry"),
    (pooled, POOLED, "dz = top *", "dz = (z == z) / 3 *", "pooling", "as that of a mean"),
    (pooled, POOLED, "0.3 * np.sign(WEIGHT)", "0.3 * WEIGHT", "other power", "W stands in place"),
    (attending, ATTENDING, "a * (da - (da * a).sum(axis=1, keepdims=True))", "a * (1 - a) * da",
     "softmax in pieces", "terms between"),
    (attending, ATTENDING, "a * (da - (da * a)", "(da - (da * a)", "softmax in pieces", "factor a"),
    (attending, ATTENDING, "da - (da", "da + (da", "softmax in pieces", "is added"),
    (attending, ATTENDING, "sum(axis=1", "sum(axis=0", "softmax in pieces", "along axis 0"),
    (attending, ATTENDING, "sum(axis=1", "mean(axis=1", "softmax in pieces", "divided by 7"),
    (attending, ATTENDING, "a * (da - (da * a).sum(axis=1, keepdims=True))", "da",
     "softmax in pieces", "left out"),
    (gaussian, GAUSSIAN, "1 + np.exp(-u)", "1", "derivative left out", "softplus"),
    (gaussian, GAUSSIAN, "dh / (1 + np.exp(-u))", "dh * (u > 0)", "another activation's derivative",
     "relu' stands"),
    (gaussian, GAUSSIAN, "np.exp(-u)", "np.exp(-h)", "derivative at the activation", "taken at h"),
    (gaussian, GAUSSIAN, "/ v / 7\ndl", "/ np.sqrt(v) / 7\ndl", "other power", "square root"),
    (gaussian, GAUSSIAN, "(dm, m) + np.outer(dl, s)", "(dm, s) + np.outer(dl, m)", "exchanged",
     "m and s"),
    (gaussian, GAUSSIAN, '"m": h.T', '"m": np.maximum(u, 0).T', "another activation's value",
     "relu(u) is used"),
    (rated, RATED, "2 * MASK", "2", "another function", "MASK is left out"),
    (rated, RATED, "2 * MASK", "2 * (1 - MASK)", "another function", "MASK is reversed"),
    (rated, RATED, " + RATED_BIAS", "", "another function", "bias is left out"),
    (gated, GATED, "(1 - n ** 2)", "(1 + n ** 2)", "sign in a derivative", "1 + n_t"),
    (gated, GATED, "dz = (d * (h - n) + dn * (A @ h)) * z * (1 - z)",
     "dz = d * (h - n) + dn * (A @ h)", "derivative left out", "sigmoid at z_t"),
    (gated, GATED, "* z * (1 - z)", "* n * (1 - n)", "wrong tensor", "given n_t"),
    (gated, GATED, "dA + np.outer(dn * z, h)", "dA + np.outer(dn, h)", "wrong gradient",
     "in place of that at A @ h_{t-1}"),
    (pairs, PAIRS, "found[name], at, dx", "found[name], LABELS, dx", "another index", "v picks"),
    (pairs, PAIRS, ") / r\n    found", ")\n    found", "normalisation", "1 / length of"),
    (pairs, PAIRS, "(g - x / r * (g * x / r).sum(axis=1, keepdims=True)) / r", "g / r",
     "normalisation", "is taken as a constant"),
    (pairs, PAIRS, " - 1\n", "\n", "loss", "1 is not subtracted"),
    (rooted, ROOTED, "(q + 0.1) ** -1.5", "q ** -1.5", "constant left out", "is taken at q"),
    (pooled_relu, POOLED_RELU, " * (z > 0)", "", "derivative left out", "relu"),
    (gated, GATED, "dn * (A @ h)", "dn * h", "wrong tensor", "h_{t-1} is used in place of A @"),
]  # fmt: skip


def first(network, formulas, right="", wrong=""):
    space = {**globals()}
    assert right in formulas, right
    exec(formulas.replace(right, wrong, 1) if right else formulas, space)
    return al.compare(network(), space["found"])


@pytest.mark.parametrize(("network", "formulas", "right", "wrong", "name", "says"), CASES)
def test_the_mistake_has_its_name(network, formulas, right, wrong, name, says):
    result = first(network, formulas, right, wrong)
    rows = [row.diagnosis for row in result.failures if row.diagnosis.name != "follows"]
    assert rows[0].name == name, rows[0].title
    assert says in rows[0].title


@pytest.mark.parametrize(
    ("network", "formulas"), dict.fromkeys((case[0], case[1]) for case in CASES)
)
def test_right_formulas_are_right(network, formulas):
    result = first(network, formulas)
    assert result, str(result)
