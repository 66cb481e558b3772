"""The article networks: every number, every gradient, every step; and that a failure shows."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from autograd_lite import Graph, derive, draw_surface, nn
from models import NETWORKS, TRAININGS, files, index
from models.__main__ import main
from models.experiment import Fact, distance_in_ulps
from models.files import pictures
from models.mistakes import MISTAKES
from models.two_layers import ElevenLines
from models.two_two_one import Groups

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", params=NETWORKS)
def run(request):
    return NETWORKS[request.param]().run()


def test_every_number_gradient_and_step_agrees_with_the_article(run):
    assert run.problems == []
    assert run.facts
    assert run.steps == run.experiment.epochs * len(run.experiment.samples())


def test_gradients_are_compared_at_the_start_on_the_way_and_at_the_end(run):
    assert min(run.comparisons) == 0
    assert max(run.comparisons) == run.steps - 1
    assert len(run.comparisons) == min(5, run.steps)
    for comparison in run.comparisons.values():
        assert set(run.start) <= {row.name for row in comparison}
        assert all(row.oracle == "complex step" for row in comparison)


def test_the_formulas_of_the_article_are_proved_as_they_stand_for_inner_tensors_too(run):
    by_hand = {row.name for row in run.comparisons[0]}
    assert {proof.name for proof in run.proofs} == by_hand
    assert by_hand > set(run.start)
    assert all(run.proofs)


def test_derived_code_gives_the_gradients_of_the_first_step(run):
    for name, gradient in run.derivation.evaluate().items():
        np.testing.assert_allclose(gradient, run.graph.find(name).grad, rtol=1e-13)
    assert run.derivation.rounding.largest < 16


def test_networks_are_composed_of_modules_and_hold_nothing_else(run):
    kinds = {type(module) for module in run.net.modules()} - {type(run.net)}
    assert kinds <= {nn.Linear, nn.Sigmoid}
    assert nn.Linear in kinds
    assert isinstance(run.experiment.criterion, nn.MSE)


def test_the_first_step_is_kept_with_all_its_gradients(run):
    assert all(node.grad is not None for node in run.graph if node.requires_grad)
    assert run.graph.outputs[0].name == "loss"


@pytest.mark.parametrize(
    ("network", "says", "truth"),
    [
        ("one-weight", "derivative = delta * input", "It is half of it"),
        ("one-weight", "off by about 0.02", "The prediction is off by 0.1173"),
        ("repeat-diverges", "delta tells", "gradient at the prediction"),
        ("sigmoid-neuron", "between -1 or 1", "always between 0 and 1"),
    ],
)
def test_where_an_article_errs_it_is_said(network, says, truth):
    experiment = NETWORKS[network]()
    findings = experiment.run().findings
    (finding,) = [finding for finding in findings if says in finding.says]
    assert truth in finding.truth
    if finding.evidence is not None:
        assert finding.evidence.failures[-1].verdict == "by hand is wrong"


def test_the_dropped_factor_two_is_found_by_the_tool():
    finding = NETWORKS["one-weight"]().run().findings[0]
    assert finding.evidence["w"].ratio == 0.5
    found = finding.evidence["w"].diagnosis
    assert found.name == "constant factor"
    assert found.title.endswith("the factor 2 of the square is missing")


def test_the_dropped_factor_two_is_proved_to_be_one_half():
    finding = NETWORKS["one-weight"]().run().findings[0]
    assert [str(proof) for proof in finding.proofs] == ["w: by hand = 1/2 × gradient"]


def test_delta_is_proved_to_be_the_gradient_at_the_prediction_alone():
    finding = NETWORKS["repeat-diverges"]().run().findings[0]
    assert [str(proof) for proof in finding.proofs] == [
        "pred: proved, by hand = gradient", "w: by hand = 1/input_0_0 × gradient",
    ]  # fmt: skip


def test_two_two_one_is_derived_number_by_number():
    run = Groups()
    first = run.first_step(run.build(7))
    formulas = run.formulas(derive(first, names={}))
    assert "∂L/∂w₄ = ∂L/∂y_pred ∂y_pred/∂h₂ ∂h₂/∂w₄" in formulas.text.splitlines()
    (w1, w3), (w2, w4) = Graph(first).find("hidden.weight").grad
    found = formulas.evaluate()
    np.testing.assert_allclose([found[f"w{i}"] for i in range(1, 5)], [w1, w2, w3, w4], rtol=1e-13)


def test_another_seed_trains_as_well_but_its_numbers_are_not_judged():
    run = Groups().run(seed=3)
    assert run.problems == []
    assert [fact.what for fact in run.judged] == [
        "demo neuron", "demo network", "mse([1, 0, 0, 1], [0, 0, 0, 0])",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_training_gives_the_same_numbers(name):
    pytest.importorskip("numba", reason="numba is not installed: pip install '.[compile]'")
    run = NETWORKS[name]().run(compiled=True)
    assert run.problems == []
    assert run.facts
    assert run.step.why.startswith("numba")
    assert run.steps == run.experiment.epochs * len(run.experiment.samples())
    assert set(run.comparisons) >= {0, run.steps - 1}
    assert "def " in run.step.source
    assert run.recorder.steps[0] == 0


# -------------------------------------------------------------------- failures must show


class WithoutSlope(Groups):
    """Leaves the slope of the output's sigmoid out of one derivative."""

    def by_hand(self, w, x, y):
        right = super().by_hand(w, x, y)
        return {**right, "out.bias": right["y_pred"]}


