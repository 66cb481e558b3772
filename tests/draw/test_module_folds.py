"""Modules in pictures: frames, what is folded into one box, equal ones in a row."""

import json
from graphlib import TopologicalSorter
from xml.etree import ElementTree as ET

import numpy as np
import pygraphviz
import pytest
from drawn import boxes_by_title, read, texts_of

import autograd_lite as al
from autograd_lite import nn, ops


class Block(nn.Module):
    def __init__(self, rng):
        self.linear = nn.Linear(3, 3, rng=rng)
        self.tanh = nn.Tanh()

    def forward(self, x):
        return x + self.tanh(self.linear(x))


class Deep(nn.Module):
    def __init__(self, blocks, rng):
        self.enter = nn.Linear(2, 3, rng=rng)
        self.blocks = [Block(rng) for _ in range(blocks)]
        self.out = nn.Linear(3, 1, bias=False, rng=rng)

    def forward(self, x):
        x = self.enter(x)
        for block in self.blocks:
            x = block(x)
        return self.out(x)


def deep(blocks=2):
    net = Deep(blocks, np.random.default_rng(0))
    x, y = al.Tensor([[1.0, 2.0]], name="x"), al.Tensor([[1.0]], name="y")
    loss = nn.MSE()(net(x), y)
    loss.name = "loss"
    return net, loss


def frames(drawing):
    """Return the titles of the frames, each with what stands directly in it."""
    boxes = {box.id: drawing.scene.title(box) for box in drawing.scene.plan.boxes}
    found = [frame for outer in drawing.scene.plan.clusters for frame in outer.walk()]
    return {frame.title: [boxes[key] for key in frame.boxes] for frame in found}


def test_frames_nest_and_say_path_class_and_parameter_count():
    _net, loss = deep(1)
    drawing = al.draw(loss, names={})
    assert frames(drawing) == {
        "Deep · 24 parameters": [],
        "enter · Linear · 9 parameters": [
            "enter.weight",
            "enter.bias",
            "x @ enter.weight",
            "n8",
        ],
        "blocks.0 · Block · 12 parameters": ["tanh(n10)", "n8 + tanh(n10)"],
        "blocks.0.linear · Linear · 12 parameters": [
            "blocks.0.linear.weight",
            "blocks.0.linear.bias",
            "n9",
            "n10",
        ],
        "out · Linear · 3 parameters": ["out.weight", "n13"],
    }
    (top,) = drawing.scene.plan.clusters
    assert [inner.call.path for inner in top.inner] == ["enter", "blocks.0", "out"]
    assert [inner.call.path for inner in top.inner[1].inner] == ["blocks.0.linear"]


def test_a_frame_around_one_box_is_left_out():
    _net, loss = deep(1)
    assert not [title for title in frames(al.draw(loss)) if "Tanh" in title or "MSE" in title]


def test_a_module_that_is_gone_still_has_a_frame_with_what_can_be_counted():
    loss = deep(1)[1]
    assert "enter · Linear · 9 parameters" in frames(al.draw(loss))


def test_a_parameter_belongs_to_the_module_that_alone_uses_it_and_data_stay_outside():
    class Tied(nn.Module):
        def __init__(self):
            self.cell = nn.Linear(2, 2)

        def forward(self, x):
            return self.cell(self.cell(x))

    net = Tied()
    x = al.Tensor(np.ones((1, 2)), requires_grad=True)
    found = frames(al.draw(net(x)))
    assert "cell.weight" in found["Tied · 6 parameters"]
    assert "cell · Linear · call 2 · 6 parameters" in found
    assert not any("x" in boxes for boxes in found.values())

    class Masked(nn.Module):
        def forward(self, x):
            return np.tanh(x) * np.arange(9.0)

    inside = al.draw(Masked()(al.Tensor(np.ones(9), requires_grad=True)), names={})
    assert len(inside.scene.plan.clusters[0].boxes) == 3  # With the mask, which is its own.
    nameless = al.draw(net(np.ones((1, 2)))).scene
    (array,) = [node.id for node in nameless.graph if node.kind == "constant"]
    assert array not in nameless.plan.clusters[0].members
    given = np.ones((1, 2))  # An array that the user has named is the user's.
    assert not any("given" in boxes for boxes in frames(al.draw(net(given))).values())


