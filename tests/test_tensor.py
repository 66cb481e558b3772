"""The Tensor as a value: how it is made, what it hands out, what Python does with it."""

import copy
import fractions
import math
import pickle
import re
from array import array

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import GradientError, Tensor
from autograd_lite.numpy_api import values_of


def leaf(value, **kwargs):
    return Tensor(value, requires_grad=True, **kwargs)


# ------------------------------------------------------------ construction


def test_values_are_copied():
    array = np.array([1.0, 2.0])
    t = Tensor(array)
    array[0] = 100.0
    assert t.tolist() == [1.0, 2.0]
    assert array.flags.writeable
    assert not np.shares_memory(array, t.numpy())


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, np.int64),
        (1.0, np.float64),
        (True, np.bool_),
        ([1, 2], np.int64),
        ([1, 2.5], np.float64),
        (range(3), np.int64),
        (np.float32(1), np.float32),
        (np.ones(2, np.float16), np.float16),
        (np.ones(2, np.int8), np.int8),
        (np.longdouble(1), np.longdouble),
        (Tensor([1.0], dtype=np.float32), np.float32),
        ([], np.float64),
    ],
    ids=repr,
)
def test_dtype_is_that_of_the_data(data, dtype):
    assert Tensor(data).dtype == dtype
    assert Tensor(data, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    "data",
    ["1.0", ["a"], None, object(), {"a": 1}, [None], fractions.Fraction(1, 2), b"1", iter("12"),
     np.array(["a"]), np.array([1, None]), np.datetime64("2020"), 10**400],
    ids=lambda data: type(data).__name__,
)  # fmt: skip
def test_what_is_no_number_is_refused(data):
    with pytest.raises(
        TypeError, match=rf"Tensor needs numbers, got {type(data).__name__} of dtype "
    ) as caught:
        Tensor(data)
    missing = "None" in repr(data)
    assert str(caught.value).endswith(
        "None is not a number: leave it out, or write what it stands for."
        if missing
        else "Convert it first, e.g. np.asarray(x, dtype=float)."
    )


def test_lists_of_different_lengths_are_refused():
    message = r"Tensor needs a number or an array of numbers, got \[\[1.0\].*inhomogeneous"
    with pytest.raises(ValueError, match=message):
        Tensor([[1.0], [1.0, 2.0]])


@pytest.mark.parametrize(
    "nested",
    [[leaf(1.0), leaf(2.0)], (leaf(1.0),), [[1.0, [leaf(2.0)]]]],
    ids=["list", "tuple", "deep"],
)
def test_lists_of_tensors_are_refused_wherever_their_gradients_would_be_lost(nested):
    message = re.escape(
        "of Tensors would lose their gradients. Join them with np.stack([...]) or "
        "np.concatenate([...])."
    )
    t = leaf([1.0, 2.0])
    for use in (Tensor, lambda nested: t + nested, lambda nested: t[list(nested)],
                lambda nested: (t * 1).__setitem__(0, nested)):  # fmt: skip
        with pytest.raises(TypeError, match=message):
            use(nested)


@pytest.mark.parametrize("data", [1, [1, 2], True, np.ones(2, np.int8)], ids=repr)
def test_gradient_of_integers_is_refused(data):
    shape, dtype = np.shape(data), np.asarray(data).dtype
    message = (
        f"requires_grad=True needs floating-point numbers, got dtype {dtype} for a tensor of shape "
        f"{shape}. Write Tensor(data, requires_grad=True, dtype=float)."
    )
    with pytest.raises(TypeError, match=re.escape(message)):
        Tensor(data, requires_grad=True)
    t = Tensor(data)
    with pytest.raises(TypeError, match=re.escape(message)):
        t.requires_grad = True
    assert not t.requires_grad
    assert leaf(data, dtype=float).dtype == np.float64


def test_complex_leaves_have_no_gradient():
    assert (Tensor(1j) * 2).item() == 2j
    with pytest.raises(TypeError, match=r"needs real numbers, got dtype complex128.*Make two"):
        leaf(1j)


def test_new_data_must_be_numbers_of_the_kind_that_the_tensor_has():
    t = leaf([1.0, 2.0], name="t")
    for value, message in (
        ("a", "data of tensor 't' needs numbers, got str"),
        ([None, 1.0], "data of tensor 't' needs numbers, got list.*None is not a number"),
        ([1.0, 1j], "data of tensor 't' is of dtype float64, got complex numbers"),
    ):
        with pytest.raises(TypeError, match=message):
            t.data = value
    t.data = [3, 4]
    assert (t.tolist(), t.dtype) == ([3.0, 4.0], np.float64)


def test_a_type_that_numpy_does_not_know_is_named():
    for make in (lambda: Tensor([1.0], dtype="float33"), lambda: Tensor(1.0).astype("float33")):
        with pytest.raises(TypeError, match="got dtype='float33', which NumPy does not know"):
            make()


