"""Slips in backward functions of layers and kernels, each by its name."""

import numpy as np
import pytest

import autograd_lite as al

rng = np.random.default_rng(19)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    return y, y


def softmax_back(dy, y, tiles="slice(0, 6)"):
    dot = np.sum((dy * y)[:, eval(tiles)], axis=1, keepdims=True)
    return y * (dy - dot)


@pytest.mark.parametrize(
    ("tiles", "says"),
    [
        ("slice(4, 6)", "only the last 2 of 6 slices along axis 1 of what comes back to"),
        ("slice(0, 4)", "only the first 4 of 6 slices along axis 1 of what comes back to"),
        ("slice(1, 4)", "only the slices 1 to 3 of 6 slices along axis 1 of what comes back to"),
        ("slice(0, 5)", "the last slice along axis 1 of what comes back to"),
    ],
)
def test_a_run_of_a_sum_is_told(tiles, says):
    inputs = [rng.normal(size=(4, 6))]
    assert al.check_layer(softmax, softmax_back, inputs)
    wrong = al.check_layer(softmax, lambda dy, y: softmax_back(dy, y, tiles), inputs)
    assert wrong["x"].diagnosis.title.startswith(says)


def layer_norm(x, w):
    mean = x.mean(axis=1, keepdims=True)
    r = 1 / np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + 1e-3)
    return (x - mean) * r * w, (x, mean, r, w)


NORM = """
x, mean, r, w = cache
n = (x - mean) * r
g = w * dy
c1 = np.mean(n * g, axis=1, keepdims=True)
c2 = np.mean(g, axis=1, keepdims=True)
dx = (g - n * c1 - c2) * r
"""


def rms_norm(x, w):
    r = 1 / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-3)
    return x * r * w, (x, r, w)


def test_a_root_mean_square_has_neither_a_mean_nor_a_variance():
    def back(dy, cache):
        x, r, w = cache
        return {"x": r * w * dy - r**3 * x * np.mean(dy * x, axis=1, keepdims=True)}

    result = al.check_layer(rms_norm, back, [rng.normal(size=(4, 6)), rng.normal(size=6)])
    title = "the factor w is missing in what comes through the root mean square of x"
    assert result["x"].diagnosis.title == title


def test_a_gradient_in_place_of_another_is_said_with_where_it_goes():
    def back(dy, cache):
        x, r, w = cache
        return {"x": r * w * dy - r**3 * x * np.mean(x, axis=1, keepdims=True)}

    result = al.check_layer(rms_norm, back, [rng.normal(size=(4, 6)), rng.normal(size=6)])
    assert result["x"].diagnosis.title.endswith(
        "in place of that at x * r, in what comes back to r"
    )


def executed(code, result, **known):
    names = {"np": np, **known}
    exec(code, names)
    return names[result]


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("np.mean(g,", "np.mean(dy,", "the factor w is missing in what is summed in the path"),
        ("- n * c1", "- x * c1", "x stands in place of x, normalised, outside the sum"),
        ("- n * c1", "- n ** 2 * c1", "outside the sum in the path through the variance"),
        ("np.mean(n * g", "np.mean(n**2 * g", "inside the sum in the path through the variance"),
    ],
)
def test_any_form_stands_in_the_sums_of_a_normalisation(right, wrong, says):
    inputs = [rng.normal(size=(4, 6)), rng.normal(size=6)]
    for code, passes in ((NORM, True), (NORM.replace(right, wrong, 1), False)):
        result = al.check_layer(
            layer_norm,
            lambda dy, cache, code=code: {"x": executed(code, "dx", dy=dy, cache=cache)},
            inputs,
        )
        assert bool(result) is passes
    assert says in result["x"].diagnosis.title


def gated(x, w):
    a = x @ w
    i, f, o = np.tanh(a[:, :3]), 1 / (1 + np.exp(-a[:, 3:6])), np.sin(a[:, 6:])
    return i * f * o, (x, w, i, f, o)


def gated_back(dy, cache, order=(0, 1, 2)):
    x, w, i, f, o = cache
    cosine = np.cos((x @ w)[:, 6:])
    parts = [dy * f * o * (1 - i**2), dy * i * o * f * (1 - f), dy * i * f * cosine]
    da = np.hstack([parts[k] for k in order])
    return da @ w.T, x.T @ da


def test_gates_in_another_order_are_told_once():
    inputs = [rng.normal(size=(4, 2)), rng.normal(size=(2, 9))]
    assert al.check_layer(gated, gated_back, inputs)
    rows = al.check_layer(gated, lambda dy, cache: gated_back(dy, cache, (0, 2, 1)), inputs)
    titles = {row.diagnosis.title.split(" in ")[0] for row in rows}
    assert "what comes back to a[:, 3:6] and to a[:, 6:] is exchanged" in titles
    assert "the same mistake as" in titles


