"""Mistakes in the way back through a loop: its order, its ends, and what is handed on."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check.mistakes.loop_order import Plan, Unrolled
from autograd_lite.check.mistakes.repeated import loops
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.graph import Graph

RNG = np.random.default_rng(0)
T = 4
X, Y = RNG.normal(size=(T, 4, 2)), RNG.normal(size=(4, 1))
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0], [1, 1, 1, 1.0]])[:, :, None]
DATA = {
    "s": 0.3 * RNG.normal(size=3), "U": RNG.normal(size=(2, 3)), "W": 0.7 * RNG.normal(size=(3, 3)),
    "V": RNG.normal(size=(3, 1)),
}  # fmt: skip


def last_only(s, U, W, V):
    h = np.ones((4, 1)) * s
    for t in range(T):
        h = np.tanh(X[t] @ U + h @ W)
    return np.mean((h @ V - Y) ** 2)


BACK = """
h = [np.ones((4, 1)) * s]
for t in range(T):
    h.append(np.tanh(X[t] @ U + h[t] @ W))
out = (h[-1] @ V - Y) / 2
dV, dU, dW = h[-1].T @ out, 0 * U, 0 * W
dh = out @ V.T
for t in reversed(range(T)):
    dz = dh * (1 - h[t + 1] ** 2)
    dU += X[t].T @ dz
    dW += h[t].T @ dz
    dh = dz @ W.T
ds = dh.sum(0)
"""

BACKWARDS = "for t in reversed(range(T)):"


def titles(loss, source, right, wrong, data=DATA):
    assert source.count(right) == 1
    made = {**data, "X": X, "Y": Y, "T": T, "MASK": MASK, "np": np}
    exec(source.replace(right, wrong), made)
    tensors = {k: al.Tensor(x, requires_grad=True, name=k) for k, x in data.items()}
    result = al.compare(loss(**tensors), {k: made[f"d{k}"] for k in data})
    found = [str(row.diagnosis) for row in result.failures]
    return [x for x in found if "same mistake" not in x and "follows" not in x]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (BACKWARDS, "for t in range(T):", "in the same order as forwards"),
        (BACKWARDS, "for t in reversed(range(T - 1)):", "the last step is left out"),
        (BACKWARDS, "for t in reversed(range(1, T)):", "the first step is left out"),
        (BACKWARDS, "for t in reversed(range(T - 2, T)):", "only the last 2 of 4 steps"),
        ("dh = dz @ W.T", "dh = dh + dz @ W.T", "added up over all steps"),
        ("dh = dz @ W.T", "pass", "is not handed on"),
        ("dh = dz @ W.T", "dh = np.clip(dz @ W.T, -0.1, 0.1)", "is clipped to ±0.1"),
    ],
)
def test_a_slip_in_the_order_of_steps_has_its_name(right, wrong, said):
    (title,) = titles(last_only, BACK, right, wrong)
    assert said in title


CELL = {"W": 0.6 * RNG.normal(size=(5, 9)), "V": RNG.normal(size=(3, 1))}


def cell(W, V):
    h, c, loss = np.zeros((4, 3)), np.zeros((4, 3)), 0.0
    for t in range(T):
        z = np.concatenate([X[t], h], axis=1) @ W
        c = al.sigmoid(z[:, :3]) * c + np.tanh(z[:, 3:6])
        h = al.sigmoid(z[:, 6:]) * np.tanh(c)
        loss = loss + np.sum((h @ V - Y) ** 2)
    return loss


OF_CELL = """
sig = lambda z: 1 / (1 + np.exp(-z))
h, c, kept = np.zeros((4, 3)), np.zeros((4, 3)), []
for t in range(T):
    v, b = np.concatenate([X[t], h], axis=1), c
    z = v @ W
    f, g, o = sig(z[:, :3]), np.tanh(z[:, 3:6]), sig(z[:, 6:])
    c = f * c + g
    h = o * np.tanh(c)
    kept.append((v, b, f, g, o, np.tanh(c), h))
