"""A program that looks at how an array lies in memory holds for arrays that lie as it did."""

import numpy as np
import pytest

import autograd_lite as al

C = np.arange(1.0, 7.0).reshape(2, 3)
WEIGHTS = np.arange(1.0, 7.0)


def written_through_a_view(z):
    y = z * 1
    y.reshape(-1)[0] = 100.0  # A view, or a copy.
    return np.sum(y * y)


LOOKS = {
    "ravel": lambda z: np.sum(z.ravel("K") ** 2 * WEIGHTS),
    "flatten": lambda z: np.sum((z * 2).flatten("K") ** 2 * WEIGHTS),
    "reshape": lambda z: np.sum(z.reshape(-1, order="A") ** 2 * WEIGHTS),
    "transposed": lambda z: np.sum(z.T.ravel("K") ** 2 * WEIGHTS),
}


@pytest.mark.parametrize("backend", ["numpy", "auto"])
@pytest.mark.parametrize("f", [*LOOKS.values(), written_through_a_view])
def test_a_compiled_function_is_that_of_the_layout_it_is_given(f, backend):
    compiled = al.compile(al.value_and_grad(f), backend=backend)
    for _ in range(3):
        for x in (C, np.asfortranarray(C)):
            value, gradient = compiled(x)
            known, expected = al.value_and_grad(f)(x)
            assert value == known
            np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize(
    "write", [lambda f: al.export(f, C, to="numpy"), lambda f: al.derive(f, C)]
)
def test_what_is_written_out_does_not_depend_on_a_layout(name, write):
    with pytest.raises(al.TraceError, match=r"lies in memory.*Give order=\"C\" or order=\"F\""):
        write(LOOKS[name])
    write(lambda z: np.sum(np.ravel(z) * z.flatten("F")))


def test_an_array_and_a_view_of_it_may_both_be_arguments_of_a_call_of_numpy():
    def f(x):
        return np.sum(np.convolve(x[:2], x, mode="valid"))

    x = np.arange(4.0) + 0.5
    expected = al.grad(f)(x)
    np.testing.assert_array_equal(al.compile(al.grad(f), backend="numpy")(x), expected)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("order", "KAFC")
def test_what_asks_how_an_array_lies_gets_an_answer(order, backend):
    x = np.arange(24.0).reshape(4, 6)
    fast = al.compile(lambda x: np.ravel(x * 2, order=order) + np.ravel(x, order), backend=backend)
    again = al.compile(lambda x: np.reshape(x, -1, order.replace("K", "A")), backend=backend)
    for like in (x[:2, :3], np.asfortranarray(x[:2, :3]), x[::2, ::2].T[::-1], x[:2, 2::-1]):
        for _ in range(2):
            expected = np.ravel(like * 2, order=order) + np.ravel(like, order)
            np.testing.assert_array_equal(fast(like), expected)
            np.testing.assert_array_equal(
                again(like), np.reshape(like, -1, order.replace("K", "A"))
            )
