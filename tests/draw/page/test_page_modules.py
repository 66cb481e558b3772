"""Modules on the page of a computation: they fold and unfold, and every state is laid out."""

import re

import numpy as np
import pytest
from test_html import data_of

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.draw.page.states import Module, states

SHOWN = (
    "[...document.querySelectorAll('g.node:not(.away)')].map(g => g.dataset.id ?? g.dataset.module)"
)
ARROWS = "[...document.querySelectorAll('g.edge')].map(g => g.dataset.from + '>' + g.dataset.to)"
AT = "Number(document.getElementById('scrub').value)"


class Net(nn.Module):
    def __init__(self, rng):
        self.hidden, self.out = nn.Linear(2, 3, rng=rng), nn.Linear(3, 1, rng=rng)
        self.act = nn.Sigmoid()

    def forward(self, x):
        return self.out(self.act(self.hidden(x)))


NET = Net(np.random.default_rng(0))


def net_loss():
    x, y = al.Tensor([[1.0, -2.0]], name="x"), al.Tensor([[0.5]], name="y")
    loss = nn.MSE()(NET(x), y)
    loss.name = "loss"
    return loss


def module(data, title):
    (found,) = [m["id"] for m in data["modules"] if m["title"] == title]
    return found


def settle(browser):
    browser.js("new Promise(done => setTimeout(done, 450))")


def some(*tree):
    """Make modules, given the number of boxes and the parent of each."""
    return [
        Module(f"m{i}", "", "", frozenset(map(str, range(size))), parent and f"m{parent - 1}", "")
        for i, (size, parent) in enumerate(tree)
    ]


# ------------------------------------------------------------------ the states


def test_modules_have_title_class_and_parameters_and_are_nested():
    data = data_of(al.draw(net_loss()).html())
    found = {m["title"]: (m["remark"], m["parent"], len(m["boxes"])) for m in data["modules"]}
    outer = module(data, "Net")
    assert found == {
        "Net": ("13 parameters", None, 9),
        "hidden": ("Linear · 9 parameters", outer, 4),
        "out": ("Linear · 4 parameters", outer, 4),
    }


def test_of_few_modules_every_state_is_laid_out_and_of_many_a_choice():
    few = some((9, None), (4, 1), (3, 1))
    assert states(few, 9, frozenset()) == [
        frozenset(x) for x in ([], ["m0"], ["m1"], ["m2"], ["m1", "m2"])
    ]
    assert states(few, 9, frozenset(["m2"]))[0] == {"m2"}
    many = some(*[(3, None)] * 30)
    chosen = states(many, 90, frozenset())
    assert len(chosen) == len(set(chosen)) == 16
    assert chosen[:2] == [set(), {m.id for m in many}]
    nested = some((20, None), *[(3, 1)] * 9, *[(2, 2)] * 9)
    for state in states(nested, 20, frozenset()):
        for inner in nested:
            if inner.id in state:
                assert inner.parent not in state
    assert len(states(many, 900, frozenset())) == 3


def test_every_state_has_the_arrows_of_the_computation_and_no_two_boxes_on_each_other():
    drawing = al.draw(net_loss())
    data = data_of(drawing.html())
    assert len(data["states"]) == 5
    boxes = {node.id for node in drawing.scene.graph}
    for state in data["states"]:
        home = {key: state["home"].get(key, key) for key in boxes}
        assert set(state["at"]) == set(home.values())
        arrows = {(home[x], home[node.id]) for node in drawing.scene.graph for x in node.operands}
        assert {(a, b) for a, b, _, _ in state["edges"]} == {(a, b) for a, b in arrows if a != b}
        places = [(*state["at"][key], *data["sizes"][key]) for key in state["at"]]
        left, top, width, height = np.array(places).T
        apart = (left[:, None] >= (left + width)[None] - 1) | (
            top[:, None] >= (top + height)[None] - 1
        )
        assert (apart | apart.T | np.eye(len(places), dtype=bool)).all()
        for m in data["modules"]:
            if m["id"] not in state["frames"]:
                continue
            x, y, w, h = state["frames"][m["id"]]
            for key in {home[box] for box in m["boxes"]}:
                (bx, by), (bw, bh) = state["at"][key], data["sizes"][key]
                assert x <= bx
                assert y <= by
                assert bx + bw <= x + w
                assert by + bh <= y + h


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_a_value_with_many_uses_is_mentioned_there_and_has_no_part_in_the_layout(rankdir):
    w, y = al.Tensor(0.5, requires_grad=True, name="w"), al.Tensor(1.0)
    for _ in range(40):
        y = np.tanh(y * w)
    data = data_of(al.draw(y, rankdir=rankdir).html())
    (state,) = data["states"]
    ((w_id, box),) = [(key, box) for key, box in data["boxes"].items() if box["name"] == "w"]
    far = [
        (end, head, *mention) for start, end, _, head, *mention in state["edges"] if start == w_id
    ]
    assert box["role"] == "parameter"
    assert len(far) == 40
    assert len(far[0]) == 2  # An arrow, from the box itself.
    for end, head, (text, left, top, room) in far[1:]:
        (x, y), (width, height) = state["at"][end], data["sizes"][end]
        assert float(head.split()[1].split(",")[1]) == pytest.approx(y + height, abs=0.2)
        assert text == "w"
        assert x < left < left + room < x + width
        assert y + height < top < y + height + 6


