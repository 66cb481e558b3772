"""Mistakes in convolutions and poolings: windows, their places, their strides, and the padding."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check.mistakes import windows
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.graph import Graph

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 11)), RNG.normal(size=3)
DATA = {"u": RNG.normal(size=4), "w": RNG.normal(size=3), "v": RNG.normal(size=4)}


def loss(u, w, v):
    """Return the loss of two convolutions in a row: of stride 2, and with a padding."""
    z = np.stack([np.sum(X[:, 2 * t : 2 * t + 4] * u, axis=1) for t in range(4)], axis=1)
    a = np.pad(np.tanh(z), ((0, 0), (1, 1)))
    h = np.stack([np.sum(a[:, t : t + 3] * w, axis=1) for t in range(4)], axis=1)
    return np.mean((np.tanh(h) @ v - Y) ** 2)


BY_HAND = """
z = np.stack([np.sum(X[:, 2 * t : 2 * t + 4] * u, axis=1) for t in range(4)], axis=1)
a = np.pad(np.tanh(z), ((0, 0), (1, 1)))
h = np.stack([np.sum(a[:, t : t + 3] * w, axis=1) for t in range(4)], axis=1)
out = 2 * (np.tanh(h) @ v - Y) / 3
dh = np.outer(out, v) * (1 - np.tanh(h) ** 2)
du, dw, dv, da = np.zeros(4), np.zeros(3), np.tanh(h).T @ out, np.zeros((3, 6))
for t in range(4):
    dw += dh[:, t] @ a[:, t : t + 3]
    da[:, t : t + 3] += dh[:, t : t + 1] * w
dz = da[:, 1:-1] * (1 - np.tanh(z) ** 2)
for t in range(4):
    du += dz[:, t] @ X[:, 2 * t : 2 * t + 4]
