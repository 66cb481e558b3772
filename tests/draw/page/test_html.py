"""The page of a computation, in a real browser: its steps, its numbers, its keys, hostile names."""

import json
import re

import numpy as np
import pytest
from oracles import cases

import autograd_lite as al
from autograd_lite.core.primitive import REGISTRY
from autograd_lite.draw.page.html import page
from autograd_lite.draw.page.story import Story
from autograd_lite.graph.cotangents import cotangents
from models import NETWORKS

HOSTILE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><b onclick="x">',
    "'; alert(1); //", "{{script}}", "<!--", "\u2028\n", "&lt;b&gt;", "]]>", "\\u003c", "中文 σ",
]  # fmt: skip


def first_step(name):
    experiment = NETWORKS[name]()
    return al.Graph(experiment.first_step(experiment.build(experiment.seed)))


def fan_out():
    w = al.Tensor([[0.25], [-0.5]], requires_grad=True)
    x = al.Tensor([[2.0, 3.0]])
    loss = ((x @ w) ** 2).mean() + (w**2).sum()
    return al.draw(loss)


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def grads(browser):
    """Return the boxes whose gradient can be seen, each with its numbers."""
    return browser.js(
        """Object.fromEntries([...document.querySelectorAll('g.node:not(.waiting)')].map(g =>
        [g.dataset.id, [...g.querySelectorAll('text.grad')].map(t => t.textContent)]))"""
    )


# ------------------------------------------------------------------ the backward pass behind it


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradients_of_all_nodes_are_those_of_backward(name):
    graph = first_step(name)
    found = cotangents(graph)
    for node in graph:
        if node.requires_grad:
            np.testing.assert_allclose(found.arrived[node.id], node.grad, rtol=1e-14)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_operation_has_its_story_and_its_true_gradients(name):
    for case in cases([name]):
        values = [
            al.Tensor(x, requires_grad=i in case.differentiable)
            for i, x in enumerate(case.operands())
        ]
        y = case.entry(*values, **case.given)
        if not y.requires_grad:
            continue
        y = np.real(y) if y.dtype.kind == "c" else y
        scene = al.draw(y).scene
        story = Story(scene, cotangents(scene.graph))
        y.backward(np.ones(y.shape))
        for value in values:
            if value.grad is not None:
                arrived = story.cotangents.arrived[scene.graph.find(value).id]
                np.testing.assert_allclose(arrived, value.grad, rtol=1e-12)
        words = [step["caption"] for step in story.steps]
        words += [p.get("text", "") for s in story.steps for line in s["lines"] for p in line]
        assert not [text for text in words if "\ue000" in text or "np.log" in text]
        assert max(map(len, words)) < 300


def test_making_a_page_leaves_every_gradient_and_hook_alone():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    inner = w * w
    inner.register_hook(lambda g: pytest.fail("a page called a hook"))
    drawing = al.draw(inner.sum())
    text = drawing.html()
    assert w.grad is None
    assert text == drawing.html()
    (parameter,) = [b for b in data_of(text)["boxes"].values() if b["role"] == "parameter"]
    assert parameter["grad"]["entries"] == [2.0, 4.0]


def test_steps_reveal_every_value_once_and_parts_before_their_sum():
    steps = data_of(fan_out().html())["steps"]
    values = [box for step in steps for box in step["values"]]
    assert len(values) == len(set(values)) == 8
    w_steps = [
        step
        for step in steps
        if step["phase"] == "backward" and any(start == "n0" for start, _ in step["edges"])
    ]
    assert len(w_steps) == 2
    assert "the first of 2 parts" in w_steps[0]["caption"]
    assert w_steps[0]["grads"] == []
    assert "the last of 2 parts" in w_steps[1]["caption"]
    assert w_steps[1]["grads"] == ["n0"]
    sum_line = "".join(piece.get("text", "#") for piece in w_steps[1]["lines"][-1])
    assert sum_line == "∂loss/∂w = # + # = #"


