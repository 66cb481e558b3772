"""Batches: every row once, the same rows of everything, in the order of the generator."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.data import batches

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10)


@pytest.mark.parametrize("rng", [None, 3])
def test_every_row_comes_once_and_with_its_label(rng):
    rng = rng if rng is None else np.random.default_rng(rng)
    found = list(batches(X, Y, 4, rng))
    assert [len(y) for _, y in found] == [4, 4, 2]
    rows, labels = (np.concatenate(parts) for parts in zip(*found, strict=True))
    np.testing.assert_array_equal(rows, X[labels])
    assert sorted(labels) == list(range(10))
    assert (list(labels) == list(range(10))) == (rng is None)


def test_each_pass_has_an_order_of_its_own_and_the_seed_gives_it_again():
    def orders():
        rng = np.random.default_rng(1)
        return [[y.tolist() for _, y in batches(X, Y, 3, rng)] for _ in range(2)]

    first, second = orders()
    assert first != second
    assert orders() == [first, second]


def test_batches_are_copies_and_may_be_of_anything_with_rows():
    for x in batches(X, batch_size=10):
        x[...] = 0
    assert X.sum() == 190
    nest = {"left": X, "right": [Y, al.Tensor(X)]}
    ((part, _),) = batches(nest, Y, 10)
    assert part["right"][1].shape == (10, 2)
    np.testing.assert_array_equal(part["left"], X)
    assert len(list(batches(X, Y, 4, drop_last=True))) == 2
    assert list(batches(X[:0], Y[:0], 4)) == []


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: batches(X, Y[:3], 2), ValueError, r"as many rows in all arrays, got \[10, 3\]"),
        (lambda: batches(X, Y, 0), ValueError, "batch_size of 1 or more, got 0"),
        (lambda: batches(X, Y, 2.0), TypeError, r"an integer as batch_size, got 2\.0"),
        (lambda: batches(X, Y, 2, 3), TypeError, "got rng=3"),
        (lambda: batches([[0, 1]], Y), ValueError, r"single number 0\. Write np\.array"),
        (lambda: batches(al.Tensor(X, requires_grad=True)), TypeError, r"Write t\.detach\(\)"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_batch(call, error, message):
    with pytest.raises(error, match=message):
        call()