def test_every_other_slice_is_taken_for_a_half():
    def turned(x):
        c, s = np.cos(np.arange(3.0)), np.sin(np.arange(3.0))
        a, b = x[:, :3], x[:, 3:]
        return np.concatenate([a * c - b * s, a * s + b * c], axis=1), (c, s)

    def back(dy, cache):
        (c, s), a, b = cache, dy[:, 0::2], dy[:, 1::2]
        return np.concatenate([a * c + b * s, b * c - a * s], axis=1)

    title = al.check_layer(turned, back, [rng.normal(size=(4, 6))])["x"].diagnosis.title
    assert title.endswith("along axis 1 are taken as every other slice, [0::2] and [1::2]")


PICKED = np.array([[0, 2, 2], [1, 0, 4]])


@pytest.mark.parametrize("off", [1, -1])
def test_an_index_that_is_one_off(off):
    def back(dy, cache):
        dw = np.zeros((6, 3))
        np.add.at(dw, PICKED + off, dy)
        return dw

    title = al.check_layer(lambda w: (w[PICKED], None), back, [rng.normal(size=(6, 3))])["w"]
    assert f"is 1 too {'large' if off > 0 else 'small'}" in title.diagnosis.title


def test_the_last_window_overwrites_the_maximum_of_the_others():
    def forward(x):
        return np.stack([np.max(x[k : k + 3]) for k in range(7)]), x

    def back(dy, x):
        dx = np.zeros_like(x)
        for g, k in zip(dy, range(7), strict=True):
            dx[k + np.argmax(x[k : k + 3])] = g
        return dx

    title = al.check_layer(forward, back, [np.random.default_rng(0).normal(size=9)])[
        "x"
    ].diagnosis.title
    assert "overwrites the others: = in place of +=" in title


def test_an_array_that_is_filled_has_no_mask():
    def forward(x):
        y = np.zeros((3, 3))
        for i, j in np.ndindex(3, 3):
            y[i, j] = np.max(x[i : i + 2, j : j + 2])
        return y, x

    def back(dy, x):
        dx = np.zeros_like(x)
        for i, j in np.ndindex(3, 3):
            a, b = np.unravel_index(x[i : i + 2, j : j + 2].argmax(), (2, 2))
            dx[i + a, j + b] = dy[i, j]
        return dx

    x = np.random.default_rng(10).normal(size=(4, 4))
    title = al.check_layer(forward, back, [x])["x"].diagnosis.title
    assert "overwrites the others: = in place of +=" in title


def test_only_the_scale_of_a_mask_is_left():
    mask = (rng.random((4, 5)) < 0.7) / 0.7
    row = al.check_layer(
        lambda x: (x * mask, None), lambda dy, _: dy / 0.7, [rng.normal(size=(4, 5))]
    )
    assert row["x"].diagnosis.title.startswith("the mask is left out: 1.42857 that")


def test_the_matrix_of_a_system_is_turned_on_the_way_back():
    a, b = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=3)

    def f(a, b):
        return np.sum(np.linalg.solve(a, b) ** 2)

    def hand(a, b):
        return {"b": np.linalg.solve(a, 2 * np.linalg.solve(a, b))}

    title = al.compare(f, hand, [a, b])["b"].diagnosis.title
    assert title == "the .T of a is forgotten on the way back from np.linalg.solve(a, b)"


def test_a_reshape_is_no_transpose():
    def back(dy, cache):
        x, w = cache
        return dy @ w.T, x.reshape(-1, len(x)) @ dy

    inputs = {"x": rng.normal(size=(4, 6)), "w": rng.normal(size=(6, 3))}
    title = al.check_layer(lambda x, w: (x @ w, (x, w)), back, inputs)["w"].diagnosis.title
    assert title == "x is read in another order: reshape in place of transpose"


def test_a_term_with_another_sign_is_told_rather_than_the_entries():
    p, y = rng.uniform(0.1, 0.9, size=6), np.array([1.0, 0, 0, 1, 1, 0])

    def f(p, y):
        return np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))

    row = al.compare(f, lambda p, y: {"p": y / p + (1 - y) / (1 - p)}, [p, y])["p"]
    assert (
        row.diagnosis.title == "the term ((1 - y) * np.log(1 - p)) of the loss has its sign flipped"
    )


def hinge(x, y):
    margins = np.maximum(0, x - x[np.arange(5), y][:, None] + 1.0) * (np.arange(4) != y[:, None])
    loss = np.sum(margins) / 5
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(5), y] -= margins.sum(axis=1)
    return loss, dx / 5


