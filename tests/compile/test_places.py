"""Indices that are arguments or are computed, in machine code: right, or eager mode's error."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.functional.nests import leaves_of
from autograd_lite.nn import functional

pytest.importorskip("numba")
RNG = np.random.default_rng(0)
T, X = RNG.normal(size=(4, 3)), RNG.normal(size=4)
ROWS, COLUMNS, PICKS = (
    np.array([1, 0, 2, -1]),
    np.array([2, -3, 1]),
    np.array([[0], [2], [1], [-1]]),
)
TIES = np.array([0.0, 1, np.nan, -0.0, 1])
POOL = RNG.normal(size=(1, 1, 3, 3))
POOL[0, 0, 1, 1] = POOL[0, 0, 1, 2]


def squares(f):
    return al.value_and_grad(lambda *xs: (f(*xs) ** 2 * np.arange(1.0, f(*xs).size + 1)).sum())


def rounds(x):
    return x.reshape(-1)


CASES = {
    "columns": (squares(lambda t, i: rounds(t[1:, None, i])), T, COLUMNS),
    "two indices": (squares(lambda t, i: t[i, np.array([0, 1, 1, 2])]), T, ROWS),
    "a number": (squares(lambda t, i: t[i]), T, np.int64(-2)),
    "a sum": (al.value_and_grad(lambda t, i: t[i[0], i[1]] + t[i[1], i[2]]), T, COLUMNS),
    "short": (squares(lambda t, i: rounds(t[i])), T.astype(np.float32), ROWS.astype(np.int32)),
    "along": (squares(lambda t, k: rounds(np.take_along_axis(t, k, axis=1))), T, PICKS),
    "argmax": (squares(lambda t: t[np.arange(4), np.argmax(t, axis=1)]), T),
    "labels": (al.value_and_grad(functional.cross_entropy), T, np.array([1, 0, 2, 1])),
    "sort": (squares(np.sort), TIES[TIES == TIES]),
    "order": (lambda x: np.argsort(x, stable=True), TIES),
    "median": (al.value_and_grad(np.median), X),
    "pool": (squares(lambda x: rounds(functional.max_pool2d(x, 2, 1))), POOL),
    "dilated": (lambda x: functional.max_pool2d(x, 2, 1, dilation=2), POOL),
}  # fmt: skip


@pytest.mark.parametrize("part", range(2))
def test_what_is_picked_is_what_eager_mode_picks(part):
    chosen = [*CASES.values()][part::2]
    fast = al.compile(lambda *groups: [f(*xs) for (f, *_), xs in zip(chosen, groups, strict=True)],
                      backend="numba")  # fmt: skip
    given = [case[1:] for case in chosen]
    for _ in range(3):
        found = fast(*given)
    assert fast.why.startswith("numba"), fast.why
    for case, result in zip(chosen, found, strict=True):
        for a, b in zip(leaves_of(result), leaves_of(case[0](*case[1:])), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-6 if a.dtype == np.float32 else 1e-12)


def test_an_index_out_of_range_is_the_error_of_eager_mode_at_every_call():
    fast = al.compile(lambda t, i: t[i], backend="numba")
    for _ in range(2):
        np.testing.assert_array_equal(fast(T, ROWS), T[ROWS])
        for wrong in (4, -5):
            with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 0"):
                fast(T, np.where(ROWS == 2, wrong, ROWS))
    assert fast.why.startswith("numba")


def test_an_index_that_may_be_out_of_range_is_left_to_numpy_and_the_line_is_named():
    fast = al.compile(lambda t, i: t[i + 1], backend="numba")
    np.testing.assert_array_equal(fast(T, ROWS), T[ROWS + 1])
    with pytest.raises(IndexError):
        fast(T, ROWS + 2)
    assert "an index that is computed from values (test_places.py:" in fast.why


def test_a_loop_of_steps_with_rows_of_a_table():
    table = al.Tensor(T, requires_grad=True)
    step = al.compile(lambda i, y: al.mse(table[i], y), al.optim.SGD([table], lr=0.1))
    losses = step.run(30, ROWS, np.zeros((4, 3)))
    assert step.why.startswith("numba")
    w, expected = T.copy(), []
    for _ in range(30):
        expected.append(np.mean(w[ROWS] ** 2))
        g = np.zeros_like(w)
        np.add.at(g, ROWS, 2 * w[ROWS] / 12)
        w -= 0.1 * g
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    with pytest.raises(IndexError):
        step.run(3, ROWS + 3, np.zeros((4, 3)))


def test_gradients_of_many_entries_go_where_partition_took_them_from():
    x, weights = np.random.default_rng(0).normal(size=3000), np.arange(3000.0)
    found = al.grad(lambda x: (np.partition(x, 1000) * weights).sum())(x)
    where = {value: k for k, value in enumerate(np.partition(x, 1000))}
    assert found.tolist() == [where[value] for value in x]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_second_derivatives_of_what_is_picked(backend):
    def picked(x):
        low = x[np.arange(2), np.argmin(x, axis=1)]
        return np.sum(low) + np.sum(np.interp(low, [-9.0, 0.0, 9.0], [1.0, 0.0, 2.0]) ** 2)

    f = al.grad(lambda x: np.sum(al.grad(picked)(x) * x))
    np.testing.assert_allclose(al.compile(f, backend=backend)(T[:2]), f(T[:2]), rtol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.nanmedian(x, axis=1),
        lambda x: np.nanquantile(x, [0.2, 0.9], axis=0),
        lambda x: np.nanpercentile(x, 30, axis=1, keepdims=True, method="hazen"),
    ],
)
def test_quantiles_of_what_is_a_number_count_it_at_each_call(f, backend):
    def total(x):
        quantiles = f(x)
        return np.sum(np.where(np.isnan(quantiles), 0.0, quantiles) ** 2)

    both = lambda x: (f(x), al.grad(total)(x))  # noqa: E731  (a function of two results)
    fast = al.compile(both, backend=backend)
    x = np.random.default_rng(0).normal(size=(3, 4))
    for places in ([], [(0, 1)], [(0, 1), (1, 2), (1, 3)], [(2, 0), (2, 2), (2, 3), (0, 0)]):
        given = x.copy()
        for place in places:
            given[place] = np.nan
        for got, wanted in zip(fast(given), both(given), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-12)
    assert fast.why.startswith("numba" if backend == "numba" else "NumPy"), fast.why
