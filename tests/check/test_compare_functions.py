"""Functions of arrays: what is wrong has its name at kinks, for symmetric matrices, in sums."""

import numpy as np
import pytest

import autograd_lite as al

rng = np.random.default_rng(3)
M, B, X = rng.normal(size=(5, 4)), rng.normal(size=5), rng.normal(size=4)
TARGET, IDS = rng.normal(size=5), np.array([[0, 2, 2], [5, 1, 3], [2, 4, 0], [1, 1, 1]])


def put_back(g, ids=IDS):
    """Add to each row that is picked what comes back to the mean that it is in."""
    d = np.zeros((6, 3))
    np.add.at(d, ids, g[:, None])
    return d


def scored(h, u):
    """Add up in a loop, with weights of what is scored in another loop."""
    a = softmax(np.stack([u @ h[t] for t in range(len(h))]))
    total = 0.0
    for t in range(len(h)):
        total = total + a[t] * h[t]
    return np.sum(np.tanh(total))


def scored_backward(h, u):
    a = softmax(h @ u)
    d = 1 - np.tanh(a @ h) ** 2
    return {"h": np.outer(a, d), "u": h.T @ (a * (h @ d - a @ h @ d))}


def one_of_each_pair(x):
    k = np.exp(-np.sum((x[:, None] - x[None]) ** 2, axis=2))
    return -2 * (k.sum(1)[:, None] * x - k @ x)


def ridge(x, m, b):
    return np.sum((m @ x - b) ** 2) + 0.3 * np.sum(x**2)


def huber(x, m, b):
    error = m @ x - b
    return np.mean(np.where(np.abs(error) <= 1, 0.5 * error**2, np.abs(m @ x - b) - 0.5))


def softmax(x):
    return np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x)))


def of_inverse(s, y):
    return np.sum(np.linalg.solve(np.linalg.cholesky(s), y) ** 2)


def inverse_applied(s, y):
    return np.linalg.solve(s, y)


SPD = M.T @ M + np.eye(4)


@pytest.mark.parametrize(
    ("f", "by_hand", "inputs", "says"),
    [
        (
            ridge,
            lambda x, m, b: {"x": 2 * m.T @ (m @ x - b) + 0.3 * x},
            [X, M, B],
            "the term np.sum(x ** 2) of the loss has a factor 0.5",
        ),
        (
            huber,
            lambda x, m, b: {"x": m.T @ np.where(abs(m @ x - b) <= 1, m @ x - b, 0) / 5},
            [X, M, 2 * B],
            "in m @ x - b, is left out",
        ),
        (
            lambda x: np.sum((x - np.mean(x)) ** 2) / 4,
            lambda x: 2 * x / 4,
            [B],
            "np.mean(x) is left out of x - np.mean(x), forwards too",
        ),
        (
            of_inverse,
            lambda s, y: {"s": np.outer(inverse_applied(s, y), inverse_applied(s, y))},
            [SPD, X],
            "the sign is flipped",
        ),
        (
            lambda w, x: np.sum(np.maximum(x @ w, 0)),
            lambda w, x: {"w": x.T @ (x @ w < 0)},
            [np.array([0.5, 0.0, 0.0]), np.vstack([np.eye(3), rng.normal(size=(5, 3))])],
            "is reversed",
        ),
        (
            lambda a, x: np.trace(a @ x @ a.T),
            lambda a, x: {"x": a @ a.T},
            [rng.normal(size=(3, 3)), rng.normal(size=(3, 3))],
            "a stands for a.T throughout",
        ),
        (
            lambda a, b, c: np.dot(np.cross(a, b), c),
            lambda a, b, c: {"b": np.cross(c, b)},
            [rng.normal(size=3), rng.normal(size=3), rng.normal(size=3)],
            "b is used in place of a",
        ),
        (
            lambda a, b: np.trace(a @ b),
            lambda a, b: {"a": b.reshape(3, 4)},
            [rng.normal(size=(3, 4)), rng.normal(size=(4, 3))],
            "reshape in place of transpose",
        ),
        (
            lambda p: -np.sum(p * np.log(p)),
            lambda p: -1 / p,
            [np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]])],
            "-1 / p is given for the gradient at p",
        ),
        (
            lambda x: np.sum(np.exp(-np.sum((x[:, None] - x[None]) ** 2, axis=2))),
            one_of_each_pair,
            [rng.normal(size=(5, 2))],
            "by hand = 0.5 × autodiff: the factor 2 is missing",
        ),
        (
            lambda q: np.sum((M @ q - TARGET) ** 2),
            lambda q: -2 * M.T @ TARGET,
            [X],
            "only the target TARGET is there, without the prediction (M @ q)",
        ),
        (
            lambda q: np.sum((M @ q - np.arange(5.0)) ** 2),
            lambda q: -2 * M.T @ np.arange(5),
            [X],
            "only the target is there, without",
        ),
        (
            lambda e: np.sum(np.tanh(np.mean(e[IDS], axis=1))),
            lambda e: put_back(1 - np.tanh(np.mean(e[IDS], axis=1)) ** 2) / IDS.size,
            [rng.normal(size=(6, 3))],
            "divided by 4 once too often",
        ),
        (
            lambda e: np.sum(np.tanh(np.mean(e[IDS], axis=1))),
            lambda e: put_back((1 - np.tanh(np.mean(e[IDS], axis=1)) ** 2) / 3, IDS[:, :-1]),
            [rng.normal(size=(6, 3))],
            "the last slice along axis 1 of the gradient at e[…] is left out",
        ),
        (
            lambda z, e: 0.25 * np.sum((z - np.mean(e)) ** 2),
            lambda z, e: {"z": 2 * (z - np.mean(e)), "e": np.sum(np.mean(e) - z) / 8 + 0 * e},
            [rng.normal(size=(5, 3)), rng.normal(size=4)],
            "not multiplied by 0.25",
        ),
        (
            np.median,
            lambda x: np.eye(7)[3],
            [np.arange(7.0) ** 2 - 8],
            "the gradient of np.sort(a, axis=0) was given",
        ),
        (
            scored,
            scored_backward,
            [rng.normal(size=(5, 4)), X],
            "at every step, nothing comes back to h[t] from",
        ),
    ],
)
def test_the_mistake_has_its_name(f, by_hand, inputs, says):
    (row,) = al.compare(f, by_hand, inputs).failures
    assert says in row.diagnosis.title


