"""Hooks and retained gradients belong to the value that a tensor had when they were asked for."""

import numpy as np
import pytest

import autograd_lite as al


def hooked(t):
    """The gradients that a hook on `t` is called with."""
    calls = []
    t.register_hook(lambda g: calls.append(g.tolist()))
    return calls


@pytest.fixture
def base():
    return al.Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True) * 1


def test_a_hook_before_a_write_gets_the_gradient_of_the_value_before(base):
    calls = hooked(base)
    base *= 3
    (base * base).sum().backward()
    assert calls == [[18.0, 36.0, 54.0, 72.0]]


def test_a_hook_after_a_write_gets_the_gradient_of_the_value_after(base):
    base *= 3
    calls = hooked(base)
    (base * base).sum().backward()
    assert calls == [[6.0, 12.0, 18.0, 24.0]]


def test_a_hook_on_a_view_that_is_written_to_is_called_once(base):
    view = base[:2]
    calls = hooked(view)
    view *= 3
    (view * view).sum().backward()
    assert calls == [[18.0, 36.0]]


@pytest.mark.parametrize("write", [lambda b: b.__setitem__(3, 0.0), lambda b: b.__imul__(2)])
def test_a_hook_on_a_view_outlives_a_write_elsewhere(base, write):
    view = base[:2]
    calls = hooked(view)
    write(base)
    (view * [1.0, 5.0]).sum().backward()
    assert calls == [[1.0, 5.0]]


def test_a_hook_stays_with_what_was_used_before_a_write_elsewhere(base):
    view = base[:2]
    calls = hooked(view)
    before = (view * 7.0).sum()
    base *= 10
    (before + (view * view).sum()).backward()
    assert calls == [[7.0, 7.0]]


@pytest.mark.parametrize("of", [lambda b: b, lambda b: b[...], lambda b: b[1:3]])
def test_a_retained_gradient_is_that_of_the_value_that_was_asked_about(base, of):
    t = of(base)
    value = t.numpy()
    t.retain_grad()
    t *= 3
    (t * t).sum().backward()
    assert t.grad.tolist() == (18 * value).tolist()


def test_a_retained_gradient_that_is_asked_for_again_is_of_the_last_value(base):
    for factor in (2.0, 3.0):
        base.retain_grad()
        base *= factor
    (base * base).sum().backward()
    assert base.grad.tolist() == [3 * 12.0 * x for x in (1, 2, 3, 4)]


def test_a_hook_that_changes_a_gradient_does_so_once(base):
    view = base[:2]
    view.register_hook(lambda g: 10 * g)
    view += np.array([1.0, 1.0])
    base.sum().backward()
    leaf = base._first()._operands[0]
    assert leaf.grad.tolist() == [10.0, 10.0, 1.0, 1.0]