dW, dV, dhn, dcn = 0 * W, 0 * V, 0 * h, 0 * c
for t in reversed(range(T)):
    v, b, f, g, o, tc, h = kept[t]
    dy = 2 * (h @ V - Y)
    dV += h.T @ dy
    dh = dy @ V.T + dhn
    dc = dh * o * (1 - tc**2) + dcn
    dz = np.concatenate([dc * b * f * (1 - f), dc * (1 - g**2), dh * tc * o * (1 - o)], axis=1)
    dW += v.T @ dz
    dhn, dcn = (dz @ W.T)[:, 2:], dc * f
"""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (BACKWARDS, "for t in range(T):", "in the same order as forwards"),
        (
            "o * (1 - tc**2) + dcn",
            "o * (1 - tc**2) + 0; dc = dc + dcn * (1 - tc**2)",
            "not to that",
        ),
        ("(dz @ W.T)[:, 2:]", "(dz @ W.T)[:, :3]", "is cut out from 0 on, not from 2"),
        ("    dhn, dcn = (", "    dcn, dhn = (", "from the step after is exchanged"),
        ("dc * f\n", "dcn + dc * f\n", "added up over all steps"),
        (
            "dc = dh * o * (1 - tc**2) + dcn\n",
            "dc = dh * tc * (1 - tc**2) + dcn; tc = o\n",
            "np.tanh(add(…)) are exchanged on the way back from",
        ),
    ],
)
def test_a_slip_with_what_a_cell_hands_on_has_its_name(right, wrong, said):
    assert said in titles(cell, OF_CELL, right, wrong, CELL)[0]


GATES = {"Q": 0.6 * RNG.normal(size=(3, 3)), "R": 0.6 * RNG.normal(size=(3, 3))}
GATES |= {"U": DATA["U"], "W": DATA["W"], "V": RNG.normal(size=(6, 1))}


def gated(Q, R, U, W, V):
    h, loss = np.full((4, 3), 0.5), 0.0
    for t in range(T):
        z, r = al.sigmoid(h @ Q), al.sigmoid(h @ R)
        h = z * h + r * np.tanh(X[t] @ U + h @ W)
        loss = loss + np.sum((np.concatenate([h, z], axis=1) @ V - Y) ** 2)
    return loss


OF_GATES = """
sig = lambda z: 1 / (1 + np.exp(-z))
h, kept = np.full((4, 3), 0.5), []
for t in range(T):
    b, z, r = h, sig(h @ Q), sig(h @ R)
    n = np.tanh(X[t] @ U + h @ W)
    h = z * h + r * n
    kept.append((b, z, r, n, h))
dQ, dR, dU, dW, dV, dhn = 0 * Q, 0 * R, 0 * U, 0 * W, 0 * V, 0 * h
for t in reversed(range(T)):
    b, z, r, n, h = kept[t]
    both = np.concatenate([h, z], axis=1)
    dy = 2 * (both @ V - Y)
    dV += both.T @ dy
    dh, dz = np.split(dy @ V.T, 2, axis=1)
    dh = dh + dhn
    dz, dr, dn = (dz + dh * b) * z * (1 - z), dh * n * r * (1 - r), dh * r * (1 - n**2)
    dQ, dR, dU, dW = dQ + b.T @ dz, dR + b.T @ dr, dU + X[t].T @ dn, dW + b.T @ dn
    dhn = dh * z + dn @ W.T + dz @ Q.T + dr @ R.T
