"""Sigmoid, softmax and log-sum-exp that are written out are derived as what they are."""

import numpy as np
import pytest

import autograd_lite as al

RNG = np.random.default_rng(5)
X, OTHER = RNG.normal(size=(2, 4, 3))
W, OTHER_W = RNG.normal(size=(2, 3, 3))
Y = np.eye(3)[[0, 2, 1, 1]]


def split_sigmoid(z):
    e = np.exp(-z)
    below = e + 1
    return 1 / below


def stable_lse(z):
    m = np.max(z, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) + m


def flat_lse(z):
    m = z.max(axis=1)
    return m + np.log(np.exp(z - m[:, None]).sum(axis=1))


def stable_softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1)[:, None]


SIGMOIDS = {
    "of -z": lambda z: 1 / (1 + np.exp(-z)),
    "split": split_sigmoid,
    "of z": lambda z: np.exp(z) / (1 + np.exp(z)),
    "power": lambda z: (1 + np.exp(-z)) ** -1,
    "tanh": lambda z: 0.5 * (1 + np.tanh(z / 2)),
    "tanh / 2": lambda z: (np.tanh(0.5 * z) + 1) / 2,
}
SOFTMAXES = {
    "plain": lambda z: np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True),
    "stable": stable_softmax,
    "columns": lambda z: np.exp(z - np.max(z)) / np.sum(np.exp(z - np.max(z)), axis=0),
    "constant": lambda z: np.exp(z - 1.5) / np.exp(z - 1.5).sum(axis=-1, keepdims=True),
}
SUMS = {
    "plain": lambda z: np.log(np.sum(np.exp(z), axis=1)),
    "all": lambda z: np.log(np.sum(np.exp(z))),
    "stable": stable_lse,
    "flat": flat_lse,
    "minus": lambda z: z - stable_lse(z),
    "minus plain": lambda z: z - np.log(np.exp(z).sum(axis=1, keepdims=True)),
}
OTHERS = {  # What only looks like one.
    "no one": lambda z: 2 / (1 + np.exp(-z)),
    "two": lambda z: 1 / (2 + np.exp(-z)),
    "of another": lambda z: np.exp(z) / (1 + np.exp(2 * z)),
    "other axis": lambda z: np.exp(z)[:3] / np.sum(np.exp(z)[:3], axis=1),
    "not constant": lambda z: np.exp(z - z**2) / np.exp(z - z**2).sum(axis=1, keepdims=True),
    "other shift": lambda z: np.log(np.sum(np.exp(z - z.max(1)[:, None]), axis=1)) + z.min(1),
    "its own shift": lambda z: np.log(np.sum(np.exp(z - z.max(1)[:, None]), axis=1)),
    "turned": lambda z: np.exp(z[:3]) / np.exp(z[:3]).sum(axis=1, keepdims=True).T,
}
ALL = {
    f"{group} {name}": f
    for group, forms in (("σ", SIGMOIDS), ("softmax", SOFTMAXES), ("lse", SUMS), ("", OTHERS))
    for name, f in forms.items()
}


@pytest.mark.parametrize("form", ALL)
def test_values_are_right_elsewhere(form):
    def loss(x, w):
        return np.sum(ALL[form](x @ w) ** 2)

    tensor = al.Tensor(W, requires_grad=True, name="w")
    recorded = al.derive(loss(al.Tensor(X, name="x"), tensor))
    for derivation in (al.derive(loss, X, W, wrt=["w"]), recorded):
        value, gradients = derivation.function(OTHER, OTHER_W)
        np.testing.assert_allclose(value, loss(OTHER, OTHER_W), rtol=1e-12)
        expected = np.asarray(al.grad(lambda w: loss(OTHER, w))(OTHER_W))
        np.testing.assert_allclose(gradients["w"], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", SIGMOIDS)
def test_the_entropy_of_a_sigmoid_is_a_difference(form):
    y, w = al.Tensor(Y, name="y"), al.Tensor(W, requires_grad=True, name="w")
    p = SIGMOIDS[form](al.Tensor(X, name="X") @ w)
    code = str(al.derive(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))))
    assert "(p - y)" in code

    def loss(X, y, w):
        p = SIGMOIDS[form](X @ w)
        return np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))

    assert "(p - y)" in str(al.derive(loss, X, Y, W, wrt=["w"]))


@pytest.mark.parametrize("form", SOFTMAXES)
def test_the_entropy_of_a_softmax_is_a_difference(form):
    def loss(X, y, w):
        z = X @ w
        p = SOFTMAXES[form](z)
        return -np.sum(y * np.log(p))

    soft = Y + 0.25  # Rows that add up to something else.
    assert "* p - y  #" in str(al.derive(loss, X, soft, W, wrt=["w"]))
    axis = 0 if form == "columns" else 1
    labels = np.eye(3, 4)[:, [0, 1, 2, 2]].T if axis else np.eye(4, 3)
    derivation = al.derive(loss, X, labels, W, wrt=["w"])
    assert f"# where y adds up to 1 along axis {axis}, as here" in str(derivation)
    assert "z_delta = p - y #" in " ".join(str(derivation).split())
    derivation.function(X, np.roll(labels, 1, axis=1 - axis), W)
    with pytest.raises(ValueError, match=f"adds up to 1 along axis {axis}.*Derive it anew"):
        derivation.function(X, soft, W)


