"""Diagnoses on architectures that the finders were not made for: each name is asked for blindly.

Three layers with tanh, relu and softmax cross-entropy; a normalisation over the batch with a scale,
a residual and a mean; a recurrent network that uses its weights three times; attention with a
penalty; embeddings of words that are looked up several times.
"""

import numpy as np
import pytest

import autograd_lite as al


def named(**tensors):
    for name, tensor in tensors.items():
        tensor.name = name


def leaves(**arrays):
    return {
        name: al.Tensor(x, requires_grad=name[0] not in "XY", name=name)
        for name, x in arrays.items()
    }


def classifier(seed, sizes=(6, 5, 4, 3)):
    """Return the loss of tanh, relu and softmax in three layers, and the formulas by hand."""
    rng, (n, a, b, c) = np.random.default_rng(seed), sizes
    t = leaves(
        X=rng.normal(size=(n, a)), W1=0.6 * rng.normal(size=(a, b)), b1=0.1 * rng.normal(size=b),
        W2=0.6 * rng.normal(size=(b, a)), b2=0.1 * rng.normal(size=a),
        W3=0.6 * rng.normal(size=(a, c)), b3=0.1 * rng.normal(size=c),
        Y=np.eye(c)[rng.integers(c, size=n)],
    )  # fmt: skip
    z1 = t["X"] @ t["W1"] + t["b1"]
    h1 = np.tanh(z1)
    z2 = h1 @ t["W2"] + t["b2"]
    h2 = al.relu(z2)
    z3 = h2 @ t["W3"] + t["b3"]
    p = al.softmax(z3)
    named(z1=z1, h1=h1, z2=z2, h2=h2, z3=z3, p=p)
    return -(t["Y"] * np.log(p)).sum() / n, t | {"z1": z1, "h1": h1, "z2": z2, "h2": h2, "p": p}


CLASSIFIER = """\
d3 = (p - Y) / n
d2 = (d3 @ W3.T) * (z2 > 0)
d1 = (d2 @ W2.T) * (1 - h1**2)
found = {"z3": d3, "W3": h2.T @ d3, "b3": d3.sum(axis=0), "z2": d2, "W2": h1.T @ d2,
         "b2": d2.sum(axis=0), "z1": d1, "W1": X.T @ d1, "b1": d1.sum(axis=0)}"""


def normalised(seed, sizes=(6, 4, 3)):
    """Return the loss of a layer that is centred and scaled over the batch, with a residual."""
    rng, (n, a, b) = np.random.default_rng(seed), sizes
    t = leaves(
        X=rng.normal(size=(n, a)), w=rng.normal(size=(a, b)), g=rng.normal(size=b),
        c=rng.normal(size=b), v=rng.normal(size=(a, b)), Y=rng.normal(size=(n, b)),
    )  # fmt: skip
    z = t["X"] @ t["w"]
    m = z.mean(axis=0)
    e = z - m
    q = (e**2).mean(axis=0)
    s = np.sqrt(q + 0.1)
    h = e / s
    out = t["g"] * h + t["c"] + t["X"] @ t["v"]
    named(z=z, m=m, e=e, q=q, s=s, h=h, out=out)
    return ((out - t["Y"]) ** 2).mean(), t | {"z": z, "e": e, "s": s, "h": h, "out": out}


NORMALISED = """\
do = 2 * (out - Y) / out.size
dh = do * g
ds = -(dh * h / s).sum(axis=0)
dq = ds / (2 * s)
de = dh / s + 2 * e * dq / n
dz = de - de.mean(axis=0)
found = {"out": do, "g": (do * h).sum(axis=0), "c": do.sum(axis=0), "v": X.T @ do, "h": dh,
         "e": de, "z": dz, "w": X.T @ dz}"""