def test_frames_reach_svg_dot_mermaid_text_and_json(tmp_path):
    net, loss = deep(1)
    drawing = al.draw(loss, width=None)
    title = "enter · Linear · 9 parameters"
    graph = pygraphviz.AGraph(string=drawing.source)
    outer = graph.get_subgraph("cluster_values").get_subgraph("cluster_call0")
    label = outer.get_subgraph("cluster_call1").graph_attr["label"]
    assert texts_of(label) == [title]
    svg = ET.fromstring(drawing.svg())
    groups = {g.get("data-module"): g for g in svg.iter("{http://www.w3.org/2000/svg}g")}
    assert groups["call1"].findtext("{http://www.w3.org/2000/svg}title") == title
    assert "module" in groups["call1"].get("class")
    mermaid = drawing.save(tmp_path / "x.mmd").read_text("utf-8")
    assert f'        subgraph call1["{title}"]\n' in mermaid
    assert mermaid.count("subgraph ") == mermaid.count(" end\n") == 5
    text = drawing.save(tmp_path / "x.txt").read_text("utf-8")
    assert f"■ Deep › {title}" in text
    assert "■ outside of modules" in text
    data = json.loads(drawing.save(tmp_path / "x.json").read_text("utf-8"))
    assert data["modules"][1] == {"path": "enter", "class": "Linear", "call": 0, "parameters": 9}
    weight = next(node for node in data["nodes"] if node["name"] == "enter.weight")
    assert weight["modules"] == [0, 1]
    del net


def test_what_stands_on_a_frame_is_above_the_arrows():
    _net, loss = deep()
    root = ET.fromstring(al.draw(loss).svg())
    elements = list(root.iter())
    last = max(i for i, e in enumerate(elements) if e.get("data-from"))
    captions = [i for i, e in enumerate(elements) if e.text == "blocks.0.linear"]
    papers = [i for i, e in enumerate(elements) if e.tag.endswith("rect")]
    assert captions
    assert min(captions + papers) > last
    for i in papers:  # It is as wide as its text, and under it.
        paper = {key: float(elements[i].get(key)) for key in ("x", "y", "width", "height")}
        covered = [
            e for e in elements[i:]
            if e.tag.endswith("text") and float(e.get("x")) == pytest.approx(paper["x"] + 2)
            and paper["y"] < float(e.get("y")) < paper["y"] + paper["height"]
        ]  # fmt: skip
        assert paper["width"] >= float(covered[0].get("textLength"))


def test_hostile_paths_of_modules_are_escaped(tmp_path):
    class Evil(nn.Module):
        def __init__(self):
            self.parts = {'</text><b>"; x': nn.Linear(1, 1)}

        def forward(self, x):
            return next(iter(self.parts.values()))(x) * 2

    drawing = al.draw(Evil()(np.ones((1, 1))))
    svg = ET.fromstring(drawing.svg())
    assert any('</text><b>"; x' in (element.text or "") for element in svg.iter())
    mermaid = drawing.save(tmp_path / "x.mmd").read_text("utf-8")
    assert "<b>" not in mermaid


# ------------------------------------------------------------------ folding


def test_depth_closes_modules_below_a_level():
    _net, loss = deep(2)
    loss.backward()
    drawing = al.draw(loss, depth=1)
    assert [drawing.scene.title(box) for box in drawing.scene.plan.boxes] == [
        "x",
        "y",
        "enter · Linear · 9 parameters",
        "blocks.0 · Block · 12 parameters",
        "blocks.1 · Block · 12 parameters",
        "out · Linear · 3 parameters",
        "loss",
    ]
    box = boxes_by_title(drawing)["enter"]
    assert box.texts[1:4] == ["Linear · 9 parameters", "4 values inside", "output 1×3 · float64"]
    assert len(al.draw(loss, depth=0).scene.plan.boxes) == 4
    assert len(al.draw(loss, depth=9).scene.plan.boxes) == len(al.draw(loss).scene.plan.boxes)


def test_a_folded_module_shows_what_it_returned_and_is_called_by_its_path():
    _net, loss = deep(1)
    drawing = al.draw(loss, collapse="blocks.0")
    block = boxes_by_title(drawing)["blocks.0"]
    graph = drawing.scene.graph
    returned = next(
        node for node in graph if node.label == "add" and node.calls[-1].kind == "Block"
    )
    assert [float(text.replace("−", "-")) for text in block.texts[-3:]] == pytest.approx(
        returned.value[0], abs=1e-3
    )
    assert "blocks.0 @ out.weight" in boxes_by_title(drawing)


