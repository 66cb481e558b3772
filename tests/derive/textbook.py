# ruff: noqa: N806
"""Networks in plain NumPy, as a learner writes them, and numbers to run them on."""

import numpy as np

import autograd_lite as al

NETWORKS = {}

DATA = {"X", "y", "Y", "Z", "x", "xs", "t", "target", "labels", "tokens", "keep", "eps",
        "R", "M", "lam", "center", "context", "negative", "event", "D"}  # fmt: skip
"""What is given; gradients are wanted of the rest."""


def network(**at):
    """Register a network, and make its arrays: a shape is one of numbers, a tuple what it says."""

    def register(f):
        NETWORKS[f.__name__] = f, at
        return f

    return register


def arrays(at, seed):
    """Return arrays: of shapes, drawn anew; of what counts or is true, the rows permuted."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, what in at.items():
        if isinstance(what, tuple):
            made[name] = rng.normal(size=what)
        elif isinstance(what, np.ndarray):
            made[name] = rng.permutation(what)
        else:
            made[name] = what
    return made


TRUTH = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
LABELS = np.array([0, 2, 1, 1, 2])
ONE_HOT = np.eye(3)[LABELS]


@network(X=(5, 3), y=TRUTH, w=(3,), b=())
def logistic_regression(X, y, w, b):
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


@network(X=(5, 3), y=TRUTH, w=(3,), b=())
def logistic_regression_from_logits(X, y, w, b):
    z = X @ w + b
    return np.mean(np.maximum(z, 0) - z * y + np.log(1 + np.exp(-np.abs(z))))


@network(X=(5, 4), Y=ONE_HOT, W=(4, 3), b=(3,))
def softmax_regression(X, Y, W, b):
    scores = X @ W + b
    exp_scores = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.sum(Y * np.log(probs)) / len(X)


@network(X=(5, 4), labels=LABELS, W=(4, 3), b=(3,))
def softmax_regression_by_labels(X, labels, W, b):
    scores = X @ W + b
    scores = scores - np.max(scores, axis=1, keepdims=True)
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    return -np.mean(np.log(probs[np.arange(5), labels]))


@network(X=(5, 3), y=(5, 1), W1=(3, 4), b1=(4,), W2=(4, 1), b2=(1,))
def mlp_sigmoid(X, y, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    a1 = 1 / (1 + np.exp(-z1))
    z2 = a1 @ W2 + b2
    a2 = 1 / (1 + np.exp(-z2))
    return np.mean((a2 - y) ** 2)


@network(X=(5, 3), Y=(5, 2), W1=(3, 4), b1=(4,), W2=(4, 2), b2=(2,))
def mlp_tanh(X, Y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    out = h @ W2 + b2
    return 0.5 * np.sum((out - Y) ** 2) / len(X)


@network(X=(5, 4), labels=LABELS, W1=(4, 6), b1=(6,), W2=(6, 3), b2=(3,))
def mlp_relu(X, labels, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    a1 = np.maximum(0, z1)
    z2 = a1 @ W2 + b2
    logp = z2 - np.log(np.sum(np.exp(z2), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(5), labels])


@network(X=(5, 3), y=(5, 1), W1=(3, 4), b1=(4,), W2=(4, 1), b2=(1,))
def mlp_gelu(X, y, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    u = np.sqrt(2 / np.pi) * (z1 + 0.044715 * z1**3)
    a1 = 0.5 * z1 * (1 + np.tanh(u))
    out = a1 @ W2 + b2
    return np.mean((out - y) ** 2)


@network(X=(5, 3), y=(5, 1), W1=(3, 4), gamma=(4,), beta=(4,), W2=(4, 1))
def batch_norm(X, y, W1, gamma, beta, W2):
    z = X @ W1
    mu = np.mean(z, axis=0)
    var = np.var(z, axis=0)
    z_hat = (z - mu) / np.sqrt(var + 1e-5)
    h = np.maximum(0, gamma * z_hat + beta)
    out = h @ W2
    return np.mean((out - y) ** 2)


@network(x=(5, 4), target=(5, 4), gamma=(4,), beta=(4,))
def layer_norm(x, target, gamma, beta):
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    xhat = (x - mean) / np.sqrt(var + 1e-5)
    y = gamma * xhat + beta
    return np.sum((y - target) ** 2) / 2


@network(X=(5, 3), y=(5, 1), keep=np.arange(20).reshape(5, 4) % 3 > 0, W1=(3, 4), W2=(4, 1))
def dropout(X, y, keep, W1, W2):
    h = np.maximum(0, X @ W1)
    h_drop = h * keep / 0.8
    out = h_drop @ W2
    return np.mean((out - y) ** 2)


@network(xs=(3, 2), target=(2,), Wx=(2, 4), Wh=(4, 4), b=(4,), Wy=(4, 2))
def rnn(xs, target, Wx, Wh, b, Wy):
    h = np.zeros(4)
    for t in range(3):
        h = np.tanh(xs[t] @ Wx + h @ Wh + b)
    y = h @ Wy
    return np.sum((y - target) ** 2)


@network(xs=(2, 2), target=(3,), W=(5, 12), b=(12,))
def lstm(xs, target, W, b):
    h = np.zeros(3)
    c = np.zeros(3)
    for t in range(2):
        z = np.concatenate([xs[t], h]) @ W + b
        f = 1 / (1 + np.exp(-z[:3]))
        i = 1 / (1 + np.exp(-z[3:6]))
        o = 1 / (1 + np.exp(-z[6:9]))
        g = np.tanh(z[9:])
        c = f * c + i * g
        h = o * np.tanh(c)
    return np.sum((h - target) ** 2)


@network(xs=(2, 2), target=(3,), Wz=(2, 3), Uz=(3, 3), Wr=(2, 3), Ur=(3, 3), W=(2, 3), U=(3, 3))
def gru(xs, target, Wz, Uz, Wr, Ur, W, U):
    h = np.zeros(3)
    for t in range(2):
        z = 1 / (1 + np.exp(-(xs[t] @ Wz + h @ Uz)))
        r = 1 / (1 + np.exp(-(xs[t] @ Wr + h @ Ur)))
        g = np.tanh(xs[t] @ W + (r * h) @ U)
        h = (1 - z) * h + z * g
    return np.sum((h - target) ** 2)


@network(x=(8,), k=(3,), b=(), w=(3,), t=())
def conv_1d(x, k, b, w, t):
    z = k[0] * x[:-2] + k[1] * x[1:-1] + k[2] * x[2:] + b
    a = np.maximum(0, z)
    pooled = np.max(a.reshape(3, 2), axis=1)
    y = pooled @ w
    return (y - t) ** 2


@network(x=(6, 6), K=(3, 3), W=(4, 2), t=(2,))
def conv_2d(x, K, W, t):
    z = np.zeros((4, 4))
    for i in range(3):
        for j in range(3):
            z = z + K[i, j] * x[i : i + 4, j : j + 4]
    a = np.maximum(0, z)
    pooled = a.reshape(2, 2, 2, 2).max(axis=(1, 3))
    y = pooled.reshape(4) @ W
    return np.sum((y - t) ** 2)


@network(X=(4, 3), Wq=(3, 2), Wk=(3, 2), Wv=(3, 2), target=(4, 2))
def attention(X, Wq, Wk, Wv, target):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / np.sqrt(2)
    E = np.exp(S - S.max(axis=1, keepdims=True))
    A = E / E.sum(axis=1, keepdims=True)
    out = A @ V
    return np.sum((out - target) ** 2)


@network(
    V=(6, 3), U=(6, 3), center=np.array([0, 1, 3]), context=np.array([2, 2, 4]),
    negative=np.array([[5, 1], [0, 3], [1, 2]]),
)  # fmt: skip
def skip_gram(V, U, center, context, negative):
    v, u, n = V[center], U[context], U[negative]
    pos = np.sum(v * u, axis=1)
    neg = np.sum(v[:, None, :] * n, axis=2)
    return np.sum(np.log(1 + np.exp(-pos))) + np.sum(np.log(1 + np.exp(neg)))


@network(R=(4, 5), M=(np.arange(20) % 3 > 0).astype(float).reshape(4, 5), P=(4, 2), Q=(5, 2))
def matrix_factorisation(R, M, P, Q):
    E = M * (P @ Q.T - R)
    return 0.5 * np.sum(E**2) + 0.05 * (np.sum(P**2) + np.sum(Q**2))


@network(x=(4, 5), eps=(4, 2), We=(5, 3), Wm=(3, 2), Ws=(3, 2), Wd=(2, 5))
def vae(x, eps, We, Wm, Ws, Wd):
    h = np.tanh(x @ We)
    mu = h @ Wm
    logvar = h @ Ws
    z = mu + np.exp(0.5 * logvar) * eps
    xhat = z @ Wd
    recon = np.sum((xhat - x) ** 2)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return (recon + kl) / len(x)


@network(X=(5, 3), y=(5,), w=(3,), v=(3,))
def gaussian_nll(X, y, w, v):
    mu = X @ w
    s = X @ v
    return np.mean(0.5 * s + 0.5 * (y - mu) ** 2 / np.exp(s))


@network(X=(5, 3), y=(5,), w=(3,), lam=0.1)
def ridge(X, y, w, lam):
    r = X @ w - y
    return np.sum(r**2) / len(X) + lam * np.sum(w**2)


@network(X=(5, 3), Y=(5, 2), W1=(3, 4), W2=(4, 4), W3=(4, 2))
def deep_linear(X, Y, W1, W2, W3):
    return np.sum((X @ W1 @ W2 @ W3 - Y) ** 2) / 2


@network(x=(4, 3), t=(4, 3), W1=(3, 3), b1=(3,), W2=(3, 3), b2=(3,))
def residual(x, t, W1, b1, W2, b2):
    h = x + np.tanh(x @ W1 + b1)
    y = h + np.tanh(h @ W2 + b2)
    return np.mean((y - t) ** 2)


@network(tokens=np.array([[0, 3, 1], [2, 2, 4]]), y=np.array([1, 0]), E=(5, 3), W=(3, 2))
def embedding(tokens, y, E, W):
    e = E[tokens]
    h = np.mean(e, axis=1)
    logits = h @ W
    probs = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    return -np.mean(np.log(probs[np.arange(2), y]))


@network(X=(5, 4), W=(4, 2), b=(2,), c=(4,))
def tied_autoencoder(X, W, b, c):
    h = np.tanh(X @ W + b)
    out = h @ W.T + c
    return np.mean(np.sum((out - X) ** 2, axis=1))


@network(X=(5, 3), y=2 * TRUTH - 1, w=(3,), b=())
def hinge(X, y, w, b):
    margins = y * (X @ w + b)
    return np.mean(np.maximum(0, 1 - margins)) + 0.01 * (w @ w)


@network(X=(5, 3), y=np.array([0.0, 2.0, 1.0, 4.0, 0.0]), w=(3,), b=())
def poisson(X, y, w, b):
    eta = X @ w + b
    rate = np.exp(eta)
    return np.mean(rate - y * eta)


@network(X=(4, 3), Y=(4, 3), Z=(4, 3), W=(3, 2))
def triplet(X, Y, Z, W):
    a, p, n = X @ W, Y @ W, Z @ W
    dp = np.sum((a - p) ** 2, axis=1)
    dn = np.sum((a - n) ** 2, axis=1)
    return np.mean(np.maximum(0, dp - dn + 0.5))


@network(X=(6, 4), target=(6, 4), Wq=(4, 4), Wk=(4, 4), Wv=(4, 4), Wo=(4, 4))
def multi_head(X, target, Wq, Wk, Wv, Wo):
    Q = (X @ Wq).reshape(6, 2, 2).transpose(1, 0, 2)
    K = (X @ Wk).reshape(6, 2, 2).transpose(1, 0, 2)
    V = (X @ Wv).reshape(6, 2, 2).transpose(1, 0, 2)
    mask = np.triu(np.full((6, 6), -1e9), k=1)
    S = Q @ K.transpose(0, 2, 1) / np.sqrt(2) + mask
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    A = E / E.sum(axis=-1, keepdims=True)
    out = (A @ V).transpose(1, 0, 2).reshape(6, 4) @ Wo
    return np.mean((out - target) ** 2)


@network(x=(5, 5), target=(3, 3), K=(3, 3), b=())
def conv_by_loops(x, target, K, b):
    out = al.Tensor(np.zeros((3, 3)))
    for i in range(3):
        for j in range(3):
            out[i, j] = np.sum(x[i : i + 3, j : j + 3] * K) + b
    return np.sum((np.maximum(0, out) - target) ** 2)


@network(x=(2, 8), target=(2, 5), k=(3,), m=(2,))
def conv_by_windows(x, target, k, m):
    h = np.tanh(np.lib.stride_tricks.sliding_window_view(x, 3, axis=1) @ k)
    y = np.lib.stride_tricks.sliding_window_view(h, 2, axis=1) @ m
    return np.sum((y - target) ** 2)


@network(X=(5, 4), labels=LABELS, W=(4, 3))
def hinge_of_classes(X, labels, W):
    s = X @ W
    margins = np.maximum(0, s - s[np.arange(5), labels][:, None] + 1)
    margins[np.arange(5), labels] = 0
    return np.sum(margins) / 5 + 0.01 * np.sum(W * W)


@network(tokens=np.array([0, 2, 1, 1, 0]), E=(5, 3), A=(3, 3))
def conditional_random_field(tokens, E, A):
    score = E[0, tokens[0]]
    a = E[0]
    for t in range(1, 5):
        score = score + A[tokens[t - 1], tokens[t]] + E[t, tokens[t]]
        a = np.logaddexp.reduce(a[:, None] + A, axis=0) + E[t]
    return np.logaddexp.reduce(a) - score


@network(X=(6, 3), event=np.array([1.0, 0, 1, 1, 0, 1]), beta=(3,))
def proportional_hazards(X, event, beta):
    eta = X @ beta
    risk = np.cumsum(np.exp(eta)[::-1])[::-1]
    return -np.sum(event * (eta - np.log(risk)))


@network(X=(6, 2), logits=(3,), mu=(3, 2), s=(3,))
def mixture_of_gaussians(X, logits, mu, s):
    logp = logits - np.log(np.sum(np.exp(logits)))
    q = np.sum((X[:, None, :] - mu[None, :, :]) ** 2, axis=2)
    a = logp - 0.5 * q / np.exp(2 * s) - 2 * s - np.log(2 * np.pi)
    return -np.sum(np.logaddexp.reduce(a, axis=1))


@network(D=np.array([[0.0, 1, 4], [1, 0, 1], [4, 1, 0]]), y=(3,), r=1.1, n=0.3)
def gaussian_process(D, y, r, n):
    K = np.exp(-0.5 * D / r**2) + n**2 * np.eye(3)
    return 0.5 * y @ np.linalg.solve(K, y) + 0.5 * np.linalg.slogdet(K)[1]


@network(X=(5, 3), y=(5,), w=(3,), b=())
def sample_by_sample(X, y, w, b):
    total = 0.0
    for i in range(5):
        pred = X[i] @ w + b
        total += (pred - y[i]) ** 2
    return total / 5
