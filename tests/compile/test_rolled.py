"""Equal rounds of statements become loops that compute the same, in both kinds of code."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.compile.rolled import Loop, rolled
from autograd_lite.program.trace import trace

RNG = np.random.default_rng(0)


def chain(x):
    for _ in range(100):
        x = np.sin(x * 1.1 + 0.1)
    return x.sum()


def newton(a):
    x = a
    for _ in range(60):
        x = x - (x * x - a) / (2 * x)
    return np.sum(x)


def recurrent(w, u, xs):
    h = np.zeros(2)
    for x in xs:
        h = np.tanh(x @ w + h @ u)
    return (h * h).sum()


def two_states(x, v):
    """Each round hands on two values, that change places."""
    for _ in range(40):
        x, v = v * 0.9, x + 0.1 * v
    return np.sum(x * v)


def every_state(x):
    """All states are used again."""
    states = []
    for _ in range(30):
        x = np.tanh(1.5 * x)
        states.append(x)
    return np.sum(np.stack(states) ** 2)


def turned(x):
    """What is handed on is a view of what is computed."""
    for _ in range(30):
        x = np.cos(x * 1.1).T
    return np.sum(x[0])


def other_round(x):
    """One round in the middle is not like the others."""
    for k in range(60):
        x = np.exp(-x * x) if k == 9 else np.sin(x + 0.3)
    return np.sum(x)


def numbers(x):
    """Numbers, not arrays."""
    y = x[0]
    for _ in range(50):
        y = 0.5 * (y + x[1] / y)
    return y


def constants(x):
    """Arrays that every round has written out."""
    for _ in range(40):
        x = np.tanh(x * np.array([1.0, 2.0, 3.0]) + np.ones(3))
    return np.sum(x)


def turned_states(x):
    """Views of what is computed are used again."""
    states = []
    for _ in range(30):
        x = np.cos(x * 1.1).T
        states.append(x[0])
    return np.sum(np.stack(states) ** 2)


def used_late(x):
    """What a round was handed is needed after the new value has been computed."""
    for _ in range(40):
        y = np.sin(x) + 0.1
        x = np.cos(y * x) + np.sum(x * y)
    return np.sum(x * x)


def handed_in_turn(x, v):
    """The old value of one state is used for another, after its new one is there."""
    for _ in range(40):
        new = np.sin(x + v)
        v = np.cos(new - x)
        x = new
    return np.sum(x * v)


FUNCTIONS = {
    turned_states: (RNG.normal(size=(2, 2)),),
    used_late: (RNG.normal(size=2),),
    handed_in_turn: (RNG.normal(size=2), RNG.normal(size=2)),
    constants: (RNG.normal(size=3),),
    chain: (RNG.normal(size=3),),
    newton: (RNG.uniform(1, 4, size=2),),
    recurrent: (RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2)), RNG.normal(size=(25, 3))),
    two_states: (RNG.normal(size=2), RNG.normal(size=2)),
    every_state: (RNG.normal(size=2),),
    turned: (RNG.normal(size=(2, 2)),),
    other_round: (RNG.normal(size=2),),
    numbers: (np.array([1.0, 2.0]),),
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_loop_gives_what_eager_gives(f, backend):
    if backend == "numba":
        pytest.importorskip("numba", reason="numba is not installed: pip install '.[compile]'")
    args = FUNCTIONS[f]
    both = al.value_and_grad(f, argnums=tuple(range(min(2, len(args)))))
    fast = al.compile(both, backend=backend)
    assert any(isinstance(x, Loop) for x in rolled(trace(both, *args).program))
    for shift in (0.0, 0.1, 0.2):
        given = [x + shift for x in args]
        value, gradients = fast(*given)
        expected, wanted = both(*given)
        np.testing.assert_allclose(value, expected)
        for got, want in zip(gradients, wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-12)
    assert "    for " in fast.source


def test_a_training_step_with_a_loop_in_it():
    w = al.Tensor(FUNCTIONS[recurrent][1], requires_grad=True)
    v = al.Tensor(w.numpy(), requires_grad=True)
    xs = RNG.normal(size=(3, 20, 2))

    def loss(weight, rows):
        return recurrent(np.eye(2), weight, rows)

    optimiser = al.optim.SGD([v], lr=0.05)
    step = al.compile(lambda rows: loss(w, rows), al.optim.SGD([w], lr=0.05))
    losses = step.run(7, xs, stacked=True)
    for k in range(7):
        optimiser.zero_grad()
        value = loss(v, xs[k % 3])
        value.backward()
        optimiser.step()
        np.testing.assert_allclose(losses[k], value.item())
    np.testing.assert_allclose(w.numpy(), v.numpy())


def test_what_comes_before_and_after_a_loop_stays():
    items = rolled(trace(other_round, np.ones(2)).program)
    assert sum(isinstance(x, Loop) for x in items) == 1
    assert sum(x.count * len(x.body) if isinstance(x, Loop) else 1 for x in items) == len(
        trace(other_round, np.ones(2)).program.statements
    )


def test_few_statements_stay_as_they_are():
    program = trace(lambda x: np.sin(np.sin(np.sin(x))), 1.0).program
    assert rolled(program) == list(program.statements)


def test_many_steps_of_a_long_loop_are_one_call_of_machine_code():
    pytest.importorskip("numba")

    def loss(w, x):
        for _ in range(2100):  # What goes back needs more than the stack holds.
            x = np.sin(w * x)
        return np.sum(x)

    w, v = (al.Tensor(np.full(4, 1.01), requires_grad=True) for _ in range(2))
    optimiser = al.optim.SGD([v], lr=0.01)
    step = al.compile(lambda x: loss(w, x), al.optim.SGD([w], lr=0.01), backend="numba")
    for found in step.run(2, np.ones(4)):
        optimiser.zero_grad()
        expected = loss(v, np.ones(4))
        expected.backward()
        optimiser.step()
        np.testing.assert_allclose(found, expected.item(), rtol=1e-10)
    np.testing.assert_allclose(w.numpy(), v.numpy(), rtol=1e-10)
    assert "a loop of calls" not in step.why