@pytest.mark.parametrize(
    ("collapse", "titles"),
    [
        ("blocks.0", {"blocks.0"}),
        (["enter", "out"], {"enter", "out"}),
        ("Block", {"blocks.0", "blocks.1"}),
        ("blocks.*.linear", {"blocks.0.linear", "blocks.1.linear"}),
        (["Deep"], {"Deep"}),
    ],
)
def test_collapse_takes_paths_classes_and_patterns(collapse, titles):
    _net, loss = deep(2)
    boxes = read(al.draw(loss, collapse=collapse))[0].values()
    assert {box.title for box in boxes if box.role == "fold"} == titles


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"collapse": "hiden"}, ValueError, "'hiden' is neither path nor class.*enter, Linear"),
        ({"collapse": [3]}, TypeError, "collapse takes paths and classes.*got int"),
        ({"depth": -1}, ValueError, "draw needs depth of 0 or more, got -1"),
        ({"depth": True}, TypeError, "draw needs an integer as depth, got True"),
        ({"roll": 2.5}, ValueError, "roll is True, False or None.*got 2.5"),
    ],
)
def test_wrong_folds_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        al.draw(deep(1)[1], **arguments)


@pytest.mark.parametrize(
    "arguments",
    [{"depth": 0}, {"depth": 1}, {"depth": 2}, {"collapse": "Block"}, {"roll": True}]
    + [{"max_nodes": n} for n in (5, 8, 15, 30)],
    ids=str,
)
@pytest.mark.parametrize("sweep", ["forward", "both", "backward"])
def test_no_fold_closes_a_cycle_and_none_loses_a_value(arguments, sweep):
    _net, loss = deep(6)
    drawing = al.draw(loss, sweep=sweep, **arguments)
    plan = drawing.scene.plan
    boxes = {box.id: set() for box in plan.boxes}
    for start, end in plan.edges():
        boxes[end].add(start)
    assert len(list(TopologicalSorter(boxes).static_order())) == len(plan.boxes)
    drawn = {node.id for node in drawing.scene.graph if node.shape or node.kind != "constant"}
    assert drawn <= set(plan.home)


# ------------------------------------------------------------------ equal blocks in a row


def test_equal_modules_in_a_row_roll_up_and_say_how_many_are_hidden():
    _net, loss = deep(12)
    boxes = boxes_by_title(al.draw(loss, depth=1))
    assert boxes["blocks.0 … blocks.11"].texts[1:3] == [
        "Block × 12 · 144 parameters",
        "72 values inside",
    ]
    drawing = al.draw(loss)
    assert "× 12 · 144 parameters" in frames(drawing)
    assert "blocks.11.linear · Linear · 12 parameters" in frames(drawing)
    assert "of which the last round is drawn" in drawing.source
    every = al.draw(loss, roll=False, max_nodes=400)
    assert not every.scene.plan.folds
    assert "last round" not in every.source


def test_a_small_picture_rolls_up_where_it_is_asked_to():
    _net, loss = deep(3)
    assert not al.draw(loss).scene.plan.folds
    assert "× 3 · 36 parameters" in frames(al.draw(loss, roll=True))


def test_a_folded_module_says_what_formulas_call_its_output():
    head = nn.Linear(3, 2, rng=np.random.default_rng(0))
    logits = head(al.Tensor(np.ones((4, 3)), name="x"))
    p = al.softmax(logits, axis=1)
    assert str(al.draw(p, depth=0)).splitlines()[1:] == [
        "Linear → logits · 8 parameters  4×2 · float64",
        "p = softmax(logits, axis=1)     4×2 · float64",
    ]
    nameless = al.draw(al.softmax(head(logits @ head.weight.T), axis=1), depth=0)
    assert "→ logits" in str(nameless)
    assert "softmax(Linear, axis=1)" in str(nameless)


def test_a_row_may_have_a_period_and_operations_between_modules():
    rng = np.random.default_rng(0)
    parts = [part for _ in range(5) for part in (nn.Linear(3, 3, rng=rng), nn.Tanh())]
    x = al.Tensor(np.ones((1, 3)), name="x")
    net = nn.Sequential(*parts)
    (fold,) = al.draw(net(x), depth=1).scene.plan.folds
    assert fold.heading == ("0 … 9", "Linear, Tanh × 5 · 60 parameters")
    layers = [nn.Linear(3, 3, rng=rng) for _ in range(4)]
    y = x
    for layer in layers:
        y = np.tanh(layer(y))
    assert "y₁ … y₄ · × 4 · 48 parameters" in frames(al.draw(y, roll=True, names={"y": y}))


def chain(layers, x=None):
    x = al.Tensor(np.ones((1, 3)), name="x") if x is None else x
    for layer in layers:
        x = layer(x)
    return x


