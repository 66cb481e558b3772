"""What compare takes, whom it believes, and how it shows what it found."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
from built import build

import autograd_lite as al
from autograd_lite import nn

rng = np.random.default_rng(5)

# -------------------------------------------------------------------- forms of the hand side


def test_by_name_by_tensor_and_by_position():
    loss, (_, w, b, z), right = build()
    assert al.compare(loss, right)
    assert al.compare(loss, {w: right["w"], b: right["b"], z: right["z"]})
    assert al.compare(loss, {0: right["w"], 1: right["b"]})
    result = al.compare(loss, [right["w"], right["b"]])
    assert [row.name for row in result] == ["w", "b"]
    assert result
    assert result[b] is result["b"]
    with pytest.raises(KeyError, match="No row 'x'; there are w, b"):
        result["x"]
    assert [row.name for row in al.compare(loss, (None, right["b"]))] == ["b"]
    assert not al.compare(loss, [right["w"], -right["b"]])


def test_a_row_is_found_by_what_its_gradient_was_given_as():
    w, params = al.Tensor([1.0, 2.0], True), {"v": al.Tensor(3.0, True)}
    v = "another variable"
    loss = (w * w).sum() * params["v"]
    result = al.compare(loss, {w: 6 * w.data, "v": 5.0})
    assert result[w] is result["w"] is result["dw"]
    assert result["v"] is result[params["v"]] is result["params['v']"]
    for other in (w + 1, "u", 0):
        with pytest.raises(KeyError, match="there are w, params"):
            result[other]
    assert v


def test_as_a_function_that_is_given_the_values_it_asks_for():
    loss, _, right = build()

    def by_hand(x, w, b, scale=1.0):
        delta = scale * (1 - np.tanh(x @ w + b) ** 2)
        return {"w": x.T @ delta, "b": delta.sum(axis=0)}

    assert al.compare(loss, by_hand)
    assert al.compare(loss, lambda: [right["w"], right["b"]])
    with pytest.raises(TypeError, match="takes 'weights', which is no name of a tensor"):
        al.compare(loss, lambda weights: {"w": weights})


def test_the_values_that_a_function_is_given_are_copies():
    loss, (_, w, _, _), right = build()
    before = w.data.copy()

    def by_hand(w):
        w[:] = 0
        return {"w": right["w"]}

    assert al.compare(loss, by_hand)
    np.testing.assert_array_equal(w.data, before)


@pytest.mark.parametrize("spelling", ["{}_grad", "grad_{}", "d_{}", "d{}", "{}"])
def test_as_an_object_with_attributes(spelling):
    loss, _, right = build()
    thing = SimpleNamespace(**{spelling.format(name): g for name, g in right.items()})
    result = al.compare(loss, thing)
    assert result
    assert {row.name for row in result} == {"w", "b", "z"}


def test_as_an_object_that_has_the_parts_of_a_module():
    net = nn.Sequential(nn.Linear(3, 2, rng=np.random.default_rng(0)))
    net.hidden = net[0]
    net.hidden.weight.name = "hidden.weight"
    x = np.ones((4, 3))
    loss = np.sum(net.hidden(x))
    gradient = x.T @ np.ones((4, 2))
    nested = SimpleNamespace(hidden=SimpleNamespace(weight=np.zeros(3), weight_grad=gradient))
    assert al.compare(loss, nested)
    assert al.compare(loss, SimpleNamespace(hidden_weight_grad=gradient))


def test_updates_are_held_against_the_learning_rate_times_the_gradient():
    loss, (_, w, b, _), right = build()
    new = {"w": w.data - 0.1 * right["w"], "b": b.data - 0.1 * right["b"]}
    steps = {"w": new["w"] - w.data, "b": new["b"] - b.data}
    assert al.compare(loss, steps, updates=True, lr=0.1)
    wrong = al.compare(loss, {"w": -steps["w"]}, updates=True, lr=0.1)["w"]
    assert wrong.diagnosis.name == "sign flipped"
    with pytest.raises(ValueError, match="needs lr=, the learning rate"):
        al.compare(loss, steps, updates=True)


def test_an_update_without_its_learning_rate_is_named():
    loss, _, right = build()
    row = al.compare(loss, {"w": -right["w"]}, updates=True, lr=0.1)["w"]
    assert row.diagnosis.name == "learning rate"
    assert row.diagnosis.title.endswith("divided by the learning rate 0.1")


@pytest.mark.parametrize(
    ("by_hand", "error", "message"),
    [
        ([np.zeros((3, 2))], ValueError, r"one gradient for every parameter.*w, b\. Got 1"),
        ([], ValueError, "Got 0"),
        ({}, ValueError, "at least one gradient"),
        (SimpleNamespace(v=1), TypeError, "no attribute that is called after a tensor"),
        ({"w": "a"}, TypeError, "gradient of w by hand is 'a'"),
        ({"w": None}, TypeError, "gradient of w by hand is None"),
    ],
)
def test_what_cannot_be_aligned_is_explained(by_hand, error, message):
    with pytest.raises(error, match=message):
        al.compare(build()[0], by_hand)


# -------------------------------------------------------------------- functions of arrays


def f(x, w, b):
    return np.mean((x @ w + b) ** 2)


def gradients(x, w, b):
    delta = 2 * (x @ w + b) / len(x)
    return {"w": x.T @ delta, "b": delta.sum(axis=0)}


INPUTS = [np.random.default_rng(1).normal(size=shape) for shape in ((4, 3), (3, 1), (1,))]


def test_any_function_of_arrays_with_its_gradients():
    assert al.compare(f, gradients, INPUTS)
    assert al.compare(f, gradients, dict(zip("xwb", INPUTS, strict=True)))
    assert al.compare(f, gradients(*INPUTS), INPUTS)
    assert al.compare(f, lambda *xs: (None, *gradients(*xs).values()), INPUTS)
    assert al.compare(np.sum, np.ones_like, np.arange(3.0))


def test_a_wrong_gradient_of_a_function_is_named_from_its_graph():
    wrong = al.compare(f, lambda x, w, b: {"w": 2 / 4 * x.T @ (x @ w)}, [*INPUTS[:2], np.ones(1)])
    assert not wrong
    halved = al.compare(f, lambda *xs: {"w": gradients(*xs)["w"] / 2}, INPUTS)
    assert halved["w"].diagnosis.title.endswith("the factor 2 of the square is missing")
    cubed = al.compare(lambda w: np.sum(w**3), lambda w: 1.5 * w**2, INPUTS[1:2])
    assert cubed["w"].diagnosis.title == "by hand = 0.5 × autodiff: divided by 2 once too often"


def test_whole_numbers_are_data_and_need_no_gradient():
    x = np.array([[0, 1], [1, 1], [2, 1]])
    assert al.compare(lambda x, w: np.sum(x @ w), lambda x, w: {"w": x.sum(axis=0)},
                      [x, np.array([0.5, 1.0])])  # fmt: skip


@pytest.mark.parametrize(
    "right_here",
    [
        lambda x, w, b: {"w": x.T @ (2 * (x @ w + b) / 4)},
        lambda x, w, b: {"b": np.array([0.5 * np.sum(x @ w + b)])},
    ],
)
def test_a_size_as_a_number_is_right_here_and_noted(right_here):
    result = al.compare(f, right_here, INPUTS)
    result.assert_ok()
    (note,) = result.notes
    assert "x (5, 3)" in note
    assert "right here; the number 4 in the formula is x.shape[0]" in note


def test_arrays_that_have_to_be_equally_long_get_another_length_together():
    def weighted(x, y, s):
        assert len(x) == len(y) == len(s)
        return np.mean(s * (x - y) ** 2)

    inputs = np.random.default_rng(0).normal(size=(3, 4))
    result = al.compare(weighted, lambda x, y, s: {"x": 2 * s * (x - y) / 4}, list(inputs))
    assert "the number 4 in the formula is x.shape[0]" in result.notes[0]


def test_the_size_of_another_axis_is_no_number_in_the_code_and_a_mistake():
    def of_columns(x, w):
        return {"w": x.T @ (2 * (x @ w) / x.shape[1])}

    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(4, 4)), rng.normal(size=(4, 1))]
    result = al.compare(lambda x, w: np.mean((x @ w) ** 2), of_columns, inputs)
    assert result["w"].diagnosis.name == "sizes coincide"
    with pytest.raises(al.DisagreementError, match="right only because sizes coincide"):
        result.assert_ok()


def test_a_size_as_a_number_in_a_term_a_loop_or_a_default_is_no_mistake():
    x = np.random.default_rng(0).normal(size=(5, 3))

    def centred(x):
        return np.sum((x - np.mean(x, axis=0)) ** 3) + np.sum(x**2)

    def in_a_term(x, n=5):
        g = 3 * (x - x.mean(axis=0)) ** 2
        return {"x": g - g.sum(axis=0) / n + 2 * x}

    def in_a_loop(x):
        g = np.zeros_like(x)
        for i in range(5):
            g[i] += 3 * (x[i] - x[:5].mean(axis=0)) ** 2 + 2 * x[i]
        return {"x": g - 3 * ((x[:5] - x[:5].mean(axis=0)) ** 2).mean(axis=0)}

    for by_hand in (in_a_term, in_a_loop):
        result = al.compare(centred, by_hand, [x])
        assert result, str(result)
        assert "the number 5 in the formula is x.shape[0]" in str(result.notes)


def test_right_only_for_square_matrices():
    rng = np.random.default_rng(0)

    def product(a, b):
        return np.sum((a @ b) ** 2)

    def symmetric(a, b):
        return {"a": 2 * (a @ b) @ (b if b.shape[0] == b.shape[1] and np.allclose(b, b.T) else b.T)}

    def coincident(a, b):
        return {"a": 2 * np.reshape((a @ b) @ b.T, b.shape)}

    assert al.compare(product, symmetric, [rng.normal(size=(3, 3)), np.eye(3)])
    result = al.compare(product, coincident, [rng.normal(size=(3, 3)), rng.normal(size=(3, 3))])
    assert not result or any("by_hand raises" in note for note in result.notes)


def test_a_function_by_hand_that_takes_only_these_sizes_is_noted_not_blamed():
    def unpacks(x, w, b):
        (w1,), (w2,), (w3,) = w
        assert w1 + w2 + w3
        return gradients(x, w, b)

    result = al.compare(f, unpacks, INPUTS)
    assert result
    assert any("w (4, 1)" in note and "ValueError" in note for note in result.notes)


def test_a_function_that_cannot_be_recorded_is_compared_with_differences():
    def opaque(x, w):
        return float(np.asarray(np.tanh(x) @ w).sum())

    x, w = np.random.default_rng(2).normal(size=(4, 3)), np.array([1.0, -2.0, 0.5])
    right = {"w": np.tanh(x).sum(axis=0)}
    result = al.compare(opaque, right, [x, w])
    assert result
    assert "central differences, in place of autodiff" in result.notes[0]
    assert al.compare(opaque, lambda x, w: (None, np.tanh(x).sum(axis=0)), [x, w])
    wrong = al.compare(opaque, {"w": -right["w"]}, [x, w])
    assert wrong["w"].diagnosis.name == "sign flipped"
    assert wrong["w"].verdict == "by hand is wrong"
    buffer = np.zeros(1)

    def into_a_buffer(x, w):
        buffer[0] = (np.tanh(x) @ w).sum()
        return buffer[0]

    assert al.compare(into_a_buffer, right, [x, w])
    noise = al.compare(opaque, {"w": right["w"] + [0.1, 0.2, 0.5]}, [x, w])
    assert noise["w"].diagnosis.name == "unexplained"


def test_mistakes_in_calling_it_with_inputs_are_named():
    with pytest.raises(TypeError, match=r"inputs needs a function.*Tensor"):
        al.compare(build()[0], gradients, INPUTS)
    with pytest.raises(TypeError, match="compare needs a number as its atol, got 'a'"):
        al.compare(f, gradients, INPUTS, atol="a")
    with pytest.raises(ValueError, match="rtol of 0 or more, got -1"):
        al.compare(f, gradients, INPUTS, rtol=-1)
    with pytest.raises(TypeError, match=r"got function\. Give it the inputs too"):
        al.compare(f, gradients)
    with pytest.raises(ValueError, match="returns a single number"):
        al.compare(lambda x: x * 2, np.ones_like, [np.ones(2)])
    with pytest.raises(ValueError, match=r"one gradient for every input: x, w, b\. Got 2"):
        al.compare(f, lambda *_: (None, None), INPUTS)
    with pytest.raises(ValueError, match="one array for 3 inputs"):
        al.compare(f, lambda x, w, b: w, INPUTS)


# -------------------------------------------------------------------- the oracle


def test_diagnosis_can_be_left_out():
    loss, _, right = build()
    row = al.compare(loss, {"w": -right["w"]}, diagnose=False)["w"]
    assert row.verdict == "by hand is wrong"
    assert row.diagnosis is None


def test_what_is_tried_warns_nobody():
    x = al.Tensor([0.5, 0.7], requires_grad=True, name="x")
    h = np.tanh(x) - 0.2
    al.compare(np.log(h).sum(), {"x": [1.0, 2.0]})  # Warnings are errors here.


def test_a_function_of_whole_matrices_that_is_not_defined_everywhere_is_no_obstacle():
    root = np.array([[2.0, 0.0], [0.5, 1.0]])
    a = al.Tensor(root @ root.T, requires_grad=True, name="a")
    loss = np.linalg.cholesky(a).sum()
    right = al.grad(lambda a: np.linalg.cholesky(a).sum())(a.numpy())
    assert al.compare(loss, {"a": right})
    assert al.compare(loss, {"a": -np.asarray(right)})["a"].diagnosis.name == "sign flipped"


def test_looking_changes_no_gradient_that_is_kept_and_calls_no_hook():
    w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
    h = w * 2
    h.name = "h"
    h.retain_grad()
    loss = (h**2).sum()
    loss.backward()
    seen = []
    h.register_hook(seen.append)
    assert al.compare(loss, {"h": [4.0, 8.0], "w": [8.0, 16.0]})
    assert al.derive(loss).rounding.largest == 0
    assert not seen
    np.testing.assert_array_equal(h.grad, [4.0, 8.0])


# -------------------------------------------------------------------- other values, other sizes


def test_a_parameter_that_the_loss_does_not_use_has_a_gradient_of_zero():
    w, unused = (al.Tensor([1.0, 2.0], requires_grad=True, name=n) for n in ("w", "unused"))
    loss = np.sum(w**2)
    assert al.compare(loss, {w: [2.0, 4.0], unused: [0.0, 0.0]})
    assert not al.compare(loss, {"w": [2.0, 4.0], "unused": [1.0, 0.0]})
    assert al.compare(lambda x, y: np.sum(x * x), lambda x, y: (2 * x, 0 * y), [np.ones(2)] * 2)


def test_gradients_are_found_among_local_variables():
    w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
    h = np.sin(w)
    loss = np.sum(h**2)
    dh = 2 * h.numpy()
    dw = dh * np.cos(w.numpy())
    result = al.compare(loss, locals())
    assert result
    assert {row.name for row in result} == {"h", "w"}
    assert al.compare(loss, SimpleNamespace(w=w, dh=dh))
    assert al.compare(loss, {"dL_dh": dh, "d_loss_d_w": dw})


def test_a_delta_is_the_gradient_before_the_activation_as_a_derivation_has_it():
    x, y = np.array([[0.5, -1.0], [2.0, 0.3], [1.0, 1.5]]), np.array([[0.0], [1.0], [1.0]])
    w = al.Tensor([[0.4], [-0.7]], requires_grad=True, name="w")
    out = 1 / (1 + np.exp(-(x @ w)))
    loss = al.mse(out, y)
    source = str(al.derive(loss)).replace("return loss,", "return locals(),")
    space = {}
    exec(source, {"np": np}, space)
    made, _ = space["loss_and_gradients"](x, y, w.numpy())
    assert al.compare(loss, {"out_delta": made["out_delta"], "w": made["d_w"]})
    d_out = 2 / 3 * (made["out"] - y)
    assert al.compare(loss, {"out_delta": d_out})["out"].ok
    wrong = al.compare(loss, {"d_w": -made["d_w"], "delta_out": -made["out_delta"]})
    assert "follows from delta_out" in wrong["w"].diagnosis.title
    assert "sign is flipped" in wrong["delta_out"].diagnosis.title
    z = x @ w
    a = np.tanh(z)
    loss = np.sum(a**2)
    d_a = 2 * a.numpy()
    a_delta = d_a * (1 - a.numpy() ** 2)
    assert al.compare(loss, {"a_delta": a_delta})["z"].ok
    assert [x.name for x in al.compare(loss, {"a": d_a, "a_delta": a_delta})] == ["a", "z"]
    assert al.compare(loss, {"a_delta": a_delta * (1 + a.numpy())})["z"].by_hand is not None
    assert not al.compare(loss, {"dz": a_delta, "a_delta": d_a * a.numpy()})["a"].ok


# -------------------------------------------------------------------- what arrays may be


def test_the_complex_step_goes_through_an_assignment():
    w = al.Tensor([0.3, -0.7, 1.2], requires_grad=True, name="w")
    filled = al.Tensor(np.zeros(3))
    filled[0:2] = w[1:] * 2
    row = al.compare(np.sum(np.exp(filled) * w), {"w": np.ones(3)}, numerical=True)["w"]
    assert row.oracle == "complex step"
    np.testing.assert_allclose(row.numerical, row.autodiff, rtol=1e-12)


def test_gradients_of_two_passes_are_called_so():
    w = al.Tensor(np.ones(3), requires_grad=True, name="w")
    for _ in range(2):
        loss = np.sum(w**3)
        loss.backward()
    row = al.compare(loss, {"w": w.grad})["w"]
    assert row.diagnosis.name == "several passes"
    assert "w.grad, the sum of 2 backward passes" in row.diagnosis.title
    w.grad = None
    loss.backward()
    assert al.compare(loss, {"w": w.grad})


def cross_entropy(X, W, b, labels):
    return -np.mean(al.log_softmax(X @ W + b)[np.arange(len(labels)), labels])


def cross_entropy_by_hand(X, W, b, labels, count=None):
    scores = X @ W + b
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    p /= count or len(labels)
    return {"W": X.T @ p, "b": p.sum(axis=0)}


def test_rows_and_their_labels_are_made_more_together():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)]
    inputs.append(np.array([0, 1, 1, 0, 1]))
    assert al.compare(cross_entropy, cross_entropy_by_hand, inputs)
    found = al.compare(cross_entropy, functools.partial(cross_entropy_by_hand, count=5), inputs)
    assert found
    assert "the number 5 in the formula is X.shape[0]" in str(found.notes)
    assert "labels (6,)" in str(found.notes)


def test_a_size_that_is_an_argument_is_not_held_against_by_hand():
    def loss(X, W, y, n):
        return np.sum((X @ W - y) ** 2) / n

    def by_hand(X, W, y, n):
        return {"W": 2 * X.T @ (X @ W - y) / len(X)}

    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=(5, 2)), 5]
    assert al.compare(loss, by_hand, inputs)


def test_values_that_are_all_equal_hide_no_mistake():
    row = al.compare(lambda w: np.sum(w**2), lambda w: {"w": 3 * w}, [np.zeros(3)])["w"]
    assert not row.ok
    assert "for values of w that are not all equal" in row.diagnosis.title
    assert al.compare(lambda w: np.sum(w**2), lambda w: {"w": 2 * w}, [np.zeros(3)])

    def forward(x, g):
        centred = x - x.mean(axis=-1, keepdims=True)
        return g * centred, centred

    def backward(dy, centred):  # g is forgotten.
        return dy - dy.mean(axis=-1, keepdims=True), (dy * centred).sum(axis=0)

    x = np.random.default_rng(0).normal(size=(4, 5))
    found = al.check_layer(forward, backward, [x, np.ones(5)])
    assert "the factor g is missing" in str(found)


def test_what_is_wrong_beyond_the_range_of_the_inputs_is_a_note():
    x = np.random.default_rng(0).uniform(0.1, 1, (3, 4))
    found = al.check_layer(lambda x: (np.maximum(x, 0), x), lambda dy, x: dy, [x])
    assert found
    assert "For values from -3 to 3 of the same sizes, by hand differs" in str(found.notes)
    right = al.check_layer(lambda x: (np.maximum(x, 0), x), lambda dy, x: dy * (x > 0), [x])
    assert not right.notes


def test_a_loss_with_complex_numbers_on_the_way_is_compared(recwarn):
    def f(z):
        return np.sum(np.abs(np.fft.fft(z)) ** 2)

    result = al.compare(f, lambda z: {"z": 5 * len(z) * z**3}, [np.array([0.7, -1.3, 2.1])])
    assert result.failures
    al.compare(f, lambda z: {"z": 2 * len(z) * z}, [np.array([0.7, -1.3, 2.1])]).assert_ok()
    assert not recwarn


def test_a_complex_value_has_no_real_gradient():
    z = al.Tensor([0.7, -1.3], requires_grad=True, name="z")
    f = np.fft.fft(z)
    loss = np.sum(np.abs(f) ** 2)
    with pytest.raises(TypeError, match=r"f is complex.*Leave it out"):
        al.compare(loss, {"f": np.ones(2)})
    assert al.exercise(loss).check(z=4 * z.numpy())
    p = np.abs(f)
    assert not al.compare(np.sum(p), {"p_delta": np.arange(2)})


def test_a_second_delta_of_one_value_is_the_gradient_that_a_derivation_prints():
    w, g = (
        al.Tensor(rng.uniform(1, 2, shape), requires_grad=True, name=name)
        for name, shape in (("w", (3, 4)), ("g", (4,)))
    )
    x = rng.normal(size=(5, 3))
    z = x @ w
    h = g * np.tanh(z) * np.exp(z) / np.sqrt(1 + z**2)
    h.name, made = "h", {}
    loss = np.sum(h**2)
    exec(
        str(al.derive(loss, wrt="all")).replace("return loss,", "return locals(),"), globals(), made
    )
    local = made["loss_and_gradients"](x, w.numpy(), g.numpy())[0]
    hand = {k: v for k, v in local.items() if k.startswith("d_") or "_delta" in k}
    assert "h_delta_2" in hand
    result = al.compare(loss, hand)
    assert len(result) == len(hand)
    result.assert_ok()
    assert not al.compare(loss, {**hand, "h_delta_2": 3 * hand["h_delta_2"]})


def test_the_data_in_a_namespace_is_not_taken_for_a_gradient():
    x, y = np.arange(6.0).reshape(3, 2), al.Tensor(np.ones((3, 1)))
    w = al.Tensor([[0.5], [-0.2]], requires_grad=True)
    p = x @ w
    loss = al.mse(p, y)
    dp = 2 * (p.numpy() - y.numpy()) / 3
    dw, dx = x.T @ dp, dp @ w.numpy().T
    result = al.compare(loss, locals())
    assert result
    assert [row.name for row in result] == ["p", "w"]
    bare = {"x": x, "y": y.numpy(), "w": w.numpy(), "p": p.numpy(), "dp": dp, "dw": dw, "dx": dx}
    assert [row.name for row in al.compare(loss, bare)] == ["p", "w"]  # As a function returns them.
    with pytest.raises(ValueError, match="no gradient flows to x"):
        al.compare(loss, {"x": dp @ w.numpy().T})


def test_a_gradient_that_is_broadcast_to_an_inner_tensor_is_compared_so():
    x, w = rng.normal(size=(4, 3)), al.Tensor(rng.normal(size=(3, 5)), requires_grad=True, name="w")
    h = np.tanh(x @ w)
    m = np.mean(h, axis=0)
    assert al.compare(np.sum(m**2), {"h": 2 * m.numpy() / 4})["h"].ok
    row = al.compare(np.sum(m**2), {"h": 2 * m.numpy() / 3})["h"]
    assert row.verdict == "shapes differ"
    assert "divided by 3 where 4 belongs" in row.diagnosis.title
    assert not al.compare(np.sum(w), {"w": np.ones(5)})


def test_in_a_namespace_a_gradient_from_a_loop_is_of_the_step_that_it_fits():
    x = np.array([0.5, -1.0, 2.0, 0.7])
    w, u = (al.Tensor(rng.normal(size=(3, 3)), requires_grad=True) for _ in "wu")
    h = np.zeros(3)
    states = [h]
    for t in range(4):
        z = w @ h + u[0] * x[t]
        h = np.tanh(z)
        states.append(h.numpy())
    loss = np.sum(h**2)
    for slip in (1, 0.9):
        dw, dh = 0, 2 * states[4]
        for t in reversed(range(4)):
            dz = dh * (1 - states[t + 1] ** 2) * slip
            dw = dw + np.outer(dz, states[t])
            dh = w.numpy().T @ dz
        result = al.compare(loss, locals())
        assert [row.name for row in result] == (["w", "z of step 1"] if slip == 1 else ["w"])
        assert bool(result) == (slip == 1)
    with pytest.raises(ValueError, match="fits no step of a loop is passed over"):
        al.compare(loss, {"z": z, "dz": dz, "w": w})


def test_a_formula_that_ignores_its_arguments_is_said_to():
    x, w = np.random.default_rng(0).normal(size=(2, 5))
    kept = x * (1 - np.tanh(x * w) ** 2)
    result = al.compare(lambda x, w: np.sum(np.tanh(x * w)), lambda x, w: {"w": kept}, [x, w])
    assert "it does not use its arguments, but arrays from outside" in str(result)
    assert not result
