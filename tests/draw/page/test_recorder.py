"""A recorded training: what is kept, what is refused, and what its page shows."""

import importlib
import json
import re

import numpy as np
import pytest
from browser import number
from test_html import data_of

import autograd_lite as al
from models import NETWORKS

CAPTION = "document.getElementById('caption').textContent"
AT = "Number(document.getElementById('scrub').value)"


def trained(steps, **options):
    """Train one weight; return the recorder and what the weight, its gradient and the loss were."""
    w = al.Tensor(1.0, requires_grad=True, name="w")
    optimiser = al.optim.SGD([w], lr=0.002)
    recorder, seen = al.Recorder(**options), []
    for _ in range(steps):
        loss = (w * 5 - 42) ** 2
        optimiser.zero_grad()
        loss.backward()
        seen.append((w.item(), w.grad.item(), loss.item()))
        recorder.record(loss)
        optimiser.step()
    return recorder, seen


def article(name, steps=12):
    """Record an article's training; return the recorder, and the graph of every step."""
    experiment = NETWORKS[name]()
    net, samples = experiment.build(experiment.seed), experiment.samples()
    optimiser = al.optim.SGD(net.parameters(), experiment.lr)
    recorder, graphs = al.Recorder(), []
    for step in range(steps):
        x, y = samples[step % len(samples)]
        loss = experiment.criterion(net(x), y)
        loss.name = "loss"
        for node in al.Graph(loss):
            if node.requires_grad and node.primitive is not None:
                node.tensor.retain_grad()
        optimiser.zero_grad()
        loss.backward()
        graphs.append(al.Graph(loss))
        recorder.record(loss)
        optimiser.step()
    return recorder, graphs


# ------------------------------------------------------------------ what is kept


def test_values_and_gradients_are_those_of_every_step():
    recorder, seen = trained(20)
    assert recorder.steps == tuple(range(20))
    np.testing.assert_array_equal(recorder.losses, [loss for _, _, loss in seen])
    frames = data_of(recorder.html())["frames"]
    assert [x for (x,) in frames["values"]["n0"]] == [w for w, _, _ in seen]
    assert [x for (x,) in frames["grads"]["n0"]] == [g for _, g, _ in seen]


def test_a_long_training_takes_bounded_room_and_its_end_is_kept():
    for steps in (1, 7, 8, 9, 64, 1000, 1001):
        recorder, seen = trained(steps, max_frames=8)
        kept = recorder.steps
        assert len(kept) <= 9
        assert len(recorder._kept) <= 8
        assert kept[0] == 0
        assert kept[-1] == steps - 1
        assert len(set(np.diff(kept[:-1]))) <= 1  # Evenly.
        np.testing.assert_array_equal(recorder.losses, [seen[k][2] for k in kept])


def test_every_so_many_and_names_for_steps():
    recorder, _ = trained(25, every=10)
    assert recorder.steps == (0, 10, 20, 24)
    recorder = al.Recorder()
    w = al.Tensor(2.0, requires_grad=True)
    for epoch in (1, 5.5, np.int64(20)):
        recorder.record(w * w, step=epoch)
    assert recorder.steps == (1, 5.5, 20)
    assert data_of(recorder.html())["frames"]["labels"] == [1, 5.5, 20]
    with pytest.raises(TypeError, match="a step is a number; got str"):
        recorder.record(w * w, step="last")


def test_what_has_not_changed_is_written_once():
    recorder, graphs = article("two-layers", 5)
    frames = data_of(recorder.html())["frames"]
    x = graphs[0].find("X").id
    assert frames["values"][x][1:] == [None] * 4
    assert None not in frames["values"][graphs[0].find("syn0").id]


def test_recording_leaves_gradients_hooks_and_values_alone():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    inner = w * w
    inner.register_hook(lambda g: pytest.fail("a recorder called a hook"))
    recorder = al.Recorder()
    recorder.record(inner.sum())
    assert w.grad is None
    w.data = w.data * 0
    assert data_of(recorder.html())["frames"]["values"]["n0"] == [[1.0, 2.0]]


def test_arrays_that_would_make_the_page_too_large_are_summed_up(monkeypatch):
    training = importlib.import_module("autograd_lite.draw.page.training")
    monkeypatch.setattr(training, "MOST_NUMBERS", 1000)
    w = al.Tensor(np.arange(400.0).reshape(20, 20), requires_grad=True, name="w")
    recorder = al.Recorder()
    for _ in range(3):
        recorder.record((w * 1.5).sum())
    frames = data_of(recorder.html())["frames"]
    assert "n0" not in frames["values"]
    assert frames["sums"]["values"]["n0"][0] == [["min", "0"], ["mean", "199.5"], ["max", "399"]]