"""


def said(right, wrong):
    assert BY_HAND.count(right) == 1
    made = {**DATA, "X": X, "Y": Y, "np": np}
    exec(BY_HAND.replace(right, wrong), made)
    tensors = {k: al.Tensor(x, requires_grad=True, name=k) for k, x in DATA.items()}
    by_hand = {k: made[f"d{k}"] for k in DATA}
    result = al.compare(loss(**tensors), by_hand)
    return [str(row.diagnosis) for row in result.failures if "follows" not in str(row.diagnosis)]


@pytest.mark.parametrize(
    ("right", "wrong", "title"),
    [
        ("@ a[:, t : t + 3]\n", "@ np.roll(a, -1, 1)[:, t : t + 3]\n", "one place further on"),
        ("dh[:, t] @", "dh[:, 3 - t] @", "reversed order from window to window"),
        (
            "dh[:, t] @",
            "dh[:, (t + 1) % 4] @",
            "of the step before (at the first step, of the last) is used",
        ),
        ("@ X[:, 2 * t : 2 * t + 4]", "@ X[:, t : t + 4]", "the data are used with stride 1"),
        ("* w\ndz", "* w[::-1]\ndz", "at every step, w is used flipped"),
        (
            "da[:, t : t + 3] += dh[:, t : t + 1] * w",
            "da[:, t] += dh[:, t] * w[0]",
            "only the first",
        ),
        ("da[:, 1:-1]", "da[:, :-2]", "was padded with is cut off at the end only"),
        ("dz = da[:, 1:-1]", "dz = da[:, -2:0:-1]", "the columns of the gradient"),
    ],
)
def test_a_slip_with_a_window_has_its_name(right, wrong, title):
    first, *others = said(right, wrong)
    assert title in first
    assert not others or all("same mistake" in other for other in others)


def test_pieces_that_overlap_tell_what_they_are_pieces_of():
    tensors = {k: al.Tensor(x, requires_grad=True, name=k) for k, x in DATA.items()}
    found = {w.name: w for w in windows.all_windows(Replay(Graph(loss(**tensors))))}
    data, (i, j) = found["the data"], found["the data"].paired()[0]
    assert np.array_equal(data.value, X[:, :10])
    assert [(data.axes[k].step, data.axes[k].length) for k in (i, j)] == [(1, 4), (2, 4)]


@pytest.mark.parametrize("wide", [False, True])
def test_windows_in_an_array_of_indices_are_found_by_their_places(wide):
    image = al.Tensor(RNG.normal(size=(2, 5, 5)), requires_grad=True, name="image")
    c, di, dj = (x.ravel()[:, None] for x in np.mgrid[:2, :3, :3])
    i, j = (x.ravel() for x in np.mgrid[:3, :3])
    kernel = np.arange(18.0)
    columns = image[c, di + i, dj + j]
    g = RNG.normal(size=9)
    result = np.sum(kernel @ columns * g)
    flipped = np.zeros((2, 5, 5))
    turned = kernel.reshape(2, 3, 3)[:, ::-1, ::-1] if wide else kernel.reshape(2, 3, 3)[:, ::-1]
    np.add.at(flipped, (c, di + i, dj + j), turned.reshape(18, 1) * g)
    title = str(al.compare(result, {"image": flipped})["image"].diagnosis)
    assert "in reversed order inside each window" in title
    assert ("along axis 1" in title) != wide


def image_loss(image, kernel, v):
    """Return what a convolution, written as a sum over its taps, and a max-pool give."""
    z = sum(kernel[i, j] * image[:, i : i + 6, j : j + 6] for i in range(3) for j in range(3))
    rows = [z[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] for i in range(3) for j in range(3)]
    return np.sum((np.stack([np.max(x, axis=(1, 2)) for x in rows], axis=1) @ v) ** 2)


def image_by_hand(
    image, kernel, v, share=lambda w: w == w.max((1, 2), keepdims=True), turned=False
):
    pieces = [(slice(None), slice(i, i + 6), slice(j, j + 6)) for i in range(3) for j in range(3)]
    z = sum(k * image[piece] for k, piece in zip(kernel.ravel(), pieces, strict=True))
    pools = [np.s_[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] for i in range(3) for j in range(3)]
    p = np.stack([z[pool].max(axis=(1, 2)) for pool in pools], axis=1)
    dp = 2 * np.outer(p @ v, v)
    dz, dimage = np.zeros_like(z), np.zeros_like(image)
    for k, pool in enumerate(pools):
        dz[pool] += dp[:, k, None, None] * share(z[pool])
    for k, piece in zip((kernel[::-1, ::-1] if turned else kernel).ravel(), pieces, strict=True):
        dimage[piece] += k * dz
    dkernel = np.array([np.sum(image[piece] * dz) for piece in pieces]).reshape(3, 3)
    return {"image": dimage, "kernel": dkernel, "v": 2 * p.T @ (p @ v)}


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"turned": True}, "in reversed order inside each window: flipped"),
    ],
)
def test_a_slip_with_a_window_of_an_image_has_its_name(changes, title):
    rng = np.random.default_rng(0)
    data = {n: rng.normal(size=k) for n, k in
            (("image", (2, 8, 8)), ("kernel", (3, 3)), ("v", 9))}  # fmt: skip
    tensors = {k: al.Tensor(x, requires_grad=True, name=k) for k, x in data.items()}
    loss = image_loss(**tensors)
    assert al.compare(loss, image_by_hand(**data))
    wrong = al.compare(loss, image_by_hand(**data, **changes)).failures
    assert any(title in str(row.diagnosis) for row in wrong)


@pytest.mark.parametrize(("start", "said"), [(0, "at the end only"), (2, "half at either end")])
def test_a_padding_that_is_joined_is_cut_off_at_the_wrong_end(start, said):
    h = al.Tensor(RNG.normal(size=(2, 10)), requires_grad=True, name="h")
    q = RNG.normal(size=(2, 3))
    padded = np.concatenate([np.zeros((2, 4)), h], axis=1)
    result = sum(np.sum(np.tanh(padded[:, 2 * j : 2 * j + 10]) * q[:, j : j + 1]) for j in range(3))
    full = np.zeros((2, 14))
    for j in range(3):
        piece = slice(2 * j, 2 * j + 10)
        full[:, piece] += q[:, j : j + 1] * (1 - np.tanh(padded.numpy()[:, piece]) ** 2)
    assert al.compare(result, {"h": full[:, 4:]})
    title = str(al.compare(result, {"h": full[:, start : start + 10]})["h"].diagnosis)
    assert f"what h was padded with is cut off {said}" in title


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_kernel_that_is_not_turned_round_is_named_in_short_types_too(kind):
    rng = np.random.default_rng(1)
    x = al.Tensor(rng.normal(size=(2, 2, 5, 5)).astype(kind), requires_grad=True, name="x")
    conv = al.nn.Conv2d(2, 2, 3, padding=1, rng=rng, dtype=kind)
    h = np.tanh(conv(x))
    loss, w = np.sum(h**4), conv.weight.numpy()
    dz = np.pad(4 * h.numpy() ** 3 * (1 - h.numpy() ** 2), ((0, 0), (0, 0), (1, 1), (1, 1)))

    def back(kernel):
        parts = [np.einsum("nohw,oi->nihw", dz[:, :, i : i + 5, j : j + 5], kernel[:, :, i, j])
                 for i, j in np.ndindex(3, 3)]  # fmt: skip
        return np.sum(parts, axis=0, dtype=np.float64)

    assert al.compare(loss, {x: back(w[:, :, ::-1, ::-1])})
    for kernel, title in (
        (w, "weight is used as it is on the way back, not turned round"),
        (w.swapaxes(0, 1)[:, :, ::-1, ::-1], "axes 0 and 1 of weight are exchanged"),
        (w[:, :, ::-1], "flipped along axis 3"),
    ):
        assert title in str(al.compare(loss, {x: back(kernel)})["x"].diagnosis)


def test_axes_of_a_kernel_that_make_another_shape_are_exchanged():
    rng = np.random.default_rng(2)
    k = al.Tensor(rng.normal(size=(3, 2, 2)), requires_grad=True, name="k")
    factors = rng.normal(size=k.shape)
    loss, right = np.sum(np.exp(k) * factors), np.exp(k.numpy()) * factors
    for wrong, title in (
        (right.swapaxes(0, 1), "axes 0 and 1 are exchanged: by hand = autodiff.swapaxes(0, 1)"),
        (right.transpose(2, 0, 1), "axes 0, 1 and 2 are exchanged: by hand = "
                                   "autodiff.transpose(2, 0, 1)"),
    ):  # fmt: skip
        assert str(al.compare(loss, {k: wrong})["k"].diagnosis) == title


def spread(a, k):
    """Return the loss of a transposed convolution: pieces that are padded and added up."""
    y = sum(np.pad(np.tanh(a)[:, i : i + 1] * k, ((0, 0), (2 * i, 6 - 2 * i))) for i in range(4))
    return np.sum(y**3)


SPREAD = """
h, y, da, dk = np.tanh(a), np.zeros((3, 9)), np.zeros((3, 4)), 0 * k
for i in range(4):
    y[:, 2 * i : 2 * i + 3] += h[:, i : i + 1] * k