def test_names_are_those_of_the_function_that_a_lambda_calls():
    x, y = rng.normal(size=(5, 4)), rng.integers(0, 4, size=5)
    row = al.compare(lambda x, y: hinge(x, y)[0], lambda x, y: {"x": hinge(x, y)[1]}, [x, y])["x"]
    assert row.diagnosis.title.startswith("a factor margins is one too many in what is summed")


def test_what_has_cancelled_in_float32_is_zero():
    x = al.Tensor(rng.normal(size=(6, 3)).astype(np.float32), requires_grad=True, name="x")
    y = x - x.mean(axis=0)
    y.name = "y"
    hand = (y.numpy().sum(axis=0) * np.ones((6, 1))).astype(np.float32)
    title = al.compare(np.sum(y**3), {"x": hand})["x"].diagnosis.title
    assert title.startswith("by hand is zero everywhere, but for rounding")


def test_labels_stay_whole_numbers_where_a_function_cannot_be_recorded():
    def f(x, y):
        return float(np.sum(x[np.arange(5), y] ** 2))

    x, y = rng.normal(size=(5, 4)), rng.integers(0, 4, size=5)
    assert al.compare(f, lambda x, y: {"x": 2 * x * (np.arange(4) == y[:, None])}, [x, y])


def test_a_sum_over_tiles_is_told():
    def back(dy, y):
        blocks = (dy * y).reshape(4, 3, 2).sum(axis=2)
        return y * (dy - np.repeat(blocks, 2, axis=1))

    title = al.check_layer(softmax, back, [rng.normal(size=(4, 6))])["x"].diagnosis.title
    assert title == "the sum of the softmax is taken over each block of 2, in place of over all"


def test_a_kernel_that_is_flipped_is_told():
    def spread(x, w):
        y = np.zeros((3, 9))
        for t in range(4):
            y[:, 2 * t : 2 * t + 3] += np.tensordot(x[:, t], w, axes=1)
        return y, w

    def back(dy, w):
        return np.stack([np.tensordot(w[..., ::-1], dy[:, 2 * t : 2 * t + 3]) for t in range(4)], 1)

    inputs = {"x": rng.normal(size=(2, 4)), "w": rng.normal(size=(2, 3, 3))}
    title = al.check_layer(spread, lambda dy, w: {"x": back(dy, w)}, inputs)["x"].diagnosis.title
    assert title == "w is flipped along axis 2 on the way back"


def test_a_mistake_in_some_rows_has_its_name():
    y, w = np.array([0, 1, 3, 1, 2]), rng.normal(size=(3, 4))

    def loss(x):
        return np.sum(al.logsumexp(x @ w, axis=1) - (x @ w)[np.arange(5), y])

    def back(x):
        return (softmax(x @ w)[0] - np.eye(4)[y] * (y != 1)[:, None]) @ w.T

    title = al.compare(loss, back, [rng.normal(size=(5, 3))])["x"].diagnosis.title
    assert title.startswith("only rows 1, 3 are wrong: there, the one-hot of the labels is not")


def test_an_entry_of_a_softmax_is_no_factor():
    def pooled(h, u, w):
        a = softmax(np.stack([u @ w @ h[t] for t in range(5)])[None])[0][0]
        return sum(a[t] * h[t] for t in range(5)), (h, u, w, a)

    def back(d, cache):
        h, u, w, a = cache
        ds = a * (h @ d - a @ h @ d)
        return np.outer(a, d) + np.outer(ds, u @ w), w @ h.T @ a, np.outer(u, ds @ h)

    inputs = [np.random.default_rng(3).normal(size=n) for n in ((5, 3), 4, (4, 3))]
    title = al.check_layer(pooled, back, inputs)["u"].diagnosis.title
    assert "a[" not in title


def test_what_comes_to_nothing_is_left_out():
    def excite(x, u, w):
        h = np.maximum(x.mean(axis=2) @ u, 0)
        g = 1 / (1 + np.exp(-(h @ w)))
        return x * g[:, :, None], (x, h, g, u)

    def back(d, cache):
        x, h, g, u = cache
        dw = h.T @ ((d * x).sum(axis=2) * g * (1 - g))
        return d * g[:, :, None], 0 * u, dw

    draw = np.random.default_rng(1)  # One sample has no unit that is on.
    inputs = [draw.normal(size=n) for n in ((2, 4, 3), (4, 2), (2, 4))]
    title = al.check_layer(excite, back, inputs)["x"].diagnosis.title
    assert title.startswith("nothing is sent on from")