def test_one_entry_of_a_gradient_is_written_with_its_numbers():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    w, b = (al.Tensor(rng.normal(size=s), requires_grad=True, name=n)
            for n, s in (("w", (3, 2)), ("b", (2,))))  # fmt: skip
    loss = al.mse(al.sigmoid(x @ w + b), y)
    steps = data_of(al.draw(loss).html())["steps"]
    lines = [
        "".join(piece.get("text", "#") for piece in line) for s in steps for line in s["lines"]
    ]
    entries = [line for line in lines if re.match(r"\[\d+(, \d+)?\]: ", line)]
    assert len(entries) == 4, entries  # Of sigmoid, its input, b and w.
    for line in entries:
        terms, _, result = line.partition(": ")[2].replace("−", "-").rpartition(" = ")
        if "…" not in terms:
            assert eval(terms.replace("×", "*")) == pytest.approx(float(result), rel=1e-2)
    assert any(line.count(" + ") == 4 and line.count(" × ") == 4 for line in entries), entries
    row = al.Tensor([1.0, 2.0], requires_grad=True, name="row")
    steps = data_of(al.draw(np.sum(np.outer(row, np.array([3.0, 4.0])) ** 2)).html())["steps"]
    assert not any("…" in str(step["lines"]) for step in steps)


def test_the_rule_is_shown_in_symbols_and_with_its_numbers():
    w = al.Tensor(1.0, requires_grad=True)
    pred = w * 5
    error = (pred - 42) ** 2
    lines = [
        "".join(piece["text"] for piece in line)
        for step in data_of(al.draw(error).html())["steps"]
        for line in step["lines"]
    ]
    assert lines == [
        "pred = 1 × 5 = 5",
        "pred − 42 = 5 − 42 = −37",
        "error = (−37)² = 1369",
        "∂error/∂error = 1",
        "∂error/∂(pred − 42) = ∂error/∂error × 2 × (pred − 42)",
        "= 1 × 2 × (−37) = −74",
        "∂error/∂pred = ∂error/∂(pred − 42) = −74",
        "∂error/∂w = ∂error/∂pred × 5",
        "= −74 × 5 = −370",
        "∂error/∂w = −370",
    ]


def test_a_sentence_is_true_where_an_operand_is_used_twice_or_summed():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    total = (w + w).sum()
    captions = [step["caption"] for step in data_of(al.draw(total).html())["steps"]]
    assert captions[-4:-1] == [
        "Backward: total changes by as much as an entry of w + w does, so its gradient goes back "
        "to w + w unchanged.",
        "Backward: through this one use, w + w changes by as much as w does, so its gradient goes "
        "back to w unchanged. It is the first of 2 parts, because w is used 2 times.",
        "Backward: through this one use, w + w changes by as much as w does, so its gradient goes "
        "back to w unchanged. It is the last of 2 parts; together they are the gradient of w.",
    ]


def test_a_rule_that_needs_arrays_has_no_formula_but_its_numbers():
    @al.primitive(x=lambda g, y, x: np.asarray(g, dtype=float) * 3)
    def odd(x):
        return x * 3

    w = al.Tensor([1.0, 2.0], requires_grad=True)
    steps = data_of(al.draw(odd(w).sum()).html())["steps"]
    assert steps[-2]["caption"].startswith("Backward: the rule of odd turns the gradient of")
    assert steps[-2]["lines"][-1][-1]["rows"] == [["3", "3"]]


# ------------------------------------------------------------------ in the browser


@pytest.mark.parametrize("name", ["one-weight", "sigmoid-neuron", "two-layers", "two-two-one"])
def test_an_article_network_plays_to_the_end_and_shows_its_numbers(browser, tmp_path, name):
    graph = first_step(name)
    path = al.draw(graph).save(tmp_path / "graph.html")
    browser.open(path)
    last = int(browser.js("document.getElementById('scrub').max"))
    assert grads(browser) == {}
    for k in range(last):
        assert browser.js("document.getElementById('scrub').value") == str(k)
        assert browser.js("document.getElementById('caption').textContent").endswith(".")
        browser.press("ArrowRight")
    browser.screenshot(tmp_path / f"{name}.png")
    assert (tmp_path / f"{name}.png").stat().st_size > 20_000  # It is not blank.
    assert browser.js("document.querySelectorAll('g.node.pending').length") == 0
    assert set(grads(browser)) == {node.id for node in graph if node.requires_grad}
    for node in graph:
        assert_shown(browser, node)
    assert browser.complaints == []


def assert_shown(browser, node):
    """Hold the details of a box against its arrays: every entry, to six digits and to all."""
    if node.kind == "constant" and not node.shape:
        return
    browser.js(f"document.querySelector('g[data-id={node.id}]').focus()")
    browser.press("Enter")
    for kind, array in (("value", node.value), ("grad", node.grad)):
        found = browser.js(
            f"""(a => a ? [...a.querySelectorAll('td')].map(t => [t.textContent, t.title]) : null)(
            document.querySelector('#facts h3 + .array.{kind}'))"""
        )
        if array is None:
            assert found is None
            continue
        np.testing.assert_array_equal([float(x) for _, x in found], np.ravel(array))
        short = [float(x.replace("−", "-")) for x, _ in found]
        np.testing.assert_allclose(short, np.ravel(array), rtol=5e-6)