def test_a_name_is_text():
    with pytest.raises(TypeError, match=r"a name is text, got name=3\. Write name='3'"):
        Tensor(1.0, name=3)


def test_name():
    t = leaf([1.0], name="weights")
    assert t.name == "weights"
    t.name = "w"
    assert "name='w'" in repr(t)
    assert (t * 2).name is None


# ------------------------------------------------------------ the array


def test_attributes():
    t = Tensor(np.ones((2, 0, 3), np.float32))
    assert (t.shape, t.ndim, t.size, t.dtype) == ((2, 0, 3), 3, 0, np.float32)
    assert t.T.shape == (3, 0, 2)
    assert Tensor(2.5).item() == 2.5
    assert type(Tensor(2.5).item()) is float
    assert Tensor([[1], [2]]).tolist() == [[1], [2]]
    with pytest.raises(ValueError, match="size 1"):
        Tensor([1.0, 2.0]).item()


def test_setting_data_gives_a_leaf_new_values():
    w = leaf([1.0, 2.0], name="w")
    y = (w * w).sum()
    given = np.array([5, 6])
    w.data = given
    given[:] = 0
    assert w.tolist() == [5.0, 6.0]
    assert w.dtype == np.float64
    y.backward()
    assert w.grad.tolist() == [2.0, 4.0]  # Of the values that were used.
    with pytest.raises(
        ValueError, match=r"data of tensor 'w' has shape \(2,\), got \(3,\): the sha"
    ):
        w.data = [1.0, 2.0, 3.0]
    with pytest.raises(GradientError, match="is the result of multiply and cannot be replaced"):
        (w * w).data = [1.0, 2.0]


def test_setting_grad():
    w = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    for value in ([1, 2], np.array([1.0, 2.0]), Tensor([1.0, 2.0])):
        w.grad = value
        assert isinstance(w.grad, Tensor)
        assert w.grad.dtype == np.float32
        assert w.grad.tolist() == [1.0, 2.0]
    w.grad = None
    assert w.grad is None
    with pytest.raises(
        ValueError, match=r"grad of a tensor of shape \(2,\) needs shape \(2,\), got"
    ):
        w.grad = 1.0


def test_gradient_is_none_before_the_first():
    assert leaf(1.0).grad is None


# ------------------------------------------------------------ requires_grad


def test_detach_stops_the_gradient():
    w = leaf([1.0, 2.0], name="w")
    (w * w.detach()).sum().backward()
    assert w.grad.tolist() == [1.0, 2.0]
    assert w.detach().is_leaf
    assert w.detach().name == "w"


def test_what_was_used_as_a_constant_stays_one():
    x, w = Tensor([3.0, 4.0]), leaf([1.0, 2.0])
    before = (x * w).sum()
    x.requires_grad = True
    after = (x * w * 10.0).sum()
    (before + after).backward()
    assert x.grad.tolist() == [10.0, 20.0]
    assert w.grad.tolist() == [33.0, 44.0]
    x.zero_grad()
    before.backward(create_graph=True)
    assert x.grad is None


def test_switching_the_gradient_off_stops_it_for_what_was_computed_before():
    x, w = leaf([3.0, 4.0]), leaf([1.0, 2.0])
    y = (x * w).sum()
    x.requires_grad = False
    y.backward()
    assert x.grad is None
    assert w.grad.tolist() == [3.0, 4.0]
    assert not (x * 2).requires_grad


def test_result_inherits_requires_grad_and_cannot_change_it():
    w = leaf(1.0)
    y = w * 2
    assert y.requires_grad
    assert not y.is_leaf
    with pytest.raises(
        GradientError,
        match=r"requires_grad of a tensor of shape \(\), a result of multiply, follows",
    ):
        y.requires_grad = False


# ------------------------------------------------------------ copies


