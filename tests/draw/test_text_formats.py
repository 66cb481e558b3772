"""Pictures without layout: JSON, Mermaid, text for a terminal; aliases; export to networkx."""

import json
import os
import re
import sys

import numpy as np
import pytest
from test_dot import GOLDEN, layers_before_backward, neuron, one_weight

import autograd_lite as al
from autograd_lite.draw.terminal import columns


def fan_out():
    w = al.Tensor([[0.25], [-0.5]], requires_grad=True)
    out = al.sigmoid(al.Tensor([[2.0, 3.0]], name="x") @ w)
    loss = ((out - 1) ** 2).mean() + (w**2).sum()
    loss.backward()
    return al.draw(loss, title="Fan-out")


def text_of(drawing, suffix, folder):
    return drawing.save(folder / f"picture{suffix}").read_text("utf-8")


@pytest.mark.parametrize("suffix", [".json", ".mmd", ".txt"])
@pytest.mark.parametrize("program", [one_weight, neuron, layers_before_backward, fan_out])
def test_the_same_program_gives_the_same_text(program, suffix, tmp_path):
    """To accept a change, set ``UPDATE_GOLDEN=1``, and look at the result."""
    text = text_of(program(), suffix, tmp_path)
    path = GOLDEN / f"{program.__name__}{suffix}"
    assert text == text_of(program(), suffix, tmp_path)
    if "UPDATE_GOLDEN" in os.environ:
        path.write_text(text, encoding="utf-8")
    if suffix == ".json":
        assert_same_data(json.loads(text), json.loads(path.read_text("utf-8")))
    else:
        assert text == path.read_text(encoding="utf-8")


def assert_same_data(got, wanted):
    """Compare; numbers may differ in their last digits, which depend on the CPU."""
    assert type(got) is type(wanted)
    if isinstance(got, dict):
        assert list(got) == list(wanted)
        got, wanted = list(got.values()), list(wanted.values())
    if isinstance(got, list):
        assert len(got) == len(wanted)
        for a, b in zip(got, wanted, strict=True):
            assert_same_data(a, b)
    elif isinstance(got, float):
        assert got == pytest.approx(wanted, rel=1e-12, abs=1e-300)
    else:
        assert got == wanted


# ------------------------------------------------------------------ JSON


@pytest.mark.parametrize(
    "value",
    [
        np.array([0.1, -1 / 3, 5e-324, 1.7e308]),
        np.array([[0.1, 1e-40]], np.float32),
        np.array([np.nan, np.inf, -np.inf]),
        np.array([[2**62 + 1], [-3]]),
        np.array([True, False]),
        np.array([1 - 2j]),
        np.zeros((0, 3)),
        np.array(3.0),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}",
)
def test_json_holds_every_entry_exactly(value, tmp_path):
    text = text_of(al.draw(al.Tensor(value, name="x")), ".json", tmp_path)

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    (node,) = json.loads(text, parse_constant=refuse)["nodes"]
    assert (node["shape"], node["dtype"]) == (list(value.shape), value.dtype.name)
    read = np.array(node["value"], dtype=object).ravel()
    back = np.array([value.dtype.type(x) for x in read], value.dtype).reshape(value.shape)
    np.testing.assert_array_equal(back, value)


def test_json_has_what_made_a_value_and_tells_no_gradient_from_zero(tmp_path):
    x = al.Tensor([[1.0, 2.0]], requires_grad=True, name="x")
    y = np.sum(x, axis=1)
    data = json.loads(text_of(al.draw(y), ".json", tmp_path))
    leaf, result = data["nodes"]
    assert (leaf["grad"], leaf["operation"], leaf["kind"]) == (None, None, "parameter")
    assert result["operands"] == ["n0"]
    assert result["parameters"] == {"axis": "1", "keepdims": "False"}
    assert result["code"] == "np.sum(n0, axis=1)"
    assert data["outputs"] == ["n1"]


# ------------------------------------------------------------------ Mermaid

HOSTILE = ['"', "<b>", "a\nb", "|{}[]()", "`1. x`", "#quot;", "end", "%%{init}%%", "</script>", "&"]


@pytest.mark.parametrize("name", HOSTILE)
def test_mermaid_escapes_whatever_it_could_take_for_its_own(name, tmp_path):
    drawing = al.draw(al.Tensor(1.0, name=name), title=name)
    lines = text_of(drawing, ".mmd", tmp_path).splitlines()
    label = re.fullmatch(r'    n0\["([^"]*)"\]:::input', lines[4])[1]
    assert re.fullmatch(r"(#\d+;|<br/>|[^\W_]|[ .,=+()×·])*", label)
    first = label.partition("<br/>")[0]
    read = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), first)
    assert read == name.replace("\n", "\\n")
    assert json.loads(lines[1].removeprefix("title: ")) == read