# ------------------------------------------------------------------ in the browser


def test_a_click_folds_a_module_and_another_unfolds_it(browser, tmp_path):
    drawing = al.draw(net_loss())
    path = drawing.save(tmp_path / "net.html")
    data = data_of(path.read_text("utf-8"))
    hidden = module(data, "hidden")
    (inside,) = [m["boxes"] for m in data["modules"] if m["id"] == hidden]
    browser.open(path)
    settle(browser)
    everything = set(browser.js(SHOWN))
    assert everything == {node.id for node in drawing.scene.graph}
    browser.click(f".head[data-module={hidden}] text")
    settle(browser)
    assert set(browser.js(SHOWN)) == everything - set(inside) | {hidden}
    x = drawing.scene.graph.find("x").id
    assert f"{x}>{hidden}" in browser.js(ARROWS)
    assert browser.js("document.activeElement.dataset.module") == hidden
    assert browser.js("document.activeElement.ariaExpanded") == "false"
    browser.click(f"g.node[data-module={hidden}]")
    settle(browser)
    assert set(browser.js(SHOWN)) == everything
    assert browser.js("document.activeElement.ariaExpanded") == "true"
    assert browser.complaints == []


def test_captions_are_above_the_arrows_and_folded_modules_say_what_their_output_is_called(
    browser, tmp_path
):
    path = al.draw(net_loss()).save(tmp_path / "net.html")
    data = data_of(path.read_text("utf-8"))
    titles = {m["title"]: m["folded"] for m in data["modules"]}
    assert titles["hidden"].startswith("hidden → n")
    (box,) = [b for b in data["boxes"].values() if b["label"] == titles["hidden"][9:]]
    assert "hidden.bias" in box["formula"]
    browser.open(path)
    settle(browser)
    found = browser.js("[...document.querySelectorAll('#stage > svg > g')].map(g => g.id)")
    assert found == ["frames", "arrows", "heads", "boxes", "movers"]
    assert browser.js("document.querySelectorAll('#heads .head').length") == len(data["modules"])
    painted = "getComputedStyle(document.querySelector('#heads .head text')).paintOrder"
    assert browser.js(painted).startswith("stroke")
    x, y = browser.centre(".head text")
    assert browser.js(f"document.elementFromPoint({x}, {y}).closest('.head') !== null")
    browser.click(f".head[data-module={module(data, 'hidden')}] text")
    settle(browser)
    folded = (
        f"document.querySelector('.node[data-module={module(data, 'hidden')}] .title').textContent"
    )
    assert browser.js(folded) == titles["hidden"]


def test_modules_fold_by_keyboard_and_all_at_once(browser, tmp_path):
    path = al.draw(net_loss()).save(tmp_path / "net.html")
    outer = module(data_of(path.read_text("utf-8")), "Net")
    browser.open(path)
    everything = set(browser.js(SHOWN))
    browser.js(f"document.querySelector('.head[data-module={outer}]').focus()")
    browser.press("Enter")
    assert len(browser.js(SHOWN)) == 4  # x, the network, y, loss.
    assert browser.js("document.activeElement.getAttribute('aria-label')") == (
        "Net 13 parameters, unfold"
    )
    browser.press("Enter")
    assert set(browser.js(SHOWN)) == everything
    browser.js("document.getElementById('folds').click()")
    assert len(browser.js(SHOWN)) == 4
    assert browser.js("document.getElementById('folds').textContent") == "Unfold"
    browser.js("document.getElementById('folds').click()")
    assert set(browser.js(SHOWN)) == everything
    assert browser.complaints == []


