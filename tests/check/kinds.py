"""Networks with losses, normalisations, loops, masks and pooling, and their gradients by hand."""

import numpy as np

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
SQUARE = rng.normal(size=(4, 4)) + 2 * np.eye(4)
KEPT = rng.uniform(size=(7, 7)) < 0.8
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


def joined():
    w, u, v = tensors(W=np.hstack([U, V]), U=U[::-1].copy(), V=V)
    h = np.zeros(3)
    for t in range(5):
        z = np.concatenate([h, SERIES[t]])
        k = 1 / (1 + np.exp(-(v @ SERIES[t])))
        h = np.tanh(w @ z + u @ (k * h))
    named(h=h, z=z, k=k)
    return 0.5 * np.sum((h - 1) ** 2)


JOINED = """
W, dW, dU, dV, h, steps = np.hstack([U, V]), 0, 0, 0, np.zeros(3), []
for t in range(5):
    z, k = np.append(h, SERIES[t]), 1 / (1 + np.exp(-(V @ SERIES[t])))
    steps.append((z, k, h))
    h = np.tanh(W @ z + U[::-1] @ (k * h))
d, later_h = h - 1, h
for t in reversed(range(5)):
    z, k, h = steps[t]
    dz = d * (1 - later_h**2)
    dk = U[::-1].T @ dz * h * k * (1 - k)
    dW, dU, dV = dW + np.outer(dz, z), dU + np.outer(dz, k * h), dV + np.outer(dk, SERIES[t])
    d, later_h = W[:, :3].T @ dz + U[::-1].T @ dz * k, h
found = {"W": dW, "U": dU, "V": dV}
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


HEADS = 0.7 * rng.normal(size=(2, 4, 3))
BEFORE = np.triu(np.full((7, 7), -1e9), 1)


def heads():
    q, k, v = tensors(Q=HEADS, K=WEIGHT, V=WEIGHT[::-1].copy())
    scores = (X @ q) @ (X @ k).T / 2 + BEFORE
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    a = e / np.sum(e, axis=-1, keepdims=True)
    h = a @ (X @ v)
    named(scores=scores, a=a, h=h)
    out = h.transpose(1, 0, 2).reshape(7, 6)
    return 0.5 * np.sum((out @ np.vstack([U, U]) - Y) ** 2)


HEADS_BY_HAND = """
softmax = lambda s: (e := np.exp(s - s.max(-1, keepdims=True))) / e.sum(-1, keepdims=True)
q, k, v = X @ HEADS, X @ WEIGHT, X @ WEIGHT[::-1]
plain = q @ k.T / 2
a = softmax(plain + BEFORE)
b = a
h = a @ v
out = h.transpose(1, 0, 2).reshape(7, 6) @ np.vstack([U, U])
d = (out - Y) @ np.vstack([U, U]).T
dh = d.reshape(7, 2, 3).transpose(1, 0, 2)
dv = (a.transpose(0, 2, 1) @ dh).sum(axis=0)
da = dh @ v.T
ds = b * (da - (da * b).sum(axis=-1, keepdims=True)) / 2
dk = (ds.transpose(0, 2, 1) @ q).sum(axis=0)
found = {"Q": X.T @ (ds @ k), "K": X.T @ dk, "V": X.T @ dv}
"""


SIGNS = np.where(Y[:, 0] > 0, 1.0, -1.0)


def margins():
    (w,) = tensors(W=WEIGHT[:, 0])
    s = X @ w
    named(s=s)
    return np.sum(np.log(1 + np.exp(-SIGNS * s)))


MARGINS = """
s = X @ WEIGHT[:, 0]
p = 1 / (1 + np.exp(-s))
found = {"W": X.T @ (p - (1 + SIGNS) / 2)}
"""


def grouped():
    (x,) = tensors(x=X[:6].reshape(2, 4, 3))
    u = x.reshape(2, 2, 6)
    c = u - np.mean(u, axis=2, keepdims=True)
    n = (c / np.sqrt(np.mean(c**2, axis=2, keepdims=True) + 1e-3)).reshape(2, 4, 3)
    named(u=u, n=n)
    gate = n / (1 + np.exp(-n))
    named(gate=gate)
    return np.sum(gate * WEIGHT)


GROUPED = """
u = X[:6].reshape(2, 2, 6)
c = u - u.mean(axis=2, keepdims=True)
r = np.sqrt((c**2).mean(axis=2, keepdims=True) + 1e-3)
n = c / r
s = 1 / (1 + np.exp(-n))
d = np.tile(WEIGHT, (2, 1, 1)).reshape(2, 2, 6) * (s + n * s * (1 - s))
du = (d - d.mean(axis=2, keepdims=True) - n * (d * n).mean(axis=2, keepdims=True)) / r
found = {"x": du.reshape(2, 4, 3)}
"""


PRECISION = U @ U.T + np.eye(3)


def precise():
    (p,) = tensors(P=PRECISION)
    q = np.sum((Y @ p) * Y)
    return 0.5 * q - 3.5 * np.log(np.linalg.det(p))


PRECISE = """
inverse = np.linalg.inv(PRECISION)
found = {"P": 0.5 * Y.T @ Y - 3.5 * inverse}
G = found["P"]
found = {"P": G}
"""


def rewarded():
    (w,) = tensors(W=WEIGHT)
    z = X @ w
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    gain = -np.mean(logp[np.arange(7), LABELS] * Y[:, 0])
    entropy = -np.mean(np.sum(np.exp(logp) * logp, axis=1))
    named(z=z, logp=logp, gain=gain, entropy=entropy)
    return gain - 0.1 * entropy


REWARDED = """
p = softmax(X @ WEIGHT)
h = -(p * np.log(p)).sum(axis=1, keepdims=True)
d = (p - np.eye(3)[LABELS]) * Y[:, :1] / 7
d = d + 0.1 * p * (np.log(p) + h) / 7
found = {"W": X.T @ d}
"""


def arranged():
    m, c = tensors(M=SQUARE, c=SQUARE[0])
    s = np.cumsum(X * c, axis=1)
    low = np.tril(m)
    inverse = np.linalg.inv(m)
    e = X @ np.diagonal(m) + 1
    size = np.abs(e)
    huber = np.where(size <= 1.2, 0.5 * e**2, 1.2 * (size - 0.6))
    named(s=s, low=low, inverse=inverse, e=e, size=size)
    spread = np.sum(np.var(X * c, axis=0) ** 2)
    most = np.sum(np.max(X * c, axis=1) ** 2)
    loss = np.sum(np.tanh(s)) + np.sum((X @ low) ** 2) + np.sum((X @ inverse) ** 2)
    return loss + np.linalg.slogdet(m)[1] + np.sum(huber) + spread + most


ARRANGED = """
u = X * SQUARE[0]
ds = 1 - np.tanh(np.cumsum(u, axis=1)) ** 2
du = np.cumsum(ds[:, ::-1], axis=1)[:, ::-1]
v = u.var(axis=0)
du = du + 2 * v * 2 * (u - u.mean(axis=0)) / 7
du = du + np.where(u == u.max(axis=1, keepdims=True), 2 * u.max(axis=1, keepdims=True), 0)
P = np.linalg.inv(SQUARE)
dm = np.tril(2 * X.T @ X @ np.tril(SQUARE))
dm = dm - P.T @ (2 * X.T @ X @ P) @ P.T + P.T
e = X @ np.diag(SQUARE) + 1
de = np.where(np.abs(e) <= 1.2, e, 1.2 * np.sign(e))
dm = dm + np.diag(X.T @ de)
found = {"M": dm, "c": (du * X).sum(axis=0)}
"""


def filtered():
    a, k = tensors(A=SQUARE[:3, :3] / 3, K=SQUARE[:3, :2])
    state, loss = np.ones(3), 0.0
    for t in range(5):
        guess = a @ state
        e = SERIES[t] - guess[:2]
        state = guess + k @ e
        loss = loss + np.sum(e**2)
    named(guess=guess, e=e)
    return loss


FILTERED = """
A, K = SQUARE[:3, :3] / 3, SQUARE[:3, :2]
states, guesses, errors = [np.ones(3)], [], []
for t in range(5):
    guesses.append(A @ states[-1])
    errors.append(SERIES[t] - guesses[-1][:2])
    states.append(guesses[-1] + K @ errors[-1])
