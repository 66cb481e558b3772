"""Pictures fit a notebook's column, a page and a phone: rows, as wide as there is room."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import networks
import numpy as np
import pygraphviz
import pytest
from drawn import read

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.draw.cards import card
from autograd_lite.draw.dot import written
from autograd_lite.draw.picture import in_page
from autograd_lite.draw.rows import STRETCH, label_size

COLUMN, LEAST = 900, 7


def size(svg):
    """Return width and height of a picture, and its smallest type, in points."""
    width, height = map(float, re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg).groups())
    return width, height, min(map(float, re.findall(r'font-size="([\d.]+)"', svg)))


@pytest.fixture(scope="module")
def pictures():
    """Return the pictures, each with its SVG."""
    made = {make.__name__: make() for make in networks.ALL}
    return {name: (drawing, drawing.svg()) for name, drawing in made.items()}


@pytest.mark.parametrize("name", [make.__name__ for make in networks.ALL])
def test_no_text_is_small_in_the_column_of_a_notebook(pictures, name):
    drawing, svg = pictures[name]
    width, _, smallest = size(svg)
    assert smallest * min(1, COLUMN / width) >= LEAST
    assert len(drawing.scene.plan.boxes) <= 62


@pytest.mark.parametrize("name", [make.__name__ for make in networks.ALL])
def test_a_browser_shows_each_whole_and_legible(pictures, browser, tmp_path, name):
    _, svg = pictures[name]
    path = tmp_path / "column.html"
    path.write_text(f'<body style="margin:0"><main style="width:{COLUMN}px">{in_page(svg)}</main>',
                    encoding="utf-8")  # fmt: skip
    browser.open(path, width=COLUMN, height=800)
    sizes = browser.js(
        "[...document.querySelectorAll('svg text')].map(t => "
        "t.getScreenCTM().a * parseFloat(t.getAttribute('font-size')))"
    )
    print(f"{name}: smallest text {min(sizes):.1f}")  # For who asks: pytest -rP.
    assert min(sizes) >= LEAST
    assert browser.js("document.documentElement.scrollWidth") <= COLUMN
    height = browser.js("document.documentElement.scrollHeight")
    browser.open(path, width=COLUMN, height=height)
    browser.screenshot(tmp_path / f"{name}.png")
    assert browser.complaints == []


def sequence(length=12):
    h = al.Tensor(np.ones((2, 3)), name="h")
    for i in range(length):
        weight = al.Tensor(np.eye(3) * (i + 1), requires_grad=True, name=f"W{i}")
        h = [np.tanh, np.sin, np.cos, np.exp][i % 4](h @ weight / 100)
    return h.sum()


@pytest.mark.parametrize("width", [500, 900, 1600])
def test_rows_are_as_wide_as_there_is_room(width):
    drawing = al.draw(sequence(), width=width, roll=False)
    found, _height, smallest = size(drawing.svg())
    assert smallest * min(1, width / found) >= LEAST
    assert len(drawing.rows) > 2
    if width == 900:
        assert len(al.draw(sequence(), width=1600, roll=False).rows) < len(drawing.rows)


def test_no_arrow_leads_from_row_to_row_and_nothing_is_drawn_twice():
    drawing = al.draw(sequence(), roll=False)
    boxes, arrows = read(drawing)
    assert set(boxes) == {box.id for box in drawing.scene.plan.boxes}
    assert sorted(set(arrows)) == sorted(drawing.scene.plan.edges())
    assert "mentioned where it is used" in drawing.source
    root = ET.fromstring(drawing.svg())
    drawn = [g.get("data-id") for g in root.iter("{http://www.w3.org/2000/svg}g")]
    assert len([x for x in drawn if x in boxes]) == len(set(boxes))


def test_a_picture_that_fits_is_one_row_and_none_is_asked_for_by_width_none():
    a, b = (al.Tensor(float(i), requires_grad=True, name="ab"[i]) for i in range(2))
    assert len(al.draw(a * b + a).rows) == 1
    assert len(al.draw(sequence(), roll=False, width=None).rows) == 1
    with pytest.raises(ValueError, match=r"width is the room for the picture in pixels.*got 10"):
        al.draw(a, width=10)


def test_operands_and_parts_stand_in_their_order():
    parts = [al.Tensor(np.ones(2) * i, requires_grad=True, name=f"p{i}") for i in range(5)]
    loss = np.concatenate([np.tanh(part) for part in parts]).sum()
    root = ET.fromstring(al.draw(loss).svg())
    tops = {x.text: float(x.get("y")) for x in root.iter("{http://www.w3.org/2000/svg}text")}
    assert sorted(tops, key=tops.__getitem__)[0] == "p0"
    assert [tops[f"p{i}"] for i in range(5)] == sorted(tops[f"p{i}"] for i in range(5))


def test_a_picture_runs_down_where_rows_would_be_higher():
    x = al.Tensor(1.5, requires_grad=True, name="x")
    b = al.Tensor(0.5, requires_grad=True, name="b")
    loss = (al.sigmoid(x * 2 + b) - 1) ** 2
    loss.backward()
    narrow = al.draw(loss, sweep="both")
    assert "rankdir=TB" in narrow.source
    assert len(narrow.rows) == 1
    assert "rankdir=LR" in al.draw(loss).source
    rows = al.draw(loss, sweep="both", rankdir="LR")
    assert "rankdir=TB" not in rows.source


def test_a_network_of_the_size_of_an_article_is_one_piece_with_both_ways_beside_each_other():
    inputs, answers = al.Tensor(np.eye(4)[:, :3], name="X"), al.Tensor(np.ones((4, 1)), name="y")
    rng = np.random.default_rng(1)
    hidden, out = (nn.Linear(a, b, bias=False, rng=rng) for a, b in [(3, 4), (4, 1)])
    network = nn.Sequential(hidden, nn.Sigmoid(), out, nn.Sigmoid())
    loss = al.mse(network(inputs), answers)
    loss.backward()
    drawing = al.draw(loss, sweep="both", show=("shape", "value", "grad"))
    assert len(drawing.rows) == 1
    assert size(drawing.svg())[0] <= COLUMN * STRETCH


@pytest.mark.parametrize(("across", "least"), [(700, LEAST), (390, 9)], ids=["paper", "phone"])
@pytest.mark.parametrize("name", [make.__name__ for make in networks.ALL])
def test_no_text_is_small_on_paper_and_on_a_phone(pictures, name, across, least):
    """A4 has 700 pixels between margins of 12 mm."""
    drawing, _ = pictures[name]
    options = replace(drawing.scene.options, width=across)
    width, _, smallest = size(replace(
        drawing, rows=written(replace(drawing.scene, options=options))
    ).svg())  # fmt: skip
    assert smallest * min(1, across / width) >= least


SLIDE, PAPER = (1280, 720), (700, 1000)


@pytest.mark.parametrize("room", [SLIDE, PAPER])
@pytest.mark.parametrize("name", ["mlp", "rnn", "cnn", "attention", "random_graph"])
def test_in_a_room_of_some_height_no_text_is_small(pictures, name, room):
    drawing = al.draw(pictures[name][0].scene.graph, width=room[0], height=room[1])
    width, height, smallest = size(drawing.svg())
    assert smallest * min(1, room[0] / width, room[1] / height) >= LEAST
    assert f"max-height: {room[1]}px" in drawing.svg()
    shown = drawing.scene.options.show
    folded = any("folded" in remark for remark in drawing.scene.plan.remarks)
    assert ("value" in shown) or "left out, to fit: map, grad, value" in drawing.source
    assert folded <= ("value" not in shown)  # Numbers are left out first.
    assert len(drawing.scene.plan.boxes) > 12


def test_a_height_changes_nothing_where_there_is_room_and_is_refused_where_there_is_none():
    a, b = (al.Tensor(float(i), requires_grad=True, name="ab"[i]) for i in range(2))
    drawing = al.draw(a * b + a, height=600)
    assert drawing.source == al.draw(a * b + a).source
    with pytest.raises(ValueError, match=r"below 7 pixels in 150 × 100 pixels.*height="):
        al.draw(sequence(), width=150, height=100)
    for wrong in ({"height": 10}, {"height": 500, "width": None}):
        with pytest.raises(ValueError, match="height is the room for the picture in pixels"):
            al.draw(a, **wrong)


@pytest.mark.parametrize("name", ["resnet", "physics"])
def test_the_last_row_has_more_than_one_result(pictures, name):
    drawing, _ = pictures[name]
    results = [end for _, end in drawing.scene.plan.edges()]
    last = {str(node) for node in pygraphviz.AGraph(string=drawing.rows[-2]).nodes()}
    assert len(last.intersection(results)) > 1


def test_a_title_stands_above_and_the_legend_below():
    drawing = al.draw(sequence(), roll=False, title="Twelve layers")
    assert "Twelve layers" in drawing.rows[0]
    assert "parameter" in drawing.rows[-1]
    svg = drawing.svg()
    tops = {
        text: float(element.get("y"))
        for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
        for text in [element.text]
    }
    assert tops["Twelve layers"] < tops["h"] < tops["parameter"]


def test_pdf_and_png_have_the_rows_too(tmp_path):
    drawing = al.draw(sequence(6), roll=False, width=500)
    assert drawing.save(tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    data = drawing.save(tmp_path / "x.png").read_bytes()
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    assert height > width  # At 192 dots per inch, whatever its size.
    assert width == pytest.approx(size(drawing.svg())[0] * 192 / 72, abs=8)


@pytest.mark.parametrize("shape", [(), (3,), (4, 4), (20, 30), (5, 6, 7)])
def test_sizes_are_known_before_the_layout(shape):
    w = al.Tensor(np.full(shape, 1.5), requires_grad=True, name="weight")
    (w * w).sum().backward()
    (node,) = al.Graph(w).nodes
    found = label_size(
        card(node, "parameter", "weight", "", ("shape", "dtype", "value", "grad", "map"))
    )
    (group,) = [
        g for g in ET.fromstring(al.draw(w, legend=False).svg()).iter() if g.get("data-id") == "n0"
    ]
    points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", " ".join(
        e.get("points") or e.get("d") or "" for e in group.iter()))  # fmt: skip
    across, down = (np.array([float(p[i]) for p in points]) for i in range(2))
    assert found[0] == pytest.approx(np.ptp(across), rel=0.1, abs=12)
    assert found[1] == pytest.approx(np.ptp(down), rel=0.2, abs=24)
