"""A derivation holds at other values: what depends on them is computed there, or is refused."""

import inspect
import pickle
import re
import warnings

import numpy as np
import pytest

import autograd_lite as al

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4))
W = RNG.normal(size=4)


def masks(x, w):
    far = np.abs(x) > 0.5
    both = far & ~(w > 0)
    return np.sum(np.where(both, x * w, 0.1 * x)) + np.sum(far * x**2)


def largest(x):
    i = np.argmax(x, axis=1)
    return np.sum(x[np.arange(len(x)), i] ** 2)


def detached(x):
    return np.sum(x.data * x) + np.sum(x.detach() ** 2 * x)


def softmax_regression(x, w, labels):
    logp = al.log_softmax(x * w)
    return -np.mean(logp[np.arange(3), labels])


def written(x):
    h = x * 2
    h[h < 0] = 0.0
    return np.sum(h**2)


def along(x, i):
    return np.sum(np.take_along_axis(x, i[:, None], 1) ** 2)


def in_order(x):
    order = np.argsort(x, axis=0)
    return np.sum(np.take_along_axis(x, order, 0)[0] ** 2)


LABELS, OTHERS = np.array([0, 2, 1]), np.array([2, 2, 0])


def where(mask):
    return lambda x: np.sum(np.where(mask(x), x, 2 * x) * x)


MASKS = [
    lambda x: (x > 0).any(axis=0),
    lambda x: (x > 0).all(axis=1, keepdims=True),
    lambda x: np.isnan(x).any(1, keepdims=True),
    lambda x: (x > 0).sum(axis=0) > 1,
    lambda x: x == x.max(axis=-1, keepdims=True),
    lambda x: (x > 0) == (x < 1),
    lambda x: ((x > 0) | (x < -1)) & ~(x > 1) | (x > 2),
    lambda x: np.select([x > 1, x > 0], [0 * x, 1 + 0 * x], 1.0) > 0.5,
]

FUNCTIONS = [
    (lambda x: np.prod(x), (np.array([1.0, 2.0]),), (np.array([0.0, 2.0]),)),
    (lambda x: np.sum(np.where(x > 0, x**2, -x)), (X,), (-X,)),
    (lambda x: np.sum(np.sort(x, axis=1)[:, 0] ** 2), (X,), (-X,)),
    (lambda x: np.sum(np.partition(x, 1)[..., 0] ** 2), (X,), (-X,)),
    (lambda x: np.sum(np.heaviside(x, 0.5) * x), (X,), (-X,)),
    (lambda x, w: np.max(x) * np.min(w), (X, W), (-X, -W)),
    (masks, (X, W), (-X, -W)),
    (largest, (X,), (-X,)),
    (detached, (X,), (-X,)),
    (softmax_regression, (X, W, LABELS), (-X, W, OTHERS)),
    (written, (X,), (-X,)),
    (along, (X, LABELS), (-X, OTHERS)),
    (in_order, (X,), (-X,)),
    *[(where(mask), (X,), (-X,)) for mask in MASKS],
    (lambda x: 2 * np.sum(np.maximum(x, 0)) + 2 * np.sum(np.maximum(x - 0.5, 0)), (X,), (-X,)),
    (lambda x: 2 * np.sum(np.maximum(x, 0)) - 2 * np.sum(np.maximum(x - 0.5, 0)), (X,), (-X,)),
    (lambda x, w: np.mean(w * x), (X, W), (-X, -W)),
    (lambda x, w: np.max(x) * np.sum(np.maximum(x, w)), (X, W), (np.ones((3, 4)), np.ones(4))),
    (lambda w: np.linalg.norm(w) + np.median(w), (W,), (np.zeros(4),)),
    (lambda x, w: np.sum(x + w[0]) + np.mean((x + w[0]) * w[1]), (X, W), (-X, -W)),
    (lambda x, i: np.sum(x[i] ** 2), (X, LABELS), (-X, OTHERS)),
    (lambda x, i: np.sum(np.take(x, i, axis=1) ** 2), (X, LABELS), (-X, OTHERS)),
    (lambda x, i: np.sum(np.take(x, i) ** 2), (X, LABELS), (-X, OTHERS)),
    (lambda x, keep: np.sum(x[keep] ** 2), (X, LABELS > 0), (-X, np.array([True, True, False]))),
]