dA, dK, ds = 0 * A, 0 * K, np.zeros(3)
for t in reversed(range(5)):
    de = 2 * errors[t] + K.T @ ds
    dK += np.outer(ds, errors[t])
    dg = ds - np.append(de, 0)
    dA += np.outer(dg, states[t])
    ds = A.T @ dg
found = {"A": dA, "K": dK}
"""


def padded():
    q, k = tensors(Q=WEIGHT, K=WEIGHT[::-1] + 1)
    scores = (X @ q) @ (X @ k).T
    p = al.softmax(np.where(KEPT, scores, -1e9), axis=1)
    named(scores=scores, p=p)
    return np.sum((p @ X) ** 2)


PADDED = """
q, k = X @ WEIGHT, X @ (WEIGHT[::-1] + 1)
s = np.where(KEPT, q @ k.T, -1e9)
p = softmax(s)
dp = 2 * (p @ X) @ X.T
ds = p * (dp - (dp * p).sum(axis=1, keepdims=True))
found = {"Q": X.T @ (ds @ k), "K": X.T @ (ds.T @ q)}
"""


def valued():
    q, v = tensors(Q=WEIGHT, V=WEIGHT[::-1] + 1)
    scores = (X @ q) @ Y.T
    p = al.softmax(np.where(KEPT, scores, -1e9), axis=1)
    named(p=p)
    return np.sum((p @ (X @ v)) ** 2)


VALUED = """
s = X @ WEIGHT @ Y.T
p = softmax(np.where(KEPT, s, -1e9))
found = {"V": X.T @ (2 * p.T @ (p @ X @ (WEIGHT[::-1] + 1)))}
"""


def shared_scale():
    alpha, w = tensors(alpha=np.array(0.3), w=GAIN)
    return np.sum(alpha * np.tanh(Y @ w)) + np.sum(MASK)


SHARED_SCALE = """
t = np.tanh(Y @ GAIN)
found = {"alpha": t.sum(), "w": 0.3 * Y.T @ (1 - t**2)}
"""

CODES = np.array([0, 2, 1, 3, 1])


def chain():
    w, links = tensors(W=WEIGHT @ np.eye(3, 4), T=SQUARE / 3)
    e = X[:5] @ w
    alpha = e[0]
    for t in range(1, 5):
        alpha = al.logsumexp(alpha[:, None] + links, axis=0) + e[t]
    return al.logsumexp(alpha) - np.sum(links[CODES[:-1], CODES[1:]])


CHAIN = """
T, e = SQUARE / 3, X[:5] @ WEIGHT @ np.eye(3, 4)
alphas = [e[0]]
for t in range(1, 5):
    alphas.append(np.log(np.exp(alphas[-1][:, None] + T).sum(axis=0)) + e[t])