@pytest.mark.parametrize(
    ("targets", "says"),
    [((1, 0), "are 1 and 0,"), ((0.9, 0.1), "are 0.9 and 0.1,"), ((0.9, 1 / 30), "0.9 and 1/30,")],
)
def test_labels_that_are_smoothed_otherwise_are_said(targets, says):
    labels = np.array([0, 2, 1, 3, 3])
    z = al.Tensor(rng.normal(size=(5, 4)), requires_grad=True, name="z")
    lp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    loss = -np.mean(0.9 * lp[np.arange(5), labels] + 0.1 * np.mean(lp, axis=1))
    q = np.where(np.eye(4)[labels] == 1, *targets)
    row = al.compare(loss, {"z": (np.exp(lp.numpy()) - q) / 5})["z"]
    assert says in row.diagnosis.title
    assert "in place of 0.925 and 0.025" in row.diagnosis.title


@pytest.mark.parametrize(
    ("f", "by_hand", "says"),
    [
        (lambda x: np.linalg.norm(x), lambda x: 2 * x, "that of the square of the loss"),
        (
            lambda x, m, b: np.sum(np.abs(b) * (m @ x - b) ** 2),
            lambda x, m, b: {"x": 2 * m.T @ (np.abs(b) * (m @ x + b))},
            "the sign of b is flipped in",
        ),
    ],
)
def test_another_function_is_named(f, by_hand, says):
    inputs = [X, M, B] if "sign" in says else [X]
    assert says in al.compare(f, by_hand, inputs).rows[0].diagnosis.title


def test_the_norm_of_a_group_is_found_in_five_axes():
    def forward(x):
        g = x.reshape(2, 2, 2, 3, 2)
        mean, var = g.mean(axis=(2, 3, 4), keepdims=True), g.var(axis=(2, 3, 4), keepdims=True)
        n = (g - mean) / np.sqrt(var + 1e-5)
        return n.reshape(x.shape), (n, var)

    def backward(dy, cache):
        n, var = cache
        g, axes = dy.reshape(n.shape), (2, 3, 4)
        inner = g - g.mean(axes, keepdims=True) - n * (g * n).mean(axes, keepdims=True)
        return (inner / np.sqrt(var)).reshape(dy.shape)

    result = al.check_layer(forward, backward, [rng.normal(size=(2, 4, 3, 2))])
    assert "eps is left out of the square root" in result["x"].diagnosis.title


def test_two_uses_that_look_alike_are_told_apart():
    def half(v):
        return np.diag(softmax(v))

    result = al.check_jacobian(softmax, half, X)
    assert "terms between the entries" in result["x"].diagnosis.title or (
        "in np.sum(np.exp(x - np.max(x)))" in result["x"].diagnosis.title
    )


