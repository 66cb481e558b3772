"""What a diagnosis says beyond its name: where, how certain, what else; and where none is given."""

import numpy as np
import pytest

import autograd_lite as al


def affine(seed=0, n=5, k=3, m=2):
    """Return the loss of one layer of tanh, its data, and the right gradients."""
    rng = np.random.default_rng(seed)
    x = al.Tensor(rng.normal(size=(n, k)), name="x")
    w = al.Tensor(rng.normal(size=(k, m)), requires_grad=True, name="w")
    b = al.Tensor(rng.normal(size=m), requires_grad=True, name="b")
    z = x @ w + b
    z.name = "z"
    delta = 1 - np.tanh(z.data) ** 2
    right = {"z": delta, "w": x.data.T @ delta, "b": delta.sum(axis=0)}
    return np.sum(np.tanh(z)), x.numpy(), right


def title(loss, hand):
    """What is said of the only gradient that is wrong."""
    (row,) = al.compare(loss, hand).failures
    return row.diagnosis.title


# -------------------------------------------------------------------- no numbers


def test_nan_by_hand_is_wrong_and_said_to_be_nan():
    loss, _, right = affine()
    hand = right["w"].copy()
    hand[0, 0] = np.nan
    result = al.compare(loss, {"w": hand, "b": right["b"] * np.inf})
    assert [row.verdict for row in result] == ["by hand is wrong"] * 2
    assert result["w"].diagnosis.title == "by hand has NaN in entry (0, 0); the other 5 agree"
    assert result["b"].diagnosis.title == "by hand has an infinity everywhere"
    assert result["w"].relative == np.inf
    hand[1] *= 3
    hand[2, 1] = -np.inf
    assert title(loss, {"w": hand}) == (
        "by hand has NaN in entry (0, 0), an infinity in entry (2, 1); 2 of the other 4 agree"
    )


def test_nan_that_comes_from_above_follows_and_no_other_does():
    loss, x, right = affine()
    delta = right["z"].copy()
    delta[1, 0] = np.nan
    hand = {"z": delta, "w": x.T @ delta, "b": delta.sum(axis=0)}
    result = al.compare(loss, hand)
    assert result["z"].diagnosis.title == "by hand has NaN in entry (1, 0); the other 9 agree"
    assert result["w"].diagnosis.title == result["b"].diagnosis.title == "follows from z"
    hand["b"] = hand["b"] * np.nan
    assert al.compare(loss, hand)["b"].diagnosis.title == "by hand has NaN everywhere"


def test_nan_by_autodiff_too_is_mentioned():
    w = al.Tensor([-1.0, 4.0], requires_grad=True, name="w")
    with np.errstate(invalid="ignore"):
        loss = np.sqrt(w).sum()
    assert title(loss, {"w": [np.nan, 0.25]}) == (
        "autodiff itself is not finite: nan in 1 of 2 entries; it arises on the way back through "
        "np.sqrt(w)"
    )


def test_a_number_in_place_of_an_array_is_said_to_be_one():
    loss, _, right = affine()
    row = al.compare(loss, {"w": 8.0})["w"]
    assert (row.verdict, row.diagnosis.name) == ("shapes differ", "shape")
    assert row.diagnosis.title == "a single number, 8, in place of an array of shape (3, 2)"
    assert title(loss, {"w": right["w"].sum()}) == "summed over axis 0, 1 as well"


# -------------------------------------------------------------------- rows in another order


ROWS = "the rows of x are in another order than those of the gradient at x @ w; "


@pytest.mark.parametrize("n", [5, 8, 9, 100, 1000])
@pytest.mark.parametrize(
    ("moved", "said"),
    [
        (lambda x: x[::-1], "reversed"),
        (lambda x: np.roll(x, 2, axis=0), "shifted by 2"),
        (lambda x: x[[3, 1, 2, 0, *range(4, len(x))]], "0 and 3 are exchanged"),
    ],
)
def test_rows_reversed_shifted_or_exchanged_are_found_in_large_batches(n, moved, said):
    loss, x, right = affine(n=n)
    assert title(loss, {"w": moved(x).T @ right["z"]}) == ROWS + said


