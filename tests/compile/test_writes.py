"""What a compiled function writes into an array is seen through every name and view of it."""

import numpy as np
import pytest

import autograd_lite as al

ROW, SQUARE = np.arange(1.0, 7.0), np.arange(9.0).reshape(3, 3)


def view(write):
    """Write through a view of an array, and return the array."""

    def function(a):
        t = a * 1.0
        write(t)
        return t

    return function


def changed(change):
    """Change a view of an array by an operator, and return the array."""

    def function(a):
        t = a * 1.0
        u = change(t)
        u *= 2
        return t

    return function


def both_names(a):
    t = a * 1.0
    u = t
    t += 1
    t -= u * 0.5
    return u


def copied_before(a):
    t = a * 1.0
    u = t.copy()
    t += 1
    return u + t


def converted_before(a):
    t = a.astype(float)
    t -= t.mean()
    return t + a


def after_a_view_is_gone(a):
    t = a * 1.0
    top = t[1:].sum()
    t -= top
    return t


def in_a_loop(a):
    t = np.zeros_like(a)
    for _ in range(3):
        t += a
        t /= 2
    return t


def integers(a):
    t = (a * 3).astype(int)
    u = t
    t //= 2
    t %= 5
    t &= 6
    return u


def recorded_before(a):
    w = al.Tensor(ROW, requires_grad=True)
    t = a * 1.0
    loss = np.sum(w * t * w)
    t += 100
    loss.backward()
    return w.grad.data + t


def argument(a):
    a += 1
    return a * 2


def neighbours(a):
    t, rows = np.zeros_like(a), np.zeros((2, 6), like=a)
    before, inside = t[:-1], t[1:-1]
    inside += a[2:] - a[:-2]
    t[1:] += before
    rows[0], rows[1] = t, before.sum()
    rows[0], rows[1] = rows[1], rows[0]
    t[t > 1.5] = 0.0
    return [t, before, inside, rows]


def bare(a):
    weights, index = np.arange(6.0), np.array([0, 1])
    t = weights + a
    weights[0], before = 9.0, a[index]
    index += 1
    weights[...] = np.stack([t, weights])[0].shape[0]
    return [t * weights, before, a[index], np.where(weights > 1, a, weights)]


WRITES = {
    "put": view(lambda t: np.put(t, [0, -1], 0.0)),
    "putmask": view(lambda t: np.putmask(t, np.arange(6) > 3, 0.0)),
    "place": view(lambda t: np.place(t, np.arange(6) > 4, 0.0)),
    "copyto": view(lambda t: np.copyto(t, 0.0)),
    "cumsum": view(lambda t: np.cumsum(t, out=t)),
    "clip": view(lambda t: np.clip(t, 2, 3, out=t)),
    "clip, by position": view(lambda t: np.clip(t, 2, 3, t)),
    "a method": view(lambda t: t.clip(2, 3, out=t)),
    "exp": view(lambda t: np.exp(t, out=t)),
    "a sum": view(lambda t: np.add.reduce(t[None], axis=0, out=t)),
    "at": view(lambda t: np.add.at(t, [0, 0], 1.0)),
    "sort": view(lambda t: (-t).sort()),
    "fill": view(lambda t: t.fill(3)),
    "nan_to_num": view(lambda t: np.nan_to_num(t, copy=False)),
    "set an entry": view(lambda t: t.__setitem__(0, 5.0)),
    "part": changed(lambda t: t[1:]),
    "transposed": changed(lambda t: t[None].T),
    "reshaped": changed(lambda t: t.reshape(2, 3)),
    "split": changed(lambda t: np.split(t, 3)[1]),
    "real": changed(lambda t: t.real),
    "flipped": changed(lambda t: np.flip(t)),
    "asarray": changed(lambda t: np.asarray(t)),
    "atleast_2d": changed(lambda t: np.atleast_2d(t)),
    "expanded": changed(lambda t: np.expand_dims(t, 0)),
    "picked": changed(lambda t: t[[0, 1]]),
    "swapped": changed(lambda t: np.swapaxes(t[None], 0, 1)),
    "two names": both_names,
    "copied": copied_before,
    "converted": converted_before,
    "a view that is gone": after_a_view_is_gone,
    "a loop": in_a_loop,
    "integers": integers,
    "recorded": recorded_before,
    "argument": argument,
    "neighbours": neighbours,
    "bare arrays": bare,
}
REFUSED = ("clip, by position", "a method", "nan_to_num", "asarray", "argument")


@pytest.mark.filterwarnings("ignore:.*requires a gradient")
@pytest.mark.parametrize("name", WRITES)
def test_a_write_is_seen_or_the_function_is_not_compiled(name):
    given, f = ROW.copy(), WRITES[name]
    expected = f(given.copy())
    compiled = al.compile(f, backend="auto")
    for _ in range(3):
        got = compiled(given.copy())
        for x, y in zip([*got], [*expected], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12)
    if name not in REFUSED:
        assert "def " in compiled.source
        assert "not compiled" not in compiled.why


def test_a_diagonal_is_filled():
    def f(a):
        t = a * 1.0
        np.fill_diagonal(t, 0.0)
        return t

    np.testing.assert_array_equal(al.compile(f)(SQUARE), f(SQUARE))


def test_a_training_that_writes_into_its_data_is_that_of_eager_mode():
    def trained(run):
        x = np.random.default_rng(0).normal(size=(6, 3))
        w = al.Tensor(np.zeros(3), requires_grad=True)
        optimiser = al.optim.SGD([w], lr=0.1)

        def loss(x, y):
            z = x.copy()
            column = z[:, 0]
            column -= column.mean()
            return al.mse(z @ w, y)

        run(loss, optimiser, x, x[:, 0] > 0)
        return w.numpy()

    def eagerly(loss, optimiser, x, y):
        for _ in range(20):
            optimiser.zero_grad()
            loss(x, y).backward()
            optimiser.step()

    compiled = trained(lambda loss, optimiser, x, y: al.compile(loss, optimiser).run(20, x, y))
    np.testing.assert_allclose(compiled, trained(eagerly), rtol=1e-12)


@pytest.mark.parametrize("name", ["dtype", "shape", "strides"])
def test_what_an_array_is_cannot_be_set_inside_and_the_line_is_named(name):
    w = al.Tensor(np.ones((3, 1)), requires_grad=True)

    def loss(x):
        setattr(w.data, name, getattr(np.ones((1, 3), np.float32), name))
        return (x @ w).sum()

    step = al.compile(loss, al.optim.SGD([w], lr=0.1), backend="numpy")
    with pytest.raises(al.TraceError, match=rf"test_writes.py:\d+: setattr.*setting the {name} of"):
        step(np.ones((2, 3)))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_entries_that_only_a_later_call_repeats_have_their_derivatives(backend):
    if backend == "numba":
        pytest.importorskip("numba")

    def f(x, v, rows):
        t = x * 1.0
        t[rows] = v
        return np.sum(t * t)

    g = al.grad(f, (0, 1))
    fast = al.compile(g, backend=backend)
    given = np.ones((3, 2)), np.arange(6.0).reshape(3, 2)
    for rows in ([0, 1, 2], [0, 1, 2], [2, 1, 2]):
        for a, b in zip(fast(*given, np.array(rows)), g(*given, np.array(rows)), strict=True):
            np.testing.assert_array_equal(a, b)
