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
        ("dh[:, t] @", "dh[:, (t + 1) % 4] @", "at the place of the one before it"),
        ("@ X[:, 2 * t : 2 * t + 4]", "@ X[:, t : t + 4]", "the data are used with stride 1"),
        ("* w\ndz", "* w[::-1]\ndz", "reversed order inside each window"),
        ("* w\ndz", "* w.sum()\ndz", "every entry of a window gets the sum of all in it"),
        (
            "da[:, t : t + 3] += dh[:, t : t + 1] * w",
            "da[:, t] += dh[:, t] * w[0]",
            "only the first",
        ),
        ("da[:, 1:-1]", "da[:, :-2]", "the padding of np.pad"),
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