@pytest.mark.parametrize(("f", "at", "then"), FUNCTIONS)
def test_the_derivation_of_a_function_computes_masks_and_positions_anew(f, at, then):
    derivation = al.derive(f, *at)
    names = list(inspect.signature(f).parameters)
    by_name = dict(zip(names, then, strict=True))
    value, gradients = derivation.function(**{name: by_name[name] for name in derivation.arguments})
    np.testing.assert_allclose(value, f(*map(al.Tensor, then)).data, rtol=1e-13)
    for name, gradient in gradients.items():
        expected = al.grad(f, names.index(name))(*then)
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-13)
        assert np.shape(gradient) == np.shape(expected)


@pytest.mark.parametrize(("f", "at", "then"), FUNCTIONS)
def test_no_entries_of_arrays_stand_in_the_code(f, at, then):
    assert "np.array(" not in str(al.derive(f, *at)).partition("def loss_and_gradients")[2]


def test_a_branch_on_a_value_is_refused_with_its_line():
    def f(x):
        if x[0, 0] > 0:
            return np.sum(x * x)
        return np.sum(3 * x)

    line = f.__code__.co_firstlineno + 1
    with pytest.raises(al.TraceError, match=rf"test_other_values.py:{line}: if x\[0, 0\] > 0"):
        al.derive(f, X)
    with pytest.raises(al.TraceError, match="float"):
        al.derive(lambda x: np.sum(x) * float(x.data[0, 0] * 2), X)


def test_an_argument_whose_value_is_asked_for_is_that_value():
    def f(x, n):
        for _ in range(n):
            x = np.tanh(x)
        return np.sum(x) * n

    derivation = al.derive(f, X, 2)
    assert derivation.function(x=X, n=2)[0] == pytest.approx(2 * np.sum(np.tanh(np.tanh(X))))
    with pytest.raises(ValueError, match="for the n that the function was derived at"):
        derivation.function(x=X, n=3)


def test_positions_that_a_rule_computes_with_must_stay():
    def f(x, counts):
        return np.sum(np.repeat(x, counts, axis=0) ** 2)

    derivation = al.derive(f, X, np.array([1, 0, 2]))
    assert derivation.function(x=X, counts=[1, 0, 2])[1]["x"].shape == X.shape
    with pytest.raises(ValueError, match="for the counts that the function was derived at"):
        derivation.function(x=X, counts=np.array([0, 2, 1]))

    def g(x):
        h = x * 1.0
        h[np.argmax(x, axis=0)] = x[0] ** 2
        return np.sum(h)

    with pytest.raises(al.TraceError, match=r"cannot write the derivative of .*, for which it"):
        al.derive(g, X)


def test_what_a_function_closes_over_is_an_argument_and_stays_as_it_was():
    net = al.nn.Sequential(al.nn.Linear(4, 2, rng=RNG), al.nn.BatchNorm1d(2))
    seen = list(net.state_dict().values())
    rng = np.random.default_rng(1)

    def f(x):
        h = net(x)
        keep = rng.random(h.shape) < 0.5
        return np.sum(np.where(h > 0, h, 0.1 * h) * keep)

    derivation = al.derive(f, X)
    assert {"x", "keep"} <= set(derivation.arguments)
    assert all(type(t._array) is np.ndarray or np.isscalar(t._array) for t in net.parameters())
    for before, t in zip(seen, net.state_dict().values(), strict=True):
        np.testing.assert_array_equal(before, t)
    assert rng.random() == np.random.default_rng(1).random()
    keep = derivation.arguments["keep"]

    def with_that_mask(x):
        h = net(x)
        return np.sum(np.where(h > 0, h, 0.1 * h) * keep)

    _, gradients = derivation.function(**{**derivation.arguments, "x": -X})
    with al.no_grad():
        expected = al.grad(with_that_mask)(-X)
    np.testing.assert_allclose(gradients["x"], expected, rtol=1e-9, atol=1e-12)


