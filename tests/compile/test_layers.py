"""Every layer, loss, optimiser and schedule trains compiled as it does eagerly."""

import copy

import numpy as np
import pytest
from every_module import LAYERS, LOSSES, First

import autograd_lite as al
from autograd_lite import nn, optim


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


@pytest.mark.parametrize("name", sorted({*LAYERS, *LOSSES}))
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


def dropping(compiled, backend="numpy"):
    """Return a step with two dropouts that draw from one generator, and the generator."""
    rng = np.random.default_rng(3)
    net = nn.Sequential(
        nn.Linear(4, 8, rng=rng), nn.Dropout(0.3, rng=rng), nn.Tanh(), nn.Dropout(0.5, rng=rng)
    )
    optimiser = optim.SGD(net.parameters(), lr=0.1)

    def loss(x):
        return (net(x) ** 2).sum()

    def step(x):
        optimiser.zero_grad()
        value = loss(x)
        value.backward()
        optimiser.step()
        return value.item()

    return al.compile(loss, optimiser, backend=backend) if compiled else step, rng, net


@pytest.mark.parametrize("backend", ["numpy", "numba", "auto"])
@pytest.mark.parametrize("how", ["call", "bind", "run", "stacked"])
def test_dropout_draws_what_it_draws_eagerly_however_the_step_is_called(backend, how):
    x = np.linspace(-1, 1, 12).reshape(3, 4)
    eager, theirs, _ = dropping(compiled=False)
    step, ours, _ = dropping(compiled=True, backend=backend)
    bound = step.bind(x)
    found = {
        "call": lambda: [step(x) for _ in range(9)],
        "bind": lambda: [bound() for _ in range(9)],
        "run": lambda: step.run(9, x),
        "stacked": lambda: step.run(9, np.stack([x, x]), stacked=True),
    }[how]()
    expected = [eager(x) for _ in range(9)]
    assert len(set(expected)) == 9
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert ours.bit_generator.state == theirs.bit_generator.state
    assert "not compiled" not in step.why


def test_dropout_that_is_changed_is_seen():
    x = np.linspace(-1, 1, 12).reshape(3, 4)
    pairs = [dropping(compiled) for compiled in (False, True)]
    for change in (
        lambda net: None,
        lambda net: setattr(net[1], "p", 0.6),
        lambda net: setattr(net[3], "rng", np.random.default_rng(5)),
        lambda net: net.eval(),
        lambda net: net.train(),
    ):
        losses = []
        for step, _, net in pairs:
            change(net)
            losses.append([float(step(x)) for _ in range(3)])
        np.testing.assert_allclose(*losses, rtol=1e-12)


def test_random_numbers_of_ones_own_beside_a_dropout_run_as_they_are():
    _step, rng, net = dropping(compiled=False)
    noisy = al.compile(lambda x: (net(x) * rng.normal()).sum(), optim.SGD(net.parameters(), lr=0))
    assert len({float(noisy(np.ones((3, 4)))) for _ in range(4)}) == 4
    assert "a generator of random numbers" in noisy.why


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
    "OneCycleLR": lambda o: optim.OneCycleLR(
        o, 0.1, 8, cycle_momentum=bool({"momentum", "betas"} & {*o.defaults})
    ),
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
    # A momentum becomes an input when it first moves.
    again = [line for line in step.why.splitlines() if line != "NumPy, as asked for"]
    assert len(again) <= (schedule == "OneCycleLR")
    assert all(line.endswith(("['momentum']", "['betas']")) for line in again)


def test_dropout_of_a_bare_array_is_that_of_a_tensor():
    first, second, layer, other = (nn.Dropout(0.5, rng=np.random.default_rng(0)) for _ in range(4))
    x = np.arange(1.0, 9.0)
    np.testing.assert_array_equal(first(x), second(al.Tensor(x)).numpy())
    compiled = al.compile(lambda x: layer(x))
    for _ in range(5):
        np.testing.assert_array_equal(compiled(x), other(x))