"""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("dz @ Q.T + dr @ R.T", "dz @ R.T + dr @ Q.T", "Q and R are exchanged on the way back to"),
        (" + dz @ Q.T + dr @ R.T", "", "only that from multiply(…) and (add(…) of step t - 1) @ W"),
        ("dh, dz = np", "dz, dh = np", "are exchanged on the way back from concatenate(…)"),
    ],
)
def test_a_slip_with_what_comes_back_to_a_state_of_gates_has_its_name(right, wrong, said):
    assert said in titles(gated, OF_GATES, right, wrong, GATES)[0]


WIDE = np.tanh(X @ np.ones((2, 3)))


def as_wide_as_the_input(W, V):
    h, c = np.zeros((4, 3)), np.zeros((4, 3))
    for t in range(T):
        z = np.concatenate([WIDE[t], h], axis=1) @ W
        forget = 1 / (1 + np.exp(-z[:, :3]))
        c = forget * c + np.tanh(z[:, 3:6])
        h = 1 / (1 + np.exp(-z[:, 6:])) * np.tanh(c)
    return np.sum((h @ V - Y) ** 2)


def test_the_input_of_a_step_may_be_as_wide_as_what_the_step_hands_on():
    source = OF_CELL.replace("[X[t]", "[np.tanh(X[t] @ np.ones((2, 3)))").replace(
        "(h @ V - Y)", "(h @ V - Y) * (t == T - 1)"
    )
    data = {**CELL, "W": np.random.default_rng(1).normal(size=(6, 9))}
    slip = ("(dz @ W.T)[:, 2:], dc * f", "(dz @ W.T)[:, 3:], dc")
    (said,) = titles(as_wide_as_the_input, source, *slip, data)
    assert "the factor 1 / (1 + (np.exp" in said
    assert "is left out of what comes back" in said


@pytest.mark.parametrize(("loss", "data"), [(last_only, DATA), (cell, CELL)])
def test_the_steps_one_by_one_give_the_gradients(loss, data):
    tensors = {k: al.Tensor(x, requires_grad=True, name=k) for k, x in data.items()}
    replay = Replay(Graph(loss(**tensors)))
    (loop,) = loops(replay)
    found = Unrolled(replay, loop).run(Plan(tuple(reversed(range(T)))))
    for node in replay.graph:
        if node.kind == "parameter":
            assert np.allclose(found[node.id], replay.gradients[node.id], rtol=1e-12)


def from_zero(s, U, W, V, P, Q):
    h = b = np.zeros((4, 3))
    for t in range(T):
        new = np.tanh(X[t] @ U + h @ W + s)
        h = MASK[t] * new + (1 - MASK[t]) * h  # At first, the second term is a constant.
    for t in reversed(range(T)):
        b = MASK[t] * np.tanh(X[t] @ P + b @ Q) + (1 - MASK[t]) * b
    return np.mean(((h + b) @ V - Y) ** 2)


FROM_ZERO = """
h, new = [np.zeros((4, 3))], []
for t in range(T):
    new.append(np.tanh(X[t] @ U + h[t] @ W + s))
    h.append(MASK[t] * new[t] + (1 - MASK[t]) * h[t])
b = {T: np.zeros((4, 3))}
for t in reversed(range(T)):
    b[t] = MASK[t] * np.tanh(X[t] @ P + b[t + 1] @ Q) + (1 - MASK[t]) * b[t + 1]
out = ((h[-1] + b[0]) @ V - Y) / 2
dV, dU, dW, ds, dP, dQ = (h[-1] + b[0]).T @ out, 0 * U, 0 * W, 0 * s, 0 * P, 0 * Q
dh = db = out @ V.T
for t in range(T):
    dy = MASK[t] * db * (1 - b[t] ** 2)
    dP += X[t].T @ dy
    dQ += b[t + 1].T @ dy
    db = (1 - MASK[t]) * db + dy @ Q.T
for t in reversed(range(T)):
    dz = MASK[t] * dh * (1 - new[t] ** 2)
    dU += X[t].T @ dz
    dW += h[t].T @ dz
    ds += dz.sum(0)
    dh = (1 - MASK[t]) * dh + dz @ W.T
"""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("(1 - new[t] ** 2)", "1", "the derivative of the tanh at np.tanh"),
        ("dz = MASK[t] * dh", "dz = dh", "the factor MASK[t] is left out of what comes back to"),
        ("W.T\n", "W\n", ".T is forgotten: W is used in place of W.T"),
        ("(1 - MASK[t]) * dh + dz", "dz", "of step t - 1 from multiply(…): that path is left out"),
        ("b[t + 1].T @", "b[t].T @", "is used in place of multiply(…) + multiply(…) of step t - 1"),
        ("dy @ Q.T", "dy @ Q", ".T is forgotten: Q is used in place of Q.T"),
    ],
)
def test_a_loop_that_starts_from_a_constant_is_one_loop(right, wrong, said):
    data = {**DATA, "P": 0.7 * DATA["U"][:, ::-1], "Q": DATA["W"].T + 0.1}
    found = titles(from_zero, FROM_ZERO, right, wrong, data)
    assert found[0].startswith("at every step, ")
    assert said in found[0]


def midpoints(s, U, W, V):
    x = X[0] @ U + s
    loss = 0.0
    for _ in range(T):
        x = x + 0.25 * np.tanh(x @ W)
        loss = loss + np.sum((x @ V - Y) ** 2)
    return loss


MIDPOINTS = """
x, k = [X[0] @ U + s], []
for t in range(T):
    k.append(np.tanh(x[t] @ W))
    x.append(x[t] + 0.25 * k[t])