g = softmax(alphas[-1][None])[0]
dT, de = np.zeros((4, 4)), np.zeros((5, 4))
for t in range(4, 0, -1):
    de[t] = g
    p = softmax((alphas[t - 1][:, None] + T).T).T * g
    dT += p
    g = p.sum(axis=1)
de[0] = g
np.add.at(dT, (CODES[:-1], CODES[1:]), -1)
found = {"T": dT, "W": X[:5].T @ de}
"""


def mixture():
    centres, log_scale = tensors(C=WEIGHT[:, :2], s=np.array(-0.3))
    scale = np.exp(log_scale)
    scores = -scale * np.sum((X[:, None, :2] - centres) ** 2, axis=2)
    named(scale=scale, scores=scores)
    return -np.sum(al.logsumexp(scores, axis=1))


MIXTURE = """
d = X[:, None, :2] - WEIGHT[:, :2]
scores = -np.exp(-0.3) * (d**2).sum(axis=2)
p = softmax(scores)
found = {"C": -2 * np.exp(-0.3) * (p[:, :, None] * d).sum(axis=0)}
"""


def stacked():
    (b,) = tensors(b=GAIN)
    return np.mean(np.stack([np.tanh(X @ WEIGHT + b), np.tanh(Y + b)]) ** 2)


STACKED = """
first, second = np.tanh(X @ WEIGHT + GAIN), np.tanh(Y + GAIN)
db = sum(2 * h * (1 - h**2) / 42 for h in (first, second)).sum(axis=0)
found = {"b": db}
"""