@pytest.mark.parametrize(("n", "k", "m"), [(8, 2, 2), (20, 24, 3), (20, 3, 24), (50, 60, 1)])
def test_a_shuffle_is_found_among_few_rows_or_if_there_are_as_many_columns(n, k, m):
    for seed in range(3):
        loss, x, right = affine(seed, n, k, m)
        order = np.random.default_rng(seed).permutation(n)
        listed = ", ".join(map(str, order[:12])) + (", …" if n > 12 else "")
        said = title(loss, {"w": x[order].T @ right["z"]})
        assert said == f"{ROWS}in the order {listed}"


def test_a_shuffle_of_many_rows_of_few_columns_is_unexplained():
    loss, x, right = affine(n=20)
    order = np.random.default_rng(0).permutation(20)
    assert title(loss, {"w": x[order].T @ right["z"]}).startswith("unexplained")


def test_samples_may_be_columns_and_the_weight_used_elsewhere_too():
    rng = np.random.default_rng(0)
    x = al.Tensor(rng.normal(size=(3, 6)), name="x")
    w = al.Tensor(rng.normal(size=(2, 3)), requires_grad=True, name="w")
    z = w @ x
    z.name = "z"
    loss = (z**2).sum() + 0.1 * (w**2).sum()
    delta = 2 * z.numpy()
    assert al.compare(loss, {"w": delta @ x.numpy().T + 0.2 * w.numpy()})
    assert title(loss, {"w": delta @ x.numpy()[:, ::-1].T + 0.2 * w.numpy()}) == (
        "the columns of x are in another order than those of the gradient at z; reversed"
    )


def test_no_order_of_rows_of_zeros_and_ones_explains_random_numbers():
    rng = np.random.default_rng(0)
    x = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    w = al.Tensor(rng.normal(size=(3, 1)), requires_grad=True, name="w")
    out = al.sigmoid(al.Tensor(x, name="x") @ w)
    loss = al.mse(out, np.array([[0.0], [1], [1], [0]]), reduction="half_sum")
    for _ in range(20):
        assert title(loss, {"w": rng.normal(size=(3, 1))}).startswith("unexplained")


def test_too_few_digits_are_explained_by_no_order_of_rows():
    rng = np.random.default_rng(0)
    w = al.Tensor(np.ones((1, 1), np.float32), requires_grad=True, name="w")
    x = al.Tensor(rng.normal(size=(7, 1)).astype(np.float32), name="x")
    loss = np.sum(np.tanh(x @ w))
    delta = 1 - np.tanh(x.numpy()) ** 2
    for _ in range(20):
        order = rng.permutation(7)
        assert title(loss, {"w": x.numpy()[order].T @ delta}).startswith("unexplained")


# -------------------------------------------------------------------- masks


def masked(relu, shape, seed=0):
    """Return the loss of a residual layer with a relu, its tensors, and the gradient of a sum."""
    rng = np.random.default_rng(seed)
    x = al.Tensor(rng.normal(size=shape), name="x")
    w = al.Tensor(rng.normal(size=(shape[1], shape[1])), requires_grad=True, name="w")
    v = rng.normal(size=(shape[1], 2))
    z = x @ w
    h = relu(z) + x
    z.name, h.name = "z", "h"
    out = h @ v
    return (out**2).sum(), x.numpy(), z.numpy(), h.numpy(), 2 * out.numpy() @ v.T


@pytest.mark.parametrize(
    "relu",
    [
        al.relu,
        lambda z: np.maximum(z, 0),
        lambda z: np.maximum(0.0, z),
        lambda z: np.where(z > 0, z, 0),
        lambda z: z * (z > 0),
        lambda z: (z > 0) * z,
    ],
)
def test_a_mask_from_another_tensor_is_named_however_relu_is_written(relu):
    loss, x, z, h, g = masked(relu, (6, 4))
    for mask, said in (
        (h > 0, "relu' is taken at h, in place of z"),
        (x > 0, "relu' is taken at x, in place of z"),
        (1 - np.tanh(z) ** 2, "; it is computed from z"),
        (1.0, "the derivative of the relu at "),
    ):
        for hand in ({"z": g * mask}, {"w": x.T @ (g * mask)}):
            (row,) = al.compare(loss, hand)
            assert said in row.diagnosis.title
            # What goes through whole is also the gradient behind the relu, handed on.
            others = {name for name, _ in row.diagnosis.alternatives}
            assert others <= {"wrong gradient", "factor missing", "another's numbers"}
    assert al.compare(loss, {"z": g * (z > 0), "w": x.T @ (g * (z > 0))})