def test_what_has_the_digits_of_float32_and_no_mistake_is_not_called_wrong():
    def f(x):
        return np.sum(np.tanh(x) * x)

    def by_hand(x):
        t = np.tanh(x.astype(np.float32)).astype(float)
        return t + x * (1 - t**2)

    result = al.compare(f, by_hand, [X])
    assert result["x"].verdict.startswith("agrees to the digits that are given")
    assert "float32" in result["x"].finding
    near = al.compare(f, lambda x: np.tanh(x) + x * (1 - np.tanh(x) ** 2) * (1 + 1e-7), [X])
    assert "factor" in near["x"].diagnosis.title or not near


def test_an_entry_that_gets_nothing_is_said_before_two_mistakes():
    def backward(dy, p):
        dx = p * (dy - (dy * p).sum(axis=1, keepdims=True))
        dx[:, 2:] = 0
        return dx

    def forward(x):
        m = np.max(x, axis=1, keepdims=True)
        p = np.exp(x - m) / np.sum(np.exp(x - m), axis=1, keepdims=True)
        return p, p

    result = al.check_layer(forward, backward, [rng.normal(size=(3, 4))])
    assert result["x"].diagnosis.title.startswith("by hand is zero in columns 2, 3")


def test_a_function_of_keywords_alone_is_called_by_name():
    def by_hand(**given):
        return {"x": 2 * given["m"].T @ (given["m"] @ given["x"] - given["b"]) + 0.6 * given["x"]}

    assert al.compare(ridge, by_hand, {"x": X, "m": M, "b": B})
    assert al.compare(lambda *, x: np.sum(x**2), lambda *, x: 2 * x, {"x": X})


@pytest.mark.parametrize("prefix", ["", "d"])
def test_a_parameter_that_gets_another_value_is_still_the_input(prefix):
    def f(x, w):
        x = np.tanh(x @ w)
        return np.sum(x**2)

    def by_hand(x, w):
        h = np.tanh(x @ w)
        dz = 2 * h * (1 - h**2)
        return {f"{prefix}x": dz @ w.T, f"{prefix}w": x.T @ dz}

    assert al.compare(f, by_hand, [M, rng.normal(size=(4, 2))])


def test_what_has_no_digits_left_at_other_values_is_not_called_wrong():
    def f(z, y):
        p = 1 / (1 + np.exp(-z))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    def by_hand(z, y):
        return {"z": (1 / (1 + np.exp(-z)) - y) / len(z)}

    z, y = np.array([9.0, 11.7, -10.0, 11.8, 3.0]), np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    assert al.compare(f, by_hand, [z, y])
    there = al.compare(f, by_hand, [3 * z, 1 - y])
    assert there["z"].verdict != "by hand is wrong"
    assert not al.compare(f, lambda z, y: {"z": 2 * by_hand(z, y)["z"]}, [z, y])


def test_a_list_of_numbers_in_float16_has_no_more_digits():
    def by_hand(x):
        p = softmax(x)
        return {"x": (p * (2 * p - np.sum(2 * p * p))).tolist()}

    x = np.random.default_rng(1).normal(size=4).astype(np.float16)
    assert al.compare(lambda x: np.sum(softmax(x) ** 2), by_hand, [x])


@pytest.mark.parametrize("labels", ["cm,dm->cd", "ncm,ndm->cd", "mc,md->cd"])
@pytest.mark.parametrize("smooth", [False, True])
def test_one_hot_columns_stay_one_hot_and_shares_shares(labels, smooth):
    index, data, _ = labels.replace("->", ",").split(",")
    lengths, axis = {"n": 2, "c": 4, "m": 5, "d": 3}, index.index("c")
    eye = 0.9 * np.eye(4) + 0.025 if smooth else np.eye(4)
    drawn = rng.integers(0, 4, [lengths[k] for k in index if k != "c"])
    targets = np.moveaxis(eye[drawn], -1, axis)

    def probabilities(x, w):
        scores = np.einsum(f"cd,{data}->{index}", w, x)
        e = np.exp(scores - np.max(scores, axis=axis, keepdims=True))
        return e / np.sum(e, axis=axis, keepdims=True)

    def loss(x, t, w):
        return -np.sum(t * np.log(probabilities(x, w)))

    def by_hand(x, t, w):
        return {"w": np.einsum(f"{index},{data}->cd", probabilities(x, w) - t, x)}

    inputs = [rng.normal(size=[lengths[k] for k in data]), targets, rng.normal(size=(4, 3))]
    assert al.compare(loss, by_hand, inputs)
