"""Entries written one by one into an array that nobody else holds: no copies, and nothing lost."""

import numpy as np
import pytest

import autograd_lite as al


def recurrence(w, n=6):
    """The powers of `w`, filled in one by one from the one before."""
    ys = al.Tensor(np.zeros(n))
    ys[0] = w
    for i in range(1, n):
        ys[i] = ys[i - 1] * w
    return ys


def test_what_is_filled_in_has_its_value_and_its_derivatives_of_every_order():
    f = lambda w: recurrence(w).sum()  # noqa: E731  (a function, and its derivatives beside it)
    powers = np.arange(1, 7)
    assert f(0.5).item() == pytest.approx(np.sum(0.5**powers))
    assert al.grad(f)(0.5) == pytest.approx(np.sum(powers * 0.5 ** (powers - 1)))
    assert al.grad(al.grad(f))(0.5) == pytest.approx(
        np.sum(powers * (powers - 1) * 0.5 ** (powers - 2.0))
    )


def test_no_copy_is_made_for_a_write():
    ys = recurrence(al.Tensor(0.5, requires_grad=True))
    array = id(ys._array)
    for i in range(3):
        ys[i] = ys[i + 1] * 2
        assert id(ys._array) == array


@pytest.mark.parametrize(
    "hold",
    [
        lambda t: t.numpy(),
        lambda t: t.numpy()[1:],
        lambda t: memoryview(t.numpy()),
        lambda t: t.detach(),
        lambda t: t * 1,
        lambda t: t[2:5],
        lambda t: t.T,
        lambda t: np.sum(t * t),
        lambda t: al.Graph(t.sum()),
    ],
)
def test_what_somebody_holds_does_not_change(hold):
    w = al.Tensor(0.5, requires_grad=True)
    ys = recurrence(w)

    def seen(held):
        if isinstance(held, al.Graph):
            return [np.array(node.value).tolist() for node in held]
        return np.array(held._array if isinstance(held, al.Tensor) else held).tolist()

    held = hold(ys)
    before = seen(held)
    for i in range(6):
        ys[i] = 9.0 + i
    assert seen(held) == before or (isinstance(held, al.Tensor) and held._view is not None)
    assert ys.tolist() == [9.0, 10.0, 11.0, 12.0, 13.0, 14.0]


def test_views_show_what_is_written_and_write_through():
    ys = recurrence(al.Tensor(0.5, requires_grad=True), 16)
    part = ys[2:4]
    ys[2] = 7.0
    assert part.tolist() == [7.0, 0.0625]
    part[1] = 8.0
    assert ys[3].item() == 8.0


def test_the_gradient_of_what_was_used_between_two_writes():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    t = al.Tensor(np.zeros(3))
    t[0], t[1] = w[0], w[1]
    before = (t * t).sum()
    t[0] = 5.0
    t[2] = w[1] * 3
    (before + t.sum()).backward()
    assert w.grad.tolist() == [2.0, 8.0]


def test_a_graph_shows_every_version_with_its_value():
    w = al.Tensor(2.0, requires_grad=True, name="w")
    ys = recurrence(w, 4)
    values = [n.value.tolist() for n in al.Graph(ys.sum()) if n.primitive is al.ops.assign]
    assert values == [[2, 0, 0, 0], [2, 4, 0, 0], [2, 4, 8, 0], [2, 4, 8, 16]]


def test_what_does_not_fit_changes_nothing():
    ys = recurrence(al.Tensor(0.5, requires_grad=True), 3)
    before = ys.tolist()
    for index, value in ((0, [1.0, 2.0]), (7, 1.0), ("a", 1.0)):
        with pytest.raises((ValueError, IndexError)):
            ys[index] = value
    assert ys.tolist() == before


def test_repeated_positions_count_once():
    v = al.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    ys = recurrence(al.Tensor(0.5, requires_grad=True), 4)
    ys[0] = 0.0
    ys[[1, 1, 2]] = v
    (ys * np.array([1.0, 10.0, 100.0, 0.0])).sum().backward()
    assert v.grad.tolist() == [0.0, 10.0, 100.0]


def test_rows_that_change_places_have_second_derivatives():
    def f(x):
        y = x * 1.0
        y[0], y[1] = y[1].copy(), y[0].copy()
        return (y**3).sum()

    x = np.arange(6.0).reshape(3, 2)
    (product,) = al.hvp(f, (x,), (np.ones((3, 2)),))
    assert product.tolist() == [[0, 6], [12, 18], [24, 30]]