def test_a_mask_that_is_not_recorded_is_an_argument_and_that_is_said():
    x = al.Tensor(X, requires_grad=True, name="x")
    code = str(al.derive(np.sum(np.where(x > 0, x**2, -x)), names={}))
    assert "(mask, x)" in code
    assert "    # mask: computed outside of the record, so anew with other values" in code
    positive = x.data > 0
    code = str(al.derive(np.sum(np.where(positive, x**2, -x))))
    assert "(positive, x)" in code
    assert "outside of the record" not in code
    b = al.Tensor(0.5, requires_grad=True, name="b")
    assert "(mask, b)" in str(al.derive(np.where(b > 0, b, 0.1 * b)))


def test_labels_and_masks_of_a_recorded_loss_have_their_names():
    labels, keep = np.array([0, 2, 1]), np.array([True, False, True])
    x = al.Tensor(X, requires_grad=True, name="x")
    loss = np.sum(x[np.arange(3), labels]) + np.sum(x[keep] ** 2) + np.sum(x[np.array([2, 0, 0])])
    derivation = al.derive(loss)
    assert list(derivation.arguments) == ["labels", "keep", "index", "x"]
    assert "x[np.arange(3), labels]" in derivation.code
    assert "x[arange(3), labels]" in derivation.text
    keep = np.array([True, True, False])
    other = {**derivation.arguments, "labels": OTHERS, "keep": keep, "x": -X}
    loss = -np.sum(X[np.arange(3), OTHERS]) + np.sum(X[keep] ** 2) - np.sum(X[[2, 0, 0]])
    assert derivation.function(**other)[0] == pytest.approx(loss)


def test_a_mask_that_picks_more_entries_is_refused():
    derivation = al.derive(lambda x: np.mean(x[x > 1] ** 2), np.array([0.0, 2.0, 3.0]))
    _, gradients = derivation.function(np.array([4.0, 2.0, 1.0]))
    assert gradients["x"].tolist() == [4.0, 2.0, 0.0]
    with pytest.raises(ValueError, match=r"a mask .* picks 2 entries, got one that picks 3"):
        derivation.function(np.array([4.0, 2.0, 3.0]))


def test_number_by_number_comparisons_stay_comparisons():
    derivation = al.derive(lambda x: np.where(~(x < 1) & (x > 0), x**2, -x), 2.0, chain=True)
    assert derivation.function(x=2.0)[1]["x"] == 4.0
    assert derivation.function(x=-3.0)[1]["x"] == -1.0


def test_number_by_number_nothing_is_chosen_by_its_value():
    derivation = al.derive(lambda x: np.mean(np.maximum(x[1:], 0) ** 2), W, chain=True)
    assert list(derivation.gradients) == ["x2", "x3", "x4"]
    assert derivation.function(x2=3.0, x3=-1.0, x4=0.5)[1]["x2"] == 2.0
    norm = al.derive(np.linalg.norm, np.array([3.0, 4.0]), chain=True)
    assert list(norm.function(0.0, -2.0)[1].values()) == [0.0, -1.0]
    for f in (np.max, np.median, lambda x: np.sum(np.sort(x) * W)):
        with pytest.raises(ValueError, match=r"cannot write .* out number by number"):
            al.derive(f, W, chain=True)


def test_number_by_number_all_that_has_a_name_is_derived_once():
    def table(x, y):
        made = al.Tensor(np.zeros(3))
        made[0] = x * y
        made[1] += y
        kept = made * 1.0
        return np.sum(kept[:2] ** 2) + kept[2]

    derivation = al.derive(table, 2.0, 3.0, wrt="all", chain=True)
    assert derivation.function(x=-1.0, y=0.5)[1]["x"] == pytest.approx(-0.5)
    assert derivation.function(x=-1.0, y=0.5)[1]["y"] == pytest.approx(2.0)
    assert "made1" in str(derivation)


