"""Schedules give the learning rates of their closed formulas."""

import math

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import optim


def optimiser(kind=optim.SGD, **settings):
    tensors = [al.Tensor(1.0, requires_grad=True) for _ in range(2)]
    groups = [{"params": tensors[0]}, {"params": tensors[1], "lr": 0.2}]
    return kind(groups, lr=1.0, **settings)


def rates(schedule, count):
    found = []
    for _ in range(count):
        found.append(schedule.get_last_lr())
        schedule.step()
    return np.array(found)


def cosine(t, period):
    return (1 + math.cos(math.pi * t / period)) / 2


CLOSED = [
    (lambda o: optim.StepLR(o, 4, 0.5), lambda t: 0.5 ** (t // 4)),
    (lambda o: optim.LinearLR(o), lambda t: 1 / 3 + 2 / 3 * min(t, 5) / 5),
    (lambda o: optim.LinearLR(o, 1.0, 0.0, 7), lambda t: 1 - min(t, 7) / 7),
    (lambda o: optim.CosineAnnealingLR(o, 6), lambda t: cosine(t, 6)),
    (lambda o: optim.CosineAnnealingLR(o, 1), lambda t: cosine(t, 1)),
]


@pytest.mark.parametrize(("make", "formula"), CLOSED)
def test_the_learning_rate_follows_the_formula(make, formula):
    found = rates(make(optimiser()), 25)
    expected = np.array([[formula(t), 0.2 * formula(t)] for t in range(25)])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_cosine_ends_at_its_minimum():
    found = rates(optim.CosineAnnealingLR(optimiser(), 6, eta_min=0.1), 13)
    expected = [[0.1 + (r - 0.1) * cosine(t, 6) for r in (1.0, 0.2)] for t in range(13)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("make", "formula"), CLOSED)
def test_a_schedule_that_is_stopped_and_continued_is_the_one_that_was_not(make, formula):
    expected = rates(make(optimiser()), 20)
    first = make(optimiser())
    rates(first, 8)
    states = first.optimizer.state_dict(), first.state_dict()
    rates(first, 3)
    second = make(optimiser())
    second.optimizer.load_state_dict(states[0])
    second.load_state_dict(states[1])
    np.testing.assert_array_equal(rates(second, 12), expected[8:])


def test_last_epoch_continues_from_the_learning_rates_of_the_start():
    first = optim.CosineAnnealingLR(optimiser(), 10)
    rates(first, 4)
    second = optimiser()
    second.load_state_dict(first.optimizer.state_dict())
    np.testing.assert_allclose(
        rates(optim.CosineAnnealingLR(second, 10, last_epoch=3), 5), rates(first, 5), rtol=1e-12
    )
    with pytest.raises(ValueError, match="group 0 of the optimiser has no 'initial_lr'"):
        optim.StepLR(optimiser(), 2, last_epoch=3)


def test_a_warm_up_and_a_cosine_multiply():
    o = optimiser()
    warm, wave = optim.LinearLR(o, 0.25, total_iters=3), optim.CosineAnnealingLR(o, 10)
    for t in range(9):
        line = 0.25 + 0.75 * min(t, 3) / 3
        np.testing.assert_allclose(
            warm.get_last_lr(), [line * cosine(t, 10), 0.2 * line * cosine(t, 10)]
        )
        warm.step()
        wave.step()


def line(start, end, part):
    return start + (end - start) * part


def curve(start, end, part):
    return end + (start - end) * cosine(part, 1)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
@pytest.mark.parametrize(("strategy", "between"), [("cos", curve), ("linear", line)])
def test_one_cycle_rises_and_falls_and_momentum_goes_the_other_way(kind, strategy, between):
    o = optimiser(kind)
    schedule = optim.OneCycleLR(o, [1.0, 0.5], 21, pct_start=5 / 21, anneal_strategy=strategy)
    for t in range(21):
        if t <= 4:
            rate, momentum = between(1 / 25, 1.0, t / 4), between(0.95, 0.85, t / 4)
        else:
            part = (t - 4) / 16
            rate, momentum = between(1.0, 1 / 25e4, part), between(0.85, 0.95, part)
        np.testing.assert_allclose(schedule.get_last_lr(), [rate, 0.5 * rate], rtol=1e-12)
        for group in o.param_groups:
            got = group["momentum"] if kind is optim.SGD else group["betas"][0]
            np.testing.assert_allclose(got, momentum, rtol=1e-12)
        schedule.step()
    with pytest.raises(ValueError, match="this is step 22 of 21"):
        schedule.step()


def test_one_cycle_in_three_phases_comes_back_first():
    o = optimiser()
    schedule = optim.OneCycleLR(
        o, 1.0, epochs=4, steps_per_epoch=5, pct_start=0.25, anneal_strategy="linear",
        three_phase=True, cycle_momentum=False,
    )  # fmt: skip
    found = rates(schedule, 20)[:, 0]
    np.testing.assert_allclose(found[:5], np.linspace(0.04, 1, 5))
    np.testing.assert_allclose(found[4:9], np.linspace(1, 0.04, 5))
    np.testing.assert_allclose(found[8:], np.linspace(0.04, 0.04e-4, 12), rtol=1e-9)
    assert o.param_groups[0]["momentum"] == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_plateau_is_where_the_best_is_not_beaten_for_longer_than_patience(sign):
    schedule = optim.ReduceLROnPlateau(
        optimiser(), "min" if sign == 1 else "max", 0.5, patience=2, threshold=0.1,
        threshold_mode="abs", cooldown=2, min_lr=[0.3, 0.15],
    )  # fmt: skip
    # It falls by enough, then by too little three times, then two are not counted, then three are.
    numbers = [5, 4, 3.95, 3.92, 3.91, 3.95, 3.95, 3.95, 3.95, 3.95, 3, 3, 3, 3, 3, 3]
    found = []
    for number in numbers:
        schedule.step(al.Tensor(sign * number, requires_grad=True, dtype=float))
        found.append(schedule.get_last_lr()[0])
    assert found == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.3, *[0.3] * 6]
    assert schedule.get_last_lr() == [0.3, 0.15]
    assert schedule.best == sign * 3


def test_a_plateau_in_relative_terms():
    schedule = optim.ReduceLROnPlateau(optimiser(), factor=0.5, patience=0, threshold=0.1)
    for number, rate in [(10, 1), (8.9, 1), (8.1, 0.5), (7.9, 0.5), (7.9, 0.25)]:
        schedule.step(number)
        assert schedule.get_last_lr()[0] == rate


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: optim.StepLR(o.params, 3), TypeError, r"StepLR needs an optimiser, got list"),
        (lambda o: optim.StepLR(o, 0), ValueError, "step_size of 1 or more, got 0"),
        (lambda o: optim.StepLR(o, 1.5), TypeError, "an integer as step_size, got 1.5"),
        (lambda o: optim.CosineAnnealingLR(o, 0), ValueError, "T_max of 1 or more"),
        (lambda o: optim.LinearLR(o, 0.0), ValueError, "start_factor of more than 0 and at most 1"),
        (lambda o: optim.LinearLR(o, 1, 2), ValueError, "end_factor from 0 to 1, got 2"),
        (lambda o: optim.OneCycleLR(o, 1.0), ValueError, "total_steps, or epochs and steps_per_ep"),
        (lambda o: optim.OneCycleLR(o, 1.0, 9, pct_start=2), ValueError, "pct_start from 0 to 1"),
        (lambda o: optim.OneCycleLR(o, [1.0], 9), ValueError, "one max_lr for each of 2 groups"),
        (lambda o: optim.OneCycleLR(o, 1.0, 9, anneal_strategy="x"), ValueError, "among cos, lin"),
        (lambda o: optim.OneCycleLR(optim.Adagrad(o.params), 1, 9), ValueError, "cycle_momentum=F"),
        (lambda o: optim.ReduceLROnPlateau(o, "least"), ValueError, "mode min or max, got 'least'"),
        (lambda o: optim.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor of less than 1"),
        (lambda o: optim.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "rel or abs"),
        (lambda o: optim.ReduceLROnPlateau(o, min_lr=[1]), ValueError, "one min_lr for each of 2"),
        (lambda o: optim.LRScheduler(o), NotImplementedError, "LRScheduler has no get_lr. Define"),
        (
            lambda o: optim.StepLR(o, 1).load_state_dict(optim.LinearLR(o).state_dict()),
            ValueError,
            "does not fit this StepLR, which is unchanged",
        ),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make(optimiser())
