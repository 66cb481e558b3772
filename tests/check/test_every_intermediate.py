"""A character network with every step written out: a slip in any line of its backward pass."""

import numpy as np
import pytest

import autograd_lite as al

rng = np.random.default_rng(21)
N, LETTERS = 8, 9
WORDS, LABELS = rng.integers(0, LETTERS, (N, 3)), rng.integers(0, LETTERS, N)
SIZES = {"C": (9, 2), "W1": (6, 5), "b1": 5, "W2": (5, 9), "b2": 9, "gain": (1, 5), "bias": (1, 5)}
PARAMETERS = {name: 0.6 * rng.normal(size=size) for name, size in SIZES.items()}

FORWARD = """
emb = C[WORDS]
cat = emb.reshape(N, 6)
pre = cat @ W1 + b1
mean = 1 / N * np.sum(pre, axis=0, keepdims=True)
diff = pre - mean
var = 1 / (N - 1) * np.sum(diff**2, axis=0, keepdims=True)
inv = (var + 1e-5) ** -0.5
raw = diff * inv
act = gain * raw + bias
h = np.tanh(act)
logits = h @ W2 + b2
largest = np.max(logits, axis=1, keepdims=True)
norm = logits - largest
counts = np.exp(norm)
total = np.sum(counts, axis=1, keepdims=True)
share = total**-1
probs = counts * share
logs = np.log(probs)
loss = -np.mean(logs[np.arange(N), LABELS])
"""

BACKWARD = """
dlogs = np.zeros((N, LETTERS))
dlogs[np.arange(N), LABELS] = -1 / N
dprobs = dlogs / probs
dshare = np.sum(counts * dprobs, axis=1, keepdims=True)
dtotal = -(total**-2) * dshare
dcounts = share * dprobs + dtotal
dnorm = counts * dcounts
dlargest = -np.sum(dnorm, axis=1, keepdims=True)
dlogits = dnorm + np.eye(LETTERS)[logits.argmax(axis=1)] * dlargest
dh = dlogits @ W2.T
dW2 = h.T @ dlogits
db2 = dlogits.sum(axis=0)
dact = (1 - h**2) * dh
dgain = np.sum(raw * dact, axis=0, keepdims=True)
dbias = np.sum(dact, axis=0, keepdims=True)
draw = gain * dact
dinv = np.sum(diff * draw, axis=0, keepdims=True)
dvar = -0.5 * (var + 1e-5) ** -1.5 * dinv
ddiff = inv * draw + 2 * diff * dvar / (N - 1)
dmean = -np.sum(ddiff, axis=0, keepdims=True)
dpre = ddiff + dmean / N
dcat = dpre @ W1.T
dW1 = cat.T @ dpre
db1 = dpre.sum(axis=0)
demb = dcat.reshape(N, 3, 2)
dC = np.zeros(C.shape)
np.add.at(dC, WORDS, demb)
"""

INNER = [
    "logs", "probs", "share", "total", "counts", "norm", "largest", "logits", "h", "act", "raw",
    "inv", "var", "diff", "mean", "pre", "cat", "emb",
]  # fmt: skip
NOTHING_COMES_BACK = ("np.eye(LETTERS)[logits.argmax(axis=1)] * dlargest", "0")


def compared(*edits, inner):
    names = {name: al.Tensor(x, requires_grad=True, name=name) for name, x in PARAMETERS.items()}
    space = {**globals(), **names}
    exec(FORWARD, space)
    for name in INNER:
        space[name].name = name
    given = inner if isinstance(inner, list) else [*(INNER if inner else ()), *PARAMETERS]
    by_hand = {name: space[name].numpy() for name in [*INNER, *PARAMETERS]}
    backward = BACKWARD
    for right, wrong in edits:
        assert right in backward, right
        backward = backward.replace(right, wrong, 1)
    exec(backward, by_hand | globals(), found := {})
    return al.compare(space["loss"], {name: found[f"d{name}"] for name in given})


CASES = [
    ("dlogs[np.arange(N), LABELS]", "dlogs[:, LABELS]", "logs", "in whole columns"),
    ("(total**-2) * dshare", "(total**-1) * dshare", "total", "the exponent is not made 1 less"),
    ("-(total**-2)", "total**-2", "total", "sign"),
    ("share * dprobs + dtotal", "total * dprobs + dtotal", "counts", "divided by share"),
    ("share * dprobs + dtotal", "share * dprobs - dtotal", "counts", "sign flipped"),
    ("counts * dcounts", "dcounts", "norm", "the derivative of the exp"),
    ("counts * dprobs", "dprobs", "share", "the factor counts is missing"),
    ("(1 - h**2) * dh", "(1 - h**2) * h", "act", "h is given for the gradient at h"),
    ("(1 - h**2) * dh", "(1 - h) ** 2 * dh", "act", "(1 - h) ** 2 stands in place"),
    ("inv * draw", "var**-0.5 * draw", "diff", "1 / np.sqrt(var) stands in place of inv"),
    ("np.sum(dact, axis=0", "np.sum(dact, axis=1", "bias", "is summed over axis 1"),
    ("np.sum(raw * dact, axis=0", "np.sum(raw * dact, axis=1", "gain", "raw is summed over axis 1"),
    ("-0.5 * (var", "-1.5 * (var", "var", "the factor -1.5, the exponent less 1, stands in place"),
    (
        "np.add.at(dC, WORDS, demb)",
        "np.add.at(dC, WORDS, demb[:, :1])",
        "C",
        "of emb along axis 1 is used for all",
    ),
    ("dcat = dpre", "dcat = dact", "cat", "the gradient at act is used in place of that at"),
    ("dC, WORDS", "dC, np.stack([LABELS] * 3, 1)", "C", "where logs[np.arange(8), …] picks"),
]


@pytest.mark.parametrize("edits", [(), (NOTHING_COMES_BACK,)])
@pytest.mark.parametrize(("right", "wrong"), [case[:2] for case in CASES])
def test_parameters_alone_tell_what_is_wrong_in_any_line(right, wrong, edits):
    result = compared((right, wrong), *edits, inner=False)
    assert all(row.diagnosis.explained for row in result.failures), str(result)


@pytest.mark.parametrize(("right", "wrong", "row", "says"), CASES)
def test_with_every_intermediate_the_line_is_named(right, wrong, row, says):
    result = compared((right, wrong), inner=True)
    assert result.first.name == row
    assert says in result.first.diagnosis.title


def test_a_path_that_is_left_out_is_named_though_a_maximum_sends_something_back():
    result = compared(("share * dprobs + dtotal", "share * dprobs"), inner=False)
    assert result.first.diagnosis.title == "what comes back to counts from total is left out"


def test_a_path_with_another_sign_and_a_factor_has_both():
    result = compared(("-0.5 * (var", "(var"), inner=False)
    assert "has its sign flipped, and a factor 2: " in result["W1"].diagnosis.title


def test_entries_of_one_size_are_not_clipped_for_that():
    result = compared(("dlogs / probs", "dlogs"), inner=["probs"])
    assert result["probs"].diagnosis.title == "the derivative of the log at logs is left out"


@pytest.mark.parametrize("edits", [(), (NOTHING_COMES_BACK,)])
def test_right_lines_are_right_with_and_without_the_path_through_the_maximum(edits):
    result = compared(*edits, inner=not edits)
    assert result, str(result)
