"""Plots save themselves in every format, follow the page, and are legible on a phone."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim
from autograd_lite.draw.plots.canvas import TYPE, shortened
from autograd_lite.draw.text_width import width_of, wrapped


@pytest.fixture(scope="module")
def plots():
    rng = np.random.default_rng(0)
    layers = []
    for _ in range(6):
        layers += [nn.Linear(16, 16, rng=rng), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(16, 1, rng=rng))
    net[2].bias.data = net[2].bias.numpy() - 100.0
    x, y = rng.normal(size=(20, 16)), rng.normal(size=(20, 1))
    optimiser, recorder = optim.SGD(net.parameters(), lr=0.01), al.Recorder()
    for _ in range(70):
        loss = al.mse(net(x), y)
        recorder.record(loss)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    line = al.Recorder()
    for step in range(5):
        w = al.Tensor(1.0 + step, requires_grad=True, name="weight_of_the_first_layer")
        line.record((w * 5 - 42) ** 2 * 1e-7)
    return {
        "module": al.draw_gradients(net),
        "training": al.draw_gradients(recorder),
        "surface": al.draw_surface(recorder),
        "point": al.draw_surface(loss),
        "curve": al.draw_surface(line),
        "weights": al.draw_weights(net[0]),
        "filters": al.draw_weights(nn.Conv2d(3, 8, 5, rng=rng)),
        "many": al.draw_weights(al.Tensor(rng.normal(size=(784, 10)), name="w")),
    }


NAMES = ("module", "training", "surface", "point", "curve", "weights", "filters", "many")


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_written(plots, name, tmp_path):
    plot = plots[name]
    start = {".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF", ".html": b"<!doctype"}
    for suffix in plot.formats:
        data = plot.save(tmp_path / f"deep/{name}{suffix}").read_bytes()
        assert data.startswith(start.get(suffix, str(plot)[:10].encode()))
    data = (tmp_path / f"deep/{name}.png").read_bytes()
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    assert width == pytest.approx(plot.canvas.width * 192 / 72, abs=8)
    assert height == pytest.approx(plot.canvas.height * 192 / 72, abs=8)
    with pytest.raises(ValueError, match=r"'x.gif' has '.gif'. Known are .svg"):
        plot.save("x.gif")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "least"), [(390, 9), (900, 12)])
def test_text_is_legible_inside_the_picture_and_apart(plots, browser, tmp_path, name, width, least):
    page = plots[name].save(tmp_path / f"{name}.html")
    browser.open(page, width=width, height=844, dark=width == 390)
    assert browser.js("document.documentElement.scrollWidth") <= width
    sizes = browser.js(
        "[...document.querySelectorAll('svg text')].map(t => "
        "t.getScreenCTM().a * parseFloat(t.getAttribute('font-size')))"
    )
    assert min(sizes) >= least
    boxes = browser.js(
        "[...document.querySelectorAll('svg text')].map(t => "
        "(b => [b.x, b.y, b.width, b.height, t.textContent])(t.getBBox()))"
    )
    canvas = plots[name].canvas
    for x, y, w, h, words in boxes:
        assert x >= 0, words
        assert y >= 0, words
        assert x + w <= canvas.width, words
        assert y + h <= canvas.height, words
    for i, (x, y, w, h, words) in enumerate(boxes):
        for u, v, s, t, other in boxes[:i]:
            apart = x >= u + s or u >= x + w or y + 3 >= v + t or v + 3 >= y + h
            assert apart, (words, other)
    assert browser.complaints == []


def test_a_plot_shows_itself_in_a_notebook_in_its_colours(plots, browser, tmp_path):
    plot = plots["module"]
    assert plot._repr_mimebundle_().keys() == {"text/plain", "text/html", "image/svg+xml"}
    path = tmp_path / "dark.html"
    paper = "getComputedStyle(document.querySelector('svg rect')).fill"
    for attributes, colour in (('data-theme="dark"', "20, 24, 29"), ("", "255, 255, 255")):
        path.write_text(f"<body {attributes}>{plot._repr_html_()}</body>", "utf-8")
        browser.open(path)
        assert browser.js(paper) == f"rgb({colour})"


def test_a_theme_that_is_asked_for_is_kept_everywhere(tmp_path):
    w = al.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    loss = (w @ w).sum()
    dark = al.draw_gradients(loss, theme="dark")
    assert "#14181d" in dark.svg()
    assert "#ffffff" not in dark.svg()
    assert (
        dark.save(tmp_path / "dark.png").read_bytes()
        != al.draw_gradients(loss).save(tmp_path / "light.png").read_bytes()
    )


def test_what_others_call_it_says_what_to_write():
    plot = al.draw_weights(al.Tensor(np.eye(4)))
    with pytest.raises(AttributeError, match=r"a Plot has no show. Write plot.save"):
        plot.show()
    assert repr(plot) == (
        '<Plot of weight: weights as 4 images of 2×2; .save("picture.svg") writes it>'
    )


def test_text_is_broken_and_shortened_to_its_room():
    words = "one two three four five six seven"
    assert " ".join(wrapped(words, 80, TYPE)) == words
    assert all(width_of(line, TYPE) <= 80 for line in wrapped(words, 80, TYPE))
    assert shortened("short", 80) == "short"
    assert width_of(shortened("encoder.layers.11.attention.weight", 80), TYPE) <= 80
    assert shortened("encoder.layers.11.attention.weight", 80).startswith("enco")
