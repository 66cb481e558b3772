"""Every mistake is called by its name, right formulas are left alone, random ones unexplained.

``python tests/check/test_diagnosis.py`` prints how many of each kind are named right, misnamed, and
unexplained.
"""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from mistaken import LR, NETWORKS, TWO_LAYERS, two_layers
from test_diagnosis_kinds import CASES

import autograd_lite as al
from autograd_lite.check import diagnosis
from autograd_lite.check.diagnosis import names
from autograd_lite.check.finding import FOLLOWS, SIZES_COINCIDE, UNEXPLAINED, VALUES_COINCIDE
from autograd_lite.check.mistakes import replay

SEEDS = range(2)


def injections(networks):
    """Every network, shape, seed and mistake."""
    for network in networks:
        for shape in network.shapes:
            for seed in SEEDS:
                for mistake in network.mistakes:
                    yield network, shape, seed, mistake


def compared(network, shape, seed, right="", wrong="", lr=LR):
    loss, values = network.build(np.random.default_rng(seed), *shape)
    gradients = network.gradients(values, right, wrong)
    if network.only:
        gradients = {name: gradients[name] for name in network.only}
    return al.compare(loss, gradients, lr=lr)


def named(result):
    """What the tool calls the first mistake."""
    return result.first.diagnosis.name if result.first else None


def confusion(networks, verbose=False):
    """Count what is named right, misnamed, and unexplained, for each kind of mistake."""
    table: dict[str, Counter] = {}
    for network, shape, seed, (name, right, wrong) in injections(networks):
        got = named(compared(network, shape, seed, right, wrong))
        outcome = (
            "right" if got == name else "unexplained" if got in (UNEXPLAINED, None) else "misnamed"
        )
        table.setdefault(name, Counter())[outcome] += 1
        if verbose and outcome != "right":
            print(f"{network.name} {shape} seed {seed}: {right!r} -> {wrong!r}: {name}, got {got}")
    return table


def written(table):
    outcomes = ("right", "misnamed", "unexplained")
    total = Counter()
    for counts in table.values():
        total.update(counts)
    lines = [f"{'mistake':30}" + "".join(f"{outcome:>13}" for outcome in outcomes)]
    for name, counts in [*sorted(table.items()), ("all", total)]:
        lines.append(f"{name:30}" + "".join(f"{counts[outcome]:13}" for outcome in outcomes))
    return "\n".join(lines)


# -------------------------------------------------------------------- the confusion table


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_every_mistake_is_called_by_its_name(network):
    table = confusion([network])
    assert {name for name, _, _ in network.mistakes} == set(table)
    assert all(set(counts) == {"right"} for counts in table.values()), written(table)


def test_every_mistake_that_is_known_is_injected_somewhere():
    injected = {name for network in NETWORKS for name, _, _ in network.mistakes}
    tested_below = {UNEXPLAINED, FOLLOWS, SIZES_COINCIDE, VALUES_COINCIDE}
    # See test_diagnosis_elsewhere.py, test_diagnosis_forgotten.py, test_any_form.py,
    # test_windows.py and test_loop_order.py.
    elsewhere = {"softmax in pieces", "factor on a path", "several passes", "another form"}
    elsewhere |= {"upstream left out", "minus left out", "term elsewhere"}
    elsewhere |= {"rows of a gradient", "windows", "order of steps", "another share"}
    elsewhere |= {"part of a sum", "stretched"}  # See test_layer_slips.py, test_search_slips.py.
    elsewhere |= {"another part"}  # See test_search.py.
    elsewhere |= {"moved back", "Jacobian transposed", "forwards again"}  # See test_layers.py.
    elsewhere |= {name for *_, name, _ in CASES}
    assert injected | tested_below | elsewhere == set(names())


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_right_formulas_are_left_alone(network):
    for shape in network.shapes:
        for seed in range(10):
            result = compared(network, shape, seed)
            assert result, str(result)
            assert all(row.diagnosis is None for row in result)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_random_wrong_gradients_are_unexplained(network):
    for shape in network.shapes[:2]:
        for seed in range(2):
            rng = np.random.default_rng(100 + seed)
            loss, values = network.build(np.random.default_rng(seed), *shape)
            right = network.gradients(values)
            for name in right:
                wrong = {**right, name: rng.normal(size=right[name].shape)}
                row = al.compare(loss, wrong)[name]
                assert (row.verdict, row.diagnosis.name) == ("by hand is wrong", UNEXPLAINED)
            everything = {name: rng.normal(size=g.shape) for name, g in right.items()}
            for row in al.compare(loss, everything):
                assert row.diagnosis.name == UNEXPLAINED, row.diagnosis