def test_a_mask_of_few_entries_may_be_that_of_another_tensor_by_chance():
    loss, _, z, h, g = masked(al.relu, (2, 3))
    assert (np.sign(h) != np.sign(z)).any()
    (row,) = al.compare(loss, {"z": g * (h > 0)})
    found = row.diagnosis
    assert (found.name, found.confidence) == ("wrong tensor", "possible")
    titles = [found.title, *(title for _, title in found.alternatives)]
    assert "relu' is taken at h, in place of z" in titles


def test_that_a_path_has_no_factor_is_no_alternative_to_its_being_left_out():
    x = al.Tensor([1.0, 2.0, 3.0, 0.7], requires_grad=True, name="x")
    u = np.sin(x)
    u.name = "u"
    (row,) = al.compare((u * x).sum(), {"x": np.sin(x.data)})
    assert row.diagnosis.name == "path missing"
    assert not any(name == "factor on a path" for name, _ in row.diagnosis.alternatives)
    hand = np.sin(x.data) + 3 * x.data * np.cos(x.data)
    assert title((u * x).sum(), {"x": hand}) == "what comes back to x from u has a factor 3"


# -------------------------------------------------------------------- written out


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_of_positive(z):
    return np.exp(z) / (np.exp(z) + 1)


def stable_sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z > 0, 1 / (1 + e), e / (1 + e))


def tanh(z):
    return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))


SIGMOID = lambda z, h: h * (1 - h)  # noqa: E731  (a rule, as entries have it)
TANH = lambda z, h: 1 - h**2  # noqa: E731  (a rule, as entries have it)


@pytest.mark.parametrize(
    ("activation", "slope", "said"),
    [
        (sigmoid, SIGMOID, None),
        (sigmoid_of_positive, SIGMOID, None),
        (stable_sigmoid, SIGMOID, None),
        (stable_sigmoid, TANH, "tanh' stands in place of sigmoid' at "),
        (stable_sigmoid, lambda z, h: h, "the factor 1 - "),
        (tanh, TANH, None),
        (sigmoid, TANH, "tanh' stands in place of sigmoid' at "),
        (tanh, SIGMOID, "sigmoid' stands in place of tanh' at "),
        (sigmoid_of_positive, TANH, "tanh' stands in place of sigmoid' at "),
        (sigmoid, lambda z, h: 1.0, "the derivative of the sigmoid at "),
        (tanh, lambda z, h: 1.0, "the derivative of the tanh at "),
        (sigmoid, lambda z, h: h, "the factor 1 - "),
        (tanh, lambda z, h: 1 - h, "1 - tanh(x @ w) stands in place of 1 - tanh(x @ w) ** 2"),
        (tanh, lambda z, h: z > 0, "relu' stands in place of tanh' at "),
        (sigmoid, lambda z, h: z * (1 - z), "the formula of sigmoid' for its output "),
        (tanh, lambda z, h: 1 - tanh(h) ** 2, "tanh' is taken at "),
        (sigmoid, lambda z, h: (h * (1 - h)) ** 2, "is there twice"),
    ],
)
def test_an_activation_of_several_operations_is_recognised(activation, slope, said):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape) for shape in ((6, 4), (4, 5), (5, 3))]

    def f(x, w, v):
        return np.sum((activation(x @ w) @ v) ** 2)

    def by_hand(x, w, v):
        z = x @ w
        h = activation(z)
        delta = 2 * h @ v
        return {"v": h.T @ delta, "w": x.T @ ((delta @ v.T) * slope(z, h))}

    result = al.compare(f, by_hand, inputs)
    if said is None:
        assert result
    else:
        (row,) = result.failures
        assert said in row.diagnosis.title
        assert row.diagnosis.confidence != "none"


# -------------------------------------------------------------------- two mistakes at once

rng_of_two = np.random.default_rng(0)
BATCH, WANTED = rng_of_two.normal(size=(7, 4)), rng_of_two.normal(size=(7, 3))
FIRST, SECOND, OFFSET = (rng_of_two.normal(size=shape) for shape in ((4, 5), (5, 3), 5))