def test_blocks_that_differ_do_not_roll_up():
    rng = np.random.default_rng(0)

    def folds(y):
        return [fold.times for fold in al.draw(y, depth=0).scene.plan.folds if fold.times > 1]

    equal = [nn.Linear(3, 3, rng=rng) for _ in range(4)]
    assert folds(chain(equal)) == [4]
    other = nn.Linear(3, 3, bias=False, rng=rng)
    assert folds(chain([*equal[:2], other, *equal[2:]])) == []  # No three in a row.
    assert folds(chain([*equal, other])) == [4]
    middle = chain(equal[:2])
    assert folds(chain(equal[2:], middle).sum() + middle.sum()) == []  # Used from outside.
    side = [layer(al.Tensor(np.ones((1, 3)))) for layer in equal]
    assert folds(side[0] + side[1] + side[2] + side[3]) == []  # Beside each other, not in a row.


def test_past_max_nodes_modules_fold_before_operations_do():
    _net, loss = deep(12)
    drawing = al.draw(loss, roll=False, max_nodes=20)
    titles = {drawing.scene.title(box) for box in drawing.scene.plan.boxes}
    assert "blocks.7 · Block · 12 parameters" in titles
    assert {"x", "y", "loss"} < titles
    assert "values are folded: max_nodes=20" in drawing.source


def test_what_enters_a_frame_stands_before_it():
    _net, loss = deep(1)
    svg = ET.fromstring(al.draw(loss, width=None).svg())
    left = {}
    for group in svg.iter("{http://www.w3.org/2000/svg}g"):
        key = group.get("data-id") or group.get("data-module")
        shapes = [e.get("points") or e.get("d") for e in group if e.get("points") or e.get("d")]
        if key and shapes:
            left[key] = min(
                float(p.split(",")[0].lstrip("MC")) for p in shapes[0].split() if "," in p
            )
    x = al.Graph(loss).find("x").id
    assert left[x] < left["call0"]


@pytest.mark.parametrize(
    "options", [{}, {"show": ("value", "local")}, {"sweep": "both"}], ids=["", "local", "both"]
)
def test_what_enters_a_frame_does_not_make_a_staircase(options):
    net, x = nn.Sequential(*[nn.Linear(3, 3) for _ in range(4)]), al.Tensor(np.ones((2, 3)))
    loss = np.sum(net(x))
    drawn = ET.fromstring(al.draw(loss, roll=False, legend=False, width=None, **options).svg())
    made = [f"n{i}" for i, node in enumerate(al.Graph(loss)) if node.primitive is ops.matmul]
    tops = [
        float(group.find("{http://www.w3.org/2000/svg}text").get("y"))
        for group in drawn.iter("{http://www.w3.org/2000/svg}g") if group.get("data-id") in made
    ]  # fmt: skip
    assert len(tops) == 4
    assert max(tops) - min(tops) < 60


def test_tooltips_and_json_say_modules_and_lines_of_code(tmp_path):
    net = Deep(1, np.random.default_rng(0))
    with al.record_source():
        loss = (net(al.Tensor([[1.0, 2.0]])) ** 2).sum()
    drawing = al.draw(loss)
    boxes, _ = read(drawing)
    tooltips = "\n".join(box.tooltip for box in boxes.values())
    assert "in Deep › blocks.0 Block › blocks.0.tanh Tanh" in tooltips.replace("\\n", "\n")
    assert "return x + self.tanh(self.linear(x))" in tooltips
    assert "test_module_folds.py:" in drawing.svg()
    data = json.loads(drawing.save(tmp_path / "x.json").read_text("utf-8"))
    source = data["nodes"][-1]["source"]
    assert source["code"].startswith("loss = (net(")
    assert source["file"].endswith("test_module_folds.py")
    assert data["nodes"][0]["source"] is None


def test_a_network_without_parts_is_not_folded_into_one_box():
    class Long(nn.Module):
        def forward(self, x):
            for _ in range(300):
                x = x + np.tanh(x)
            return x

    y = Long()(al.Tensor(1.0, requires_grad=True, name="x"))
    drawing = al.draw(y, max_nodes=20, roll=False)
    assert 10 < len(drawing.scene.plan.boxes) <= 22
    layers = [nn.Linear(3, 3, rng=np.random.default_rng(0)) for _ in range(10)]
    closed = al.draw(chain(layers), max_nodes=20, roll=False)  # But many beside each other are.
    assert [len(fold.calls) for fold in closed.scene.plan.folds] == [1] * 10
