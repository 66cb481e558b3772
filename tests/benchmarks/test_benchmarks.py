"""The benchmarks: everybody does the same step, and the results are written as they are."""

import contextlib
import json
import re
import sys

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import growth, layers, player, report, timing, workloads
from benchmarks.contestants import CONTESTANTS, CONTROL, HAND, OURS, load
from benchmarks.targets import Target, targets
from benchmarks.timing import Times

BY_KEY = {c.key: c for c in CONTESTANTS}


@pytest.fixture
def small_data(monkeypatch):
    """Shorten what takes long and shows no more for it."""
    monkeypatch.setitem(player.DATA, "chain", lambda: {**workloads.chain(), "links": 20})
    monkeypatch.setitem(player.DATA, "elementwise", lambda: {"x": np.linspace(-2, 2), "rate": 0.1})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Of the peers' own.
@pytest.mark.usefixtures("small_data")
@pytest.mark.parametrize("key", [c.key for c in CONTESTANTS if c.key != HAND])
def test_everybody_changes_the_parameters_as_by_hand(key):
    module = load(BY_KEY[key])
    if module is None:
        pytest.skip(f"{BY_KEY[key].distribution} is not installed")
    players = {HAND: player.Player(load(BY_KEY[HAND])), key: player.Player(module)}
    taken = [w.name for w in workloads.WORKLOADS if players[key].change(w.name, 1) is not None]
    assert {"neuron", "two_layers", "per_sample"} <= set(taken)
    assert [text for name in taken for text in timing.disagreements(players, name)] == []


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=lambda w: w.name)
def test_every_workload_is_done_by_hand_and_by_us(workload):
    for key in (HAND, OURS):
        assert hasattr(load(BY_KEY[key]), workload.name)


class FakePlayer:
    """Takes part in one workload, with given changes and seconds per step."""

    def __init__(self, change, seconds=1e-6):
        self._change, self._seconds, self.log = change, seconds, []

    def change(self, workload, steps):
        return self._change

    def prepare(self, workload):
        return self._change is not None

    def batch(self):
        self.log.append(self._seconds)
        return self._seconds * 10, 10

    def bytes_per_node(self):
        return None


RIGHT = [np.array([1.0, -2.0]), np.array(3.0)]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ([2 * RIGHT[0], RIGHT[1]], "parameter 0 changes by up to 2, and is off by up to 2"),
        ([RIGHT[0], RIGHT[1] + 1e-4], "parameter 1"),
        ([RIGHT[0][::-1], RIGHT[1]], "parameter 0"),
        ([RIGHT[0][:, None], RIGHT[1]], "parameter 0 has shape (2, 1) and should have (2,)"),
    ],
)
def test_another_change_is_a_disagreement(change, complaint):
    players = {HAND: FakePlayer(RIGHT), "wrong": FakePlayer(change), "out": FakePlayer(None)}
    (text,) = timing.disagreements(players, "neuron")
    assert text.startswith("neuron: wrong, ")
    assert complaint in text


def test_rounds_are_interleaved_and_whoever_takes_too_long_sits_out():
    players = {HAND: FakePlayer(RIGHT, 1.0), "slow": FakePlayer(RIGHT, 40.0)}
    players |= {"quick": FakePlayer(RIGHT, 0.5), "out": FakePlayer(None)}
    times = timing.measure(players, "neuron", seconds=300.0, rounds=20)
    assert {key: len(p.log) for key, p in players.items()} == {
        HAND: 20,
        "slow": timing.LEAST_ROUNDS,
        "quick": 20,
        "out": 0,
    }
    assert times.ratio("slow") == 40.0
    assert times.ratio("quick", "slow") == pytest.approx(1 / 80)
    assert times.ratio("out") is None


def test_ratios_are_taken_within_a_round():
    times = Times({HAND: {0: 1.0, 1: 10.0, 2: 4.0}, "other": {0: 3.0, 1: 30.0}})
    assert times.ratio("other") == 3.0
    assert times.median("other") == 16.5


def test_verdicts():
    assert Target("", 4.0, 4.0, at_most=True).verdict == "reached"
    assert Target("", 4.1, 4.0, at_most=True).verdict == "not reached"
    assert Target("", 2.9, 3.0, at_most=False).verdict == "not reached"
    assert Target("", None, 3.0, at_most=False).verdict == "not measured"


SECONDS = {HAND: 1e-5, CONTROL: 1.1e-5, OURS: 3e-5, "torch": 12e-5, "micrograd": 2.5e-5}


@pytest.fixture
def fixed():
    """A report of one workload with round numbers."""
    times = {"neuron": Times({key: {0: s, 1: s} for key, s in SECONDS.items()})}
    contestants = [BY_KEY[key] for key in (*SECONDS, "jax")]
    return report.Report({"date": "today"}, contestants, times, {OURS: 268.0})


def test_targets_of_fixed_numbers(fixed):
    found = {t.text: t for t in targets(fixed.times, fixed.memory)}
    by_hand = found["neuron 3-1: at most 4 times hand-written NumPy"]
    assert (by_hand.value, by_hand.verdict) == (pytest.approx(3.0), "reached")
    torch = found["neuron 3-1: at least 3 times as fast as PyTorch"]
    assert (torch.value, torch.verdict) == (pytest.approx(4.0), "reached")
    first = found["neuron 3-1: ahead of every eager peer (closest: micrograd)"]
    assert (first.value, first.verdict) == (pytest.approx(5 / 6), "not reached")
    assert found["MLP batch 128: ahead of every eager peer"].verdict == "not measured"
    nodes = found["bytes per node beyond its data"]
    assert (nodes.value, nodes.bound, nodes.verdict) == (268.0, 400.0, "reached")


