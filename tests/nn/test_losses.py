"""Losses and their gradients are those of formulas that were derived by hand."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.nn import functional

RNG = np.random.default_rng(11)
X = RNG.normal(size=(5, 3)) * 2
Y = RNG.normal(size=(5, 3))
P = RNG.uniform(0.05, 0.95, (5, 3))
T = RNG.uniform(size=(5, 3))
SIGNS = np.where(RNG.uniform(size=(5, 3)) < 0.5, -1, 1)
LABELS = np.array([2, 0, 1, 1, 2])
WEIGHTS = np.array([0.5, 2.0, 1.5])
EACH = RNG.uniform(size=(5, 3))
G = RNG.normal(size=(5, 3))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=1, keepdims=True)


def clip(e, width):
    return np.clip(e, -width, width)


def huber(e, width):
    return np.where(abs(e) < width, e**2 / 2, width * (abs(e) - width / 2))


E = X - Y
ENTRYWISE = {
    "l1": (nn.L1Loss, {}, X, Y, abs(E), np.sign(E)),
    "smooth": (nn.SmoothL1Loss, {"beta": 0.7}, X, Y, huber(E, 0.7) / 0.7, clip(E / 0.7, 1)),
    "smooth 0": (nn.SmoothL1Loss, {"beta": 0}, X, Y, abs(E), np.sign(E)),
    "huber": (nn.HuberLoss, {"delta": 0.7}, X, Y, huber(E, 0.7), clip(E, 0.7)),
    "bce": (
        nn.BCELoss, {}, P, T, -T * np.log(P) - (1 - T) * np.log(1 - P), (P - T) / (P * (1 - P))
    ),
    "bce weight": (
        nn.BCELoss, {"weight": EACH}, P, T,
        EACH * (-T * np.log(P) - (1 - T) * np.log(1 - P)), EACH * (P - T) / (P * (1 - P)),
    ),
    "logits": (
        nn.BCEWithLogitsLoss, {}, X, T,
        -T * np.log(sigmoid(X)) - (1 - T) * np.log(1 - sigmoid(X)), sigmoid(X) - T,
    ),
    "logits weights": (
        nn.BCEWithLogitsLoss, {"weight": EACH, "pos_weight": WEIGHTS}, X, T,
        EACH * (-WEIGHTS * T * np.log(sigmoid(X)) - (1 - T) * np.log(1 - sigmoid(X))),
        EACH * ((1 - T) - (1 + (WEIGHTS - 1) * T) * (1 - sigmoid(X))),
    ),
    "hinge": (
        nn.HingeLoss, {"margin": 0.8}, X, SIGNS,
        np.maximum(0, 0.8 - SIGNS * X), -SIGNS * (SIGNS * X < 0.8),
    ),
    "embedding": (
        nn.HingeEmbeddingLoss, {"margin": 0.8}, X, SIGNS,
        np.where(SIGNS == 1, X, np.maximum(0, 0.8 - X)), np.where(SIGNS == 1, 1, -1.0 * (X < 0.8)),
    ),
    "kl": (nn.KLDivLoss, {}, np.log(P), T, T * (np.log(T) - np.log(P)), -T),
    "kl log": (
        nn.KLDivLoss, {"log_target": True}, np.log(P), np.log(T), T * (np.log(T) - np.log(P)), -T
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ENTRYWISE)
def test_an_entrywise_loss_and_its_gradient_follow_the_formula(name, reduction, dtype):
    kind, settings, x, target, loss, gradient = ENTRYWISE[name]
    tensor = al.Tensor(x, requires_grad=True, dtype=dtype)
    got = kind(reduction=reduction, **settings)(tensor, target)
    assert got.dtype == dtype
    rtol = 1e-12 if dtype == np.float64 else 1e-4
    expected = {"mean": loss.mean(), "sum": loss.sum(), "none": loss}[reduction]
    np.testing.assert_allclose(got.numpy(), expected, rtol=rtol, atol=rtol)
    got.backward(G if reduction == "none" else 3.0)
    factor = {"mean": 3.0 / loss.size, "sum": 3.0, "none": G}[reduction]
    np.testing.assert_allclose(tensor.grad, factor * gradient, rtol=rtol, atol=rtol)


SMOOTH = ["bce", "logits", "logits weights", "kl", "kl log", "smooth", "huber", "l1", "hinge"]


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_of_input_and_target_are_the_numerical_ones(name):
    kind, settings, x, target, _, _ = ENTRYWISE[name]
    module = kind(**settings)
    if target.dtype.kind == "f":
        al.gradcheck(module, [x, np.clip(target, 0.1, 0.9) if name != "kl log" else target])
    else:
        al.gradcheck(lambda x: module(x, target), [x])
    if name not in ("l1", "hinge", "smooth", "huber"):
        al.gradcheck(lambda x: module(x, target), [x], order=2)


def classes(x, labels, weights=None, smoothing=0.0):
    """Return the loss of every row, what it counts for, and its gradient before it is divided."""
    w = np.ones(x.shape[1]) if weights is None else weights
    rows, hot = np.arange(len(labels)), np.eye(x.shape[1])[labels]
    p = softmax(x)
    losses = -(1 - smoothing) * w[labels] * np.log(p[rows, labels])
    losses -= smoothing / x.shape[1] * (w * np.log(p)).sum(axis=1)
    t = (1 - smoothing) * w[labels][:, None] * hot + smoothing / x.shape[1] * w
    return losses, w[labels], t.sum(axis=1, keepdims=True) * p - t


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("ignored", [(), (0, 3)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_follows_the_formula(reduction, ignored, weights, smoothing):
    labels = LABELS.copy()
    losses, counts, gradient = classes(X, labels, weights, smoothing)
    for i in ignored:
        labels[i] = -7
        losses[i] = counts[i] = gradient[i] = 0
    x = al.Tensor(X, requires_grad=True)
    loss_of = nn.CrossEntropyLoss(weights, -7, reduction, smoothing)
    loss = loss_of(x, al.Tensor(labels))
    n = counts.sum() if reduction == "mean" else 1.0
    expected = losses if reduction == "none" else losses.sum() / n
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-12)
    loss.backward(G[:, 0] if reduction == "none" else None)
    factor = G[:, :1] if reduction == "none" else 1 / n
    np.testing.assert_allclose(x.grad, factor * gradient, rtol=1e-12, atol=1e-15)
    al.gradcheck(lambda x: loss_of(x, labels), [X], order=2)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_probabilities_as_a_target_follow_the_formula(weights):
    t = softmax(Y)
    x = al.Tensor(X, requires_grad=True)
    loss = functional.cross_entropy(x, t, weights, label_smoothing=0.2)
    mixed = (0.8 * t + 0.2 / 3) * (1 if weights is None else weights)
    np.testing.assert_allclose(loss.item(), -(mixed * np.log(softmax(X))).sum() / 5, rtol=1e-12)
    loss.backward()
    expected = (mixed.sum(axis=1, keepdims=True) * softmax(X) - mixed) / 5
    np.testing.assert_allclose(x.grad, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_nll_of_log_softmax_is_the_cross_entropy(weights):
    one, two = (al.Tensor(X, requires_grad=True) for _ in range(2))
    a = nn.NLLLoss(weights)(al.log_softmax(one), LABELS)
    b = nn.CrossEntropyLoss(weights)(two, LABELS)
    np.testing.assert_allclose(a.item(), b.item(), rtol=1e-14)
    (a + b).backward()
    np.testing.assert_allclose(one.grad, two.grad, rtol=1e-12)
    logs = al.Tensor(np.log(softmax(X)), requires_grad=True)
    nn.NLLLoss(weights)(logs, LABELS).backward()
    counts = np.ones(5) if weights is None else weights[LABELS]
    hot = np.eye(3)[LABELS]
    np.testing.assert_allclose(logs.grad, -hot * counts[:, None] / counts.sum(), rtol=1e-14)


def test_one_row_and_further_axes_are_the_same_as_rows():
    alone = functional.cross_entropy(X[0], LABELS[0])
    np.testing.assert_allclose(alone.item(), functional.cross_entropy(X[:1], LABELS[:1]).item())
    images = np.stack([X[:4].T.reshape(3, 2, 2)])
    got = functional.cross_entropy(images, LABELS[:4].reshape(1, 2, 2), WEIGHTS, reduction="none")
    rows = functional.cross_entropy(X[:4], LABELS[:4], WEIGHTS, reduction="none")
    np.testing.assert_allclose(got.numpy().ravel(), rows.numpy(), rtol=1e-14)


def test_what_is_far_out_stays_finite():
    x = al.Tensor([-1000.0, 1000.0], requires_grad=True)
    loss = functional.binary_cross_entropy_with_logits(x, [1.0, 1.0], reduction="sum")
    loss.backward()
    assert loss.item() == 1000.0
    assert x.grad.tolist() == [-1.0, 0.0]
    p = al.Tensor([0.0, 1.0, 0.0, 0.5], requires_grad=True, dtype=np.float32)
    loss = functional.binary_cross_entropy(p, [0, 1, 1, 0.5], reduction="none")
    np.testing.assert_allclose(loss.numpy(), [0, 0, 100, np.log(2)], rtol=1e-6)
    loss.sum().backward()
    assert p.grad.tolist() == [1.0, -1.0, 0.0, 0.0]
    near = al.Tensor([1e-12, 1 - 1e-12], requires_grad=True)  # As at 0 and 1.
    functional.binary_cross_entropy(near, [0, 1], reduction="sum").backward()
    np.testing.assert_allclose(near.grad.numpy(), p.grad.numpy()[:2], rtol=1e-9)
    far = functional.cross_entropy([[0.0, -1e4]], [1])
    assert far.item() == 1e4
    assert functional.kl_div(np.log([[0.5, 0.5]]), [[1, 0]], "sum").item() == np.log(2)


def test_kl_by_batch_divides_by_the_rows():
    found = nn.KLDivLoss("batchmean")(np.log(P), T)
    np.testing.assert_allclose(found.item(), (T * np.log(T / P)).sum() / 5, rtol=1e-12)


def test_a_weight_is_copied_and_is_not_a_parameter():
    weights = WEIGHTS.copy()
    loss_of = nn.CrossEntropyLoss(weights)
    before = loss_of(X, LABELS).item()
    weights[:] = 0
    assert loss_of(X, LABELS).item() == before
    assert loss_of.parameters() == []


F = functional


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.l1_loss(X, Y[:, :1]), ValueError, r"input: \(5, 3\) and target: \(5, 1\)"),
        (lambda: F.huber_loss(X[:, :1], Y[:, 0]), ValueError, r"target\.reshape\(\(5, 1\)\)"),
        (lambda: F.l1_loss(np.arange(3), Y[0]), TypeError, r"Write input\.astype\(float\)"),
        (lambda: F.l1_loss(X, Y * 1j), TypeError, r"real numbers as its target, got dtype complex"),
        (lambda: F.l1_loss(X, Y, "average"), ValueError, r"mean, sum, none, got 'average'"),
        (lambda: nn.L1Loss("average"), ValueError, r"L1Loss needs a reduction among mean, sum"),
        (lambda: nn.KLDivLoss("average"), ValueError, r"among mean, batchmean, sum, none, got"),
        (lambda: nn.HuberLoss(delta=0), ValueError, r"delta of more than 0, got 0"),
        (lambda: F.huber_loss(X, Y, delta=-1), ValueError, r"delta of more than 0, got -1"),
        (lambda: nn.SmoothL1Loss(beta=-1), ValueError, r"beta of 0 or more, got -1"),
        (lambda: F.smooth_l1_loss(X, Y, beta=-1), ValueError, r"beta of 0 or more, got -1"),
        (lambda: F.binary_cross_entropy(X, T), ValueError, r"or use BCEWithLogitsLoss"),
        (lambda: F.binary_cross_entropy(P, SIGNS), ValueError, r"write \(target \+ 1\) / 2"),
        (lambda: nn.BCEWithLogitsLoss()(X, SIGNS), ValueError, r"a target from 0 to 1, got -1 to"),
        (lambda: nn.BCELoss(np.ones(2))(P, T), ValueError, r"weight: \(2,\) and input: \(5, 3\)"),
        (lambda: nn.BCELoss(np.ones((2, 5, 3)))(P, T), ValueError, r"a weight for each entry"),
        (
            lambda: nn.BCEWithLogitsLoss(pos_weight=[1, 2])(X, T),
            ValueError, r"pos_weight: \(2,\) and input: \(5, 3\)",
        ),
        (
            lambda: nn.BCELoss(al.Tensor(1.0, requires_grad=True))(P, T),
            TypeError, r"no gradient of its weight, got one with requires_grad=True",
        ),
        (lambda: F.hinge_loss(X, T > 0.5), ValueError, r"labels -1 and 1 .*\. For labels of 0 and"),
        (lambda: F.hinge_embedding_loss(X, 3 * SIGNS), ValueError, r"labels -1 and 1"),
        (lambda: F.kl_div(np.log(P), np.log(T)), ValueError, r"write log_target=True"),
        (
            lambda: al.grad(lambda t: F.kl_div(np.log([0.5, 0.5]), t))(np.array([1.0, 0.0])),
            ValueError,
            r"infinite where it is 0\. Write log_target=True",
        ),
        (lambda: F.cross_entropy(X, [0, 1, 2, 3, 0]), ValueError, r"got 3 at 3. Labels count from"),
        (lambda: F.cross_entropy(X, [0, 1, -1, 5, 0]), ValueError, r"from 0 to 2 for 3 .* -1 at 2"),
        (lambda: F.cross_entropy(X, LABELS * 1.0), TypeError, r"Write labels\.astype\(int\)"),
        (lambda: F.cross_entropy(X, LABELS > 1), TypeError, r"integers as its labels, got dtype b"),
        (lambda: F.cross_entropy(X, LABELS[:, None]), ValueError, r"Write labels\.reshape\(\(5,\)"),
        (lambda: F.cross_entropy(X, np.eye(5, 3, dtype=int)), ValueError, r"argmax\(axis=1\)"),
        (lambda: F.cross_entropy(X, LABELS[:3]), ValueError, r"one label for each row"),
        (lambda: F.cross_entropy(X, LABELS, [1.0]), ValueError, r"one weight for each of 3 class"),
        (lambda: F.cross_entropy(1.0, 0), ValueError, r"cross_entropy needs an input of shape \(c"),
        (lambda: F.nll_loss(X, [-100] * 5), ValueError, r"all are -100, which is ignored"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError, r"label_smoothing from 0 to"),
        (lambda: F.cross_entropy(X, LABELS, label_smoothing=-1), ValueError, r"label_smoothing fr"),
        (lambda: F.cross_entropy(np.arange(3), 0), TypeError, r"floating-point numbers as its inp"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_with_what_to_write(call, error, message):
    with pytest.raises(error, match=message):
        call()
