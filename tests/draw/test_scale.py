"""Pictures of large computations: what is folded, what stays, and that nothing recurses."""

import time
from graphlib import TopologicalSorter
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from drawn import read

import autograd_lite as al
from autograd_lite.draw import module_folds


def chain(length):
    x = al.Tensor(1.0, requires_grad=True, name="x")
    y = x
    for _ in range(length):
        y = y * 1.0001
    y.name = "y"
    return y


def layers(count):
    h = al.Tensor(np.ones((2, 3)), name="x")
    for i in range(count):
        weight = al.Tensor(np.eye(3), requires_grad=True, name=f"w{i}")
        bias = al.Tensor(np.zeros(3), requires_grad=True, name=f"b{i}")
        h = al.relu(h @ weight + bias)
    return h.sum()


def tangle(count):
    rng = np.random.default_rng(0)
    values = [al.Tensor(float(i), requires_grad=True) for i in range(5)]
    for _ in range(count):
        i, j = rng.integers(0, len(values), 2)
        values.append(0.5 * (values[i] + values[j]))
    return sum(values[-50:])


def test_a_hundred_doublings_are_a_hundred_boxes_and_as_many_arrows():
    y = al.Tensor(1.0, requires_grad=True)
    for _ in range(100):
        y = y + y
    drawing = al.draw(y, roll=False, max_nodes=400, width=None)
    boxes, arrows = read(drawing)
    assert len(boxes) == 101
    assert len(arrows) == 100
    assert drawing.svg().count("<title>") == 102


@pytest.mark.parametrize("length", [1000, 10_000])
def test_a_long_chain_is_its_ends_and_a_box_that_says_what_is_left_out(length):
    y = chain(length)
    drawing = al.draw(y, roll=False)
    boxes, arrows = read(drawing)
    low = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    digits, before = (str(n).translate(low) for n in (length, length - 1))
    assert [box.title for box in boxes.values()] == [
        "x",
        f"… {length - 1:,} operations",
        f"y{digits} = y{before} × 1.0001",
    ]
    assert [box.role for box in boxes.values()] == ["parameter", "fold", "output"]
    assert len(arrows) == 2
    assert f"{length - 1:,} of {length + 1:,} values are folded: max_nodes=60" in drawing.source
    assert f"… {length - 1:,} operations" in drawing.svg()


def test_up_to_max_nodes_nothing_is_folded():
    assert len(read(al.draw(chain(50), max_nodes=51, roll=False))[0]) == 51
    assert len(read(al.draw(chain(50), max_nodes=50, roll=False))[0]) == 3


@pytest.mark.parametrize("max_nodes", [5, 20, 100, 400])
@pytest.mark.parametrize(
    ("program", "size"), [(layers, 500), (tangle, 1500)], ids=["layers", "tangle"]
)
def test_a_large_graph_keeps_its_ends_counts_the_rest_and_has_no_cycle(program, size, max_nodes):
    output = program(size)
    drawing = al.draw(output, max_nodes=max_nodes, roll=False)
    boxes, arrows = read(drawing)
    assert len(boxes) <= max_nodes + 2
    assert [box.role for box in boxes.values()].count("output") == 1
    graph: dict[str, set[str]] = {name: set() for name in boxes}
    for start, end in arrows:
        graph[end].add(start)
    order = list(TopologicalSorter(graph).static_order())
    assert boxes[order[-1]].role == "output"
    folded = sum(
        int(text.replace(",", "").split()[1])
        for box in boxes.values()
        if box.role == "fold"
        for text in box.texts
    )
    plain = sum(box.role != "fold" for box in boxes.values())
    drawn = sum(node.kind != "constant" for node in al.Graph(output))
    assert folded + plain == drawn


def test_few_parameters_of_folded_operations_stay():
    w = al.Tensor(1.0, requires_grad=True, name="w")
    y = al.Tensor(1.0, name="x")
    for _ in range(500):
        y = al.sigmoid(y * w)
    titles = [box.title for box in read(al.draw(y, max_nodes=20, roll=False))[0].values()]
    assert "w" in titles
    assert any(title.startswith("… ") for title in titles)