def test_keys_buttons_and_the_clock(browser, tmp_path):
    browser.open(fan_out().save(tmp_path / "graph.html"))
    at = "Number(document.getElementById('scrub').value)"
    last = int(browser.js("document.getElementById('scrub').max"))
    browser.press("End")
    assert browser.js(at) == last
    browser.press("ArrowRight", "ArrowLeft")
    assert browser.js(at) == last - 1
    browser.press("Home", "ArrowLeft")
    assert browser.js(at) == 0
    for button, k in (("next", 1), ("last", last), ("back", last - 1), ("first", 0)):
        browser.click(f"#{button}")
        assert browser.js(at) == k
    browser.js("document.getElementById('speed').value = '4'; document.activeElement.blur()")
    browser.press(" ")
    assert browser.js("document.getElementById('play').getAttribute('aria-label')") == "Pause"
    ended = browser.js(
        f"new Promise(done => {{ const wait = () => {at} > 2 ? done(true) : setTimeout(wait, 20);"
        f" wait() }})"
    )
    browser.press(" ")
    assert ended
    assert browser.js("document.getElementById('play').getAttribute('aria-label')") == "Play"
    assert browser.complaints == []


def test_every_control_has_a_label_and_can_be_reached_by_keyboard(browser, tmp_path):
    browser.open(fan_out().save(tmp_path / "graph.html"))
    unnamed = browser.js(
        """[...document.querySelectorAll('button, input, select, g[role=button]')].filter(e =>
        !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim())).length"""
    )
    assert unnamed == 0
    seen = set()
    for _ in range(30):
        browser.press("Tab")
        seen.add(browser.js("document.activeElement.id || document.activeElement.dataset.id"))
    assert {"search", "theme", "n0", "fit", "first", "play", "scrub", "speed"} <= seen


def test_hover_shows_the_paths_to_the_loss_and_a_click_the_details(browser, tmp_path):
    browser.open(fan_out().save(tmp_path / "graph.html"))
    x, y = browser.centre("g[data-id=n0]")
    browser.mouse("mouseMoved", x, y)
    on_path = "[...document.querySelectorAll('.tracing g.node.path')].map(g => g.dataset.id)"
    every = browser.js("[...document.querySelectorAll('g.node')].map(g => g.dataset.id)")
    assert set(browser.js(on_path)) == set(every) - {"n1"}  # All but the other operand, x.
    browser.click("g[data-id=n0]")
    assert browser.js("document.querySelector('#facts h2').textContent") == "w"
    browser.press("Escape")
    assert browser.js("document.getElementById('details').hidden")


def test_search_zoom_pan_and_fit(browser, tmp_path):
    browser.open(fan_out().save(tmp_path / "graph.html"))
    browser.click("#search")
    for key in "LOSS":
        browser.press(key)
    assert browser.js("document.querySelectorAll('g.node.match').length") == 1
    assert browser.js("document.getElementById('found').textContent") == "1 found"
    browser.press("Enter")
    assert browser.js("document.querySelector('#facts h2').textContent") == "loss"
    browser.press("Escape")
    box = "document.querySelector('#stage > svg').getAttribute('viewBox')"
    before = browser.js(f"document.getElementById('fit').click(), {box}")
    browser.click("#in")
    zoomed = browser.js(box)
    assert float(zoomed.split()[2]) < float(before.split()[2])
    x, y = browser.centre("#stage")
    browser.mouse("mousePressed", x, y, button="left", clickCount=1)
    browser.mouse("mouseMoved", x + 40, y, button="left", buttons=1)
    browser.mouse("mouseReleased", x + 40, y, button="left", clickCount=1)
    assert float(browser.js(box).split()[0]) < float(zoomed.split()[0])
    browser.click("#fit")
    assert browser.js(box) == before


