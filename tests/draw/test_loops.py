"""A loop is drawn as one round, with its state as an arrow back, and names have their index."""

import re

import numpy as np
import pytest
from browser import number
from drawn import boxes_by_title, read

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.draw.page.story import Story
from autograd_lite.graph.cotangents import cotangents

rng = np.random.default_rng(0)


def recurrent(steps=10):
    w = al.Tensor(rng.normal(size=(2, 3)), requires_grad=True)
    v = al.Tensor(rng.normal(size=(3, 3)), requires_grad=True)
    h = al.Tensor(np.zeros((4, 3)))
    for x in [rng.normal(size=(4, 2)) for _ in range(steps)]:
        h = np.tanh(x @ w + h @ v)
    loss = (h**2).mean()
    loss.backward()
    return al.draw(loss), loss


def frames(drawing):
    found = [frame for outer in drawing.scene.plan.clusters for frame in outer.walk()]
    return [frame.title for frame in found]


def test_one_round_is_drawn_with_its_state_as_an_arrow_back():
    drawing, _ = recurrent()
    assert frames(drawing) == ["h₁ … h₁₀ · × 10"]
    titles = boxes_by_title(drawing)
    assert "h₁₀ = tanh(x₁₀ @ w + h₉ @ v)" in titles
    assert "h₀" in titles
    graph = drawing.scene.graph
    ((start, end),) = drawing.scene.plan.back()
    assert graph[start].primitive.name == "tanh"
    assert graph[end].primitive.name == "matmul"
    assert "style=dashed" in drawing.source
    assert "of which the last round is drawn" in drawing.source


def test_what_every_round_is_given_is_one_box():
    drawing, _ = recurrent()
    box = boxes_by_title(drawing)["x₁ … x₁₀"]
    assert box.texts[1] == "10 inputs · each 4×2 · float64"
    assert box.role == "constant"
    weights = [al.Tensor(np.eye(2) * i, requires_grad=True, name=f"W{i}") for i in range(30)]
    h = al.Tensor(np.ones((1, 2)))
    for weight in weights:
        h = np.maximum(h @ weight, 0) + h
    assert boxes_by_title(al.draw(h))["W0 … W29"].texts[1].startswith("30 parameters")


def test_many_equal_leaves_of_one_operation_are_one_box():
    parts = [al.Tensor(float(i), requires_grad=True, name=f"p{i}") for i in range(50)]
    total = (np.stack(parts) ** 2).sum()
    total.backward()
    box = boxes_by_title(al.draw(total))["p0 … p49"]
    assert box.texts[1] == "50 parameters · each scalar · float64"
    assert box.texts[-1] == "98"  # The largest gradient.
    few, _ = read(al.draw(np.stack(parts[:8])))
    assert len(few) == 9


def test_a_loop_unfolds_and_its_names_stay():
    _, loss = recurrent(4)
    drawing = al.draw(loss, roll=False)
    assert not drawing.scene.plan.carried
    assert sum(box.role == "result" for box in read(drawing)[0].values()) == 4 * 4 + 1
    x = al.Tensor(1.0, requires_grad=True)
    for _ in range(6):
        x = x - (x * x - 2.0) / (2 * x)
    titles = boxes_by_title(al.draw(x, roll=False))
    assert {"x₀", "x₆ = x₅ − (x₅ × x₅ − 2) / (2 × x₅)"} < set(titles) or "x₀" in titles


def test_short_and_few_repetitions_are_drawn_in_full():
    a, b, c, d = (al.Tensor(float(i), requires_grad=True, name="abcd"[i]) for i in range(4))
    assert not frames(al.draw(a * b * c * d))
    assert frames(al.draw(a + b + c + d, roll=True))


def test_a_network_of_blocks_is_one_block():
    class Block(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(2, 2, rng=rng)

        def forward(self, x):
            return x + np.tanh(self.fc(x))

    net = nn.Sequential(*[Block() for _ in range(30)])
    drawing = al.draw(net(np.ones((1, 2))).sum())
    assert frames(drawing)[:3] == [
        "Sequential · 180 parameters",
        "× 30 · 180 parameters",
        "29 · Block · 6 parameters",
    ]
    assert "0.fc.weight … 29.fc.weight" in boxes_by_title(drawing)


def test_every_value_has_a_box_and_arrows_lead_onwards():
    drawing, loss = recurrent(12)
    plan = drawing.scene.plan
    order = {box.id: i for i, box in enumerate(plan.boxes)}
    assert all(order[start] < order[end] for start, end in plan.edges())
    drawn = {node.id for node in al.Graph(loss, {}) if node.shape or node.kind != "constant"}
    assert drawn <= set(plan.home)


def test_a_page_steps_through_a_loop_that_uses_nothing_but_its_state():
    y = al.Tensor(1.0, requires_grad=True, name="x")
    for _ in range(400):
        y = np.tanh(y * 1.01)
    scene = al.draw(y).scene
    steps = Story(scene, cotangents(scene.graph)).steps
    told = [x["caption"] for x in steps if "the gradient passes in the same way" in x["caption"]]
    assert len(told) == 40
    assert told[0].endswith("in the same way.")
    assert told[-1].endswith("in the same way, and goes to x.")


def test_a_page_of_a_very_long_loop_steps_from_round_to_round():
    x = al.Tensor(0.5, requires_grad=True, name="x")
    y, states = x, []
    for _ in range(400):
        y = 0.9 * np.sin(y + x)
        states.append(float(y.numpy()))
    y.backward()
    scene = al.draw(y).scene
    told = {"forward": {}, "backward": {}}
    for step in Story(scene, cotangents(scene.graph)).steps:
        if which := re.search(r"rounds \d+ to (\d+) of 400 of the loop", step["caption"]):
            (line,) = step["lines"]
            told[step["phase"]][int(which[1])] = "".join(piece["text"] for piece in line)
    assert list(told["forward"]) == list(told["backward"])[::-1]
    assert len(told["forward"]) == 40
    for stop, text in told["forward"].items():
        assert number(text.split(" = ")[1]) == pytest.approx(states[stop - 1], rel=1e-3)
    slope = 1.0  # Of the last state by that of an earlier round.
    for t in range(399, 0, -1):
        slope *= 0.9 * np.cos(states[t - 1] + 0.5)
        if t in told["backward"]:
            assert number(told["backward"][t].split(" = ")[1]) == pytest.approx(slope, rel=2e-3)
    assert len(al.draw(y).html()) < 150_000