dV, dW, dx = 0 * V, 0 * W, 0 * x[0]
for t in reversed(range(T)):
    out = 2 * (x[t + 1] @ V - Y)
    dV += x[t + 1].T @ out
    dx = dx + out @ V.T
    dz = 0.25 * dx * (1 - k[t] ** 2)
    dW += x[t].T @ dz
    dx = dx + dz @ W.T
dU, ds = X[0].T @ dx, dx.sum(0)
"""


def test_another_number_at_every_step_has_its_name():
    found = titles(midpoints, MIDPOINTS, "dz = 0.25", "dz = 0.5")
    assert found == ["at every step, 0.5 stands in place of 0.25"]
    found = titles(midpoints, MIDPOINTS, "dx + dz @", "dx + 2 * dz @")
    assert found[0].startswith("at every step, what comes back to ")
    assert found[0].endswith(" is added twice")
    found = titles(midpoints, MIDPOINTS, "dx + dz @", "dx + 0.25 * dz @")
    assert " has a factor 0.25: multiplied by 0.25 once too often" in found[0]


def innovations(s, V, G, A):
    x, loss = np.zeros(3), np.sum(s)
    for t in range(T):
        e = Y[t] - V.T @ x
        loss = loss + np.sum(e**2 * np.exp(-2 * s))
        x = A @ x + G @ X[t, 0] + np.sum(V, axis=1) * e
    return loss


INNOVATIONS = """
x, e = [np.zeros(3)], []
for t in range(T):
    e.append(Y[t] - V.T @ x[t])
    x.append(A @ x[t] + G @ X[t, 0] + V[:, 0] * e[t])
dV, dG, dA, ds, dx = 0 * V, 0 * G, 0 * A, 1 + 0 * s, np.zeros(3)
for t in reversed(range(T)):
    de = 2 * e[t] * np.exp(-2 * s).sum() + dx @ V
    ds += -2 * e[t] ** 2 * np.exp(-2 * s)
    dA += np.outer(dx, x[t])
    dG += np.outer(dx, X[t, 0])
    dV[:, 0] += dx * e[t] - de * x[t]
    dx = A.T @ dx - V[:, 0] * de