def test_details_and_boxes_write_numbers_alike(browser, tmp_path):
    w = al.Tensor([-4.397e-16, 1.5, 2e30], requires_grad=True, name="w")
    path = al.draw(w.sum()).save(tmp_path / "graph.html")
    browser.open(path, hash="#step=99")
    browser.js("document.querySelector('g.parameter').focus()")
    browser.press("Enter")
    cells = browser.js("[...document.querySelectorAll('.array.value td')].map(t => t.textContent)")
    assert cells == ["−4.397×10⁻¹⁶", "1.5", "2×10³⁰"]
    titles = browser.js("[...document.querySelectorAll('.array.value td')].map(t => t.title)")
    assert list(map(float, titles)) == [-4.397e-16, 1.5, 2e30]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_and_runs_nothing(browser, tmp_path, name):
    w = al.Tensor([np.nan, np.inf, -np.inf], requires_grad=True, name=name)
    path = al.draw((w * 2).sum(), title=name).save(tmp_path / "graph.html")
    browser.open(path, hash="#step=99")
    browser.js("document.querySelector('g.parameter').focus()")
    browser.press("Enter")
    shown = name.replace("\u2028", "\\u2028").replace("\n", "\\n")
    assert browser.js("document.querySelector('#facts h2').textContent") == shown
    assert browser.js("document.title") == shown
    cells = browser.js("[...document.querySelectorAll('.array.value td')].map(t => t.textContent)")
    assert cells[:3] == ["nan", "inf", "−inf"]
    assert browser.js("document.querySelectorAll('script, img, b').length") == 2
    assert browser.complaints == []


def test_dark_and_light_follow_the_system_and_the_switch(browser, tmp_path):
    path = fan_out().save(tmp_path / "graph.html")
    paper = "getComputedStyle(document.body).backgroundColor"
    fill = "getComputedStyle(document.querySelector('.parameter polygon')).fill"
    browser.open(path)
    light = [browser.js(paper), browser.js(fill)]
    browser.click("#theme")
    dark = [browser.js(paper), browser.js(fill)]
    assert light[0] == "rgb(255, 255, 255)"
    assert not {*light} & {*dark}
    browser.open(path, dark=True)
    assert [browser.js(paper), browser.js(fill)] == dark
    assert browser.js("document.getElementById('theme').ariaPressed") == "true"
    w = al.Tensor(1.0, requires_grad=True)
    browser.open(al.draw(w * 2, theme="light").save(tmp_path / "light.html"), dark=True)
    assert browser.js(paper) == light[0]


def test_it_fits_a_phone_and_follows_what_happens(browser, tmp_path):
    path = al.draw(first_step("two-layers")).save(tmp_path / "graph.html")
    browser.open(path, width=390, height=844)
    for _ in range(14):
        assert browser.js("document.documentElement.scrollWidth") <= 390
        seen = browser.js(
            """(g => !g || (r => r.right > 0 && r.left < 390)(g.getBoundingClientRect()))(
            document.querySelector('g.target') ?? document.querySelector('g.now'))"""
        )
        assert seen
        browser.press("ArrowRight")


def test_reduced_motion_stops_the_arrows(browser, tmp_path):
    path = fan_out().save(tmp_path / "graph.html")
    name = "getComputedStyle(document.querySelector('.edge.sending path')).animationName"
    browser.open(path, hash="#step=1")
    assert browser.js(name) == "flow"
    browser.open(path, hash="#step=1", reduced=True)
    assert browser.js(name) == "none"


def test_folds_large_arrays_and_graphs_without_gradients(browser, tmp_path):
    y = x = al.Tensor(np.ones((200, 100)), requires_grad=True, name="x")
    for _ in range(300):
        y = al.relu(y * 1.001)
    browser.open(
        al.draw(y.sum(), max_nodes=20, roll=False).save(tmp_path / "fold.html"), hash="#step=999"
    )
    assert browser.js("document.querySelectorAll('g.node.pending').length") == 0
    browser.js("document.querySelector('g.fold').focus()")
    browser.press("Enter")
    assert " more" in browser.js("document.getElementById('facts').textContent")
    assert browser.js("document.querySelector('#facts h2').textContent").startswith("… ")
    browser.js("document.querySelector('g.parameter').focus()")
    browser.press("Enter")
    assert "20,000 entries" in browser.js("document.getElementById('facts').textContent")
    path = al.draw(al.Tensor(np.zeros((0, 2)), name="alone")).save(tmp_path / "alone.html")
    browser.open(path, hash="#step=1")
    assert "no way back" in browser.js("document.getElementById('caption').textContent")
    assert browser.complaints == []
    assert x.grad is None


def test_the_page_is_one_file_and_the_same_for_the_same_program():
    text = fan_out().html()
    assert text == page(fan_out().scene) == fan_out().html()
    assert not re.search(r'(src|href)=|@import|url\(|https?://(?!www\.w3\.org/2000/svg")', text)


