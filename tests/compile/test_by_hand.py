"""Training steps that people write by hand: compiled, they are right, or refused with a way out."""

import numpy as np
import pytest

import autograd_lite as al
from models import NETWORKS

BACKENDS = ("numpy", "auto")


def parameters(net):
    return {p.name: np.array(p.data) for p in net.parameters()}


def bare(experiment):
    return [(np.array(x.data), np.array(y.data)) for x, y in experiment.samples()]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", NETWORKS.values(), ids=lambda kind: kind.name)
def test_every_articles_update_by_hand(kind, backend):
    experiment = kind()
    compiled = al.compile(experiment.update_by_hand, backend=backend)
    fast = eager = parameters(experiment.build(experiment.seed))
    for x, y in 2 * bare(experiment):
        fast, eager = compiled(fast, x, y), experiment.update_by_hand(eager, x, y)
    for name, expected in eager.items():
        np.testing.assert_allclose(fast[name], expected, rtol=1e-12)
    assert "not compiled" not in compiled.why


def array_written_to(x):
    a = np.array([x[0], x[1]])
    a[0] = 5
    return a * x[2]


LISTS = {
    "nested": lambda x: np.array([[x[0], x[1]], [x[2], 3]]),
    "of Python's numbers": lambda x, n=3.0: np.array([n, 2 * n]) / np.array([0.5, 0.0]) * x[0],
    "product": lambda x: np.array([[x[0], x[1], 1], [x[2], 0, 1]]) @ x,
    "beside an array": lambda x: np.stack([np.array([x[0], x[1]]), x[1:]]),
    "function": lambda x: np.tanh(np.array([x[0], x[1]])) + np.sum(np.array([x[2], 1])),
    "number": lambda x: np.asarray(x[0] * 2) + 1,
    "of one number": lambda x: np.full(3, x[0] * 2),
    "zeros of its shape": lambda x: np.zeros_like(np.array([x[0], 1])) + x[2],
    "written to": array_written_to,
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_an_array_of_a_list_of_numbers(name, backend):
    f, fast = LISTS[name], al.compile(LISTS[name], backend=backend)
    for x in np.random.default_rng(0).normal(size=(5, 3)):
        result, expected = fast(x), f(x)
        assert (type(result), result.dtype) == (type(expected), expected.dtype)
        np.testing.assert_allclose(result, expected, rtol=1e-14)
    assert "not compiled" not in fast.why


OTHER_LISTS = {
    "rows": lambda x: np.array([x, x * 2]),
    "another type": lambda x: np.array([x[0], x[1]], dtype=np.float32),
    "narrow numbers": lambda x: np.array([np.float32(1.1), x[0]]) * 3,
    "a root of a number below 0": lambda x: np.array([x[0], -8.0]) ** (1 / 3),
    "a branch": lambda x: np.max(np.array([x[0], x[1]])),
    "whole numbers": lambda x: np.array([x[0] * 2, 1]).astype(int),
}


@pytest.mark.parametrize("name", OTHER_LISTS)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_list_that_is_no_array_of_a_program(name):
    f, x = OTHER_LISTS[name], np.array([1.0, 2.0, 3.0])
    with pytest.raises(al.TraceError, match="A program knows no values, and this needs one"):
        al.compile(f, backend="numpy")(x)
    np.testing.assert_array_equal(al.compile(f)(x), f(x))


def by_rules(net, criterion, lr, x, y):
    loss = criterion(net(x), y)
    for p in net.parameters():
        p.grad = None
    loss.backward()
    for p in net.parameters():
        p.data = p.data - lr * p.grad.data
    return loss.data


@pytest.mark.parametrize("kind", NETWORKS.values(), ids=lambda kind: kind.name)
def test_a_step_by_hand_on_tensors_runs_as_it_is_and_says_what_to_compile(kind):
    experiment = kind()
    nets = [experiment.build(experiment.seed) for _ in range(2)]
    steps = [
        lambda x, y, net=net: by_rules(net, experiment.criterion, experiment.lr, x, y)
        for net in nets
    ]
    fast = al.compile(steps[0])
    for x, y in bare(experiment):
        assert fast(x, y) == steps[1](x, y)
    for p, q in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    assert "it changes the gradient of tensor" in fast.why
    assert "Compile the loss alone, with an optimiser: al.compile(loss, al.optim.SGD(" in fast.why
    with pytest.raises(al.TraceError, match="changes the gradient of"):
        al.compile(steps[0], backend="numpy")(*bare(experiment)[0])


def test_two_optimisers_are_refused_with_what_to_write():
    v, w = (al.Tensor(1.0, requires_grad=True) for _ in range(2))
    both = [al.optim.SGD([t], lr=0.1) for t in (v, w)]
    with pytest.raises(TypeError, match="compile needs one optimiser, got 2"):
        al.compile(lambda x: (v * w * x) ** 2, both)
    a, b = ({"params": [t], "lr": lr} for t, lr in ((v, 0.1), (w, 0.01)))
    step = al.compile(lambda x: (v * w * x) ** 2, al.optim.SGD([a, b], lr=1.0), backend="numpy")
    step(1.0)
    np.testing.assert_allclose([v.item(), w.item()], [0.8, 0.98])


def test_a_function_that_takes_the_number_out_is_told_to_leave_it():
    compiled = al.compile(lambda x: al.Tensor(x).sum().item(), backend="numpy")
    with pytest.raises(al.TraceError, match=r"item\(\)\. Return the array, or compute with it"):
        compiled(np.ones(2))