for i in range(4):
    g = 3 * y[:, 2 * i : 2 * i + 3] ** 2
    da[:, i] = g @ k * (1 - h[:, i] ** 2)
    dk += h[:, i] @ g
"""


@pytest.mark.parametrize(
    ("right", "wrong", "title"),
    [
        ("g @ k *", "g @ k[::-1] *", "k is used flipped"),
    ],
)
def test_pieces_that_are_padded_come_back_from_other_places(right, wrong, title):
    assert SPREAD.count(right) == 1
    rng = np.random.default_rng(4)
    made = {"a": rng.normal(size=(3, 4)), "k": rng.normal(size=3), "np": np}
    a, k = (al.Tensor(made[n], requires_grad=True, name=n) for n in "ak")
    exec(SPREAD.replace(right, wrong), made)
    result = al.compare(spread(a, k), {"a": made["da"], "k": made["dk"]})
    assert title in str([str(row.diagnosis) for row in result])


IMAGES = np.pad(RNG.integers(0, 2, size=(3, 6, 6)), ((0, 0), (1, 0), (1, 0))) * 1.0


def two_kernels(k):
    maps = [
        sum(
            k[m, i, j] * IMAGES[:, i : i + 5 : 2, j : j + 5 : 2] for i in range(3) for j in range(3)
        )
        for m in range(2)
    ]
    return sum(np.sum(np.tanh(x) ** 2) for x in maps)


@pytest.mark.parametrize(
    ("images", "step", "title"),
    [
        (IMAGES, 1, "the windows of the data are used with stride 1 in place of 2"),
        (np.pad(IMAGES[:, 1:, 1:], ((0, 0), (0, 3), (0, 3))), 2, "one place further on"),
        (IMAGES[[0, 0, 0]], 2, "always at the first place along axis 0"),
    ],
)
def test_the_data_that_two_kernels_see_are_read_elsewhere(images, step, title):
    k = np.random.default_rng(2).normal(size=(2, 3, 3))
    dk = np.zeros_like(k)
    for m, i, j in np.ndindex(2, 3, 3):
        h = sum(np.tensordot(IMAGES[:, a : a + 5 : 2, b : b + 5 : 2], k[m, a, b], 0)
                for a, b in np.ndindex(3, 3))  # fmt: skip
        dz = 2 * np.tanh(h) * (1 - np.tanh(h) ** 2)
        dk[m, i, j] = np.sum(
            dz * images[:, i : i + 2 * step + 1 : step, j : j + 2 * step + 1 : step]
        )
    t = al.Tensor(k, requires_grad=True, name="k")
    assert title in str(al.compare(two_kernels(t), {t: dk})["k"].diagnosis)


def test_one_of_several_slices_is_assigned_not_added():
    rng = np.random.default_rng(5)
    x, k = rng.normal(size=(3, 6)), rng.normal(size=(3, 4))
    loss, g = (lambda x: np.sum((x[:, :-2] * k + x[:, 1:-1] * 2 + x[:, 2:]) ** 2)), np.zeros((3, 6))
    out = 2 * (x[:, :-2] * k + x[:, 1:-1] * 2 + x[:, 2:])
    g[:, :-2] += out * k
    g[:, 1:-1] = out * 2
    g[:, 2:] += out
    x = al.Tensor(x, requires_grad=True, name="x")
    title = "what comes back to x from x[:, 1:-1] overwrites what came before: = in place of +="
    assert title in str(al.compare(loss(x), {x: g})["x"].diagnosis)
    h = np.tanh(x.transpose())
    right = 1 - np.tanh(x.numpy()) ** 2
    title = "is read in another order: reshape in place of transpose"
    kept = rng.normal(size=(6, 3))
    assert al.compare(np.sum(h * kept), {x: right * kept.T})
    assert title in str(al.compare(np.sum(h * kept), {x: right * kept.reshape(3, 6)}))


def test_an_exp_that_is_not_divided_by_its_sum_behind_a_maximum_that_is_taken_away():
    z = np.random.default_rng(6).normal(size=(4, 3))
    t = al.Tensor(z, requires_grad=True, name="t")
    shifted = t - t.max(axis=1, keepdims=True)
    p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    labels = np.eye(3)[[0, 2, 1, 1]]
    wrong = (np.exp(z - z.max(axis=1, keepdims=True)) - labels) / 4
    assert "exp is not divided by its sum" in str(al.compare(-np.sum(p * labels) / 4, {t: wrong}))


@pytest.mark.parametrize("images", [False, True])
def test_windows_that_are_one_array_are_used_one_place_further_on(images):
    rng = np.random.default_rng(9)
    data = rng.normal(size=(3, 6, 6) if images else (3, 9))
    axes = (1, 2) if images else (1,)
    size = (3,) * len(axes)
    k = rng.normal(size=size)
    windows = np.lib.stride_tricks.sliding_window_view(data, size, axes).copy()
    later = np.zeros_like(windows)
    later[:, :-1] = windows[:, 1:]
    rows = np.pad(data, [(0, 0), (0, 1), *[(0, 0)] * (len(axes) - 1)])
    later[:, -1] = np.lib.stride_tricks.sliding_window_view(rows, size, axes)[:, -1]
    t = al.Tensor(k, requires_grad=True, name="k")
    inside = tuple(range(-len(axes), 0))
    out = np.sum(windows * k, axis=inside)
    loss = np.sum(np.tanh(np.sum(windows * t, axis=inside)))
    dk = np.tensordot(1 - np.tanh(out) ** 2, later, axes=out.ndim)
    title = str(al.compare(loss, {t: dk})[t].diagnosis)
    assert title.startswith("the windows of the data are used one place further on")


@pytest.mark.parametrize(
    ("first", "last", "moved", "title"),
    [
        (0, 4, 1, "the windows of the data are used one place further on"),
        (1, 3, 0, "of the 4 x 4 windows, the first and the last are left out"),
    ],
)
def test_windows_that_are_written_as_rows(first, last, moved, title):
    rng = np.random.default_rng(4)
    data = np.pad(rng.normal(size=(2, 2, 4, 4)), ((0, 0), (0, 0), (1, 1), (1, 1)))
    t = al.Tensor(rng.normal(size=(2, 2, 3, 3)), requires_grad=True, name="k")
    loss, dk, shifted = 0.0, np.zeros((2, 2, 3, 3)), np.pad(data, ((0, 0),) * 2 + ((0, moved),) * 2)
    for i, j in np.ndindex(4, 4):
        row = data[:, :, i : i + 3, j : j + 3].reshape(2, 18)
        loss = loss + np.sum(np.tanh(row @ t.reshape(2, 18).T) * (1 + i * j))
        if first <= i < last and first <= j < last:
            g = (1 - np.tanh(row @ t.numpy().reshape(2, 18).T) ** 2) * (1 + i * j)
            i, j = i + moved, j + moved
            dk += np.tensordot(g, shifted[:, :, i : i + 3, j : j + 3], axes=(0, 0))
    assert str(al.compare(loss, {t: dk})[t].diagnosis).endswith(title)


def test_the_data_that_an_einsum_multiplies_are_read_one_place_further_on():
    rng = np.random.default_rng(6)
    data = np.pad(rng.normal(size=(2, 4, 5, 5)), ((0, 0), (0, 0), (1, 1), (1, 1)))
    t = al.Tensor(rng.normal(size=(3, 4, 3, 3)), requires_grad=True, name="k")
    later = np.pad(data, ((0, 0), (0, 0), (0, 1), (0, 1)))[:, :, 1:, 1:]

    def out(k):
        return sum(np.einsum("nchw,oc->nohw", data[:, :, i : i + 5, j : j + 5], k[:, :, i, j])
                   for i, j in np.ndindex(3, 3))  # fmt: skip

    g, dk = 1 - np.tanh(out(t.numpy())) ** 2, np.zeros((3, 4, 3, 3))
    for i, j in np.ndindex(3, 3):
        dk[..., i, j] = np.einsum("nchw,nohw->oc", later[:, :, i : i + 5, j : j + 5], g)
    title = str(al.compare(np.sum(np.tanh(out(t))), {t: dk})[t].diagnosis)
    assert title == "the windows of the data are used one place further on"


@pytest.mark.parametrize("counted", [4, 2])
def test_a_part_of_each_window_is_counted_along_both_axes(counted):
    draw = np.random.default_rng(0).normal
    start, inside = np.arange(6)[:, None], np.arange(4)
    index = (start + inside)[:, None, :, None], (start + inside)[None, :, None, :]

    def f(x, k):
        return np.sum(np.sin(np.sum(x[index] * k, axis=(2, 3))))

    def by_hand(x, k):
        d, part = np.zeros_like(x), inside < counted
        g = np.cos(np.sum(x[index] * k, axis=(2, 3)))[..., None, None]
        np.add.at(d, index, g * k * np.outer(part, part))
        return {"x": d}

    row = al.compare(f, by_hand, [draw(size=(9, 9)), draw(size=(4, 4))])["x"]
    if counted == 4:
        assert row.ok
    else:
        title = "of the 4 x 4 entries of each window, only the first 2 x 2 count"
        assert row.diagnosis.title.endswith(title)