class Unrounded(ElevenLines):
    """Takes steps that are a little too long."""

    epochs = 50

    def update_by_hand(self, w, x, y):
        gradients = self.by_hand(w, x, y)
        return {name: w[name] - (1 + 1e-12) * gradients[name] for name in w}


def test_a_wrong_derivation_is_a_problem_that_names_tensor_and_side():
    problems = WithoutSlope().run().problems
    assert any(
        p.startswith("gradient of out.bias before step 1: by hand is wrong") for p in problems
    )


def test_steps_that_part_are_a_problem():
    assert any("come to differ by" in problem for problem in Unrounded().run().problems)


def test_compiled_steps_that_part_from_eager_mode_are_a_problem():
    run = Unrounded().run(compiled=True)
    run.gap = 1e-6
    assert "compiled and eager losses differ by 1.0e-06 of them" in run.problems


@pytest.mark.parametrize(
    ("fact", "ok"),
    [
        (Fact("", 0.5, 0.5), True),
        (Fact("", 0.5, np.nextafter(0.5, 1)), False),
        (Fact("", 0.12345678, 0.123456783, 8), True),
        (Fact("", 0.12345678, 0.12345679, 8), False),
        (Fact("", [1.0, 2.0], [1.0, 2.5], within=0.4), False),
        (Fact("", [1.0, 2.0], [1.0], within=9.0), False),
        (Fact("", 1.0, np.nan), False),
    ],
)
def test_a_fact_holds_exactly_as_far_as_the_article_says_it(fact, ok):
    assert fact.ok is ok


def test_distance_is_counted_in_the_last_place_of_the_largest_entry():
    a = {"w": np.array([1.0, 1e-9])}
    b = {"w": np.array([1.0, 1e-9 + 3 * np.spacing(1.0)])}
    assert distance_in_ulps(a, b) == pytest.approx(3, rel=1e-6)
    assert distance_in_ulps(a, a) == 0


def test_the_committed_pictures_are_what_the_command_draws():
    committed = sorted((Path(__file__).parents[2] / "models" / "pictures").glob("*.svg"))
    assert len(committed) == 3
    for path in committed:
        if path.stem.endswith("-surface"):
            run = NETWORKS[path.stem.removesuffix("-surface")]().run()
            assert texts(path.read_text(encoding="utf-8")) == texts(
                draw_surface(run.recorder).svg()
            )
            continue
        name = path.stem.removesuffix("-both")
        experiment = NETWORKS[name]()
        net = experiment.build(experiment.seed)  # Kept: a module that is gone has no frame.
        first = experiment.first_step(net)
        drawn = pictures(Graph(first))["both" if path.stem != name else "forward"].svg()
        assert texts(path.read_text(encoding="utf-8")) == texts(drawn), (
            f"redraw it: python -m models {name} --out DIR, and copy the SVG"
        )


def texts(svg):
    """All that is written in a picture."""
    return sorted("".join(e.itertext()) for e in ElementTree.fromstring(svg).iter(f"{SVG}text"))


# -------------------------------------------------------------------- the command


