"""What is forgotten: what arrives, the operand, the weights; and slips at all gates at once."""

import numpy as np
import pytest

import autograd_lite as al

rng = np.random.default_rng(13)
H, Y = rng.normal(size=(5, 6, 3)), rng.normal(size=5)
W, V, U = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)
BIAS = 0.3 * rng.normal(size=4)


def named(names, *tensors):
    for name, tensor in zip(names.split(), tensors, strict=True):
        tensor.name = name


def parameters(**arrays):
    return [al.Tensor(x, requires_grad=True, name=name) for name, x in arrays.items()]


def pooled():
    w, b, v, u = parameters(W=W, b=BIAS, v=V, u=U)
    m = np.tanh(H @ w + b)
    a = al.softmax(m @ v, axis=1)
    context = np.sum(a[:, :, None] * H, axis=1)
    named("m a context", m, a, context)
    return 0.5 * np.sum((context @ u - Y) ** 2)


POOLED = """
m = np.tanh(H @ W + BIAS)
a = np.exp(m @ V); a = a / a.sum(axis=1, keepdims=True)
c = (a[:, :, None] * H).sum(axis=1)
d = c @ U - Y
du = c.T @ d
da = (d[:, None, None] * U * H).sum(axis=2)
ds = a * (da - (a * da).sum(axis=1, keepdims=True))
dv = (m * ds[:, :, None]).sum(axis=(0, 1))
dz = ds[:, :, None] * V * (1 - m**2)
found = {"u": du, "v": dv, "W": np.einsum("ijk,ijl->kl", H, dz), "b": dz.sum(axis=(0, 1))}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("ds[:, :, None] * V * (1 - m**2)", "1 - m**2", "1 is given for the gradient at m"),
        ("V * (1 - m**2)", "V", "the derivative of the tanh at m is left out"),
        ("(1 - m**2)", "(1 - V**2)", "for its output m is given v"),
        ('"ijk,ijl->kl", H', '"ik,ijl->kl", c', "context is used in place of H"),
        ("c.T @ d\n", "np.ones_like(c).T @ d\n", "the factor context is missing: 1 stands"),
        (
            'np.einsum("ijk,ijl->kl", H, dz)',
            "H[:, 0].T @ dz[:, 0]",
            "only the first slice along axis 1",
        ),
    ],
)
def test_what_is_forgotten_around_a_pooling_has_its_name(right, wrong, said):
    made = dict(globals())
    exec(POOLED, made)
    assert al.compare(pooled(), made["found"])
    assert POOLED.count(right) == 1
    exec(POOLED.replace(right, wrong), made)
    titles = [str(row.diagnosis) for row in al.compare(pooled(), made["found"]).failures]
    assert any(said in title for title in titles)
    assert not any("unexplained" in title for title in titles)


X, Z, LABELS = rng.normal(size=(8, 4)), rng.normal(size=(4, 3)), rng.integers(0, 3, 8)


@pytest.mark.parametrize(
    ("delta", "said"),
    [
        (lambda p, q, _: (p - q) / 16, None),
        (lambda p, q, _: -q * p * (1 - p) / 16, "the diagonal of the softmax's Jacobian"),
        (lambda _, q, __: (1 - q) / 16, "the derivative of the logsumexp at np.log"),
    ],
)
def test_a_log_sum_exp_that_is_written_out_is_a_softmax(delta, said):
    (w,) = parameters(W=Z)
    z = X @ w
    s = z / 2.0
    named("z s", z, s)
    q = np.eye(3)[LABELS] * 0.9 + 0.1 / 3
    loss = -np.sum(q * (s - np.log(np.sum(np.exp(s), axis=1, keepdims=True)))) / 8
    result = al.compare(loss, {"W": X.T @ delta(softmax(s.numpy()), q, z.numpy())})
    assert bool(result) if said is None else said in str(result["W"].diagnosis)


def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        (lambda y: y * (1 - y), None),
        (lambda y: 1 - y, "1 - each of "),
        (lambda y: 1 - y * y, "tanh' stands in place of sigmoid' at each of "),
        (np.ones_like, "the derivative of the sigmoid at each of "),
    ],
)
def test_the_same_slip_at_every_gate_of_a_cell_is_one_mistake(slope, said):
    series, w = rng.normal(size=(5, 4, 2)), rng.normal(size=(2, 6))
    weight, c = al.Tensor(w, requires_grad=True, name="w"), np.zeros((4, 3))
    steps, made = [], np.zeros((4, 3))
    for x in series:
        z = x @ weight
        c = al.sigmoid(z[:, :3]) * c + al.sigmoid(z[:, 3:])
    for x in series:
        f, i = (1 / (1 + np.exp(-part)) for part in np.split(x @ w, 2, axis=1))
        steps.append((x, f, i, made))
        made = f * made + i
    dc, dw = made, np.zeros_like(w)
    for x, f, i, before in reversed(steps):
        dw += x.T @ np.hstack([dc * before * slope(f), dc * slope(i)])
        dc = dc * f
    result = al.compare(0.5 * np.sum(c**2), {"w": dw})
    assert bool(result) if said is None else said in str(result["w"].diagnosis)


def test_a_sum_of_which_rounding_is_left_is_zero():
    (b,) = parameters(b=np.array([0.1, -0.2, 0.3]))
    p = softmax(X[:, :3] + b.numpy())
    loss = -np.sum(np.eye(3)[LABELS] * al.log_softmax(X[:, :3] + b, axis=1))
    d = p - np.eye(3)[LABELS]
    found = str(al.compare(loss, {"b": np.full(3, d.sum() + 1e-17)})["b"].diagnosis)
    assert "zero everywhere, but for rounding: all terms cancel" in found


def test_a_minus_that_is_forgotten_has_its_name():
    (k,) = parameters(k=np.array([0.7, 1.9, 2.5]))
    e = X[:3, 0] * k - k * np.log(k)
    hand = 2 * e.numpy() * (X[:3, 0] + np.log(k.numpy()) + 1)
    found = str(al.compare(np.sum(e**2), {"k": hand})["k"].diagnosis)
    assert "the minus before k * np.log(k) is left out" in found


def test_a_constant_is_no_regulariser():
    x = al.Tensor(np.array([[0.5, 1.5, 2.5], [1.0, 3.0, 2.0]]), requires_grad=True, name="x")
    hand = np.cos(x.numpy()) + 0.25
    assert "sign(x)" not in str(al.compare(np.sum(np.sin(x)), {"x": hand})["x"].diagnosis)
