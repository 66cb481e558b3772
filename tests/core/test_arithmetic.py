"""Operators with anything on either side give Tensors, with NumPy's values and dtypes."""

import operator
import warnings

import numpy as np
import pytest

from autograd_lite import Tensor

OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.matmul,
]
OTHERS = {
    "int": 2,
    "float": 2.5,
    "bool": True,
    "float64": np.float64(2.5),
    "float32": np.float32(2.5),
    "int64": np.int64(2),
    "array": np.array([1.5, 2.5, 3.5]),
    "float32 array": np.array([1.5, 2.5, 3.5], np.float32),
    "int array": np.array([1, 2, 3]),
    "0-d array": np.array(2.5),
    "matrix": np.arange(1.0, 10.0).reshape(3, 3),
    "list": [1.5, 2.5, 3.5],
    "tuple": (1.5, 2.5, 3.5),
    "Tensor": Tensor([1.5, 2.5, 3.5]),
    "0-d Tensor": Tensor(2.5),
}


def plain(x):
    return (
        x.numpy()[()] if isinstance(x, Tensor) else np.asarray(x) if type(x) in (list, tuple) else x
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@pytest.mark.parametrize("shape", [(3,), ()], ids=["vector", "number"])
def test_operator_with_anything_on_either_side(op, other, dtype, shape):
    array = np.linspace(0.5, 1.5, 3).astype(dtype) if shape else dtype(1.5)
    t = Tensor(array, requires_grad=True)
    if op is operator.matmul and not (shape and np.ndim(plain(other))):
        for sides in ((t, other), (other, t)):
            with pytest.raises(ValueError, match=r"a number is not a matrix; multiply by"):
                op(*sides)
        return
    for swap in (False, True):
        sides, values = (t, other), (array, plain(other))
        if swap:
            sides, values = sides[::-1], values[::-1]
        result, expected = op(*sides), op(*values)
        assert isinstance(result, Tensor)
        assert result.requires_grad
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result.numpy(), expected)
        result.backward(np.ones(result.shape))
        assert t.grad.dtype == dtype
        assert t.grad.shape == shape


def test_python_scalars_keep_float32_on_either_side():
    t = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    for number in (2, 2.5, True):
        for op in OPERATORS[:5]:
            for result in (op(t, number), op(number, t)):
                assert result.dtype == np.float32
                result.sum().backward()
                assert t.grad.dtype == np.float32


def test_array_at_tensor_is_differentiable():
    rng = np.random.default_rng(0)
    a, w = rng.normal(size=(2, 3)), Tensor(rng.normal(size=(3, 4)), requires_grad=True)
    g = rng.normal(size=(2, 4))
    (a @ w).backward(g)
    np.testing.assert_allclose(w.grad, a.T @ g, rtol=1e-14)


def test_unary_operators():
    t = Tensor([1.0, -2.0], requires_grad=True)
    assert (-t).tolist() == [-1.0, 2.0]
    same = +t * 1.0
    kept = +same
    same += 1.0
    assert kept.tolist() == [1.0, -2.0]
    assert abs(t).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("other", ["a", None, object(), {1: 2}], ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_operand_that_is_no_number_is_refused(op, other):
    t = Tensor([1.0, 2.0], requires_grad=True)
    for sides in ((t, other), (other, t)):
        with pytest.raises(TypeError, match=f"needs numbers, got {type(other).__name__}"):
            op(*sides)


class Length:
    """A number with a unit, and operators and NumPy functions of its own."""

    def __init__(self, number):
        self.number = number

    def made(self, op, a, b):
        return Length(op(*(x.number if isinstance(x, Length) else x for x in (a, b))))

    def __array_ufunc__(self, ufunc, method, *given, **_):
        return self.made(ufunc, *given)


for name, op in zip(("add", "sub", "mul", "truediv", "pow", "matmul"), OPERATORS, strict=True):
    setattr(Length, f"__r{name}__", lambda self, other, op=op: self.made(op, other, self))


@pytest.mark.parametrize("op", [*OPERATORS, np.multiply])
def test_an_object_with_operators_of_its_own_does_them(op):
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    result = op(t, Length(np.full(3, 2.0)))
    assert type(result) is Length
    assert result.number.requires_grad
    np.testing.assert_array_equal(result.number.numpy(), op(t.numpy(), np.full(3, 2.0)))


def test_whole_quotients_and_remainders():
    t, array = Tensor([5.5, -7.25], requires_grad=True), np.array([2.0, 3.0])
    for left, right in ((t, 2.0), (20.0, t), (array, t), (t, array)):
        values = [x.numpy() if isinstance(x, Tensor) else x for x in (left, right)]
        assert (left // right).tolist() == (values[0] // values[1]).tolist()
        assert (left % right).tolist() == (values[0] % values[1]).tolist()
        assert divmod(left, right)[1].tolist() == (values[0] % values[1]).tolist()
        assert type(left // right) is np.ndarray  # A step has no derivative.
        assert (left % right).requires_grad
    (t % array).sum().backward()
    assert t.grad.tolist() == [1.0, 1.0]
    t.zero_grad()
    (20.0 % t).sum().backward()
    assert t.grad.tolist() == (-(20.0 // t.numpy())).tolist()


def test_adding_a_tensor_into_an_array_in_place_is_refused():
    array = np.ones(2)
    with pytest.raises(TypeError, match=r"`a = a \+ t` in place of `a \+= t`, or make it a Tensor"):
        array += Tensor([1.0, 2.0], requires_grad=True)
    assert array.tolist() == [1.0, 1.0]


def test_warnings_of_numpy_reach_the_user():
    t = Tensor([0.0, 1.0], requires_grad=True)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        1.0 / t
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t / 1.0


def test_matmul_mismatch_says_what_does_not_fit():
    def message(a, b):
        with pytest.raises(ValueError, match=r"^matmul") as caught:
            Tensor(np.ones(a), requires_grad=True) @ np.ones(b)
        return str(caught.value)

    assert message((4, 3), (2, 5)) == (
        "matmul needs (m, k) @ (k, n), got a: (4, 3) and b: (2, 5): k is 3 in a but 2 in b. "
        "Change one."
    )
    assert message((4, 3), (4, 5)).endswith("k is 3 in a but 4 in b. Change one, or transpose one.")
    assert message((4, 3), (5, 3)).endswith("k is 3 in a but 5 in b. Change one, or transpose one.")
    assert message((2, 4, 3), (3, 3, 5)).endswith(
        "the leading axes (2,) and (3,) do not broadcast."
    )