def test_cross_entropy_by_labels_is_a_difference_with_one_hot_rows():
    w = al.Tensor(RNG.normal(size=(4, 3)), requires_grad=True, name="w")
    labels = np.array([0, 2, 1])
    loss = -np.mean(al.log_softmax(X @ w, axis=1)[np.arange(3), labels])
    derivation = al.derive(loss)
    assert derivation.code.startswith("def loss_and_gradients(X, labels, w):")
    assert "np.eye(3)[labels]" in derivation.code

    def at(w):
        return -np.mean(al.log_softmax(X @ w, axis=1)[np.arange(3), OTHERS])

    _, gradients = derivation.function(X=X, labels=OTHERS, w=w.data)
    np.testing.assert_allclose(gradients["w"], al.grad(at)(w.data), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x, n: np.sum(x * np.power(2.0, n)), "2.0 ** n"),
        (lambda x, n: np.sum(x * (2.0 * n - 255.0)), "2.0 * n"),
        (lambda x, n: np.sum(np.ldexp(x, n)), "np.ldexp(1.0, n)"),
        (lambda x, n: np.sum(x * np.where(n > 1, 3.0, n)), "3.0"),
        (lambda x, n: np.sum(x / n + 2.0 * x), "2 * x"),  # Where it makes no difference, as usual.
    ],
)
@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8])
def test_numbers_beside_whole_ones_stay_floats(f, says, dtype):
    if dtype == np.uint8 and "ldexp" in says:
        dtype = np.int16
    x, n = np.array([0.5, -2.0]), np.array([3, 1], dtype)
    derivation = al.derive(f, x, n, wrt=["x"])
    assert says in derivation.code
    n = np.array([100, 2], dtype) if dtype == np.uint8 else np.array([-1, 4], dtype)
    value, gradients = derivation.function(x, n)
    want = al.grad(f)(x, n)
    assert value == pytest.approx(float(f(x, n)))
    assert gradients["x"].dtype == float
    np.testing.assert_allclose(gradients["x"], want)


def test_a_result_that_depends_on_no_argument_is_said():
    with pytest.raises(al.GradientError, match=r"computed from none of its arguments \(x\)"):
        al.derive(lambda x: np.sum(np.imag(x) ** 2), X)


def test_masks_are_combined_as_they_were():
    derivation = al.derive(where(lambda x: ~(x > 0) & (x < 1) | (x > 2)), X)
    assert "(~(x > 0) & (x < 1)) | (x > 2)" in derivation.code
    assert "(¬[x > 0] ∧ [x < 1]) ∨ [x > 2]" in derivation.text


def test_an_index_of_one_axis_has_no_comma():
    derivation = al.derive(lambda x: np.sum(np.diff(x) ** 2), W)
    assert "x[1:] - x[:-1]" in derivation.code


def test_nothing_has_a_derivation():
    derivation = al.derive(lambda x: np.sum(np.diff(x)), np.ones(0))
    assert derivation.function(np.ones(0))[1]["x"].shape == (0,)


def by_rows(X, y, w):
    total = 0.0
    for i in range(len(X)):
        total = total + (X[i] @ w - y[i]) ** 2
    return total / len(X)


def by_named_lengths(X, y, w):
    count, width = X.shape
    return np.sum((X @ w - y) ** 2) / count + np.sum(w**2) / width


def by_rows_themselves(X, y, w):
    total = 0.5 * len(y) * np.log(2 * np.pi)
    for x, target in zip(X, y, strict=True):
        total = total + np.tanh(x @ w - target) ** 2
    return total


def by_a_number(X, y, w):
    return np.sum((X @ w - y) ** 2) / 4


