"""In a notebook, pictures, pages and trainings show themselves: whole, legible, light and dark."""

import json
import re
import sys

import numpy as np
import pytest

import autograd_lite as al

CELLS = [
    "import numpy as np, autograd_lite as al\n"
    "w = al.Tensor(np.ones((2, 2)), requires_grad=True)\n"
    "loss = (np.tanh(w @ w) ** 2).sum(); loss.backward(); al.draw(loss)",
    "al.draw(loss, steps=True)",
    "recorder = al.Recorder(); recorder.record(loss); recorder",
    "al.derive(loss)",
    "al.compare(loss, {'w': w.grad.numpy() * 2})",
]


def training():
    w = al.Tensor(1.0, requires_grad=True, name="w")
    recorder = al.Recorder()
    for _ in range(3):
        loss = (w * 5 - 42) ** 2
        recorder.record(loss)
        w.zero_grad()
        loss.backward()
    return recorder, loss


def test_a_page_is_isolated_from_the_notebook_around_it():
    recorder, loss = training()
    for shown in (al.draw(loss, steps=True)._repr_html_(), recorder._repr_html_()):
        assert 'sandbox="allow-scripts"' in shown
        assert shown.count("<style>") == 1
        assert "autograd-lite" in re.findall(r"<style>(.*?)</style>", shown)[0]
        assert "<script" not in shown  # It is text of an attribute.
    assert al.draw(loss, steps=True)._repr_mimebundle_().keys() == {"text/plain", "text/html"}
    assert "nothing recorded yet" in al.Recorder()._repr_html_()


@pytest.mark.parametrize(
    "attributes",
    ['data-jp-theme-light="false"', 'class="vscode-dark"', 'data-theme="dark"', 'theme="dark"'],
)
def test_a_picture_is_dark_in_a_notebook_that_says_so_in_its_own_way(browser, tmp_path, attributes):
    _, loss = training()
    path = tmp_path / "dark.html"
    path.write_text(f"<body {attributes}>{al.draw(loss)._repr_html_()}</body>", "utf-8")
    browser.open(path)
    paper = "getComputedStyle(document.querySelector('svg polygon')).fill"
    assert browser.js(paper) == "rgb(20, 24, 29)"
    path.write_text(f"<body>{al.draw(loss)._repr_html_()}</body>", "utf-8")
    browser.open(path)
    assert browser.js(paper) == "rgb(255, 255, 255)"


def test_a_page_that_was_loaded_unseen_shows_its_picture_once_it_is_seen(browser, tmp_path):
    """JupyterLab loads what is in a notebook before there is room for it."""
    _, loss = training()
    shown = al.draw(loss, steps=True)._repr_html_().replace('sandbox="allow-scripts"', "")
    path = tmp_path / "unseen.html"
    path.write_text(f'<div style="display:none">{shown}</div>', "utf-8")
    browser.open(path)
    browser.js("document.querySelector('div').style.display = ''")
    inside = "document.querySelector('iframe').contentDocument"
    browser.wait(f"{inside}.querySelectorAll('svg g.parameter').length > 0")
    box = f"{inside}.querySelector('svg g.parameter').getBoundingClientRect()"
    browser.wait(f"{box}.width > 20 && {box}.left >= 0 && {box}.right < innerWidth")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_executed_notebook_shows_everything_inside_its_column(browser, tmp_path, theme):
    nbformat = pytest.importorskip("nbformat", reason="nbconvert and ipykernel are not installed")
    nbclient, nbconvert = (
        pytest.importorskip(name, reason=f"{name} is not installed: pip install '.[notebook]'")
        for name in ("nbclient", "nbconvert")
    )
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install '.[notebook]'")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(x) for x in CELLS])
    client = nbclient.NotebookClient(notebook, timeout=120)
    client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable
    client.execute()
    kinds = [set(cell.outputs[0].data) for cell in notebook.cells]
    assert all("text/html" in kind for kind in kinds)
    page, _ = nbconvert.HTMLExporter(theme=theme).from_notebook_node(notebook)
    path = tmp_path / f"{theme}.html"
    path.write_text(page, "utf-8")
    browser.open(path, width=1000, height=3000)
    column = "document.querySelector('.jp-OutputArea-output').getBoundingClientRect().right"
    widest = "Math.max(...[...document.querySelectorAll('svg.computation, iframe.autograd-lite')]"
    assert browser.js(f"{widest}.map(x => x.getBoundingClientRect().right)) <= {column} + 1")
    fill = browser.js("getComputedStyle(document.querySelector('svg.computation polygon')).fill")
    assert fill == ("rgb(20, 24, 29)" if theme == "dark" else "rgb(255, 255, 255)")


def test_gradients_of_several_passes_say_so_until_they_are_cleared():
    w = al.Tensor(2.0, requires_grad=True, name="w")
    loss = w * w + w
    loss.backward()
    assert "backward passes" not in al.draw(loss).svg()
    loss.backward()
    assert "sum of 2 backward passes" in al.draw(loss).svg()
    assert al.Graph(loss).find("w").passes == 2
    loss.backward()
    assert "sum of 3 backward passes" in al.draw(loss).svg()
    w.zero_grad()
    loss.backward()
    assert "backward passes" not in al.draw(loss).svg()
    w.grad = np.ones(())
    assert al.Graph(loss).find("w").passes == 1


def test_an_overview_is_one_screen_of_modules_and_loops_with_what_enters_and_leaves():
    net = al.nn.Sequential(*[al.nn.Linear(4, 4) for _ in range(30)], al.nn.Linear(4, 1))
    drawing = al.draw((net(al.Tensor(np.ones((2, 4)), name="x")) ** 2).mean(), overview=True)
    assert "0 … 29 · Linear × 30 · 600 parameters" in str(drawing)
    assert "input 2×4" in drawing.source
    assert "output 2×4" in drawing.source
    y = al.Tensor(1.0, requires_grad=True)
    for _ in range(2_000):
        y = np.tanh(y * 1.001)
    assert len(al.draw(y, overview=True).scene.plan.boxes) == 2


def test_what_is_written_stays_within_limits(tmp_path):
    w = al.Tensor(np.ones((1500, 1500)), requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    drawing = al.draw(loss)
    text = drawing.save(tmp_path / "large.json").read_text("utf-8")
    assert len(text) < 10_000
    assert '"left_out": 3' in text
    assert '"entries": 2250000, "min": 1.0' in text
    assert len(drawing.html()) < 500_000
    y = al.Tensor(1.0, requires_grad=True, name="x")
    for _ in range(12_000):
        y = y * 1.0001
    text = al.draw(y).save(tmp_path / "new" / "folder" / "long.json").read_text("utf-8")
    found = json.loads(text)
    assert len(text) < 5_000
    assert found["nodes_left_out"] == len(al.Graph(y)) - len(found["nodes"])
    assert [node["id"] for node in found["nodes"]][-1:] == found["outputs"]
    assert "nodes_left_out" not in al.Graph(y).to_json()
    h = al.Tensor(np.ones((6, 6)), requires_grad=True)
    for i in range(300):
        h = [np.tanh, np.sin][i % 2](h @ al.Tensor(np.eye(6) * i, requires_grad=True))
    chart = al.draw(h, roll=False, max_nodes=2000).save(tmp_path / "long.mmd").read_text("utf-8")
    assert len(chart) < 50_000
    assert chart.count("->") < 500
    assert "%%" in chart
