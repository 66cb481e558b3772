"""Pictures of large computations: what is folded, what stays, and that nothing recurses."""

from graphlib import TopologicalSorter

import numpy as np
import pytest
from drawn import read

import autograd_lite as al


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
    boxes, arrows = read(al.draw(y))
    assert len(boxes) == 101
    assert len(arrows) == 100
    assert al.draw(y).svg().count("<title>") == 102


@pytest.mark.parametrize("length", [1000, 10_000])
def test_a_long_chain_is_its_ends_and_a_box_that_says_what_is_left_out(length):
    y = chain(length)
    drawing = al.draw(y)
    boxes, arrows = read(drawing)
    assert [box.title for box in boxes.values()] == [
        "x",
        f"… {length - 1:,} operations",
        "y = … × 1.0001",
    ]
    assert [box.role for box in boxes.values()] == ["parameter", "fold", "output"]
    assert len(arrows) == 2
    assert f"{length - 1:,} of {length + 1:,} values are folded: max_nodes=400" in drawing.source
    assert f"… {length - 1:,} operations" in drawing.svg()


def test_up_to_max_nodes_nothing_is_folded():
    assert len(read(al.draw(chain(50), max_nodes=51))[0]) == 51
    assert len(read(al.draw(chain(50), max_nodes=50))[0]) == 3


@pytest.mark.parametrize("max_nodes", [5, 20, 100, 400])
@pytest.mark.parametrize(
    ("program", "size"), [(layers, 500), (tangle, 1500)], ids=["layers", "tangle"]
)
def test_a_large_graph_keeps_its_ends_counts_the_rest_and_has_no_cycle(program, size, max_nodes):
    output = program(size)
    drawing = al.draw(output, max_nodes=max_nodes)
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
    titles = [box.title for box in read(al.draw(y, max_nodes=20))[0].values()]
    assert "w" in titles
    assert any(title.startswith("… ") for title in titles)


def test_many_operands_and_many_outputs_stay_within_bounds():
    parts = [al.Tensor(np.ones(2), requires_grad=True) for _ in range(3000)]
    boxes, _ = read(al.draw(np.concatenate(parts)))
    assert len(boxes) <= 402
    assert sum(box.role == "fold" for box in boxes.values()) == 1
    outputs = [part * 2.0 for part in parts]
    drawing = al.draw(outputs)
    assert len(read(drawing)[0]) <= 402
    assert len(drawing.subject) <= 60


def test_many_leaves_without_operations_are_folded():
    leaves = [al.Tensor(float(i)) for i in range(1000)]
    boxes, arrows = read(al.draw(leaves, max_nodes=10))
    assert len(boxes) <= 12
    assert not arrows