def recurrent(seed, sizes=(2, 3)):
    """Return the loss of a recurrent network after three steps."""
    rng, (a, b) = np.random.default_rng(seed), sizes
    t = leaves(
        X1=rng.normal(size=(1, a)), X2=rng.normal(size=(1, a)), X3=rng.normal(size=(1, a)),
        w=rng.normal(size=(a, b)), u=0.7 * rng.normal(size=(b, b)), Y=rng.normal(size=(1, b)),
    )  # fmt: skip
    z1 = t["X1"] @ t["w"]
    h1 = np.tanh(z1)
    z2 = t["X2"] @ t["w"] + h1 @ t["u"]
    h2 = np.tanh(z2)
    z3 = t["X3"] @ t["w"] + h2 @ t["u"]
    h3 = np.tanh(z3)
    named(z1=z1, h1=h1, z2=z2, h2=h2, z3=z3, h3=h3)
    loss = al.mse(h3, t["Y"], reduction="half_sum")
    return loss, t | {"z1": z1, "h1": h1, "z2": z2, "h2": h2, "z3": z3, "h3": h3}


RECURRENT = """\
d3 = (h3 - Y) * (1 - h3**2)
d2 = (d3 @ u.T) * (1 - h2**2)
d1 = (d2 @ u.T) * (1 - h1**2)
found = {"z3": d3, "z2": d2, "z1": d1, "u": h2.T @ d3 + h1.T @ d2,
         "w": X3.T @ d3 + X2.T @ d2 + X1.T @ d1}"""


def attention(seed, sizes=(5, 3)):
    """Return the loss of one head of attention, with a penalty on the weights of its values."""
    rng, (n, d) = np.random.default_rng(seed), sizes
    t = leaves(X=rng.normal(size=(n, d)), Y=rng.normal(size=(n, d)), Wq=rng.normal(size=(d, d)),
               Wk=rng.normal(size=(d, d)), Wv=rng.normal(size=(d, d)))  # fmt: skip
    q, k, v = (t["X"] @ t[name] for name in ("Wq", "Wk", "Wv"))
    s = q @ k.T / np.sqrt(d)
    a = al.softmax(s, axis=-1)
    o = a @ v
    inner = {"Q": q, "K": k, "V": v, "S": s, "A": a, "O": o}
    named(**inner)
    return ((o - t["Y"]) ** 2).sum() / 2 + 0.1 * (t["Wv"] ** 2).sum(), t | inner


ATTENTION = """\
dO = O - Y
dA = dO @ V.T
dV = A.T @ dO
dS = A * (dA - (dA * A).sum(axis=1, keepdims=True))
dQ = dS @ K / np.sqrt(3)
dK = dS.T @ Q / np.sqrt(3)
found = {"O": dO, "A": dA, "V": dV, "S": dS, "Q": dQ, "K": dK,
         "Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV + 0.2 * Wv}"""


def embeddings(seed, sizes=(5, 3, 2)):
    """Return the loss of a classifier of words, some of which occur twice."""
    rng, (v, d, c) = np.random.default_rng(seed), sizes
    t = leaves(E=rng.normal(size=(v, d)), W=rng.normal(size=(d, c)))
    h = t["E"][np.array([0, 2, 2, 4, 0, 1])]
    z = h @ t["W"]
    named(h=h, z=z)
    return -al.log_softmax(z)[np.arange(6), np.array([0, 1, 0, 1, 1, 0])].mean(), t | {
        "h": h,
        "z": z,
    }


EMBEDDINGS = """\
p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
dz = (p - np.eye(2)[[0, 1, 0, 1, 1, 0]]) / 6
dh = dz @ W.T
dE = np.zeros_like(E)
np.add.at(dE, [0, 2, 2, 4, 0, 1], dh)
found = {"z": dz, "h": dh, "W": h.T @ dz, "E": dE}"""

