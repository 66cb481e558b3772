"""What arrays are called: those of the caller, of the functions it calls, and of its callers."""

import sys

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check.names import named_in, with_forms

rng = np.random.default_rng(3)
DATA, LABELS = rng.normal(size=(6, 3)), rng.integers(0, 4, 6)


def inner(w):
    return DATA @ w


def outer(w):
    return np.sum(np.tanh(inner(w)) ** 2)


def said(loss, hand):
    return str(al.compare(loss, hand)["w"].diagnosis)


def test_an_array_of_a_function_that_is_called_has_its_name():
    w = al.Tensor(rng.normal(size=(3, 4)), requires_grad=True, name="w")
    h = np.tanh(DATA @ w.numpy())
    hand = DATA[::-1].T @ (2 * h * (1 - h**2))
    assert "the rows of DATA are in another order" in said(outer(w), {"w": hand})


def test_an_array_of_a_caller_has_its_name():
    local = rng.normal(size=(6, 3))
    w = al.Tensor(rng.normal(size=(3, 4)), requires_grad=True, name="w")

    def checked(loss, hand):
        return said(loss, {"w": hand})

    h = np.tanh(local @ w.numpy())
    hand = local[::-1].T @ (2 * h * (1 - h**2))
    loss = np.sum(np.tanh(local @ w) ** 2)
    assert "the rows of local are in another order" in checked(loss, hand)


def test_a_variable_that_is_not_there_yet_is_no_error():
    w = al.Tensor(np.ones(2), requires_grad=True, name="w")

    def f():
        return later

    assert al.compare(np.sum(w**2), {"w": 2 * np.ones(2)})
    later = f
    assert later is f
    assert named_in(None) == {}


def test_the_key_of_another_dict_takes_no_name_away():
    w = al.Tensor(rng.normal(size=(3, 4)), requires_grad=True, name="w")
    h = {t: np.tanh(DATA @ w * t) for t in range(3)}
    d = {"h": np.arange(12.0).reshape(3, 4)}  # Its rows are h[0], h[1], h[2], too.
    names = with_forms(named_in(sys._getframe()))
    assert names["h"] is d["h"]
    assert all(names[f"h[{t}]"] is x for t, x in h.items())


def test_a_nested_function_is_known_in_a_comparison_of_functions():
    def scaled(w):
        weights = np.linspace(1.0, 2.0, 6)
        return np.sum(np.tanh(DATA @ w).sum(axis=1) * weights)

    def by_hand(w):
        return DATA.T @ (1 - np.tanh(DATA @ w) ** 2)

    found = al.compare(lambda w: scaled(w), by_hand, [rng.normal(size=(3, 4))])
    assert "the factor weights is missing" in str(found["w"].diagnosis)


@pytest.mark.parametrize("key", ["w", "dw"])
def test_what_a_dict_holds_is_found_where_a_variable_has_its_name(key):
    w = rng.normal(size=(DATA.shape[1], 2))
    params = {"w": al.Tensor(w, requires_grad=True)}
    loss = np.sum(DATA @ params["w"])
    dw = np.outer(DATA.sum(axis=0), np.ones(2))
    result = al.compare(loss, {key: dw})
    assert result
    assert result.rows[0].name == "params['w']"
    with pytest.raises(KeyError, match="Names in it"):
        al.compare(loss, {key: dw, "dv": dw})


def test_data_that_is_called_like_a_tensor_gets_no_gradient():
    w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
    first, last = {"a": np.zeros(2)}, np.maximum(np.zeros(2), w)
    last.name = "a"
    assert al.compare(np.sum(last), {"a": np.ones(2)})
    assert al.compare(np.sum(last), {"da": np.ones(2)})
    assert first


@pytest.mark.parametrize(
    ("text", "array"),
    [
        ("-y", -LABELS), ("1 - y", 1 - LABELS), ("y[:, None]", LABELS[:, None]),
        ("np.eye(4)[y]", np.eye(4)[LABELS]), ("X.T", DATA.T), ("X[:, None]", DATA[:, None]),
        ("X[:, :, None]", DATA[:, :, None]), ("X[2]", DATA[2]),
    ],
)  # fmt: skip
def test_what_is_computed_from_an_array_has_a_name(text, array):
    assert LABELS.max() == 3
    np.testing.assert_array_equal(with_forms({"X": DATA, "y": LABELS})[text], array)
