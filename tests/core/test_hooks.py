"""What happens to a gradient that has arrived: hooks see it, and `retain_grad` keeps it."""

import numpy as np
import pytest

from autograd_lite import Tensor


def leaf(value, **kwargs):
    return Tensor(value, requires_grad=True, **kwargs)


def test_retain_grad_keeps_the_gradient_of_an_inner_tensor():
    x = leaf([1.0, 2.0])
    inner = x * x
    inner.retain_grad()
    loss = (inner * [3.0, 5.0]).sum()
    loss.backward()
    assert inner.grad.tolist() == [3.0, 5.0]
    loss.backward()
    assert inner.grad.tolist() == [6.0, 10.0]
    assert x.grad.tolist() == [12.0, 40.0]


def test_retain_grad_on_a_leaf_changes_nothing():
    x = leaf(2.0)
    x.retain_grad()
    (x * x).backward()
    assert x.grad.item() == 4.0


def test_hooks_see_the_complete_gradient_in_order_and_may_replace_it():
    seen = []
    w = leaf([1.0, 2.0])
    inner = w * 2.0

    def look(g):
        seen.append(("look", g.tolist()))

    def halve(g):
        seen.append(("halve", g.tolist()))
        return g * 0.5

    inner.register_hook(look)
    handle = inner.register_hook(halve)
    inner.register_hook(look)
    loss = (inner * 3.0 + inner).sum()
    loss.backward()
    assert seen == [("look", [4.0, 4.0]), ("halve", [4.0, 4.0]), ("look", [2.0, 2.0])]
    assert w.grad.tolist() == [4.0, 4.0]

    seen.clear()
    handle.remove()
    handle.remove()
    w.zero_grad()
    loss.backward()
    assert [name for name, _ in seen] == ["look", "look"]
    assert w.grad.tolist() == [8.0, 8.0]


def test_hook_on_a_leaf_changes_what_is_accumulated():
    w = leaf(2.0)
    w.register_hook(lambda g: np.clip(g.numpy(), -1, 1))
    (w * 5.0).backward()
    assert w.grad.item() == 1.0


def test_retained_gradient_is_the_one_the_hook_returned():
    w = leaf(2.0)
    inner = w * 1.0
    inner.retain_grad()
    inner.register_hook(lambda g: g * 7.0)
    inner.backward()
    assert inner.grad.item() == w.grad.item() == 7.0


def test_hook_result_of_another_dtype_is_cast():
    w = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    w.register_hook(lambda g: Tensor(g.numpy().astype(np.float64)))
    (w * w).sum().backward()
    assert w.grad.dtype == np.float32


def test_hook_that_returns_another_shape_is_refused():
    w = leaf([1.0, 2.0], name="w")
    w.register_hook(lambda g: g.sum())
    with pytest.raises(ValueError, match=r"A hook on tensor 'w' must return a gradient of shape "):
        w.sum().backward()


def test_hook_of_a_recorded_sweep_is_recorded():
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    y.backward(create_graph=True)
    first = x.grad  # x * 2 x
    x.zero_grad()
    first.backward()
    assert first.item() == 18.0
    assert x.grad.item() == 12.0
