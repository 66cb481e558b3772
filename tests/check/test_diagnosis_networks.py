"""Mistakes in networks of many kinds: each name is true of its numbers, and says the operand."""

import numpy as np
import pytest

import autograd_lite as al

rng = np.random.default_rng(3)


def tensor(name, *shape):
    return al.Tensor(rng.normal(size=shape), requires_grad=True, name=name)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (np.cumsum, "the sum runs forwards"),
        (lambda g: g, "is left out"),
        (lambda g: np.full_like(g, g.sum()), "every entry gets the sum of all"),
    ],
)
def test_a_running_sum_of_a_vector_needs_no_axis_to_be_named(mistake, said):
    x = tensor("x", 5)
    weights = rng.normal(size=5)
    loss = np.sum(np.cumsum(x) * weights)
    assert said in str(al.compare(loss, {"x": mistake(weights)})["x"].diagnosis)