def test_a_folded_module_lights_up_while_what_is_in_it_is_computed(browser, tmp_path):
    path = al.draw(net_loss()).save(tmp_path / "net.html")
    outer = module(data_of(path.read_text("utf-8")), "Net")
    browser.open(path)
    browser.js("document.getElementById('folds').click()")
    browser.press("ArrowRight")
    lit = "[...document.querySelectorAll('g.now')].map(g => g.dataset.module)"
    assert browser.js(lit) == [outer]
    pending = f"document.querySelector('g.node[data-module={outer}]').classList.contains('pending')"
    assert browser.js(pending)
    browser.press("End")
    assert not browser.js(pending)
    last = int(browser.js("document.getElementById('scrub').max"))
    for k in range(last):
        browser.press("ArrowLeft")
        assert browser.js(AT) == last - 1 - k
    assert browser.complaints == []


def test_the_page_begins_as_the_picture_is_and_a_search_unfolds(browser, tmp_path):
    drawing = al.draw(net_loss(), collapse=["hidden"])
    path = drawing.save(tmp_path / "net.html")
    hidden = module(data_of(path.read_text("utf-8")), "hidden")
    browser.open(path)
    assert hidden in browser.js(SHOWN)
    browser.click("#search")
    for key in "bias":
        browser.press(key)
    assert browser.js(f"document.querySelector('[data-module={hidden}].match') !== null")
    browser.press("Enter")
    bias = drawing.scene.graph.find("hidden.bias").id
    assert bias in browser.js(SHOWN)
    assert browser.js("document.querySelector('#facts h2').textContent") == "hidden.bias"
    assert browser.complaints == []


def test_of_many_modules_each_can_be_unfolded_alone_or_with_others(browser, tmp_path):
    rng = np.random.default_rng(0)
    layers = nn.Sequential(*[nn.Linear(2, 2, rng=rng) for _ in range(24)])
    loss = layers(al.Tensor([[1.0, 2.0]])).sum()
    path = al.draw(loss).save(tmp_path / "many.html")
    browser.open(path)
    rolled = browser.js(SHOWN)
    assert len(rolled) < 20
    row = "document.querySelector('g.node.module:not(.away)')"
    assert "Linear × 2" in browser.js(f"{row}.textContent")
    browser.js(f"{row}.focus()")
    browser.press("Enter")
    assert len(browser.js(SHOWN)) == 24 * 4 + 2
    head = "[...document.querySelectorAll('.frame:not(.away) .head')].at(-1)"
    browser.js(f"{head}.focus()")
    browser.press("Enter")
    assert len(browser.js(SHOWN)) < 24 * 4 + 2
    told = browser.js("document.getElementById('paths').textContent")
    assert told == "Of so many modules, others fold and unfold along."
    assert browser.complaints == []


def test_where_there_is_no_room_a_module_stays_folded_and_shows_its_output_in_time(
    browser, tmp_path
):
    rng = np.random.default_rng(0)
    loss = nn.Sequential(Net(rng), nn.Linear(1, 1, rng=rng))(al.Tensor([[1.0, 2.0]])).sum()
    drawing = al.draw(loss, max_nodes=6)
    browser.open(drawing.save(tmp_path / "small.html"))
    fold = next(box for box in drawing.scene.plan.folds if box.calls)
    box = f"document.querySelector('g[data-id={fold.id}]')"
    number = f"getComputedStyle({box}.querySelector('.number.{{}}')).visibility"
    assert browser.js(number.format("value")) == browser.js(number.format("grad")) == "hidden"
    browser.press("End")
    assert browser.js(number.format("value")) == browser.js(number.format("grad")) == "visible"
    shown = browser.js(f"{box}.querySelector('.number.value').textContent")
    assert float(shown.replace("−", "-")) == pytest.approx(fold.result.value.item(), rel=1e-3)
    assert browser.complaints == []


def test_classes_with_hostile_names(browser, tmp_path):
    kind = type("</script><img src=x onerror=alert(1)>\u2028\"'", (Net,), {})
    net = kind(np.random.default_rng(0))
    path = al.draw(net(al.Tensor([[1.0, 2.0]]))).save(tmp_path / "net.html")
    browser.open(path)
    assert "</script><img" in browser.js("document.querySelector('.head .title').textContent")
    browser.js("document.getElementById('folds').click()")
    assert browser.js("document.querySelectorAll('script, img').length") == 2
    assert browser.complaints == []


# ------------------------------------------------------------------ details, paths, movement