# ------------------------------------------------------------------ what is refused


def test_an_array_is_not_taken_for_an_equal_one_of_another_type():
    y, targets = np.array([[0], [1]]), np.array([[0.0], [1.0]])
    prediction = al.Tensor([[0.5], [0.5]], requires_grad=True, name="prediction")
    recorder = al.Recorder()
    loss = al.mse(prediction, targets)
    recorder.record(loss)
    assert y.tolist() == targets.tolist()
    boxes = data_of(recorder.html())["boxes"]
    assert "targets" in {box["name"] for box in boxes.values()}


def test_a_loss_is_one_number_and_a_tensor():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"one entry, got shape \(2,\).*\.mean\(\) or \.sum\(\)"):
        al.Recorder().record(w * w)
    with pytest.raises(TypeError, match="needs the loss, a Tensor; got float"):
        al.Recorder().record(3.0)
    with pytest.raises(ValueError, match=r"max_frames of 2 or more, got 1"):
        al.Recorder(max_frames=1)
    with pytest.raises(ValueError, match=r"every of 1 or more, got 0"):
        al.Recorder(every=0)
    with pytest.raises(ValueError, match=r"nothing was recorded. Call recorder\.record\(loss\)"):
        al.Recorder().html()
    recorder, _ = trained(2)
    with pytest.raises(ValueError, match=r"ends in \.html; got 'training\.svg'"):
        recorder.save("training.svg")
    with pytest.raises(ValueError, match=r"leave sweep= out"):
        recorder.html(sweep="both")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, w: (x[:1] @ w).sum(), r"n1 was constant of shape \(3, 2\), and is .* \(1, 2\)"),
        (lambda x, w: (x @ w).mean(), r"n3 was np\.sum\(n2\) .*, and is np\.mean\(n2\)"),
        (lambda x, w: (x @ w).sum() + w.sum(), r"there were 4 values, and are 6"),
    ],
)
def test_another_computation_is_refused_with_what_differs(change, message):
    x, w = np.ones((3, 2)), al.Tensor([1.0, 2.0], requires_grad=True)
    recorder = al.Recorder()
    recorder.record((x @ w).sum())
    with pytest.raises(ValueError, match=r"what is computed at step 1 is not") as error:
        recorder.record(change(x, w))
    assert re.search(message, str(error.value))
    assert "leave out a smaller last batch" in str(error.value)
    assert recorder.steps == (0,)


def test_a_number_in_a_formula_that_changes_is_refused_and_a_tensor_is_not():
    w, recorder = al.Tensor(2.0, requires_grad=True), al.Recorder()
    recorder.record(w * 0.5)
    with pytest.raises(ValueError, match=r"was the number 0\.5, and is the number 0\.25"):
        recorder.record(w * 0.25)
    recorder = al.Recorder()
    for rate in (0.5, 0.25):
        recorder.record(w * al.Tensor(rate))
    np.testing.assert_array_equal(recorder.losses, [1.0, 0.5])


# ------------------------------------------------------------------ in the browser


def numbers(browser, identifier, kind):
    return browser.js(
        f"""[...document.querySelectorAll('g[data-id={identifier}] text.number.{kind}')]
        .map(t => t.textContent)"""
    )


@pytest.mark.parametrize("name", ["one-weight", "sigmoid-neuron", "two-layers", "two-two-one"])
def test_every_step_shows_its_numbers(browser, tmp_path, name):
    recorder, graphs = article(name)
    browser.open(recorder.save(tmp_path / "training.html"))
    browser.js(f"document.querySelector('g[data-id={graphs[0].nodes[0].id}]').focus()")
    browser.press("Enter")
    for k, graph in enumerate(graphs):
        assert browser.js(AT) == k
        assert browser.js(CAPTION).startswith(f"Step {k}: loss is ")
        for node in graph:
            for kind, array in (("value", node.value), ("grad", node.grad)):
                shown = [] if array is None else numbers(browser, node.id, kind)
                found = list(map(number, shown))
                want = [] if array is None else np.ravel(array)
                np.testing.assert_allclose(found, want, rtol=0.06, atol=6e-5)
        entries = browser.js(
            "[...document.querySelectorAll('#facts .array.value td')].map(t => t.title)"
        )
        np.testing.assert_array_equal(list(map(float, entries)), np.ravel(graph.nodes[0].value))
        browser.press("ArrowRight")
    assert browser.complaints == []