MISTAKES = [
    (classifier, CLASSIFIER, "(p - Y) / n", "(p - Y)", "summed, not averaged"),
    (classifier, CLASSIFIER, "(p - Y) / n", "(Y - p) / n", "sign flipped"),
    (classifier, CLASSIFIER, "(p - Y) / n", "2 * (p - Y) / n", "constant factor"),
    (classifier, CLASSIFIER, "(p - Y) / n", "-Y / p / n", "derivative left out"),
    (classifier, CLASSIFIER, " * (z2 > 0)", "", "derivative left out"),
    (classifier, CLASSIFIER, " * (1 - h1**2)", "", "derivative left out"),
    (classifier, CLASSIFIER, "1 - h1**2", "1 - z1**2", "derivative at the pre-activation"),
    (classifier, CLASSIFIER, "1 - h1**2", "1 - np.tanh(h1) ** 2", "derivative at the activation"),
    (classifier, CLASSIFIER, "(1 - h1**2)", "(1 - h1**2) ** 2", "derivative doubled"),
    (classifier, CLASSIFIER, "1 - h1**2", "1 - h1", "sign in a derivative"),
    (classifier, CLASSIFIER, '"b2": d2.sum(axis=0)', '"b2": d2', "not summed over the batch"),
    (classifier, CLASSIFIER, "d2.sum(axis=0)", "d2.mean(axis=0)", "averaged, not summed"),
    (classifier, CLASSIFIER, '"W2": h1.T @ d2', '"W2": d2.T @ h1', "transposed"),
    (classifier, CLASSIFIER, "1 - h1**2", "h1 * (1 - h1)", "another activation's derivative"),
    (classifier, CLASSIFIER, "1 - h1**2", "z1 > 0", "another activation's derivative"),
    (classifier, CLASSIFIER, "z2 > 0", "1 - np.tanh(z2) ** 2", "another activation's derivative"),
    (classifier, CLASSIFIER, "z2 > 0", "X > 0", "wrong tensor"),
    (classifier, CLASSIFIER, "h1.T @ d2", "z1.T @ d2", "wrong tensor"),
    (classifier, CLASSIFIER, "X.T @ d1", "X[::-1].T @ d1", "rows in another order"),
    (classifier, CLASSIFIER, "X.T @ d1", "X[[3, 0, 1, 5, 2, 4]].T @ d1", "rows in another order"),
    (classifier, CLASSIFIER, "@ W3.T", "@ (W3 - 0.1 * h2.T @ d3).T", "after the update"),
    (classifier, CLASSIFIER, '"W3": h2.T @ d3', '"W3": 0.1 * h2.T @ d3', "learning rate"),
    (normalised, NORMALISED, " / out.size", "", "summed, not averaged"),
    (normalised, NORMALISED, "2 * (out - Y)", "(out - Y)", "constant factor"),
    (normalised, NORMALISED, "do * g\n", "do\n", "factor missing"),
    (normalised, NORMALISED, "(do * h).sum", "do.sum", "factor missing"),
    (normalised, NORMALISED, "(do * h).sum(axis=0)", "do * h", "not summed over the batch"),
    (normalised, NORMALISED, '"c": do.sum', '"c": -do.sum', "sign flipped"),
    (normalised, NORMALISED, '"v": X.T @ do', '"v": (X.T @ do)[::-1]', "permuted"),
    (normalised, NORMALISED, "X.T @ do", "X.T @ do[::-1]", "rows in another order"),
    (normalised, NORMALISED, "de - de.mean(axis=0)", "de", "normalisation"),
    (normalised, NORMALISED, "dh / s + 2 * e * dq / n", "dh / s", "path missing"),
    (recurrent, RECURRENT, "h2.T @ d3 + h1.T @ d2", "h2.T @ d3", "path missing"),
    (
        recurrent,
        RECURRENT,
        "X3.T @ d3 + X2.T @ d2 + X1.T @ d1",
        "X3.T @ d3",
        "overwritten, not added",
    ),
    (recurrent, RECURRENT, " * (1 - h2**2)", "", "derivative left out"),
    (recurrent, RECURRENT, "1 - h2**2", "1 - h3**2", "wrong tensor"),
    (recurrent, RECURRENT, "d3 @ u.T", "d3 @ u", "not transposed"),
    (recurrent, RECURRENT, "(h3 - Y) *", "2 * (h3 - Y) *", "constant factor"),
    (
        attention,
        ATTENTION,
        "(dA - (dA * A).sum(axis=1, keepdims=True))",
        "dA * (1 - A)",
        "softmax in pieces",
    ),
    (
        attention,
        ATTENTION,
        "(dA - (dA * A).sum(axis=1, keepdims=True))",
        "dA",
        "softmax in pieces",
    ),
    (
        attention,
        ATTENTION,
        "A * (dA - (dA * A).sum(axis=1, keepdims=True))",
        "dA",
        "derivative left out",
    ),
    (attention, ATTENTION, "dS @ K / np.sqrt(3)", "dS @ K", "constant factor"),
    (attention, ATTENTION, "dS @ K / np.sqrt(3)", "dS @ K / 3", "constant factor"),
    (attention, ATTENTION, "dS.T @ Q", "dS @ Q", "not transposed"),
    (attention, ATTENTION, "A.T @ dO", "A @ dO", "not transposed"),
    (attention, ATTENTION, "dO @ V.T", "dO @ K.T", "wrong tensor"),
    (attention, ATTENTION, "A.T @ dO", "A[::-1].T @ dO", "rows in another order"),
    (attention, ATTENTION, "X.T @ dK", "X[[1, 0, 4, 3, 2]].T @ dK", "rows in another order"),
    (attention, ATTENTION, " + 0.2 * Wv", "", "term of the loss"),
    (attention, ATTENTION, "0.2 * Wv", "0.1 * Wv", "factor on a path"),
    (attention, ATTENTION, " + 0.2 * Wv", " - 0.2 * Wv", "factor on a path"),
]


