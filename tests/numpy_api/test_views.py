"""A view shows what has since been written to what it was taken from, as NumPy's views do.

A program is a list of steps over a pool of values that are all held to the end: it takes views,
writes, and computes. It runs on Tensors first; what they refuse is left out of the run on arrays.
"""

import gc
import math
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import by_complex_step

import autograd_lite as al
from autograd_lite import GradientError, Tensor

TAKEN = {
    "rows": lambda a: a[1:],
    "row": lambda a: a[-1],
    "columns": lambda a: a[..., :2],
    "transposed": lambda a: a.T,
    "flat": lambda a: a.reshape(-1),
    "backwards": np.flip,
    "wider": lambda a: a[..., None],
    "swapped": lambda a: np.swapaxes(a, 0, -1),
    "stretched": lambda a: np.broadcast_to(a, (2, *a.shape)),
    "split": lambda a: np.array_split(a, 2)[0],
}
WRITTEN = {
    "entry": lambda a, b: a.__setitem__((0,) * a.ndim, np.sum(np.sin(b))),
    "row": lambda a, b: a.__setitem__(-1, 0.3 * np.sum(b) * a[0]),
    "mask": lambda a, b: a.__setitem__((a.real if a.dtype == complex else a) > 0, 0.5),
    "all": lambda a, b: a.__imul__(np.sum(b) * 0.1),
    "part": lambda a, b: a.__setitem__(slice(1, None), a[1:] * 2.0),
}
MADE = {
    "sine": lambda a, b: np.sin(a),
    "sum": lambda a, b: a * 0.5 + 0.3 * np.sum(b),
}


def run(steps, pool, refused=None):
    """Run a program; return the value of all that is in the pool, and which writes were refused."""
    left_out = set()
    for number, (name, i, j) in enumerate(steps):
        a, b = pool[i % len(pool)], pool[j % len(pool)]
        if name in TAKEN and a.ndim and a.size and a.ndim < 4:
            pool.append(TAKEN[name](a))
        elif name in MADE:
            pool.append(MADE[name](a, b))
        elif name.startswith("write ") and a.ndim and a.size:
            if refused is not None and number in refused:
                continue
            try:
                WRITTEN[name[len("write ") :]](a, b)
            except (GradientError, ValueError):  # NumPy does not write to what it has stretched.
                left_out.add(number)
    total = 0.0
    for n, value in enumerate(pool):
        weights = np.cos(np.arange(value.size) + n).reshape(value.shape)
        total = total + np.sum(np.sin(value) * weights)
    return total, left_out