def test_markdown(fixed):
    text = report.markdown(fixed)
    assert "- **date**: today\n" in text
    table = text[text.index("|  | neuron") :].splitlines()[:8]
    assert table[:5] == [
        "|  | neuron 3-1 |",
        "| --- | ---: |",
        "| by hand, µs | 10.0 |",
        "| control | 1.10 |",
        "| autograd_lite | 3.00 |",
    ]
    assert table[7] == "| JAX eager | – |"
    assert "beyond its data: autograd_lite 268." in text
    assert "| MLP batch 128: at most 1.15 times hand-written NumPy | ≤ 1.15 | – | not meas" in text


def test_json(fixed):
    found = json.loads(report.to_json(fixed))
    assert list(found) == ["header", "workloads", "bytes_per_node", "targets"]
    ours = found["workloads"]["neuron"][OURS]
    assert ours["rounds"] == 2
    assert ours["seconds"] == 3e-5
    assert ours["ratio"] == pytest.approx(3.0)
    assert ours["quartiles"] == pytest.approx([3.0, 3.0])
    assert found["targets"][0]["verdict"] == "reached"


def test_terminal(fixed, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    report.show(fixed)
    shown = capsys.readouterr().out
    assert "autograd_lite" in shown
    assert "not reached" in shown
    lines = report.plain(fixed).splitlines()
    assert any(line.split() == ["autograd_lite", "3.00"] for line in lines)


def test_list_and_help(capsys):
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out
    for name in (*BY_KEY, *(w.name for w in workloads.WORKLOADS)):
        assert f"  {name} " in listed
    with pytest.raises(SystemExit, match="0"):
        command.main(["--help"])
    assert "--markdown FILE" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="there is no CPU time of child processes")
def test_imports_are_timed_beside_numpys(capsys):
    assert command.main(["--imports", "1"]) == 0
    first, second, ratio = capsys.readouterr().out.splitlines()
    assert first.startswith("import numpy ")
    assert second.startswith("import autograd_lite ")
    assert "target 1.15" in ratio


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["neurone"], "unknown workload neurone: choose from one_weight, neuron"),
        (["-c", "tinygrad"], "unknown contestant tinygrad: choose from"),
        (["--seconds", "0"], "needs a positive number of seconds, got 0"),
        (["--rounds", "0"], "needs a whole number from 1, got 0"),
    ],
)
def test_what_the_command_line_refuses(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert message in capsys.readouterr().err


def test_a_disagreement_fails_the_run(monkeypatch, capsys):
    players = {HAND: FakePlayer(RIGHT), OURS: FakePlayer([2 * p for p in RIGHT])}
    monkeypatch.setattr(command, "workers", lambda *_: contextlib.nullcontext(players))
    assert command.main(["neuron"]) == 1
    assert "neuron: autograd_lite, parameter 0" in capsys.readouterr().out
    assert all(not p.log for p in players.values())


def test_a_run_in_processes(tmp_path):
    files = {"--markdown": tmp_path / "r.md", "--json": tmp_path / "r.json"}
    options = [str(x) for pair in files.items() for x in pair]
    assert command.main(["one_weight", "-c", OURS, "--rounds", "2", *options]) == 0
    found = json.loads(files["--json"].read_text())
    assert set(found["workloads"]["one_weight"]) == {HAND, CONTROL, OURS}
    assert 100 < found["bytes_per_node"][OURS] < 1000
    assert files["--markdown"].read_text().startswith("# Benchmarks\n")


def test_a_library_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.delitem(sys.modules, "benchmarks.contestants.micro_grad", raising=False)
    monkeypatch.setitem(sys.modules, "micrograd.engine", None)
    assert load(BY_KEY["micrograd"]) is None
    with pytest.raises(ModuleNotFoundError):
        load(BY_KEY["micrograd"]._replace(module="mistyped"))
    found = report.header([BY_KEY[HAND]], [BY_KEY["micrograd"]], threads=1)
    assert found["not installed"] == "micrograd"


@pytest.mark.parametrize("layer", layers.LAYERS, ids=lambda layer: layer.title)
def test_layers_do_what_pytorchs_do(layer):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    ours, theirs = layers.passes(layer, np.float64)
    assert layers.agree(layer, ours(), theirs())
    assert not layers.agree(layer, ours() | {"x": ours()["x"] + 1e-3}, theirs())


def test_layers_are_timed_beside_pytorchs(monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.setattr(layers, "LAYERS", layers.LAYERS[-1:])
    assert re.search(r"\| BatchNorm2d \| \d+\.\d\d \| \d+\.\d\d \|", layers.measure(1))


@pytest.mark.parametrize("program", growth.PROGRAMS[2:], ids=lambda program: program.run.__name__)
def test_programs_have_pytorchs_gradients(program):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    found = [np.asarray(program.run(lib)) for lib in (growth.Ours(), growth.Theirs())]
    np.testing.assert_allclose(*found, rtol=1e-10)


def test_programs_are_timed_beside_pytorchs(monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.setattr(growth, "PROGRAMS", growth.PROGRAMS[-1:])
    monkeypatch.setattr(growth, "memory_of_filling", lambda: 12.3)
    assert re.search(r"kept \| \d+\.\d\d \|  \|\n\nMemory .*: 12 MB", growth.measure(1))