def test_a_right_gradient_with_noise_is_unexplained():
    network = NETWORKS[2]
    loss, values = network.build(np.random.default_rng(0), 6, 3, 5, 2)
    right = network.gradients(values)
    noise = 1 + 1e-3 * np.random.default_rng(1).normal(size=(3, 5))
    row = al.compare(loss, {**right, "syn0": right["syn0"] * noise})["syn0"]
    assert row.diagnosis.name == UNEXPLAINED


@pytest.mark.parametrize("only", [(), ("syn0", "syn1")], ids=["all", "parameters"])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("l1 * (1 - l1)", "(1 - l1**3)"),
        ("l1 * (1 - l1)", "np.sqrt(l1 * (1 - l1))"),
        ("l2 * (1 - l2)", "np.cbrt(l2) * (1 - l2)"),
        ("X.T @ l1_delta", "X[[0, 0, *range(2, len(X))]].T @ l1_delta"),
        ("error = l2 - y", "error = np.cbrt(l2 - y)"),
        ("syn0_grad = X.T @ l1_delta", "syn0_grad = X.T @ l1_delta + 0.01 * syn0**3"),
    ],
)
def test_a_systematic_mistake_that_is_not_known_is_unexplained(right, wrong, only):
    network = dataclasses.replace(NETWORKS[2], only=only)
    for shape in network.shapes[:2]:
        assert named(compared(network, shape, 5, right, wrong)) == UNEXPLAINED


def test_two_mistakes_at_once_are_never_called_by_a_wrong_name():
    """Each that can be told apart is named, and nothing is claimed of the others."""
    network = NETWORKS[2]
    for name, right, wrong in network.mistakes:
        if right == "gradients = {" or "l2_delta =" in right:
            continue
        source = network.by_hand.replace(right, wrong)
        both = dataclasses.replace(network, by_hand=source)
        change = ("syn1_grad = l1.T", "syn1_grad = 3 * l1.T")
        if change[0] not in source:
            continue
        result = compared(both, (6, 3, 5, 2), 1, *change)
        found = {row.name: row.diagnosis.name for row in result.failures}
        assert found["syn1"] in ("constant factor", FOLLOWS, UNEXPLAINED, name), (name, found)
        assert set(found.values()) <= {"constant factor", FOLLOWS, UNEXPLAINED, name}, (name, found)


# -------------------------------------------------------------------- where, why, what else


def test_what_lies_behind_the_first_mistake_follows_from_it():
    result = compared(NETWORKS[2], (6, 3, 5, 2), 0, "l1 * (1 - l1)", "l1")
    assert result.first.name == "z1"
    assert result["z1"].diagnosis.title == (
        "the factor 1 - l1 is missing; by hand = autodiff / (1 - l1)"
    )
    assert result["syn0"].diagnosis.name == FOLLOWS
    assert result["syn0"].diagnosis.title == "follows from z1"
    assert result["z2"].ok


def test_a_second_mistake_behind_the_first_is_found_too():
    source = TWO_LAYERS.replace("l2 * (1 - l2)", "l2").replace("X.T @ l1_delta", "-X.T @ l1_delta")
    network = dataclasses.replace(NETWORKS[2], by_hand=source)
    result = compared(network, (6, 3, 5, 2), 0)
    assert result.first.name == "z2"
    assert result["z1"].diagnosis.title == "follows from z2"
    assert result["syn0"].diagnosis.name == "sign flipped"
    assert result["syn0"].diagnosis.title.startswith("besides what follows from z1, the sign")