@pytest.mark.parametrize("form", ["stable", "flat", "minus"])
def test_nothing_is_sent_through_a_shift(form):
    assert " == " not in str(al.derive(lambda z: np.sum(SUMS[form](z)), X))


def test_an_inner_gradient_that_is_asked_for_is_written():
    def loss(z):
        e = np.exp(-z)
        p = 1 / (1 + e)
        return np.sum(p**2)

    derivation = al.derive(loss, X)
    assert "d_e" not in str(derivation)
    z = al.Tensor(X, requires_grad=True, name="z")
    e = np.exp(-z)
    inner = al.derive(np.sum((1 / (1 + e)) ** 2), wrt=["e", "z"])
    _, gradients = inner.function(OTHER)
    np.testing.assert_allclose(gradients["e"], -2 / (1 + np.exp(-OTHER)) ** 3)


def test_a_chain_has_its_steps():
    def loss(z):
        e = np.exp(-z)
        p = 1 / (1 + e)
        return p**2

    assert "∂p/∂e" in al.derive(loss, 0.5, chain=True).text


def test_one_minus_is_computed_from_the_array():
    y, w = al.Tensor(Y, name="y"), al.Tensor(W[0], requires_grad=True, name="w")
    derivation = al.derive(np.sum((1 - y) * w - (-y) * w**2))
    assert list(derivation.arguments) == ["y", "w"]
    _, gradients = derivation.function(1 - Y, OTHER_W[0])
    np.testing.assert_allclose(gradients["w"], (Y + (1 - Y) * 2 * OTHER_W[0]).sum(axis=0))


def test_minus_is_computed_from_an_array_that_is_not_used_itself():
    y, w = al.Tensor(Y, name="y"), al.Tensor(W, requires_grad=True, name="w")
    p = 1 / (1 + np.exp(-(al.Tensor(X, name="X") @ w)))
    derivation = al.derive(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    other = al.derive(np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p)))
    assert [x.text for x in other.backward] == [x.text for x in derivation.backward]
    assert list(other.arguments) == ["X", "y", "w"]


def test_what_may_be_made_of_several_is_an_argument():
    y, same = al.Tensor(Y, name="y"), al.Tensor(Y, name="same")
    w = al.Tensor(W[0], requires_grad=True, name="w")
    derivation = al.derive(np.sum(y * w + same * w + (1 - y) * w))
    assert list(derivation.arguments) == ["y", "same", "input", "w"]


def test_an_array_that_is_used_several_times_is_one_argument():
    x = RNG.normal(size=(4, 3))
    q, k, v = (al.Tensor(W, requires_grad=True, name=name) for name in "qkv")
    loss = np.sum((x @ q) * (x @ k) + x @ v + x)
    derivation = al.derive(loss)
    assert list(derivation.arguments) == ["x", "q", "k", "v"]
    _, gradients = derivation.function(OTHER, W, OTHER_W, W)
    np.testing.assert_allclose(gradients["q"], OTHER.T @ (OTHER @ OTHER_W))


def test_long_positions_are_told_apart():
    x = RNG.normal(size=2000)
    order = np.arange(1500)
    other = order.copy()
    other[700] = 1999

    def loss(x, order, other):
        return np.sum((np.exp(x[order]) / np.sum(np.exp(x[other]))) ** 2)

    derivation = al.derive(loss, x, order, other, wrt=["x"])
    _, gradients = derivation.function(x=x, order=order, other=other)
    expected = np.asarray(al.grad(lambda x: loss(x, order, other))(x))
    np.testing.assert_allclose(gradients["x"], expected, atol=1e-15)


def test_numbers_may_be_arrays_without_axes():
    z = al.Tensor(X, requires_grad=True, name="z")
    one = np.array(1.0)
    assert "* (1 - p))" in str(
        al.derive(np.sum((p := one / (one + np.exp(-z))) ** 2), names={"p": p})
    )


def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def scaled_size(z, s):
    return np.sum(z / np.sqrt(np.mean(z**2, axis=-1, keepdims=True) + 1e-6) * s)


