"""The trainings on real data: they reach what they claim, and a claim that fails is said."""

import dataclasses

import numpy as np

import autograd_lite as al
from models import TRAININGS, digits, index, text
from models.__main__ import main
from models.training import Report


def quiet(done, total):
    assert 0 <= done <= total


def test_every_gradient_of_the_text_layers_is_the_one_by_hand():
    rng = np.random.default_rng(3)
    net = text.Guess(27, rng)
    x, y = rng.integers(0, 27, (16, text.CONTEXT)), rng.integers(0, 27, 16)
    t = net(x, y)
    w = {p.name: p.numpy() for p in net.parameters()}
    hand = text.by_hand(w, {name: tensor.numpy() for name, tensor in t.items()}, x, y)
    assert set(hand) == set(w) | set(t) - {"loss"}
    al.compare(t["loss"], hand, numerical=True).assert_ok()
    hand["centred"] = hand["centred"] * 0.5
    assert not al.compare(t["loss"], hand)


def test_layers_of_neurons_learn_the_digits(tmp_path):
    report = digits.train(
        "mlp", digits.KINDS["mlp"], digits.images(), tmp_path, 0, lambda done: None, 0
    )
    assert report.problems == []
    assert set(report.figures) == {
        "loss", "accuracy", "confusion", "gradient flow", "gradient sizes", "first layer as images",
    }  # fmt: skip
    assert (tmp_path / "digits-mlp.npz").exists()


def test_compiled_layers_of_neurons_learn_what_eager_ones_do(tmp_path):
    short = dataclasses.replace(digits.KINDS["mlp"], epochs=4, goal=0.5)
    report = digits.train(
        "mlp", short, digits.images(), tmp_path, 0, lambda done: None, 0, compiled=True
    )
    assert report.problems == []
    (said,) = [check.found for check in report.checks if "compiled" in check.what]
    assert "losses differ by" in said


def test_a_recurrent_network_trains_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "STEPS", 12)
    monkeypatch.setattr(text, "MLP_STEPS", 25)
    both = [text.run(tmp_path, 1, quiet, compiled) for compiled in (False, True)]
    for eager, compiled in zip(*both, strict=True):
        assert compiled.texts.keys() == eager.texts.keys()
        assert [c.ok for c in compiled.checks] == [c.ok for c in eager.checks]
    assert both[0][1].texts["What it writes"] == both[1][1].texts["What it writes"]


def test_held_out_images_are_not_learnt_from():
    of = digits.images()
    seen = {x.tobytes() for x in of.x}
    assert len(of.y) + len(of.y_test) == 1797
    assert sum(x.tobytes() in seen for x in of.x_test) == 0


def test_a_training_that_falls_short_is_a_failure_on_the_page_and_in_the_exit_status(
    tmp_path, monkeypatch, capsys
):
    short = {
        name: dataclasses.replace(kind, epochs=3, goal=0.9999)
        for name, kind in digits.KINDS.items()
    }
    monkeypatch.setattr(digits, "KINDS", short)
    assert main(["digits", "--out", str(tmp_path)]) == 1
    page = (tmp_path / "index.html").read_text("utf-8")
    assert page.count('<section id="digits-') == 2
    assert "<svg" in page.partition("digits-cnn")[2]
    assert "At a glance" not in page
    assert "at least 100.0%" in capsys.readouterr().out
    assert (tmp_path / "digits-cnn-confusion.png").exists()
    assert "<image" not in page  # The page loads nothing, and shows nothing that it would load.


def test_a_recurrent_network_is_saved_loaded_and_writes_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "STEPS", 3)
    monkeypatch.setattr(text, "MLP_STEPS", 25)
    layers, writer = text.run(tmp_path, 1, quiet)
    assert [check.ok for check in layers.checks[:2]] == [True, True]
    assert writer.checks[-1].ok
    assert len(writer.texts["What it writes"].replace("\n", "")) == 480
    assert writer.problems  # Three steps do not teach it to write.


def test_the_text_is_long_and_of_few_characters():
    found = text.text()
    assert len(found) == 200_000
    assert len(set(found)) < 70


def test_they_are_listed_and_not_run_unless_asked_for(capsys):
    assert main(["--list"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{name} " in said for name in TRAININGS)


def test_a_page_of_reports_alone_names_them(tmp_path):
    report = Report("x", "A <title>", "about")
    report.check("it holds", "yes", True)
    text = index.write_index([], tmp_path, [report]).read_text("utf-8")
    assert "A &lt;title&gt;" in text
    assert "1 of 1 claims about trainings hold" in text
