"""Weights as images: each entry is where it belongs, in the colour of its sign and size."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.draw.style import NEGATIVE, POSITIVE, ZERO, signed


def pixels(plot):
    """Return the colours of the entries by their places, in units of an entry from the first."""
    found = {}
    for path in ET.fromstring(plot.svg()).iter("{http://www.w3.org/2000/svg}path"):
        if path.get("fill") == "none":
            continue
        for piece in path.get("d").split("Z")[:-1]:
            xs, ys = np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", piece), float).T
            found[xs.min(), ys.min()] = (path.get("fill").upper(), xs.max() - xs.min())
    return found


def test_an_entry_is_at_its_row_and_column():
    w = np.zeros((6, 1))
    w[4], w[1] = 2.0, -2.0  # Row 1, column 1 and row 0, column 1 of an image of 2×3.
    shown = pixels(al.draw_weights(al.Tensor(w, name="w"), shape=(2, 3)))
    side = min(width for _, width in shown.values())
    orange = next(place for place, look in shown.items() if look == (POSITIVE, side))
    x0, y0 = min(x for x, y in shown), min(y for x, y in shown)
    assert orange == pytest.approx((x0 + side, y0 + side))
    assert shown[x0 + side, y0] == (NEGATIVE, side)
    assert shown[x0, y0] == (ZERO, side)


def test_units_are_the_columns_of_a_matrix_and_channels_the_images_of_a_filter():
    rng = np.random.default_rng(0)
    plot = al.draw_weights(nn.Linear(64, 5, rng=rng))
    assert plot.lines[0] == "Linear: weights as 5 images of 8×8"
    assert "Conv2d: weights as 6 images of 3×3" in str(al.draw_weights(nn.Conv2d(2, 3, 3, rng=rng)))
    assert ">2.1</text>" in al.draw_weights(nn.Conv2d(2, 3, 3, rng=rng)).svg()
    part = nn.Sequential(nn.Conv2d(2, 3, 3, rng=rng), nn.ReLU())[0]
    assert "0 · Conv2d: weights as 6 images" in str(al.draw_weights(part))


def test_gradients_are_images_too():
    layer = nn.Linear(4, 2, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="no gradient yet"):
        al.draw_weights(layer, what="grad")
    layer(np.array([[1.0, 2.0, 3.0, 4.0]])).sum().backward()
    assert str(al.draw_weights(layer, what="grad")).splitlines()[1] == "from 1 to 4"


def test_many_images_are_bounded_and_it_says_so():
    plot = al.draw_weights(al.Tensor(np.random.default_rng(0).normal(size=(784, 300)), name="w"))
    assert "The first 51 of 300 are drawn." in plot.lines
    assert len(plot.svg()) < 2_000_000
    assert al.draw_weights(al.Tensor(np.zeros((4, 1)))).svg().count("all 0") == 1
    assert signed(np.nan) in al.draw_weights(al.Tensor([[1.0], [np.nan], [0], [1]])).svg().upper()


@pytest.mark.parametrize(
    ("of", "arguments", "error", "message"),
    [
        (nn.Linear(5, 2), {}, ValueError, r"the 5 inputs of Linear are not a square image.*shape="),
        (nn.Linear(6, 2), {"shape": (2, 2)}, ValueError, "has 4 entries, and Linear has 6 inputs"),
        (nn.Conv2d(1, 1, 3), {"shape": (2, 2)}, ValueError, "leave shape= out"),
        (nn.Conv1d(1, 1, 3), {}, ValueError, r"has shape \(1, 1, 3\)"),
        (nn.Sequential(nn.Linear(4, 1)), {}, TypeError, "Give one of its layers.* 0.weight"),
        (nn.ReLU(), {}, TypeError, "ReLU itself has no weight"),
        (np.ones((4, 4)), {}, TypeError, "needs a layer or a Tensor; got ndarray"),
        (nn.Linear(4, 1), {"what": "both"}, ValueError, "what is 'value' or 'grad'"),
        (nn.Linear(4, 1), {"theme": "blue"}, ValueError, "theme is one of"),
    ],
)
def test_what_is_no_image_is_refused(of, arguments, error, message):
    with pytest.raises(error, match=message):
        al.draw_weights(of, **arguments)