STEPS = st.lists(
    st.tuples(
        st.sampled_from([*TAKEN, *MADE, *(f"write {name}" for name in WRITTEN for _ in range(3))]),
        st.integers(0, 11),
        st.integers(0, 11),
    ),
    min_size=4,
    max_size=14,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(STEPS, st.integers(0, 99))
def test_programs_with_views_and_writes_are_numpys(steps, seed):
    start = np.random.default_rng(seed).normal(size=(3, 3))

    def program(x, refused=None):
        constant = np.cos(np.arange(1.0, 7.0)).reshape(2, 3)
        if isinstance(x, Tensor):
            constant = Tensor(constant)
        pool = [x * 1.5, constant if isinstance(x, Tensor) else constant + 0 * x[0, 0]]
        return (*run(steps, pool, refused), pool)

    x = Tensor(start, requires_grad=True)
    total, refused, tensors = program(x)
    expected, more, arrays = program(start, refused)
    assert not more
    for got, want in zip(tensors, arrays, strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(total.item(), expected, rtol=1e-12, atol=1e-12)
    total.backward(create_graph=True)
    want = by_complex_step(lambda z: program(z, refused)[0], (start,), 0)
    scale = max(1.0, np.abs(want).max())  # What cancels out leaves the rounding of what was large.
    np.testing.assert_allclose(x.grad.numpy(), want, rtol=1e-10, atol=1e-10 * scale)


def leaf(value):
    return Tensor(value, requires_grad=True)


def test_what_used_a_view_before_the_write_keeps_what_it_used():
    p = leaf([1.0, 2.0, 3.0])
    u = p * 2.0
    w = u[1:]
    before = w * 10.0
    u[1] = 5.0 * p[0]
    after = w * 100.0
    assert (before.tolist(), after.tolist()) == ([40.0, 60.0], [500.0, 600.0])
    (before.sum() + after.sum()).backward()
    assert p.grad.tolist() == [500.0, 20.0, 220.0]


def test_a_sweep_that_is_recorded_sees_what_was_used_and_not_what_was_written_since():
    p = leaf([1.0, 2.0])
    u = p * 1.0
    w = u[:1]
    loss = (w * w * w).sum()
    u[0] = 100.0
    loss.backward(create_graph=True)
    assert p.grad.tolist() == [3.0, 0.0]
    first, p.grad = p.grad, None
    first[0].backward()
    assert p.grad.tolist() == [6.0, 0.0]


@pytest.mark.parametrize(
    "read",
    [
        lambda w: w.numpy()[0], lambda w: w.data[0], lambda w: w.tolist()[0], lambda w: w.item(0),
        lambda w: float(w[0]), lambda w: float(f"{w[0]:f}"), lambda w: float(str(w).strip("[]")),
        lambda w: 7.0 if w == 7.0 else 0.0, lambda w: w.detach().item(), lambda w: float(+w[0]),
        lambda w: w.sum().item(), lambda w: np.concatenate([w, w])[1].item(),
        lambda w: Tensor(w).item(), lambda w: w.astype(int).item(), lambda w: np.argmax([w]) + 7,
        lambda w: next(float(x) for x in w), lambda w: np.asarray(w)[0],
    ],
)  # fmt: skip
@pytest.mark.parametrize("wide", [False, True])
def test_every_way_to_read_it_shows_what_was_written(read, wide):
    u = Tensor([1.0, 2.0])
    w = u[1:][None][0] if wide else u[1:]
    u[1] = 7.0
    assert read(w) == 7.0


def test_a_constant_gets_the_gradient_of_what_is_written_through_it():
    q = leaf(3.0)
    table = Tensor(np.zeros((2, 2)))
    column = table.T[1]
    assert not column.requires_grad
    table[0, 1] = q * q
    assert column.requires_grad
    column.sum().backward()
    assert q.grad.item() == 6.0


def test_a_parameter_that_is_written_to_outside_the_record():
    p = leaf([1.0, 2.0, 3.0])
    w = p[1:]
    with al.no_grad():
        p[1] = 9.0
        assert w.tolist() == [9.0, 3.0]
    (w * w).sum().backward()
    assert p.grad.tolist() == [0.0, 18.0, 6.0]


def test_views_of_a_parameter_follow_its_training():
    p = leaf([1.0, 2.0])
    w = p[1:]
    loss = (w * w).sum()
    p.data = [5.0, 6.0]
    assert w.tolist() == [6.0]
    loss.backward()  # Of what it was computed from.
    assert p.grad.tolist() == [0.0, 4.0]
    al.optim.SGD([p], lr=1.0).step()
    assert w.tolist() == [2.0]
    (w * w).sum().backward()
    assert p.grad.tolist() == [0.0, 8.0]


def test_hooks_go_on_being_called_where_a_view_is_taken_again():
    p = leaf([1.0, 2.0])
    u = p * 1.0
    w = u[1:]
    w.retain_grad()
    u[1] = 4.0 * p[0]
    (3.0 * w).sum().backward()
    assert w.grad.tolist() == [3.0]
    assert p.grad.tolist() == [12.0, 0.0]


def test_a_graph_shows_the_view_as_it_is():
    p = Tensor([1.0, 2.0], requires_grad=True, name="p")
    u = p * 1.0
    w = u[1:]
    u[1] = 4.0 * p[0]
    graph = al.Graph(w, names={})
    assert graph.outputs[0].value.tolist() == [4.0]
    assert "assign" in {node.primitive.name for node in graph.nodes if node.primitive}


def test_a_view_that_is_written_into_its_own_owner_leaves_no_cycle():
    gc.disable()
    try:
        u = leaf([1.0, 2.0, 3.0]) * 1.0
        w = u[1:]
        for _ in range(3):
            u[:2] = 2.0 * w
            w = w * 1.0 if w.shape != (2,) else w
        references = [weakref.ref(u), weakref.ref(w)]
        w.sum().backward()
        del u, w
        assert all(reference() is None for reference in references)
    finally:
        gc.enable()


def test_many_views_of_views_and_writes_take_linear_time():
    x = leaf(np.ones(4)) * 1.0
    y = x
    for _ in range(20_000):
        y = y[::-1]
    x[0] = 5.0
    assert y.tolist() == [5.0, 1.0, 1.0, 1.0]
    with al.no_grad():
        z = Tensor(np.ones(4))
        for _ in range(5_000):
            z = z[::-1]
        assert z.tolist() == [1.0] * 4


# ------------------------------------------------------------------ who holds what


def filled(x):
    padded = Tensor(np.zeros(5)) if isinstance(x, Tensor) else np.zeros(5)
    inner = padded[1:-1]
    padded[1:-1] = x
    return inner


def shifted(x):
    u = x * 1.0
    v = u[1:]
    u[:2] = v * 10.0
    return v


def siblings(x):
    a = x * 2.0
    first, second = a[:2], a[1:]
    del a
    first[1] = x[0] * 7.0
    return second


def renamed(x):
    a = (x * 1.0).reshape(1, 3)
    b = a.T
    a = a.reshape(-1)
    a[1] = x[0] * 9.0
    return b


def of_a_number(x):
    u = x * 1.0
    v = u[0, ...].reshape(1)
    v[0] = 5.0 * x[1]
    return u


@pytest.mark.parametrize("f", [filled, shifted, siblings, renamed, of_a_number])
def test_a_view_outlives_the_names_of_what_it_was_taken_from(f):
    x = np.array([1.0, 2.0, 3.0])
    weights = np.arange(1.0, 4.0)
    p = leaf(x)
    result = f(p)
    np.testing.assert_array_equal(result.numpy(), f(x))
    gc.collect(1)  # What is young: after many other tests, all of it takes seconds.
    (np.ravel(result) * weights[: result.size]).sum().backward()
    slopes = []
    for e in 1e-6 * np.eye(3):
        ends = (np.sum(np.ravel(f(x + h)) * weights[: result.size]) for h in (e, -e))
        slopes.append((next(ends) - next(ends)) / 2e-6)
    np.testing.assert_allclose(p.grad.numpy(), slopes, rtol=1e-7, atol=1e-7)


def test_siblings_where_one_is_not_recorded():
    u = leaf([1.0, 2.0, 3.0]) * 1.0
    first = u[1:]
    with al.no_grad():
        second = u[1:]
    del u
    first[0] = 9.0
    assert second.tolist() == [9.0, 3.0]


@pytest.mark.parametrize(
    ("make", "write"),
    [
        (lambda a: a.T * 2.0, lambda u: u.__iadd__(np.ones((3, 2)))),
        (lambda a: a.T * 2.0, lambda u: u.__imatmul__(np.ones((2, 2)))),
        (lambda a: (a * 1.0)[:, ::2], lambda u: u.__imul__(2.0)),
        (lambda a: (a[:, :2] * 1.0).T, lambda u: u.__iadd__(u.T)),
    ],
)
@pytest.mark.parametrize("flat", [lambda u: u.T.ravel(), lambda u: u.reshape(-1), np.ravel])
@pytest.mark.parametrize("first", [True, False])
def test_a_write_keeps_the_layout_on_which_depends_what_is_a_view(make, write, flat, first):
    found = []
    for a in (np.arange(6.0).reshape(2, 3), leaf(np.arange(6.0).reshape(2, 3))):
        u = make(a)
        if first:
            f = flat(u)
        u = write(u)
        if not first:
            f = flat(u)
        u[0, 0] = 99.0
        f[1] = 77.0
        found.append((np.array(u.tolist()), np.array(f.tolist())))
    np.testing.assert_array_equal(found[1][0], found[0][0])
    np.testing.assert_array_equal(found[1][1], found[0][1])


def test_cotangents_that_are_views_are_up_to_date():
    g = Tensor([1.0, 2.0, 3.0])
    v = g[1:]
    g[1] = 10.0
    p = leaf([1.0, 1.0])
    y = p * 1.0
    y.backward(v)
    assert p.grad.tolist() == [10.0, 3.0]
    p.zero_grad()
    w = g[1:]
    g[2] = 5.0
    y.register_hook(lambda _: w)
    y.sum().backward()
    assert p.grad.tolist() == [10.0, 5.0]


def test_gradients_of_a_recorded_sweep_share_nothing():
    a, b = leaf(np.ones((2, 2))), leaf(np.ones((2, 2)))
    z = a.T + b
    (z * z).sum().backward(create_graph=True)
    a.grad[0, 0] = 0.0
    assert b.grad.tolist() == [[4.0, 4.0], [4.0, 4.0]]
    w, seed = leaf(np.ones((2, 2))), Tensor(np.ones((2, 2)))
    w.T.backward(seed, create_graph=True)
    seed *= 0.0
    w.grad[0, 0] = 100.0
    assert (w.grad[1, 1].item(), seed[0, 0].item()) == (1.0, 0.0)


def test_a_view_that_is_made_a_parameter_is_one_of_its_own():
    whole = Tensor(np.arange(4.0))
    w = whole[1:]
    w.requires_grad = True
    with pytest.raises(GradientError, match="leaf"):
        w += 1.0
    loss = (w * w).sum()
    whole[1] = 9.0
    assert w.tolist() == [1.0, 2.0, 3.0]
    loss.backward()
    assert w.grad.tolist() == [2.0, 4.0, 6.0]


def test_a_view_that_was_taken_outside_the_record_stays_there():
    p = leaf([1.0, 2.0, 3.0])
    with al.no_grad():
        w = p[1:]
        p -= 0.5
    assert w.tolist() == [1.5, 2.5]
    assert not w.requires_grad
    y = p * 1.0
    with al.no_grad():
        w = y[1:]
    with pytest.raises(GradientError, match="taken inside no_grad"):
        w[0] = 5.0
    assert y.tolist() == [0.5, 1.5, 2.5]


def test_checkpoint_with_a_view_from_outside():
    p, x = leaf([1.0, 2.0, 3.0]), leaf([1.0, 1.0])
    u = p * 1.0
    w = u[1:]
    u[1] = 5.0 * p[0]
    al.checkpoint(lambda x: (x * w * w).sum())(x).backward()
    assert p.grad.tolist() == [50.0, 0.0, 6.0]
    y = al.checkpoint(lambda x: (x * w * w).sum())(x)
    u *= -1.0
    with pytest.raises(GradientError, match="has a new value now"):
        y.backward()


def test_what_is_put_back_elsewhere_is_written():
    u = leaf([[1.0, 2.0], [3.0, 4.0]]) * 1.0
    u[True] = u[1]
    assert u.tolist() == [[3.0, 4.0], [3.0, 4.0]]


def test_a_kept_gradient_stays_when_the_view_is_read():
    p = leaf([1.0, 2.0])
    u = p * 1.0
    w = u[1:]
    w.retain_grad()
    (w * w).sum().backward()
    u[1] = 7.0
    assert w.tolist() == [7.0]
    assert w.grad.tolist() == [4.0]
    v = u[:1]
    v.retain_grad()
    loss = (v * v).sum()
    u[0] = 3.0
    assert v.tolist() == [3.0]
    loss.backward()
    assert v.grad.tolist() == [2.0]


@pytest.mark.parametrize("recorded", [True, False])
def test_windows_that_shrink(recorded):
    n = 400
    v = Tensor(np.ones(n), requires_grad=recorded) * 1.0
    whole, array = v, np.ones(n)
    window = array
    for k in range(n - 1):
        v[0] = v[0] + k
        v = v[1:]
        window[0] = window[0] + k
        window = window[1:]
    np.testing.assert_array_equal(whole.numpy(), array)


def test_long_chains_of_views_and_unrelated_writes():
    y = leaf(np.ones(4)) * 1.0
    start, other = y, Tensor(np.zeros(2))
    for _ in range(2_000):
        y = y[::-1]
        other += 1.0
        assert y.shape == (4,)
    y[0] = 5.0
    assert start.tolist() == [5.0, 1.0, 1.0, 1.0]
    start[3] = 6.0
    assert y.tolist() == [5.0, 1.0, 1.0, 6.0]


def test_a_diagonal_is_not_written_to_even_if_nobody_sees_the_rest():
    for take in (np.diagonal, lambda a: np.broadcast_to(a, (2, 2, 2))):
        part = take(leaf(np.ones((2, 2))) * 1.0)
        with pytest.raises(ValueError, match="diagonal"):
            part[0] = 9.0


def test_a_long_chain_of_views_may_be_stretched():
    u = leaf([[1.0, 2.0]]) * 1.0
    y = np.broadcast_to(u, (3, 2))
    for _ in range(9):
        y = y[::-1]
    u[0, 0] = 5.0
    y.sum().backward(create_graph=True)
    assert y.tolist() == [[5.0, 2.0]] * 3


@pytest.mark.parametrize("take", [Tensor, np.asarray, lambda v: math.exp(v[0])])
def test_a_view_is_up_to_date_before_its_bare_value_is_taken(take):
    q = leaf(3.0)
    table = Tensor(np.zeros(2))
    part = table[:1]
    table[0] = q * q
    with pytest.raises(GradientError):
        take(part)


def test_sliding_windows_show_what_is_written_and_are_not_written_to():
    x = al.Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = x * 1
    windows = np.lib.stride_tricks.sliding_window_view(y, 2)
    y[1] = 100.0
    y *= 2
    assert windows.tolist() == [[2.0, 200.0], [200.0, 6.0], [6.0, 8.0]]
    windows.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 4.0, 2.0]
    with pytest.raises(ValueError, match="a view that NumPy does not write to"):
        windows[0] = 1.0
    with pytest.raises(ValueError, match="a view that NumPy does not write to"):
        windows[0][1] = 1.0


@pytest.mark.parametrize("made", [lambda x: x, lambda x: leaf(x) * 1.0, lambda x: Tensor(x)[1:]])
@pytest.mark.filterwarnings("ignore:you are shuffling")  # NumPy.
def test_rows_are_not_exchanged_through_views_of_each_other(made):
    """NumPy doubles a row, as each view shows what was written: nobody means that."""
    x = np.arange(8.0).reshape(4, 2)
    t = made(Tensor(x))
    with pytest.raises(ValueError, match=r"write t\[\[i, j\]\] = t\[\[j, i\]\]"):
        t[0], t[1] = t[1], t[0]
    with pytest.raises(ValueError, match=r"rng\.permutation\(len\(t\)\)"):
        np.random.default_rng(0).shuffle(made(Tensor(x)))
    t = made(Tensor(x))
    rows = t.tolist()
    t[[0, 1]] = t[[1, 0]]
    assert t.tolist() == [rows[1], rows[0], *rows[2:]]
    t[0] = t[1]
    t[1] = t[0]  # Taken after the write, it is what it says.
    assert t.tolist()[:2] == [rows[0]] * 2
    kept, t[1] = t[0], t[2]
    t[2] = kept
    assert t.tolist()[2] == rows[0]


def test_numbers_are_exchanged_and_shuffled():
    t = leaf([1.0, 2.0, 3.0]) * 1.0
    t[0], t[1] = t[1], t[0]
    assert t.tolist() == [2.0, 1.0, 3.0]
    with pytest.warns(UserWarning, match="you are shuffling"):
        np.random.default_rng(0).shuffle(t)
    assert sorted(t.tolist()) == [1.0, 2.0, 3.0]