READ = {
    "stable entropy": (
        lambda z, y: np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))),
        "d_z = (1 / (1 + np.exp(-z)) - y) / n #",
    ),
    "logaddexp": (
        lambda z, y: np.mean(np.logaddexp(0, z) - y * z),
        "d_z = (1 / (1 + np.exp(-z)) - y) / n #",
    ),
    "log1p": (lambda z: np.sum(np.log1p(np.exp(-z))), "d_z = -1 / (1 + np.exp(z)) #"),
    "Huber": (
        lambda z: np.mean(np.where(np.abs(z) < 1, 0.5 * z**2, np.abs(z) - 0.5)),
        "d_z = np.where(v2, z, np.sign(z)) / n #",
    ),
    "leaky": (lambda z: np.sum(np.where(z > 0, z, 0.1 * z)), "d_z = np.where(v1, 1.0, 0.1) #"),
    "choice": (lambda z: np.sum(np.where(z > 0, 2 * z, -3 * z)), "d_z = np.where(v1, 2.0, -3.0)"),
    "length": (
        lambda z, y: np.sum(z / np.linalg.norm(z, axis=1, keepdims=True) * y),
        "d_z = (y - v2 * np.sum(y * v2, axis=1, keepdims=True)) / v1 #",
    ),
    "mean square": (
        scaled_size, "d_z = (s - v2 * np.mean(s * v2, axis=-1, keepdims=True)) / v1 #",
    ),
    "diagonal": (
        lambda z: -np.mean(np.diag(z @ z.T)), "d_z = -2 / n * z #",
    ),
    "swish": (
        lambda z, y: np.sum(z * al.sigmoid(z) * y), "d_z = y * (v1 + z * v1 * (1 - v1)) #",
    ),
    "swish, written out": (
        lambda z, y: np.sum(1 / (1 + np.exp(-z)) * z * y), "d_z = y * (v1 + v1 * z * (1 - v1)) #",
    ),
    "swish, a quotient": (
        lambda z, y: np.sum(z / (1 + np.exp(-z)) * y), "d_z = y * (1 + v2 * v1) / (1 + v1) #",
    ),
    "leaky relu": (
        lambda z: np.sum(al.nn.LeakyReLU(0.1)(z * 3)), "np.sum(np.where(v1 > 0, v1, 0.1 * v1))",
    ),
    "twice": (lambda z, y: np.sum(z * y - z * (1 - y)), "d_z = 2 * y - 1 #"),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_written_out_has_its_textbook_form(kind):
    f, line = READ[kind]
    given = dict(zip(f.__code__.co_varnames, (X, OTHER), strict=False))
    derivation = al.derive(f, *given.values(), wrt=["z"])
    assert line in " ".join(str(derivation).split()), derivation
    for z in (OTHER, 40 * X):
        values = given | {"z": z}
        expected = al.grad(f)(*values.values())
        found = derivation.function(**values)[1]["z"]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.sum(np.maximum(z, 0) - np.log1p(np.exp(-np.abs(z)))),
        lambda z: np.sum(2 * np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))),
        lambda z: np.sum(np.maximum(z, 0) * np.log1p(np.exp(-np.abs(z)))),
        lambda z: np.sum(np.maximum(z + 1, 0) + np.log1p(np.exp(-np.abs(z)))),
        lambda z: np.sum(softplus(z) * z - softplus(-z)),
        lambda z: np.sum(np.where(z > 0, z, 0) + np.where(z > 1, 0, z**2)),
        lambda z: np.sum(np.where(z[0] > 0, z, 1) - np.where(z[0] > 0, z**2, z)),
        lambda z: np.sum(z / np.sqrt(np.sum(z**2, axis=0) + 2) + z / np.linalg.norm(z)),
        lambda z: np.sum(z / np.linalg.norm(z, axis=1, ord=1, keepdims=True)),
        lambda z: np.sum(z[:3] / np.sqrt(np.mean(z[:3] ** 2, axis=0, keepdims=True).T)),
    ],
)
def test_what_only_looks_alike_is_right_too(f):
    derivation = al.derive(f, X)
    for z in (X, OTHER):
        found = derivation.function(z)[1]["z"]
        np.testing.assert_allclose(found, al.grad(f)(z), rtol=1e-9, atol=1e-12)


def test_a_proof_says_what_it_takes_for_given():
    def loss(X, y, w):
        p = stable_softmax(X @ w)
        return -np.sum(y * np.log(p))

    derivation = al.derive(loss, X, Y, W, wrt=["w"])
    (proof,) = derivation.prove(w="X.T @ (p - y)")
    assert proof
    assert str(proof).endswith("by hand = gradient, where y adds up to 1 along axis 1")


def test_a_derivation_at_nothing_runs():
    def loss(z):
        return -np.sum(np.log(stable_softmax(z[:0])))

    derivation = al.derive(loss, X)
    np.testing.assert_array_equal(derivation.function(X)[1]["z"], np.zeros(X.shape))
    empty = al.derive(lambda z: -np.sum(np.log(SOFTMAXES["plain"](z))), np.zeros((0, 2)))
    assert empty.evaluate()["z"].shape == (0, 2)
