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