def test_many_operands_and_many_outputs_stay_within_bounds():
    parts = [al.Tensor(np.ones(2), requires_grad=True) for _ in range(3000)]
    boxes, _ = read(al.draw(np.concatenate(parts)))
    assert next(iter(boxes.values())).texts[0] == "3,000 parameters"
    assert len(boxes) == 2
    outputs = [part * 2.0 for part in parts]
    drawing = al.draw(outputs)
    assert len(read(drawing)[0]) <= 62
    assert len(drawing.subject) <= 60


def test_many_leaves_without_operations_are_folded():
    leaves = [al.Tensor(float(i)) for i in range(1000)]
    boxes, arrows = read(al.draw(leaves, max_nodes=10))
    assert len(boxes) <= 12
    assert not arrows


def recurrent(steps):
    rng = np.random.default_rng(0)
    w = al.Tensor(rng.normal(size=(3, 3)), requires_grad=True, name="w")
    h = al.Tensor(np.ones((1, 3)), name="h")
    for _ in range(steps):
        h = np.tanh(h @ w)
    return h.sum()


def test_a_value_with_many_uses_is_mentioned_at_each_of_them():
    y = recurrent(9)
    y.backward()
    drawing = al.draw(y, roll=False, width=None)
    boxes, arrows = read(drawing)
    weight = next(key for key, box in boxes.items() if box.title == "w")
    assert sum(start == weight for start, _ in arrows) == 9
    assert f"\t{weight} -> " not in drawing.source
    assert drawing.source.count("class=mention") == 9
    assert "small box: a value that is drawn in full elsewhere" in drawing.source
    svg = ET.fromstring(drawing.svg())
    groups = list(svg.iter("{http://www.w3.org/2000/svg}g"))
    assert sum(g.get("data-of") == weight for g in groups) == 9
    assert sum(g.get("data-id") == weight for g in groups) == 1
    assert sum(g.get("data-from") == weight for g in groups) == 9
    few = al.draw(recurrent(8), roll=False, width=None)
    assert "mention" not in few.source


@pytest.mark.parametrize("sweep", ["forward", "both"])
def test_a_leaf_that_feeds_hundreds_of_steps_is_laid_out(sweep):
    """Without mentions, Graphviz was not done after two minutes."""
    drawing = al.draw(recurrent(150), sweep=sweep, roll=False, max_nodes=700)
    assert len(drawing.scene.plan.boxes) > 300
    assert drawing.svg()


def test_a_chain_of_50_000_operations_neither_hangs_nor_recurses():
    drawing = al.draw(chain(50_000), roll=False)
    assert "… 49,999 operations" in drawing.source
    assert "49,999 of 50,001 values are folded: max_nodes=60" in drawing.source
    assert drawing.svg()
    assert "× 50,000" in al.draw(chain(50_000)).svg()


def mixed(count):
    """Return a computation in which nothing repeats for long."""
    order = np.random.default_rng(0).integers(0, 3, count // 3)
    weights = [al.Tensor(np.eye(4), requires_grad=True) for _ in range(8)]
    h = al.Tensor(np.ones((2, 4)))
    for i, kind in enumerate(order):
        h = (np.tanh, np.sin, np.cos)[kind](h @ weights[i % 8] + 0.1)
    return h.sum()


@pytest.mark.parametrize("program", [chain, mixed])
def test_an_overview_of_50_000_operations_takes_seconds(program):
    result = program(50_000)
    began = time.process_time()
    drawing = al.draw(result, overview=True)
    assert time.process_time() - began < 12  # Four on a slow computer; the limit is for a busy one.
    assert len(drawing.scene.plan.boxes) <= 22


def test_a_network_that_is_called_again_and_again_is_looked_through_a_few_times(monkeypatch):
    net = al.nn.Sequential(*[al.nn.Sequential(al.nn.Linear(2, 2), al.nn.Tanh()) for _ in range(40)])
    h = al.Tensor(np.ones((1, 2)))
    for _ in range(20):
        h = net(h)
    graph, looked_at = al.Graph((h * h).mean()), []
    describe = module_folds._Block._operand
    monkeypatch.setattr(
        module_folds._Block, "_operand", lambda self, x: looked_at.append(x) or describe(self, x)
    )
    drawing = al.draw(graph, overview=True)
    assert "Sequential × 20" in str(drawing)
    assert len(looked_at) < 12 * len(graph.nodes)
