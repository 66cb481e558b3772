"""Threads may call what is compiled at once: steps take turns, and nobody sees half of one."""

import sys

import numpy as np
import pytest
from threads import at_once

import autograd_lite as al

BACKENDS = pytest.mark.parametrize("backend", ["numpy", "auto"])


@pytest.fixture(autouse=True)
def _hasty():
    """Let threads take turns after every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def counting(backend, shape):
    """Return a parameter, and a step that adds 1 to it."""
    w = al.Tensor(np.zeros(shape), requires_grad=True)
    return w, al.compile(lambda x: -np.sum(w) * x, al.optim.SGD([w], lr=1.0), backend=backend)


@pytest.mark.parametrize(
    ("shape", "backend"), [((), "numpy"), ((3,), "numpy"), ((40, 40), "numpy"), ((3,), "auto")]
)
@pytest.mark.parametrize("how", ["call", "bind", "run"])
def test_every_step_counts(how, shape, backend):
    w, step = counting(backend, shape)

    def work():
        if how == "run":
            step.run(50, 1.0)
        one = step.bind(1.0) if how == "bind" else lambda: step(1.0)
        for _ in range(50 if how != "run" else 0):
            one()

    at_once(work, work, work)
    np.testing.assert_array_equal(w.numpy(), np.full(shape, 150.0))


@BACKENDS
def test_results_are_those_of_the_arguments(backend):
    def f(x, y):
        return np.tanh(x @ y) + x.sum()

    fast = al.compile(f, backend=backend)

    def work(seed):
        rng = np.random.default_rng(seed)
        for k in range(30):
            x, y = rng.normal(size=(2, 2 + k % 3, 2 + k % 3))
            np.testing.assert_allclose(fast(x, y), f(x, y))

    at_once(*(lambda seed=seed: work(seed) for seed in range(3)))


@BACKENDS
def test_a_value_is_asked_for_while_training_goes_on(backend):
    w, step = counting(backend, (3,))
    value = al.compile(lambda x: al.no_grad()(lambda: np.sum(w) * x)().data, backend=backend)
    seen = [float(step(1.0)), float(value(1.0))]  # Both are traced.

    def look():
        seen.extend(float(value(1.0)) for _ in range(200))

    at_once(look, lambda: [step(1.0) for _ in range(200)], look)
    np.testing.assert_array_equal(w.numpy(), np.full(3, 201.0))
    assert {x % 3 for x in seen} == {0.0}  # Each is the sum after some step.


@BACKENDS
def test_functions_of_the_same_parameters_are_traced_at_once(backend):
    w = al.Tensor(np.arange(3.0), requires_grad=True)
    losses = [lambda x, k=k: np.sum(w * x) * k for k in range(1, 5)]
    steps = [al.compile(loss, al.optim.SGD([w], lr=0.0), backend=backend) for loss in losses]
    values = {}
    work = [lambda k=k, step=step: values.update({k: step(2.0)}) for k, step in enumerate(steps, 1)]
    at_once(*work)
    assert values == {k: 6.0 * k for k in range(1, 5)}
    assert w.tolist() == [0.0, 1.0, 2.0]


@BACKENDS
@pytest.mark.parametrize("how", ["call", "bind"])
def test_steps_go_on_while_a_function_of_the_same_parameters_is_traced(how, backend):
    w, step = counting(backend, (3,))
    step(1.0)
    one = step.bind(1.0) if how == "bind" else lambda: step(1.0)
    others = [
        al.compile(lambda x, k=k: np.sum(w) * x * k, al.optim.SGD([w], lr=0.0), backend=backend)
        for k in range(4)
    ]

    def look():
        for other in others:
            assert other(1.0) >= 0
            assert other(1.0) >= 0  # Beside eager.

    at_once(lambda: [one() for _ in range(200)], look)
    np.testing.assert_array_equal(w.numpy(), np.full(3, 201.0))


@BACKENDS
def test_weights_that_another_thread_sets(backend):
    w = al.Tensor(np.full(3, 2.0))
    total = al.compile(lambda x: np.sum(w).data * x, backend=backend)
    assert total(1.0) == 6.0
    seen = set()

    def change():
        for k in range(200):
            w.data = np.full(3, 2.0 + k % 2)

    at_once(lambda: seen.update(float(total(1.0)) for _ in range(200)), change)
    assert seen <= {6.0, 9.0}
    assert total(1.0) == w.numpy().sum()


@pytest.mark.parametrize("shapes", [[1, 2, 3], [*range(1, 12)], [1] * 100])
def test_steps_that_run_as_they_are_take_turns(shapes):
    w, log = al.Tensor(np.zeros(2), requires_grad=True), []

    def loss(x):
        if shapes[1] == 1:
            log.append(1)  # It is not compiled at all.
        return -np.sum(np.mean(x, axis=0) * w)

    step = al.compile(loss, al.optim.SGD([w], lr=1.0))

    def work():
        for n in shapes * 3:
            step(np.ones((n, 2)))

    at_once(work, work, work)
    assert w.tolist() == [9.0 * len(shapes)] * 2
    assert "asked for" not in step.why
    assert len(shapes) > 3 or step.why.count("traced again") == 1