def compared(network, formulas, seed):
    loss, tensors = network(seed)
    space = {"np": np, "n": len(next(iter(tensors.values())).numpy())}
    exec(formulas, space, values := {name: t.numpy() for name, t in tensors.items()})
    return al.compare(loss, values["found"], lr=0.1)


@pytest.mark.parametrize("network", [classifier, normalised, recurrent, attention, embeddings])
def test_right_formulas_are_right(network):
    formulas = {"classifier": CLASSIFIER, "normalised": NORMALISED, "recurrent": RECURRENT,
                "attention": ATTENTION, "embeddings": EMBEDDINGS}  # fmt: skip
    for seed in range(3):
        assert compared(network, formulas[network.__name__], seed), seed


@pytest.mark.parametrize(("network", "formulas", "right", "wrong", "name"), MISTAKES)
def test_a_mistake_elsewhere_is_called_by_its_name(network, formulas, right, wrong, name):
    assert right in formulas
    for seed in range(2):
        first = compared(network, formulas.replace(right, wrong), seed).first
        assert first.diagnosis.name == name, first.diagnosis.title


def test_two_mistakes_on_one_path_are_both_named():
    formulas = CLASSIFIER.replace(" * (z2 > 0)", " * 0.5")
    first = compared(classifier, formulas, 0).first
    assert first.diagnosis.name == "derivative left out"
    assert first.diagnosis.title == (
        "two mistakes: the derivative of the relu at h2 is left out, and a factor 0.5 "
        "(a factor 2 is missing)"
    )
    assert first.diagnosis.evidence.endswith("in all 30 entries, but for that factor")


def test_a_gradient_that_no_two_known_mistakes_give_stays_unexplained():
    formulas = CLASSIFIER.replace(" * (z2 > 0)", " * np.cos(z2)")
    assert compared(classifier, formulas, 0)["z2"].diagnosis.name == "unexplained"


def test_what_was_computed_in_float32_is_right_for_its_dtype():
    short = CLASSIFIER.replace("X.T @ d1", "(X.T @ d1).astype(np.float32)")
    result = compared(classifier, short, 0)
    assert result
    assert [row.finding for row in result if row.verdict != "agree"] == [
        "right for its dtype, float32"
    ]


@pytest.mark.parametrize("delta", [0.7, np.array(0.7)])
def test_what_looks_like_a_loop_may_hold_numbers_and_arrays(delta):
    def huber(x, y, delta):
        a = np.abs(x - y)
        return np.mean(np.where(a <= delta, 0.5 * (x - y) ** 2, delta * (a - 0.5 * delta)))

    def by_hand(x, y, delta):
        return {"x": np.clip(x - y, -delta, delta)}

    data = {"x": np.array([1.0, 2.0, 0.3]), "y": np.array([0.9, 0.0, -1.0]), "delta": delta}
    assert "by hand = 3 × autodiff" in str(al.compare(huber, by_hand, data))