"""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("ds += -2 *", "ds += -1 *", "at every step, -1 stands in place of -2"),
        (
            "(dx, x[t])",
            "(dx, x[t + 1])",
            "add(…) + multiply(…) is used in place of add(…) + multiply(…) of step t - 1",
        ),
    ],
)
def test_a_number_with_a_sign_and_a_state_without_a_name_are_named(right, wrong, said):
    rng = np.random.default_rng(2)
    shapes = {"s": 3, "V": (3, 1), "G": (3, 2), "A": (3, 3)}
    data = {k: 0.4 * rng.normal(size=n) for k, n in shapes.items()}
    assert not titles(innovations, INNOVATIONS, "range(T))", "range(T) )", data)
    assert said in titles(innovations, INNOVATIONS, right, wrong, data)[0]


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (lambda b, z: z <= 0, "the mask at h_t is reversed"),
        (lambda b, z: b > 0, "the formula of relu' is given b[t], in place of h_t"),
    ],
)
def test_the_mask_of_every_step_is_that_of_its_own_relu(mask, said):
    w = al.Tensor(np.random.default_rng(3).normal(size=(3, 3)), requires_grad=True, name="w")
    bs, zs = [X[0] @ DATA["U"]], []
    for _ in range(T):
        zs.append(bs[-1] @ w)
        h = np.maximum(zs[-1], 0)
        bs.append(h + bs[-1])
    h.name, bs[-1].name = "h", "b"
    values = [bs[0], *(b.numpy() for b in bs[1:])]
    d, dw = np.ones((4, 3)), np.zeros((3, 3))
    for t in reversed(range(T)):
        dz = d * mask(values[t + 1], zs[t].numpy())
        dw, d = dw + values[t].T @ dz, d + dz @ w.numpy().T
    assert str(al.compare(np.sum(bs[-1]), {"w": dw})["w"].diagnosis) == f"at every step, {said}"


def test_the_order_of_steps_is_told_by_what_is_given_for_a_state():
    w = al.Tensor(DATA["W"], requires_grad=True, name="w")
    hs, loss = [np.ones((4, 3))], 0.0
    for t in range(T):
        hs.append(np.tanh(X[t] @ DATA["U"] + hs[t] @ w))
        hs[-1].name = f"h{t}"
        loss = loss + np.sum(hs[-1] ** 2)
    given, dh = {}, 0.0
    for t in range(T):
        given[f"h{t}"] = 2 * hs[t + 1].numpy() + dh
        dh = given[f"h{t}"] * (1 - hs[t + 1].numpy() ** 2) @ w.numpy().T
    rows = al.compare(loss, given).failures
    assert "in the same order as forwards" in str(rows[0].diagnosis) + str(rows[-1].diagnosis)


def test_a_state_that_is_right_does_not_speak_against_a_step_that_is_left_out():
    w, u = (al.Tensor(DATA[k], requires_grad=True, name=k) for k in "WU")
    hs = [np.ones((4, 3))]
    for t in range(T):
        hs.append(np.tanh(X[t] @ u + hs[t] @ w))
        hs[-1].name = f"h{t}"
    given, dw, du, dh = {}, 0.0, 0.0, np.ones((4, 3))
    for t in reversed(range(1, T)):
        given[f"h{t}"] = dh
        dz = dh * (1 - hs[t + 1].numpy() ** 2)
        dw, du, dh = dw + hs[t].numpy().T @ dz, du + X[t].T @ dz, dz @ w.numpy().T
    result = al.compare(np.sum(hs[-1]), {**given, "h0": dh, "W": dw, "U": du})
    titles = [str(row.diagnosis) for row in result.failures]
    assert "the first step is left out on the way back" in titles


LONG = """
h, dU, dW, dV, carry = {-1: np.zeros((4, 3))}, 0 * U, 0 * W, 0 * V, 0.0
for t in range(STEPS):
    h[t] = np.tanh(INPUTS[t] @ U + h[t - 1] @ W)
for t in reversed(range(STEPS)):
    dy = 2 * (h[t] @ V - Y)
    dV += h[t].T @ dy
    dh = dy @ V.T + carry
    dz = dh * (1 - h[t] ** 2)
    dU += INPUTS[t].T @ dz
    dW += h[t - 1].T @ dz
    carry = dz @ W.T
"""
STEPS = 60
INPUTS = RNG.normal(size=(STEPS, 4, 2))


def long(U, W, V):
    h, loss = {-1: np.zeros((4, 3))}, 0.0
    for t in range(STEPS):
        h[t] = np.tanh(INPUTS[t] @ U + h[t - 1] @ W)
        loss = loss + np.sum((h[t] @ V - Y) ** 2)
    return h, loss


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("carry = dz @ W.T", "carry = dh @ W.T", "from the gradient at h[t], in place of that at"),
        ("carry = dz @ W.T", "carry = dz @ W", ".T is forgotten"),
        ("h[t - 1].T @ dz", "h[t].T @ dz", "h[t] is used in place of h[t - 1]"),
        ("* (1 - h[t] ** 2)", "* 1", "the derivative of the tanh at h[t] is left out"),
    ],
)
def test_a_slip_in_a_long_loop_has_its_name(right, wrong, said):
    assert LONG.count(right) == 1
    data = {"U": DATA["U"], "W": 0.5 * DATA["W"], "V": DATA["V"]}
    made = {**data, "Y": Y, "np": np, "STEPS": STEPS, "INPUTS": INPUTS}
    exec(LONG.replace(right, wrong), made)
    h, loss = long(**{k: al.Tensor(x, requires_grad=True, name=k) for k, x in data.items()})
    assert len(h) > STEPS
    result = al.compare(loss, {k: made[f"d{k}"] for k in data})
    (title,) = {
        str(x) for row in result.failures if "same mistake" not in (x := str(row.diagnosis))
    }
    assert f"at every step, {said}" in title.replace("what comes back to h[t - 1] is computed ", "")