def test_details_say_module_and_line_or_how_to_record_it(browser, tmp_path):
    with al.record_source():
        loss = net_loss()  # The line that made it is in this file.
    drawing = al.draw(loss)
    browser.open(drawing.save(tmp_path / "net.html"))
    facts = "document.getElementById('facts').innerText"
    made = next(node for node in drawing.scene.graph if node.primitive is al.sigmoid)
    browser.js(f"document.querySelector('g[data-id={made.id}]').focus()")
    browser.press("Enter")
    assert re.search(r"module\s+Net › act: Sigmoid", browser.js(facts))
    assert re.search(r"test_page_modules\.py:\d+\s+return self\.out\(", browser.js(facts))
    browser.open(al.draw(net_loss()).save(tmp_path / "net.html"))
    browser.js(f"document.querySelector('g[data-id={made.id}]').focus()")
    browser.press("Enter")
    assert re.search(r"source\s+not recorded; .*with al.record_source\(\):", browser.js(facts))


def test_paths_to_the_result_are_counted(browser, tmp_path):
    w = al.Tensor(2.0, requires_grad=True, name="w")
    loss = w * w + w
    loss.name = "loss"
    told = "document.getElementById('paths').textContent"
    browser.open(al.draw(loss).save(tmp_path / "three.html"))
    browser.mouse("mouseMoved", *browser.centre("g.parameter"))
    assert browser.js(told) == "w reaches loss along 3 paths."
    y = w
    for _ in range(100):
        y = y + y
    browser.open(al.draw(y, names={"y": y}).save(tmp_path / "doubled.html"))
    browser.press(*["Tab"] * 3)
    assert browser.js("document.activeElement.classList.contains('parameter')")
    assert browser.js(told) == "w reaches y₁₀₀ along more than a billion paths."
    browser.js("document.activeElement.blur()")
    assert browser.js(told) == ""


def test_gradients_travel_along_the_arrows_and_add_up_in_sight(browser, tmp_path):
    w = al.Tensor(2.0, requires_grad=True, name="w")
    loss = w * 3 + w * 4
    path = al.draw(loss).save(tmp_path / "sum.html")
    steps = data_of(path.read_text("utf-8"))["steps"]
    first, last = [k for k, step in enumerate(steps) if step.get("parts")]
    browser.open(path, hash=f"#step={first}")
    assert browser.js("document.querySelector('.mover.back text').textContent") == "4"
    assert browser.js("document.querySelector('.badge').textContent") == "1 of 2 parts"
    assert browser.js("document.getElementById('lines').textContent").endswith("4 + …")
    browser.js("new Promise(done => setTimeout(done, 1300))")
    assert browser.js("document.querySelectorAll('.mover').length") == 0
    browser.open(path, hash=f"#step={last}", reduced=True)
    assert browser.js("document.querySelectorAll('.mover').length") == 0
    assert browser.js("document.querySelector('.badge').textContent") == "2 of 2 parts"
    assert browser.js("document.getElementById('lines').textContent").endswith("4 + 3 = 7")
    assert browser.complaints == []


def test_a_large_array_is_painted_in_the_details(browser, tmp_path):
    rng = np.random.default_rng(0)
    w = al.Tensor(rng.normal(size=(12, 9)), requires_grad=True, name="w")
    large = al.Tensor(rng.normal(size=(100, 90)), name="large")
    browser.open(al.draw((large @ w.T.reshape(-1)[:90]).sum()).save(tmp_path / "heat.html"))
    browser.js("document.querySelector('g.parameter').focus()")
    browser.press("Enter")
    count = "document.querySelectorAll('.array.value + .heat .{}').length"
    assert browser.js(count.format("above")) == (w.numpy() >= 0).sum()
    assert browser.js(count.format("below")) == (w.numpy() < 0).sum()
    browser.js("document.querySelector('g.input').focus()")
    browser.press("Enter")
    assert browser.js("document.querySelectorAll('.array.value + .heat rect').length") == 48 * 48
    assert browser.complaints == []


def test_a_loop_has_arrows_back_for_what_its_rounds_hand_on(browser, tmp_path):
    k, v, x = al.Tensor(1.5, requires_grad=True, name="k"), al.Tensor(0.0), al.Tensor(1.0)
    for _ in range(200):
        v = v - 0.01 * k * x
        x = x + 0.01 * v
    drawing = al.draw(x)
    path = tmp_path / "loop.html"
    drawing.save(path)
    browser.open(path)
    handed = ARROWS.replace("g.edge", "g.edge.handed")
    back = [f"{start}>{end}" for start, end in drawing.scene.plan.back()]
    assert len(back) == 3
    assert sorted(browser.js(handed)) == sorted(back)
    assert set(browser.js(ARROWS.replace("g.edge", "g.edge:not(.handed)"))) == {
        f"{start}>{end}" for start, end in drawing.scene.plan.edges()
    }
    browser.js("document.getElementById('folds').click()")
    settle(browser)
    assert browser.js(handed) == []
    assert browser.complaints == []
