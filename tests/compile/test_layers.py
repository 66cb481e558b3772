"""Every layer, loss, optimiser and schedule trains compiled as it does eagerly."""

import copy

import numpy as np
import pytest
from every_module import LAYERS, LOSSES, First

import autograd_lite as al
from autograd_lite import optim


def training(module, compiled, optimiser=lambda p: optim.SGD(p, lr=0.05), **options):
    """Return a step of arguments, eager or compiled, of a copy of a module and one more weight."""
    module = copy.deepcopy(module)
    w = al.Tensor(0.9, requires_grad=True, name="w")
    made = optimiser([w, *module.parameters()])
    layer = not isinstance(module, tuple(type(loss) for loss, *_ in LOSSES.values()))
    inner = First(module) if layer else module

    def loss(x, *target):
        y = inner(x if x.dtype.kind == "i" else x * w, *target)
        return np.sum(y * np.cos(np.arange(y.size)).reshape(y.shape))

    def step(*data):
        made.zero_grad()
        value = loss(*data)
        value.backward()
        made.step()
        return value.item()

    return al.compile(loss, made, **options) if compiled else step, made, module


DRAWING = {"Dropout"}
"""They draw random numbers, and run as they are."""


@pytest.mark.parametrize("name", sorted({*LAYERS, *LOSSES} - DRAWING))
def test_every_module_is_compiled(name):
    module, *data = LAYERS.get(name) or LOSSES[name]
    eager, _, theirs = training(module, compiled=False)
    step, _, ours = training(module, compiled=True, backend="numpy")
    # Rows in another order: what a program holds for must not be the data of the first step.
    batches = [[x[:: (-1) ** k] for x in data] for k in range(10)]
    for batch in batches:
        np.testing.assert_allclose(step(*batch), eager(*batch), rtol=1e-11, atol=1e-13)
    assert step.why == "NumPy, as asked for"
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(DRAWING))
def test_what_draws_random_numbers_runs_as_it_is_and_says_so(name):
    module, *data = LAYERS[name]
    eager, *_ = training(module, compiled=False)
    step, *_ = training(module, compiled=True)
    np.testing.assert_allclose([step(*data) for _ in range(5)], [eager(*data) for _ in range(5)])
    assert "a generator of random numbers" in step.why


OPTIMISERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adam": lambda p: optim.Adam(p, lr=0.05),
    "AdamW": lambda p: optim.AdamW(p, lr=0.05),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.05),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.05),
}
SCHEDULES = {
    "StepLR": lambda o: optim.StepLR(o, 2),
    "CosineAnnealingLR": lambda o: optim.CosineAnnealingLR(o, 5),
    "LinearLR": lambda o: optim.LinearLR(o, total_iters=4),
    "OneCycleLR": lambda o: optim.OneCycleLR(o, 0.1, 8, cycle_momentum=False),
    "ReduceLROnPlateau": lambda o: optim.ReduceLROnPlateau(o, patience=0),
}


def test_every_optimiser_and_schedule_is_here():
    kinds = {name for name in optim.__all__ if isinstance(getattr(optim, name), type)}
    assert kinds - {"Optimizer", "LRScheduler"} == {*OPTIMISERS, *SCHEDULES}


class Clipped(optim.SGD):
    """Bounds gradients first, as a loop by hand does between `backward` and `step`."""

    def step(self):
        optim.clip_grad_norm_(self.params, 0.1)
        super().step()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimiser", [*OPTIMISERS.values(), lambda p: Clipped(p, lr=0.5)])
def test_schedules_go_on_beside_a_compiled_step(optimiser, schedule):
    module, *data = LAYERS["Linear"]
    losses = []
    for compiled in (False, True):
        options = {"backend": "numpy"} if compiled else {}
        step, made, _ = training(module, compiled, optimiser, **options)
        rates = SCHEDULES[schedule](made)
        plateau = schedule == "ReduceLROnPlateau"
        found = []
        for _ in range(8):
            found.append(float(step(*data)))
            rates.step(*[found[-1]] * plateau)
        losses.append(found)
    np.testing.assert_allclose(*losses, rtol=1e-11)
    assert step.why == "NumPy, as asked for"