@pytest.mark.parametrize(
    ("f", "rows", "said"),
    [
        (by_rows, 3, ["n = len(X)", "for i in range(n):", "loss = total / n", "2 / n * v1s[i]"]),
        (by_named_lengths, 2, ["count = len(X)", "width = len(w)", "2 / count", "2 / width"]),
        (by_a_number, 4, ["loss = np.sum(v1 ** 2) / 4"]),
        (lambda X, y, w: np.mean((X @ w - y) ** 2), 2, ["n = len(X)", "2 / n * v1"]),
        (lambda X, y, w: np.sum((X @ w - y) ** 2) / (2 * len(y)), 5, ["= 1 / n * v1"]),
        (lambda X, y, w: np.sum((X @ w - y) ** 2 / (2 * len(y))), 5, ["** 2 / (2 * n)", "= 1 / n"]),
        (by_rows_themselves, 5, ["0.5 * n * np.log(2", "for i in range(n):", "v1s = [None] * n"]),
        (lambda X, y, w: np.sum(np.tanh(X @ w - y)), 5, ["1 - v1 ** 2"]),
        (lambda X, y, w: np.mean(np.tanh(X @ w)[: len(y)] * y), 5, ["/ n"]),
    ],
)
def test_a_length_has_a_name_and_what_is_derived_holds_for_others(f, rows, said):
    def draw(rows, columns=4):
        return RNG.normal(size=(rows, columns)), RNG.normal(size=rows), RNG.normal(size=columns)

    derivation = al.derive(f, *draw(rows), wrt=["X", "w"])
    for line in said:
        assert line in derivation.code
    for values in (draw(rows), draw(rows + 3), draw(6, 4 + ("width" in derivation.lengths))):
        expected = al.grad(f, (0, 2))(*values)
        found = derivation.function(*values)[1]
        for got, true in zip(found.values(), expected, strict=True):
            np.testing.assert_allclose(got, true, rtol=1e-9)


def test_lengths_of_a_recorded_loss_have_names_in_every_form_and_in_proofs():
    x, y = RNG.normal(size=(5, 3)), RNG.normal(size=5)
    w = al.Tensor(RNG.normal(size=3), requires_grad=True, name="w")
    derivation = al.derive(np.mean((x @ w - y) ** 2))
    for form in (derivation.code, derivation.unrolled_code, derivation.text, derivation.latex):
        assert "5" not in re.sub("#.*", "", form)
    assert derivation.formula() == "∂L/∂w = 2/n xᵀ (x w − y)"
    assert " / " not in str(derivation.rounding)
    assert derivation.equals("2 / n * x.T @ (x @ w - y)")


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, w: np.sum(np.tanh(x @ w)) / 5,
        lambda x, w: 0.2 * np.sum(np.tanh(x @ w)),
        lambda x, w: np.sum(np.tanh(x @ w) / np.sqrt(5.0)),
        lambda x, w: np.sum(np.tanh(x @ w)) / (2 * 5 * 3),
        lambda x, w: np.sum((x @ w)[0:3] ** 2) + np.sum((x @ w)[3:5] ** 2),
    ],
)
def test_a_recorded_loss_that_may_have_used_a_length_is_refused_at_others(loss):
    x = RNG.normal(size=(5, 3))
    w = al.Tensor(RNG.normal(size=3), requires_grad=True, name="w")
    derivation = al.derive(loss(x, w))
    with pytest.raises(ValueError, match=r"of shape \(5, 3\), got \(6, 3\)"):
        derivation.function(RNG.normal(size=(6, 3)), w.data)


def test_a_length_of_what_the_code_does_not_take_stays():
    def f(x, y, w):
        return np.sum((y - w) ** 2) / len(x)

    derivation = al.derive(f, np.ones((3, 2)), RNG.normal(size=3), 0.5, wrt=["w"])
    with pytest.raises(ValueError, match=r"y of shape \(3,\), got \(4,\)"):
        derivation.function(RNG.normal(size=4), 0.5)


def test_an_array_that_a_function_makes_of_a_length_keeps_that_length():
    def f(x, u):
        scores = x @ u @ (x @ u).T
        causal = np.tril(np.ones((len(x), len(x)), dtype=bool))
        return np.sum(np.where(causal, scores, 0.0) ** 2)

    derivation = al.derive(f, RNG.normal(size=(5, 3)), RNG.normal(size=(3, 2)))
    with pytest.raises(ValueError, match=r"This derivation is for x of shape \(5, 3\), got \(4"):
        derivation.function(RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)))


