"""An expression is an array that knows its formula."""

import numpy as np
import pytest

from autograd_lite.program.expression import Expression


@pytest.mark.parametrize("second", [slice(None, None, -1), np.array([1, 0])])
def test_expressions_are_picked_from_twice(second):
    a = Expression(np.arange(6.0).reshape(3, 2), name="a")
    for first in (slice(None, None, -1), np.array([0, 2])):
        np.testing.assert_array_equal(a[first][second].value, a.value[first][second])