def test_gradients_wait_for_their_step_and_sums_of_passes_are_named(browser, tmp_path):
    w = al.Tensor(2.0, requires_grad=True, name="w")
    loss = w * w
    loss.backward()
    loss.backward()
    browser.open(al.draw(loss).save(tmp_path / "twice.html"), hash="#step=0")
    browser.js("document.querySelector('g.parameter').focus()")
    browser.press("Enter")
    told = "document.getElementById('facts').textContent"
    assert "arrives in step" in browser.js(told)
    assert "in .grad" not in browser.js(told)
    browser.js("document.getElementById('last').click()")
    assert "sum of 2 backward passes" in browser.js(told)
    assert "arrives in step" not in browser.js(told)
    assert browser.complaints == []


def test_a_large_page_opens_at_once_and_has_the_boxes_in_view(browser, tmp_path):
    h = al.Tensor(np.ones((4, 6)))
    for i in range(90):
        weight = al.Tensor(np.eye(6) * (i + 1), requires_grad=True, name=f"W{i}")
        h = (np.tanh, np.sin, np.cos)[(i * i) % 3](h @ weight / 100)
    loss = (h**2).mean()
    loss.backward()
    path = al.draw(loss, roll=False).save(tmp_path / "large.html")
    browser.open(path)
    loaded = browser.js("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert loaded < 5_000  # A quarter of a second on an idle computer; this one may be busy.
    boxes, texts = (
        f"document.querySelectorAll('#stage {x}').length" for x in ("g[data-id]", "text")
    )
    assert browser.js(boxes) > 300
    assert 50 < browser.js(texts) < 3_000  # Of some 20,000: texts take time, seen or not.
    browser.open(path, hash="#step=150")
    now = "document.querySelector('#boxes .now')"
    assert browser.js(f"{now}.querySelectorAll('text').length") > 10
    assert 0 < browser.js(f"{now}.getBoundingClientRect().right") <= 1280
    assert browser.complaints == []


def test_a_value_with_very_many_uses_is_mentioned_at_them(browser, tmp_path):
    w = al.Tensor(np.eye(2) * 0.9, requires_grad=True, name="shared")
    h = al.Tensor(np.ones((1, 2)), name="h")
    for i in range(12):
        h = (np.tanh, np.sin, np.cos)[(i * i) % 3](h @ w)
    path = al.draw(h.sum(), roll=False).save(tmp_path / "shared.html")
    browser.open(path)
    lengths = browser.js(
        "[...document.querySelectorAll('.edge:has(rect)')].map(x => "
        "[x.querySelector('text').textContent, x.querySelector('path').getTotalLength()])"
    )
    assert [text for text, _ in lengths] == ["shared"] * 11
    assert max(length for _, length in lengths) < 20  # No line across the picture.
    assert browser.complaints == []


def test_the_scale_of_a_gradient_waits_with_its_map():
    w = al.Tensor(np.linspace(-3.0, 3.0, 240).reshape(12, 20), requires_grad=True)
    loss = np.sum(np.tanh(w) * 0.25)
    loss.backward()
    text = al.draw(loss, show=("value", "grad", "map")).html()
    box = re.search(r'data-id="n0".*?data-id', text, re.S)[0]
    found = re.findall(r'<text [^>]*class="([^"]*)"[^>]*>(mean of 2×2|[−\d.]+)<', box)
    for kind, scale in ("value", ["−3", "3"]), ("grad", ["−0.2500", "0.2500"]):
        shown = [text for classes, text in found if classes == f"number {kind}"]
        assert shown[-3:] == [*scale, "mean of 2×2"]


def test_a_page_grows_with_the_steps_of_a_recurrent_layer():
    sizes = []
    for steps in (10, 20):
        lstm = al.nn.LSTM(2, 3, rng=np.random.default_rng(0))
        outputs, _ = lstm(np.ones((steps, 1, 2)))
        sizes.append(len(al.draw(np.mean(outputs * outputs)).html()))
    assert sizes[1] < 1.5 * sizes[0] < 500_000


def test_a_parameter_that_many_rounds_share_has_one_arrow_in_a_large_picture():
    net = al.nn.Sequential(*[al.nn.Linear(2, 2) for _ in range(30)])
    h = np.ones((1, 2))
    for _ in range(4):
        h = net(h)
    for state in data_of(al.draw(np.sum(h)).html())["states"]:
        arrows = [start for start, _, *line in state["edges"] if len(line) == 2]
        if len(state["edges"]) > 200:
            assert len(arrows) == len(set(arrows))
            break
    else:
        raise AssertionError("no state is large")