def test_two_numbers_differ_at_other_lengths_too():
    def mixture(x, mu, sigma):
        scores = -(((x[:, None] - mu) / sigma) ** 2)
        top = np.max(scores, axis=1)
        return np.mean(top + np.log(np.sum(np.exp(scores - top[:, None]), axis=1)))

    values = RNG.normal(size=5), RNG.normal(size=2), np.array([0.5, 0.8])
    assert "v2 / v3[:, None] / n" in al.derive(mixture, *values, wrt="all").code


def test_a_shape_behind_a_line_is_that_of_the_values_given():
    def f(x, u):
        return np.mean((x - x) ** 2) + np.sum((u[1:] - u[:-1]) ** 2)

    assert "v1 = u[1:] - u[:-1]" in (code := al.derive(f, np.ones((3, 2)), np.ones(2)).code)
    assert re.search(r"u\[:-1\] +# \(1,\)", code)


def test_a_formula_that_is_too_long_at_other_lengths_is_written_all_the_same():
    def f(X, W, h):
        for x in X:
            h = h * h + np.sum(W) * h * x
        return np.mean(h * W)

    derivation = al.derive(f, RNG.normal(size=7), RNG.normal(size=4), 0.5)
    assert "for i in range(n):" in derivation.code
    assert derivation.formula("W").startswith("∂L/∂W = ")


def test_a_division_by_several_numbers_is_one_formula_and_what_was_whole_can_be_pickled():
    def f(W):
        return np.sum((W @ W.T / np.sqrt(W.shape[1])) ** 2) / 3

    assert "W" in al.derive(f, RNG.normal(size=(3, 5))).formula()

    def standardised(x, w):
        return np.sum(w * (x - np.mean(x)) / np.sqrt(np.var(x) + 0.1))

    derivation = al.derive(standardised, *RNG.normal(size=(2, 4)))
    assert pickle.loads(pickle.dumps(derivation)).code == derivation.code


def test_what_a_function_warns_of_is_said_once():
    def f(x, w):
        warnings.warn("mind", UserWarning, stacklevel=1)
        return np.mean((x @ w) ** 2)

    with pytest.warns(UserWarning, match="mind") as said:
        assert al.derive(f, RNG.normal(size=(5, 3)), RNG.normal(size=3)).lengths == {"n": 5}
    assert len(said) == 1


def test_a_loop_that_is_much_longer_at_other_lengths_is_not_derived_there(monkeypatch):
    def f(A, B):
        c = al.Tensor(np.zeros((len(A), B.shape[1])))
        for i in range(len(A)):
            for j in range(B.shape[1]):
                for k in range(len(B)):
                    c[i, j] += A[i, k] * B[k, j]
        return np.mean(c**2)

    monkeypatch.setattr(al.Derivation, "measure", None)
    assert "for i in range(3):" in al.derive(f, *RNG.normal(size=(2, 3, 3))).code


@pytest.mark.parametrize(
    ("total", "fails"),
    [
        (lambda x: np.mean(x) if len(x) % 2 else np.sum(x), 6),
        (lambda x: np.sum(x) / max(len(x), 3), 2),
        (lambda x: np.sum(x) / (len(x) - 1 if len(x) > 3 else 1), 3),
    ],
)
def test_a_function_that_does_something_else_at_some_lengths_has_numbers(total, fails):
    derivation = al.derive(lambda x, w: total((x * w) ** 2), RNG.normal(size=5), 0.5)
    with pytest.raises(ValueError, match=r"This derivation is for x of shape \(5,\)"):
        derivation.function(RNG.normal(size=fails), 0.5)


def test_a_derivative_that_is_the_number_1_is_a_float():
    def f(x):
        total = np.sum(np.where(x > 0, x, 0))
        return np.mean(total) + x[0] * 0.5

    _, gradients = al.derive(f, X[0], wrt="all").function(X[0])
    np.testing.assert_array_equal(gradients["x"], al.grad(f)(X[0]))
