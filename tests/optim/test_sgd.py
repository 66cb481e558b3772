"""SGD takes the step that it states, and refuses what it cannot train."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim


def test_a_step_moves_each_parameter_against_its_gradient():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    optim.SGD([w], lr=0.25).step()
    np.testing.assert_array_equal(w.numpy(), [0.5, 1.0])
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])


def test_a_step_rebinds_so_that_a_recorded_graph_keeps_its_values():
    w = al.Tensor(3.0, requires_grad=True)
    loss = w * w
    loss.backward()
    optim.SGD([w], lr=1.0).step()
    assert w.item() == -3.0
    w.zero_grad()
    loss.backward()
    assert w.grad.item() == 6.0  # 2 w with the w that was used, not the new one.


def test_parameters_keep_their_dtype():
    w = al.Tensor([1.0], requires_grad=True, dtype=np.float32)
    w.sum().backward()
    optim.SGD([w], lr=0.1).step()
    assert w.dtype == np.float32


def test_a_parameter_that_is_listed_twice_moves_once():
    w = al.Tensor(1.0, requires_grad=True)
    w.backward()
    optim.SGD([w, w], lr=0.25).step()
    assert w.item() == 0.75


def test_a_parameter_without_a_gradient_stays_and_zero_grad_forgets_all():
    used, unused = (al.Tensor(1.0, requires_grad=True) for _ in range(2))
    optimiser = optim.SGD(iter([used, unused]), lr=0.5)
    used.backward()
    optimiser.step()
    assert (used.item(), unused.item()) == (0.5, 1.0)
    optimiser.zero_grad()
    assert used.grad is None


def test_a_gradient_that_was_recorded_does_not_tie_the_parameter_to_its_graph():
    w = al.Tensor(2.0, requires_grad=True)
    (w**3).backward(create_graph=True)
    optim.SGD([w], lr=0.1).step()
    assert w.is_leaf
    assert w.item() == pytest.approx(0.8)


def test_a_step_before_any_gradient_says_what_is_missing():
    w = al.Tensor(1.0, requires_grad=True)
    with pytest.raises(al.GradientError, match=r"Call loss\.backward\(\) first"):
        optim.SGD([w], lr=0.1).step()


@pytest.mark.parametrize(
    ("params", "lr", "error", "message"),
    [
        ([], 0.1, ValueError, "at least one parameter, got none"),
        (nn.Linear(1, 1), 0.1, TypeError, r"got a Linear\. Pass net\.parameters\(\)"),
        (al.Tensor(1.0, True), 0.1, TypeError, r"got a Tensor\. Pass \[params\]"),
        ([np.ones(2)], 0.1, TypeError, "got ndarray at position 0"),
        ([al.Tensor(1.0)], 0.1, ValueError, "requires_grad=True, got Tensor"),
        ([al.Tensor(1.0, True) * 2], 0.1, ValueError, "leaf tensors"),
        ([al.Tensor(1.0, True)], -1.0, ValueError, "an lr of 0 or more, and finite, got -1.0"),
        ([al.Tensor(1.0, True)], "0.1", TypeError, "a number as its lr, got '0.1'"),
        ([al.Tensor(1.0, True)], None, TypeError, "a number as its lr, got None"),
        (
            [al.Tensor(1.0, True)],
            float("nan"),
            ValueError,
            "an lr of 0 or more, and finite, got nan",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(params, lr, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(params, lr)


def test_training_follows_the_step_in_plain_numpy_to_the_last_bit():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    layer = nn.Linear(3, 1, bias=False, rng=rng)
    w = np.array(layer.weight.data)
    optimiser = optim.SGD(layer.parameters(), lr=0.05)
    for _ in range(50):
        optimiser.zero_grad()
        nn.MSE("half_sum")(layer(x), y).backward()
        optimiser.step()
        w = w - 0.05 * x.T.dot(x.dot(w) - y)
    np.testing.assert_array_equal(layer.weight.numpy(), w)


@pytest.mark.parametrize(
    "lr", [0.1, np.float64(0.1), np.array(0.1)], ids=lambda lr: type(lr).__name__
)
def test_a_step_keeps_the_precision_of_the_parameter(lr):
    w = al.Tensor(np.ones(2, np.float32), requires_grad=True)
    optimiser = al.optim.SGD([w], lr=lr)
    (w * 2).sum().backward()
    optimiser.step()
    assert w.dtype == np.float32
    np.testing.assert_allclose(w.numpy(), 0.8, rtol=1e-6)


def test_a_step_of_a_large_array_changes_neither_gradient_nor_graph():
    start = np.linspace(0.0, 1.0, 20_000)
    w = al.Tensor(start, requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    before = w.data
    al.optim.SGD([w], lr=0.25).step()
    np.testing.assert_array_equal(w.numpy(), start - 0.25 * (2 * start))
    np.testing.assert_array_equal(before, start)
    np.testing.assert_array_equal(w.grad, 2 * start)
    loss.backward()
    np.testing.assert_array_equal(w.grad, 4 * start)