def test_the_command_trains_prints_and_draws(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # So that no cell is wrapped.
    assert main(["one-weight", "repeat-once", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "predict(5)" in out
    assert "41.88266515825944" in out
    assert "by hand = 0.5 × autodiff: the factor 2 of the square is missing" in out
    assert "Summary" in out
    assert "∂L/∂w = inputᵀ δpred" in out
    assert "By hand, as in the article" in out
    assert "derivative = δ ⊙ input" in out
    assert "d_w = input.T @ pred_delta" in out
    assert "✓ w: proved, by hand = gradient" in out
    assert "As algebra: w: by hand = 1/2 × gradient" in out
    names = {path.name for path in tmp_path.iterdir()}
    pictures = {f"{name}{sweep}" for name in ("one-weight", "repeat-once")
                for sweep in ("", "-backward", "-both")}  # fmt: skip
    assert {f"{name}.{kind}" for name in pictures for kind in ("svg", "png")} <= names
    assert {"one-weight.html", "one-weight-training.html", "one-weight-loss.png"} <= names
    assert "pred" in (tmp_path / "one-weight.svg").read_text()


@pytest.fixture
def printed_only(monkeypatch):
    """Leave the files out, which other tests look at."""
    monkeypatch.setattr(files, "write_files", lambda run, folder: [folder / "a.svg"])
    monkeypatch.setattr(index, "write_index", lambda runs, folder, reports: folder / "index.html")


@pytest.mark.usefixtures("printed_only")
@pytest.mark.parametrize("columns", [80, 120])
def test_the_command_fits_into_a_terminal(columns, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(Groups, "epochs", 5)
    main(["two-two-one", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    table = out[out.index("gradient of") :].splitlines()[:8]
    assert [line.split()[0] for line in table[2:]] == [
        "hidden.weight", "hidden.bias", "out.weight", "out.bias", "h", "y_pred",
    ]  # fmt: skip
    assert all("✓ agree" in line for line in table[2:])


@pytest.mark.usefixtures("printed_only")
def test_without_sympy_the_command_says_how_to_get_proofs(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    assert main(["repeat-once", "--out", str(tmp_path)]) == 0
    assert "for proofs, pip install sympy" in capsys.readouterr().out


@pytest.mark.usefixtures("printed_only")
def test_the_command_fails_when_a_comparison_does(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(NETWORKS, "two-two-one", WithoutSlope)
    assert main(["two-two-one", "--out", str(tmp_path)]) == 1
    assert "gradient of out.bias" in capsys.readouterr().out


def test_the_command_lists_its_networks(capsys):
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in listed if line]
    assert names == [*NETWORKS, "trainings", *TRAININGS, "mistakes", *MISTAKES]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_that_is_put_in_is_called_by_its_name(name):
    mistake = MISTAKES[name]
    broken = mistake.put_into(NETWORKS[mistake.network])
    for seed in (None, 1, 2):
        first = broken().compare_first(seed).first
        assert first.diagnosis.name == mistake.called, first.summary


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_mistake_nothing_is_found(name):
    for seed in (None, 1, 2):
        comparison = NETWORKS[name]().compare_first(seed)
        assert comparison
        assert comparison.mistakes() == []


def test_a_mistake_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="not in the formulas of Groups"):
        MISTAKES["transposed"].put_into(Groups)


def test_the_command_breaks_a_formula_and_names_the_mistake(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--break", "half-a-slope"]) == 1
    out = capsys.readouterr().out
    assert "+ l1_delta = l2_delta.dot" in out
    assert "by hand is wrong: the factor 1 - l1 is missing" in out
    assert "✓ The mistake half-a-slope is called: factor missing" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--break", "it"], "no mistake it; there are factor-2"),
        (["one-weight", "--break", "transposed"], "--break transposed is for two-layers"),
        (["two-layer"], "no network two-layer; there are one-weight"),
        (["--seed", "-1"], "--seed must be from 0 to 4294967295, got -1"),
        (["--seed", "one"], "invalid int value"),
        (["--out", __file__], "must be a folder that can be written to"),
        (["--out", "/proc/none"], "must be a folder that can be written to"),
    ],
)
def test_wrong_usage_is_explained(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_without_its_extra_the_command_says_what_to_install():
    program = (
        "import sys; sys.modules['rich'] = None; sys.modules['rich.console'] = None\n"
        "from models.__main__ import main; sys.exit(main(['repeat-once']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "pip install 'autograd_lite[models]'" in result.stderr
