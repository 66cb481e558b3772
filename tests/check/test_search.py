"""The search for a mistake: nothing that is tried ends a report, and nothing false is said."""

import dataclasses

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check.mistakes import registry

RNG = np.random.default_rng(0)


def recorded(rows=5, columns=2):
    x = RNG.normal(size=(rows, 3))
    w = al.Tensor(RNG.normal(size=(3, columns)), requires_grad=True, name="w")
    return x, w, x @ w


MASKED = {
    "bool": lambda z: z * (z > 0),
    "int": lambda z: z * (z > 0).astype(int),
    "float32": lambda z: z * (z > 0).astype(np.float32),
    "two levels": lambda z: z * np.where(z > 0, 1.0, 0.1),
    "where": lambda z: np.where(z > 0, z, 0),
    "clip": lambda z: np.clip(z, -0.5, 0.5),
    "power": lambda z: (z > 0) * z**2,
}


@pytest.mark.parametrize("f", MASKED.values(), ids=MASKED)
def test_numbers_that_nothing_explains_are_searched_to_the_end(f):
    _, w, z = recorded()
    assert not al.compare(np.mean(f(z) ** 2), {"w": RNG.normal(size=w.shape)})


@pytest.mark.parametrize("delta", [0.7, np.array(0.7)])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_a_number_among_the_inputs_that_is_used_twice_is_no_loop(delta, scale):
    def huber(x, y, delta):
        a = np.abs(x - y)
        return np.mean(np.where(a <= delta, 0.5 * a**2, delta * (a - 0.5 * delta)))

    def by_hand(x, y, delta):
        return {"x": scale * np.clip(x - y, -delta, delta)}  # Not divided by 3.

    data = {"x": np.array([1.0, 2.0, 0.3]), "y": np.array([0.9, 0.0, -1.0]), "delta": delta}
    assert not al.compare(huber, by_hand, data)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("search", ["find", "find_more"])
def test_a_search_that_fails_does_not_end_the_report(monkeypatch, search, strict):
    def fails(case, target):
        yield registry.Candidate("never", 0.0, correct=lambda g: 1 / 0)
        raise KeyError("no such node")

    entry = registry.MISTAKES["another function"]
    replaced = dataclasses.replace(entry, **{search: fails})
    monkeypatch.setitem(registry.MISTAKES, "another function", replaced)
    monkeypatch.setattr(registry, "STRICT", strict)
    x, w, z = recorded()
    loss, wrong = np.sum(z**2), RNG.normal(size=w.shape)
    if strict:
        with pytest.raises((KeyError, ZeroDivisionError)):
            al.compare(loss, {"w": wrong})
    else:
        assert not al.compare(loss, {"w": wrong})
        right = al.compare(loss, {"w": x.T @ z.numpy()})["w"].diagnosis
        assert "2 of the square" in right.title


KINKS = {
    "where": (lambda z: np.where(z > 0, z, 0), 1.0, 0.0),
    "leaky": (lambda z: np.where(z > 0, z, 0.1 * z), 1.0, 0.1),
    "from above": (lambda z: np.where(z >= 0, z, 0.1 * z), 1.0, 0.1),
    "elu": (lambda z: np.where(z > 0, z, 0.5 * (np.exp(z) - 1)), 1.0, 0.5),
    "mask": (lambda z: z * (z > 0), 1.0, 0.0),
    "float mask": (lambda z: (z > 0).astype(float) * z, 1.0, 0.0),
    "lower bound": (lambda z: np.clip(z, 0, 5), 1.0, 0.0),
    "upper bound": (lambda z: np.clip(z, -5, 0), 0.0, 1.0),
    "hinge": (lambda z: np.where(1 - z < 1, z, 0), 1.0, 0.0),
    "maximum": (lambda z: np.maximum(z, 0), 1.0, 0.0),
    "abs": (lambda z: np.abs(z), 1.0, -1.0),
}


@pytest.mark.parametrize("f, above, below", KINKS.values(), ids=KINKS)
@pytest.mark.parametrize("inner", [False, True])
def test_either_side_of_a_kink_is_right(f, above, below, inner):
    x = np.array([[1.0, 2.0], [0.0, 0.0], [-1.0, 1.0]])
    start, weights = np.array([[1.0, -1.0], [0.5, 1.0]]), np.arange(1, 7).reshape(3, 2)
    w = al.Tensor(start, requires_grad=True, name="w")
    z = x @ w
    z.name = "z"
    loss = np.sum(f(z) * weights)
    at_w = z.numpy()
    slope = al.compare(loss, {"z": np.zeros((3, 2))}, diagnose=False)["z"].autodiff / weights
    for side in (above, below):
        dz = np.where(at_w == 0, side, slope) * weights
        by_hand = {"w": x.T @ dz} | ({"z": dz} if inner else {})
        assert al.compare(loss, by_hand)
        assert al.compare(loss, by_hand, kinks="any")
    wrong = np.where(at_w == 0, above, slope + (at_w > 0)) * weights
    assert not al.compare(loss, {"w": x.T @ wrong}, diagnose=False)


@pytest.mark.parametrize("zero", [True, False])
def test_a_mask_that_does_not_go_by_a_sign_has_no_other_side(zero):
    """Padding that is left in is a mistake, also where all the weights are still zero."""
    x, w, z = recorded()
    w = al.Tensor(w.numpy() * (not zero), requires_grad=True, name="w")
    mask = np.array([[1, 1], [0, 1], [1, 0], [0, 0], [1, 1]], bool)
    z = np.where(mask, x @ w, 0)
    loss = np.sum(z * np.arange(10).reshape(5, 2))
    assert not al.compare(loss, {"w": x.T @ np.arange(10.0).reshape(5, 2)})


def test_where_autodiff_overflows_is_told_in_the_type_of_the_loss():
    w = al.Tensor(np.array([1.0, 2.0], np.float16), requires_grad=True, name="w")
    p = np.exp(-5 * w)
    row = al.compare(np.sum(np.log(p) * 10), {"w": [-50.0, -50.0]})["w"]
    assert row.autodiff[1] == -np.inf
    assert "it arises on the way back through np.log(p)" in row.diagnosis.title