@pytest.mark.parametrize(
    "twin_of",
    [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_carry_value_name_and_gradient_and_no_history(twin_of):
    w = Tensor([[1.0, 2.0]], requires_grad=True, dtype=np.float32, name="w")
    (w**3).sum().backward(create_graph=True)
    twin = twin_of(w)
    assert (twin.name, twin.requires_grad, twin.dtype) == ("w", True, np.float32)
    assert twin.tolist() == [[1.0, 2.0]]
    assert twin.grad.tolist() == [[3.0, 12.0]]
    assert twin.grad.is_leaf
    twin.grad *= 0.0
    twin.data = [[0.0, 0.0]]
    assert w.grad.tolist() == [[3.0, 12.0]]
    assert w.tolist() == [[1.0, 2.0]]
    with pytest.raises(GradientError, match=r"would be detached from its gradient. Write t\.copy"):
        twin_of(w * 2)
    with al.no_grad():
        assert twin_of(w * 2).is_leaf
    assert twin_of(Tensor(3)).item() == 3


def test_copy_method_is_recorded():
    w = leaf([1.0, 2.0])
    (w.copy() * 3.0).sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]


# ------------------------------------------------------------ Python's protocols


def test_comparisons_give_arrays_of_booleans():
    t = leaf([1.0, 2.0, 3.0])
    for other in (2.0, np.full(3, 2.0), Tensor(2.0), [2.0, 2.0, 2.0], leaf(np.full(3, 2.0))):
        for compare, expected in (
            (lambda a, b: a == b, [False, True, False]),
            (lambda a, b: a != b, [True, False, True]),
            (lambda a, b: a < b, [True, False, False]),
            (lambda a, b: a <= b, [True, True, False]),
            (lambda a, b: a > b, [False, False, True]),
            (lambda a, b: a >= b, [False, True, True]),
        ):
            assert type(compare(t, other)) is np.ndarray
            assert compare(t, other).tolist() == expected
            assert compare(other, t).tolist() == compare(values_of(other), t.numpy()).tolist()


def test_numbers_from_tensors():
    assert float(Tensor(2.5)) == 2.5
    assert int(Tensor(2.5)) == 2
    assert complex(Tensor(2.5)) == 2.5 + 0j
    assert complex(Tensor(1 + 2j)) == 1 + 2j
    assert round(Tensor(2.567), 1) == 2.6
    assert type(round(Tensor(2.567))) is int
    assert bool(leaf(0.5))
    assert not Tensor(0.0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(leaf([1.0, 2.0]))
    with pytest.raises(TypeError):
        float(Tensor([1.0, 2.0]))
    for take in (float, int, complex, round, math.exp, np.asarray):
        with pytest.raises(GradientError, match=r"cannot carry the gradient of a tens"):
            take(leaf(2.5))
        with al.no_grad():
            take(leaf(2.5))


@pytest.mark.parametrize(
    "index",
    [((0, 0), (1, 1)), (range(2), (1, 1)), range(3), (slice(1), (2, 2)), array("i", [0, 0]), ((),)],
)
def test_any_sequence_in_an_index_picks_as_often_as_it_says(index):
    table = np.arange(9.0).reshape(3, 3)
    t, expected = al.Tensor(table, requires_grad=True), np.zeros((3, 3))
    (t[index] ** 2).sum().backward()
    np.add.at(expected, index, 2 * table[index])
    np.testing.assert_array_equal(t.grad.numpy(), expected)


def test_integer_tensor_is_an_index():
    assert [10, 20, 30][Tensor(1)] == 20
    with pytest.raises(TypeError, match="integer"):
        [10, 20][Tensor(1.0)]


def test_length_iteration_and_membership():
    t = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert len(t) == 2
    first, second = t
    (first * second).sum().backward()
    assert t.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert 3.0 in t
    assert 5.0 not in t
    for use in (len, list):
        with pytest.raises(TypeError, match=r"len\(\) of a 0-d Tensor: it is a single number"):
            use(leaf(1.0))


def test_hash_is_identity():
    a, b = leaf(1.0), leaf(1.0)
    assert {a: 1, b: 2}[b] == 2
    assert len({a, b, a}) == 2


def test_texts():
    w = leaf([1.0, 2.0], name="w")
    assert repr(w) == "Tensor([1., 2.], requires_grad=True, name='w')"
    assert repr(w * 2) == "Tensor([2., 4.], from=multiply)"
    assert repr(Tensor(2.0)) == "Tensor(2.)"
    assert repr(Tensor([1, 2])) == "Tensor([1, 2])"
    assert repr(Tensor(1.0, dtype=np.float32)) == "Tensor(1., dtype=float32)"
    assert repr(Tensor([[1.0], [2.0]])) == "Tensor([[1.],\n        [2.]])"
    assert str(Tensor([1.0, 2.0])) == "[1. 2.]"
    assert f"{Tensor(2.0):.3f}" == "2.000"
    assert f"{np.where(True, leaf(2.0), 0.0):.3f}" == "2.000"
    assert f"{Tensor([1.0, 2.0])}" == "[1. 2.]"
    assert len(repr(Tensor(np.zeros(100_000)))) < 100


def test_astype():
    w = leaf([1.5, 2.5])
    single = w.astype(np.float32)
    assert single.dtype == np.float32
    single.sum().backward()
    assert w.grad.dtype == np.float64
    assert w.astype(int).tolist() == [1, 2]
    assert not w.astype(int).requires_grad
    assert w.astype("bool").dtype == bool
    assert w.astype(float, copy=False) is w
    (abs(w.astype(complex)).sum() * 2).backward()
    assert w.grad.tolist() == [3.0, 3.0]


def test_requires_grad_is_true_or_false():
    with pytest.raises(TypeError, match="requires_grad needs True or False, got 'no'"):
        al.Tensor([1.0], requires_grad="no")
    w = al.Tensor([1.0], requires_grad=np.bool(True))
    with pytest.raises(TypeError, match="requires_grad needs True or False"):
        w.requires_grad = "yes"
    assert w.requires_grad is True