def test_the_curve_is_clicked_dragged_and_played(browser, tmp_path):
    recorder, _ = trained(40)
    browser.open(recorder.save(tmp_path / "training.html"))
    left, width = browser.js(
        "(r => [r.left, r.width])(document.querySelector('#curve svg').getBoundingClientRect())"
    )
    _, y = browser.centre("#curve svg")
    browser.mouse("mousePressed", left + width / 3, y, button="left", clickCount=1)
    assert browser.js(AT) == 13
    browser.mouse("mouseMoved", left + width * 2 / 3, y, button="left", buttons=1)
    assert browser.js(AT) == 26
    browser.mouse("mouseReleased", left + width * 2 / 3, y, button="left", clickCount=1)
    browser.press("Home", "End")
    assert browser.js(AT) == 39
    browser.press(" ")
    browser.wait(f"{AT} > 1 && {AT} < 39")
    browser.press(" ")
    assert browser.js("document.getElementById('play').getAttribute('aria-label')") == "Play"
    assert browser.complaints == []


def test_the_details_have_the_curves_of_every_entry(browser, tmp_path):
    recorder, graphs = article("two-layers")
    browser.open(recorder.save(tmp_path / "training.html"))
    browser.js(f"document.querySelector('g[data-id={graphs[0].find('syn1').id}]').focus()")
    browser.press("Enter")
    lines = "document.querySelectorAll('#facts svg.{} > path').length"
    assert browser.js(lines.format("value")) == browser.js(lines.format("grad")) == 4
    browser.press("ArrowRight")
    assert "syn1: moved by at most " in browser.js("document.getElementById('lines').innerText")
    assert browser.complaints == []


def test_it_folds_and_fits_a_phone(browser, tmp_path):
    recorder, _ = article("two-two-one")
    path = recorder.save(tmp_path / "training.html", title="Nine parameters")
    browser.open(path, width=390, height=844, dark=True)
    assert browser.js("document.title") == "Nine parameters"
    browser.js("document.getElementById('folds').click()")
    assert browser.js("document.querySelectorAll('g.node.module:not(.away)').length") == 1
    for _ in range(3):
        browser.press("ArrowRight")
        assert browser.js("document.documentElement.scrollWidth") <= 390
    unnamed = browser.js(
        """[...document.querySelectorAll('button, input, select, [role=button], [role=img]')]
        .filter(e => !(e.ariaLabel || e.textContent.trim()
        || e.labels?.[0]?.textContent.trim())).length"""
    )
    assert unnamed == 0
    assert browser.complaints == []


def test_hostile_names_and_losses_that_are_no_numbers(browser, tmp_path):
    name = "</script><img src=x onerror=alert(1)>\u2028"
    w = al.Tensor([1.0, 2.0], requires_grad=True, name=name)
    recorder = al.Recorder()
    with np.errstate(all="ignore"):
        for factor in (1.0, 1e308, np.inf, np.nan, 2.0):
            recorder.record((w * al.Tensor(factor) * 10).sum())
    path = recorder.save(tmp_path / "training.html", title=name)
    browser.open(path)
    captions = []
    for _ in range(5):
        captions.append(browser.js(CAPTION))
        browser.press("ArrowRight")
    assert [re.search(r" is ([^,.]+)", x)[1] for x in captions] == ["30", "∞", "∞", "nan", "60"]
    assert browser.js("document.querySelectorAll('img').length") == 0
    assert browser.complaints == []
    text = path.read_text("utf-8")
    json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def test_draw_says_that_a_recorder_saves_itself():
    with pytest.raises(
        TypeError, match=r"got Recorder\. It draws itself: use its \.save\(path\)\."
    ):
        al.draw(al.Recorder())


def test_an_option_that_draw_does_not_have_is_an_error_that_lists_them():
    recorder, _ = trained(2)
    with pytest.raises(TypeError, match=r"Recorder: draw has no option colour; it has names, show"):
        recorder.html(colour="red")


def test_an_array_may_be_used_twice_and_change_from_step_to_step():
    w, data, recorder = (
        al.Tensor(np.ones((2, 2)), requires_grad=True),
        np.ones((3, 2)),
        al.Recorder(),
    )
    for step in range(3):
        loss = ((data @ w - data) ** 2).mean()
        recorder.record(loss)
        w.zero_grad()
        loss.backward()
        data = data + (step > 0)
    assert len(recorder.steps) == 3
    assert '"data"' in recorder.html()