def test_a_factor_that_has_two_meanings_shows_both():
    """With 4 rows of 2 outputs, 4 is the batch, and half the number of entries."""
    loss, values = two_layers(np.random.default_rng(0), 4, 3, 5, 2, "mean")
    right = TWO_LAYERS.replace("l2 - y", "2 * (l2 - y) / y.size")
    network = dataclasses.replace(NETWORKS[2], by_hand=right)
    wrong = {name: 4 * g for name, g in network.gradients(values).items()}
    found = al.compare(loss, wrong)["z2"].diagnosis
    meanings = [found.title, *(title for _, title in found.alternatives)]
    assert any("the size of the batch, 4" in meaning for meaning in meanings)
    assert any("half the sum, where the loss averages 8" in meaning for meaning in meanings)
    assert found.confidence == "likely"


def test_a_single_number_makes_a_mistake_no_more_than_possible():
    loss, values = NETWORKS[0].build(np.random.default_rng(0))
    right = NETWORKS[0].gradients(values)
    found = al.compare(loss, {"w": right["w"] / 2})["w"].diagnosis
    assert found.name == "constant factor"
    assert found.confidence == "possible"


def test_a_path_that_is_left_out_is_named():
    x = al.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
    u = np.sin(x)
    u.name = "u"
    found = al.compare((u * x).sum(), {"x": np.sin(x.data)})["x"].diagnosis
    assert found.name == "path missing"
    assert found.title == "what comes back to x from u is left out"


def test_wrong_entries_are_listed():
    x = al.Tensor(np.arange(1.0, 13).reshape(3, 4), requires_grad=True, name="x")
    hand = 3 * x.data**2
    hand[1] *= 2
    found = al.compare((x**3).sum(), {"x": hand})["x"].diagnosis
    assert found.title == "only row 1 is wrong, by hand = 2 × autodiff there"
    hand = 3 * x.data**2
    hand[0, 2] = 7
    hand[2, 1] = 8
    found = al.compare((x**3).sum(), {"x": hand})["x"].diagnosis
    assert found.title == "only entries (0, 2), (2, 1) are wrong"


def test_in_a_graph_too_large_to_search_the_gradients_themselves_still_are():
    x = t = al.Tensor([1.0, 2.0], requires_grad=True, name="x")
    for _ in range(500):
        t = t + 0.001
    row = al.compare((t * t).sum(), {"x": -2 * (x.data + 0.5)})["x"]
    assert row.diagnosis.name == "sign flipped"
    assert al.compare((t * t).sum(), {"x": x.data**3})["x"].diagnosis.name == UNEXPLAINED


def test_in_a_large_network_the_search_is_cut_short_and_says_so(monkeypatch):
    monkeypatch.setattr(diagnosis, "BUDGET", 0)
    network = NETWORKS[2]
    loss, values = network.build(np.random.default_rng(0), 6, 3, 5, 2)
    right = network.gradients(values)
    assert al.compare(loss, {"syn0": -right["syn0"]})["syn0"].diagnosis.name == "sign flipped"
    found = al.compare(loss, {"syn0": right["syn0"] ** 2})["syn0"].diagnosis
    assert found.name == UNEXPLAINED
    assert "only the likeliest were tried" in found.how


def test_of_many_rows_the_factor_is_told_by_its_digits():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(60_000, 3)), al.Tensor(rng.normal(size=3), requires_grad=True)
    error = x @ w - 1
    by_hand = 2 * x.T @ error.data
    found = al.compare(np.mean(error**2), {w: by_hand})["w"].diagnosis
    assert "60000" in found.title
    assert "6e+04" not in str(found)


def test_no_mistake_is_tried_that_makes_a_large_table_of_a_row_and_a_column(monkeypatch):
    x = al.Tensor(np.ones((20, 1)), requires_grad=True, name="x")
    graph = al.Graph((x * x).sum())
    product = next(node for node in graph if len(node.operands) == 2)
    rule = replay.Replay(graph).rule((product.id, 0), operands={1: np.ones(20)})
    assert rule(np.ones((20, 1))).shape == (20, 20)
    monkeypatch.setattr(replay, "MOST_BROADCAST", 100)
    with pytest.raises(ValueError, match=r"broadcast to 400 entries.* 100 at most"):
        rule(np.ones((20, 1)))


if __name__ == "__main__":
    print(written(confusion(NETWORKS, verbose=True)))