# ------------------------------------------------------------------ text


def test_a_rail_leads_from_every_value_to_all_that_use_it(tmp_path):
    x = al.Tensor(2.0, requires_grad=True, name="x")
    a, b = x * 3, x + 1
    text = text_of(al.draw(a * b + x, show="value"), ".txt", tmp_path)
    assert text.count("▶") == 6
    assert text.count("┌──┤") + text.count("┌─┼──┤") + text.count("┌───┤") >= 1
    assert len({columns(line) for line in text.splitlines() if "┐" in line}) >= 1


def test_wide_characters_take_two_columns_and_long_chains_fold(tmp_path):
    lines = text_of(al.draw(al.Tensor(1.0, name="中文")), ".txt", tmp_path).splitlines()
    assert len({columns(line) for line in lines}) == 1
    y = al.Tensor(1.0, requires_grad=True, name="x")
    for _ in range(1000):
        y = y * 1.5
    text = text_of(al.draw(y, roll=False), ".txt", tmp_path)
    assert "… 999 operations" in text
    assert len(text.splitlines()) < 20


def test_hundreds_of_values_and_large_arrays_are_summed_up(tmp_path):
    text = text_of(al.draw(al.Tensor(np.arange(9.0)), legend=False), ".txt", tmp_path)
    assert "value  min 0, mean 4, max 8" in text
    assert "min 0, mean 4, max 8" in text_of(al.draw(al.Tensor(np.arange(9.0))), ".mmd", tmp_path)


def test_without_a_layout_engine_these_formats_are_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    for suffix in (".json", ".mmd", ".txt"):
        assert text_of(fan_out(), suffix, tmp_path)


# ------------------------------------------------------------------ aliases, networkx


def test_draw_dot_saves_in_its_format_where_the_path_has_none(tmp_path):
    w = al.Tensor(1.0, requires_grad=True, name="w")
    drawing = al.draw_dot(w * 2, format="dot", rankdir="TB")
    path = drawing.save(tmp_path / "graph")
    assert path.name == "graph.dot"
    assert "rankdir=TB" in path.read_text("utf-8")
    assert drawing.save(tmp_path / "graph.txt").suffix == ".txt"
    with pytest.raises(ValueError, match=r"format is one of 'svg', 'png'.*got 'gif'"):
        al.draw_dot(w * 2, format="gif")


def test_make_dot_takes_names_as_pairs_or_mapping():
    net = al.nn.Sequential(al.nn.Linear(1, 1))
    y = net(np.ones((1, 1)))
    for params in (dict(net.named_parameters()), net.named_parameters(), None):
        assert "0.weight" in str(al.make_dot(y, params=params))


def test_networkx_gets_values_and_every_use_of_an_operand():
    networkx = pytest.importorskip("networkx")
    w = al.Tensor(3.0, requires_grad=True, name="w")
    graph = al.Graph(w * w - 2)
    exported = graph.to_networkx()
    assert list(networkx.topological_sort(exported))[-1] == graph.outputs[0].id
    assert exported.number_of_edges("n0", "n1") == 2
    assert exported.nodes["n1"]["value"] == 9.0
    assert {data["operand"] for _, _, data in exported.edges(data=True)} == {0, 1}


def test_without_networkx_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ModuleNotFoundError, match="pip install networkx"):
        al.Graph(al.Tensor(1.0)).to_networkx()


def test_a_composition_records_what_computes_and_indices_are_written_without_quotes():
    v = al.Tensor([3.0, 1.0, 2.0], requires_grad=True, name="v")
    middle = np.median(v)
    assert str(al.draw(middle)).splitlines()[1:] == [
        "sort(v, axis=0)              length 3 · float64",
        "middle = sort(v, axis=0)[1]  scalar · float64",
    ]
    taken = np.take(v, [0, 2], axis=0)
    assert "taken = take(v, axis=0, indices=[0, 2])" in str(al.draw(taken))
    assert al.derive(taken.sum()).text.splitlines() == [
        "taken = take(v, axis=0, indices=[0, 2])",
        "loss = Σ taken",
        "∂L/∂v = 𝟎",
        "∂L/∂v[[0, 2]] += 1",
    ]
