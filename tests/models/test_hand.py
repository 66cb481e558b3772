"""The articles' derivations as formulas: they are what the code by hand does, and follow it."""

import numpy as np
import pytest

import autograd_lite as al
from models import NETWORKS
from models.experiment import parameters_of
from models.hand import lines_by_hand
from models.mistakes import MISTAKES


def written(experiment):
    return [line.text for line in lines_by_hand(experiment)]


def test_matrices_and_their_deltas_are_written_as_the_article_has_them():
    assert written(NETWORKS["two-layers"]()) == [
        "l₁ = 1 / (1 + exp(−(X syn₀)))",
        "l₂ = 1 / (1 + exp(−(l₁ syn₁)))",
        "l2_delta = (y − l₂) ⊙ l₂ ⊙ (1 − l₂)",
        "l1_delta = (l2_delta syn₁ᵀ) ⊙ l₁ ⊙ (1 − l₁)",
        "∂L/∂syn₁ = −(l₁ᵀ l2_delta)",
        "∂L/∂syn₀ = −(Xᵀ l1_delta)",
        "∂L/∂z₂ = −l2_delta",
        "∂L/∂z₁ = −l1_delta",
    ]


def test_functions_of_the_article_are_defined_and_then_used():
    lines = written(NETWORKS["two-two-one"]())
    assert lines[:3] == [
        "f(x) = 1 / (1 + exp(−x))",
        "deriv(x) = f(x) (1 − f(x))",
        "sum_h₁ = w₁ x₁ + w₂ x₂ + b₁",
    ]
    assert "∂h₂/∂w₄ = x₂ deriv(sum_h₂)" in lines


def test_all_nine_partial_derivatives_are_products_of_the_chain_rule():
    lines = written(NETWORKS["two-two-one"]())
    for i, h in enumerate((1, 1, 2, 2), start=1):
        w, h = "₀₁₂₃₄"[i], "₀₁₂"[h]
        assert f"∂L/∂w{w} = ∂L/∂ypred ∂ypred/∂h{h} ∂h{h}/∂w{w}" in lines
    assert "∂L/∂w₅ = ∂L/∂ypred ∂ypred/∂w₅" in lines
    assert "∂L/∂b₃ = ∂L/∂ypred ∂ypred/∂b₃" in lines


@pytest.mark.parametrize("name", NETWORKS)
def test_every_gradient_that_is_compared_has_a_line(name):
    experiment = NETWORKS[name]()
    if name == "two-two-one":  # Its numbers are laid out as arrays after the last line.
        return
    found = {str(line.name.parts[0]) for line in lines_by_hand(experiment) if line.name.parts}
    assert found == {row.name for row in experiment.compare_first()}


def test_a_mistake_in_the_code_is_in_the_formulas():
    mistake = MISTAKES["half-a-slope"]
    lines = written(mistake.put_into(NETWORKS[mistake.network])())
    assert "l1_delta = (l2_delta syn₁ᵀ) ⊙ l₁" in lines


@pytest.mark.parametrize("name", NETWORKS)
def test_updates_by_hand_can_be_compiled(name):
    experiment = NETWORKS[name]()
    w = parameters_of(experiment.build(experiment.seed).parameters())
    fast = al.compile(experiment.update_by_hand, backend="numpy")
    samples = [(x.data, y.data) for x, y in experiment.samples()[:3]]
    for sample in samples:
        got, w = fast(w, *sample), experiment.update_by_hand(w, *sample)
        for path in w:
            np.testing.assert_allclose(got[path], w[path], 1e-14)