TWO_LAYERS = """
h = np.tanh(BATCH @ FIRST + OFFSET)
out = 1 / (1 + np.exp(-h @ SECOND))
d2 = 2 * (out - WANTED) / 21 * out * (1 - out)
d1 = d2 @ SECOND.T * (1 - h**2)
found = {"W2": h.T @ d2, "W1": BATCH.T @ d1 + 0.2 * FIRST, "b": d1.sum(axis=0)}
"""


def with_changes(*changes, only=("W1", "W2", "b")):
    w1, w2, b = (
        al.Tensor(x, requires_grad=True, name=name)
        for name, x in (("W1", FIRST), ("W2", SECOND), ("b", OFFSET))
    )
    h = np.tanh(BATCH @ w1 + b)
    h.name = "h"
    loss = np.mean((al.sigmoid(h @ w2) - WANTED) ** 2) + 0.1 * np.sum(w1**2)
    formulas = TWO_LAYERS
    for right, wrong in changes:
        assert right in formulas
        formulas = formulas.replace(right, wrong)
    space = {**globals()}
    exec(formulas, space)
    return al.compare(loss, {name: space["found"][name] for name in only})


def test_a_second_mistake_is_found_behind_one_that_another_gradient_shows():
    result = with_changes((" * out * (1 - out)", ""), ("(1 - h**2)", "(1 + h**2)"))
    assert "derivative of the sigmoid" in result["W2"].diagnosis.title
    for name in ("W1", "b"):
        title = result[name].diagnosis.title
        assert title.startswith("besides the mistake in W2, 1 + h ** 2 stands in place of"), title


def test_two_mistakes_on_parallel_paths_are_both_named():
    title = with_changes((" * (1 - h**2)", ""), (" + 0.2 * FIRST", ""), only=["W1"])[
        "W1"
    ].diagnosis.title
    assert title.startswith("two mistakes: the derivative of the tanh at h is left out; and")
    assert title.endswith("is left out")


def test_what_stays_unexplained_says_which_gradient_would_tell_more():
    diagnosis = with_changes((" * out * (1 - out)", " * out**3"), ("h**2", "h**5"), only=["W1"])[
        "W1"
    ].diagnosis
    assert diagnosis.name == "unexplained"
    assert diagnosis.how.startswith("Give the gradient of h too")


def test_a_mistake_that_another_gradient_contradicts_is_withdrawn():
    slope = (" * (1 - h**2)", "")
    assert "left out" in with_changes(slope, only=["b"])["b"].diagnosis.title
    result = with_changes(slope, ("BATCH.T @ d1", "BATCH.T @ d1**5"), only=["W1", "b"])
    assert {row.diagnosis.name for row in result} == {"unexplained"}
    how = result["b"].diagnosis.how
    assert how == (
        "These would be the numbers, but not those of W1, if the derivative of the tanh at h is "
        "left out."
    )


def test_a_gradient_of_another_shape_contradicts_nothing():
    slope = (" * (1 - h**2)", "")
    result = with_changes(
        slope, ("BATCH.T @ d1", 'BATCH[:, :3].T @ d1**5, "b": d1.sum(axis=0)} #'), only=["W1", "b"]
    )
    assert result["W1"].verdict == "shapes differ"
    assert "left out" in result["b"].diagnosis.title


@pytest.mark.parametrize(("kept", "use"), [(0, "first"), (3, "last")])
def test_a_bias_that_is_overwritten_in_a_loop_is_not_laid_to_what_is_right(kept, use):
    rng = np.random.default_rng(0)
    x, start = rng.normal(size=(4, 5, 2)), rng.normal(size=(5, 3))
    w, u, b = (al.Tensor(rng.normal(size=n), requires_grad=True) for n in [(2, 3), (3, 3), 3])
    h, states = start, [start]
    for step in x:
        h = np.tanh(step @ w + h @ u + b)
        states.append(h.numpy())
    loss = np.sum(h * h)
    dw, du, db = np.zeros((2, 3)), np.zeros((3, 3)), []
    dh = 2 * states[-1]
    for t in reversed(range(4)):
        dz = dh * (1 - states[t + 1] ** 2)
        dw, du = dw + x[t].T @ dz, du + states[t].T @ dz
        db.insert(0, dz.sum(axis=0))
        dh = dz @ u.numpy().T
    found = al.compare(loss, {w: dw, u: du, b: db[kept]})
    assert [row.ok for row in found.rows] == [True, True, False]
    title = found.rows[2].diagnosis.title
    assert f"from the {use} use" in title
    assert "overwritten" in title
