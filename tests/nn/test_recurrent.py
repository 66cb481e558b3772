"""Recurrent layers and attention follow the formulas of their docstrings, step by step."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.nn import functional

RNG = np.random.default_rng(31)
STEPS, BATCH, WIDTH, HIDDEN = 4, 3, 2, 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def values(layer):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return (getattr(layer, f"{name}_l0").numpy() for name in names)


def parts(a, count):
    return np.split(a, count, axis=-1)


def rnn_by_hand(layer, x, h, g):
    w, u, b, c = values(layer)
    states = [h]
    for t in range(len(x)):
        states.append(np.tanh(x[t] @ w + b + states[-1] @ u + c))
    dw, du, db, dx, delta = 0, 0, 0, [], 0
    for t in reversed(range(len(x))):
        d = (g[t] + delta) * (1 - states[t + 1] ** 2)
        delta = d @ u.T
        dw, du, db = dw + x[t].T @ d, du + states[t].T @ d, db + d.sum(axis=0)
        dx.insert(0, d @ w.T)
    return np.stack(states[1:]), np.stack(dx), delta, (dw, du, db, db)


def gru_by_hand(layer, x, h, g):
    w, u, b, c = values(layer)
    states, kept = [h], []
    for t in range(len(x)):
        (zr, zu, zn), (ar, au, a) = parts(x[t] @ w + b, 3), parts(states[-1] @ u + c, 3)
        r, k = sigmoid(zr + ar), sigmoid(zu + au)
        n = np.tanh(zn + r * a)
        kept.append((r, k, n, a))
        states.append(k * states[-1] + (1 - k) * n)
    dw, du, db, dc, dx, delta = 0, 0, 0, 0, [], 0
    for t in reversed(range(len(x))):
        r, k, n, a = kept[t]
        delta = g[t] + delta
        dn = delta * (1 - k) * (1 - n**2)
        dk = delta * (states[t] - n) * k * (1 - k)
        dr = dn * a * r * (1 - r)
        d, e = np.hstack([dr, dk, dn]), np.hstack([dr, dk, dn * r])
        delta = delta * k + e @ u.T
        dw, du = dw + x[t].T @ d, du + states[t].T @ e
        db, dc = db + d.sum(axis=0), dc + e.sum(axis=0)
        dx.insert(0, d @ w.T)
    return np.stack(states[1:]), np.stack(dx), delta, (dw, du, db, dc)


def lstm_by_hand(layer, x, h, g):
    w, u, b, c = values(layer)
    states, cells, kept = [h], [0 * h], []
    for t in range(len(x)):
        i, f, m, o = parts(x[t] @ w + b + states[-1] @ u + c, 4)
        i, f, m, o = sigmoid(i), sigmoid(f), np.tanh(m), sigmoid(o)
        kept.append((i, f, m, o))
        cells.append(f * cells[-1] + i * m)
        states.append(o * np.tanh(cells[-1]))
    dw, du, db, dx, delta, gamma = 0, 0, 0, [], 0, 0
    for t in reversed(range(len(x))):
        i, f, m, o = kept[t]
        delta, seen = g[t] + delta, np.tanh(cells[t + 1])
        gamma = gamma + delta * o * (1 - seen**2)
        d = np.hstack([
            gamma * m * i * (1 - i), gamma * cells[t] * f * (1 - f),
            gamma * i * (1 - m**2), delta * seen * o * (1 - o),
        ])  # fmt: skip
        delta, gamma = d @ u.T, gamma * f
        dw, du, db = dw + x[t].T @ d, du + states[t].T @ d, db + d.sum(axis=0)
        dx.insert(0, d @ w.T)
    return np.stack(states[1:]), np.stack(dx), delta, (dw, du, db, db)


KINDS = {"RNN": rnn_by_hand, "GRU": gru_by_hand, "LSTM": lstm_by_hand}


def run(layer, x, h):
    """The states of a layer, and the last one, given the first state."""
    cell = np.zeros(h.shape)
    return layer(x, (h, cell)) if isinstance(layer, nn.LSTM) else layer(x, h)


@pytest.mark.parametrize("kind", KINDS)
def test_states_and_gradients_are_those_by_hand(kind):
    layer = getattr(nn, kind)(WIDTH, HIDDEN, rng=RNG)
    x = al.Tensor(RNG.normal(size=(STEPS, BATCH, WIDTH)), requires_grad=True)
    h = al.Tensor(RNG.normal(size=(1, BATCH, HIDDEN)), requires_grad=True)
    y, _ = run(layer, x, h)
    g = RNG.normal(size=y.shape)
    y.backward(g)
    states, dx, dh, gradients = KINDS[kind](layer, x.numpy(), h.numpy()[0], g)
    np.testing.assert_allclose(y.numpy(), states, rtol=1e-12)
    np.testing.assert_allclose(x.grad, dx, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(h.grad[0], dh, rtol=1e-11, atol=1e-13)
    for p, gradient in zip(layer.parameters(), gradients, strict=True):
        np.testing.assert_allclose(p.grad, gradient, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_layers_directions_and_orders_are_put_together_from_one_layer(kind):
    make = getattr(nn, kind)
    deep = make(WIDTH, HIDDEN, num_layers=2, bidirectional=True, rng=RNG)
    x = RNG.normal(size=(STEPS, BATCH, WIDTH))
    y, last = deep(x)
    ends, inside = [], x
    for k in range(2):
        results = []
        for direction in ("", "_reverse"):
            one = make(inside.shape[-1], HIDDEN)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(one, f"{name}_l0").data = getattr(deep, f"{name}_l{k}{direction}").data
            forwards = inside[::-1] if direction else inside
            states = one(forwards)[0].numpy()
            ends.append(states[-1])
            results.append(states[::-1] if direction else states)
        inside = np.concatenate(results, axis=-1)
    np.testing.assert_allclose(y.numpy(), inside, rtol=1e-12)
    last = last[0] if isinstance(last, tuple) else last
    np.testing.assert_allclose(last.numpy(), ends, rtol=1e-12)
    turned = make(WIDTH, HIDDEN, num_layers=2, bidirectional=True, batch_first=True)
    turned.load_state_dict(deep.state_dict())
    again = turned(x.swapaxes(0, 1))[0].numpy().swapaxes(0, 1)
    np.testing.assert_allclose(again, inside, rtol=1e-12)
    alone, end = deep(x[:, 0])
    np.testing.assert_allclose(alone.numpy(), inside[:, 0], rtol=1e-12)
    end = end[0] if isinstance(end, tuple) else end
    assert end.shape == (4, HIDDEN)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_may_be_cut_in_two(kind):
    layer = getattr(nn, kind)(WIDTH, HIDDEN, bias=False, rng=RNG)
    x = RNG.normal(size=(STEPS, BATCH, WIDTH))
    whole, last = layer(x)
    first, middle = layer(x[:2])
    second, end = layer(x[2:], middle)
    np.testing.assert_allclose(np.concatenate([first.numpy(), second.numpy()]), whole.numpy())
    pairs = zip(end, last, strict=True) if kind == "LSTM" else [(end, last)]
    for got, want in pairs:
        np.testing.assert_allclose(got.numpy(), want.numpy())


def test_dropout_between_layers_is_in_training_only():
    layer = nn.GRU(WIDTH, HIDDEN, num_layers=2, dropout=0.5, rng=np.random.default_rng(0))
    x = RNG.normal(size=(STEPS, BATCH, WIDTH))
    assert not np.array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())


# ------------------------------------------------------------ attention


def attention_by_hand(layer, q, k, v, g, hidden):
    """Formulas of the docstring, for each picture of a batch and each head."""
    e, heads = layer.embed_dim, layer.num_heads
    d = e // heads
    w, b = layer.in_proj_weight.numpy(), layer.in_proj_bias.numpy()
    wo, bo = layer.out_proj.weight.numpy(), layer.out_proj.bias.numpy()
    y, back = np.zeros(q.shape), [np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape)]
    dw, dwo = np.zeros(w.shape), np.zeros(wo.shape)
    for n in range(len(q)):
        joined, into = [], []
        arrived = g[n] @ wo.T
        for i in range(heads):
            at = [slice(p * e + i * d, p * e + (i + 1) * d) for p in range(3)]
            qh, kh, vh = (x[n] @ w[:, s] + b[s] for x, s in zip((q, k, v), at, strict=True))
            scores = qh @ kh.T / np.sqrt(d) + np.where(hidden, -np.inf, 0)
            a = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            joined.append(a @ vh)
            gh = arrived[:, i * d : (i + 1) * d]
            dd = gh @ vh.T
            s = a * (dd - (a * dd).sum(axis=1, keepdims=True))
            into = [s @ kh / np.sqrt(d), s.T @ qh / np.sqrt(d), a.T @ gh]
            for p, x in enumerate((q, k, v)):
                dw[:, at[p]] += x[n].T @ into[p]
                back[p][n] += into[p] @ w[:, at[p]].T
        y[n] = np.hstack(joined) @ wo + bo
        dwo += np.hstack(joined).T @ g[n]
    return y, back, dw, dwo


@pytest.mark.parametrize("causal", [False, True])
def test_attention_and_its_gradients_are_those_by_hand(causal):
    layer = nn.MultiheadAttention(6, 2, batch_first=True, rng=RNG)
    layer.in_proj_bias.data = RNG.normal(size=18)
    q, k, v = (al.Tensor(RNG.normal(size=(2, 4, 6)), requires_grad=True) for _ in range(3))
    y, weights = layer(q, k, v, is_causal=causal)
    g = RNG.normal(size=y.shape)
    y.backward(g)
    hidden = np.triu(np.ones((4, 4), bool), 1) & causal
    value, back, dw, dwo = attention_by_hand(layer, q.numpy(), k.numpy(), v.numpy(), g, hidden)
    np.testing.assert_allclose(y.numpy(), value, rtol=1e-11)
    for tensor, gradient in zip((q, k, v), back, strict=True):
        np.testing.assert_allclose(tensor.grad, gradient, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer.in_proj_weight.grad, dw, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer.out_proj.weight.grad, dwo, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(weights.numpy().sum(axis=-1), 1)
    assert (weights.numpy()[:, hidden] == 0).all()


def test_the_future_does_not_change_what_a_causal_mask_lets_through():
    layer = nn.MultiheadAttention(4, 2, batch_first=True, rng=RNG)
    x = RNG.normal(size=(1, 5, 4))
    other = np.concatenate([x[:, :3], RNG.normal(size=(1, 2, 4))], axis=1)
    first, second = (layer(*[al.Tensor(a)] * 3, is_causal=True)[0].numpy() for a in (x, other))
    np.testing.assert_allclose(first[:, :3], second[:, :3], rtol=1e-13)


def test_masks_of_every_kind_hide_the_same():
    layer = nn.MultiheadAttention(4, 2, batch_first=True, rng=RNG)
    x = al.Tensor(RNG.normal(size=(2, 3, 4)))
    hidden = np.array([[False, True, True], [False, False, True], [False, False, False]])
    want = layer(x, x, x, is_causal=True)[0].numpy()
    added = np.where(hidden, -np.inf, 0.0)
    for mask in (hidden, added, np.broadcast_to(hidden, (4, 3, 3)), al.Tensor(added)):
        np.testing.assert_array_equal(layer(x, x, x, attn_mask=mask)[0].numpy(), want)
    ends = np.array([[False, False, True], [False, False, False]])
    got = layer(x, x, x, key_padding_mask=ends)[0].numpy()
    short = al.Tensor(x.numpy()[:1, :2])
    np.testing.assert_allclose(got[0], layer(x[:1], short, short)[0].numpy()[0], rtol=1e-12)
    q = RNG.normal(size=(3, 4))
    of = functional.scaled_dot_product_attention
    causal = of(q, q, q, is_causal=True).numpy()
    np.testing.assert_array_equal(of(q, q, q, attn_mask=~hidden).numpy(), causal)


def test_attention_drops_weights_in_training_alone():
    """As in PyTorch, the third argument is `dropout`; what stays is scaled up."""
    layer = nn.MultiheadAttention(4, 2, 0.5, rng=np.random.default_rng(0))
    x = al.Tensor(RNG.normal(size=(7, 2, 4)))
    kept = layer(x, x, x, average_attn_weights=False)[1].numpy()
    layer.eval()
    all_of_them = layer(x, x, x, average_attn_weights=False)[1].numpy()
    np.testing.assert_allclose(kept[kept != 0], 2 * all_of_them[kept != 0])
    assert 0.3 < np.mean(kept == 0) < 0.7
    np.testing.assert_allclose(all_of_them.sum(axis=-1), 1)


def test_attention_says_no_more_than_it_is_asked_for():
    layer = nn.MultiheadAttention(4, 2, rng=RNG)
    x = al.Tensor(RNG.normal(size=(3, 2, 4)))
    assert layer(x, x, x, need_weights=False)[1] is None
    assert layer(x, x, x)[1].shape == (2, 3, 3)
    assert layer(x, x, x, average_attn_weights=False)[1].shape == (2, 2, 3, 3)
    alone = x[:, 0]
    assert [a.shape for a in layer(alone, alone, alone)] == [(3, 4), (3, 3)]


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_recurrence_takes_an_empty_batch(kind, batch_first):
    layer = kind(4, 5, 2, batch_first=batch_first, bidirectional=True, rng=RNG)
    x = al.Tensor(np.ones((0, 3, 4) if batch_first else (3, 0, 4)), requires_grad=True)
    states, last = layer(x)
    states.sum().backward()
    assert states.shape == (*x.shape[:2], 10)
    assert np.shape(last if kind is not nn.LSTM else last[1]) == (4, 0, 5)
    assert x.grad.shape == x.shape
    assert not any(p.grad.numpy().any() for p in layer.parameters())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.GRU(0, 2), ValueError, "GRU needs input_size of 1 or more, got 0"),
        (lambda: nn.LSTM(2, 2.5), TypeError, "LSTM needs an integer as hidden_size, got 2.5"),
        (lambda: nn.RNN(2, 2, nonlinearity="sigmoid"), ValueError, "tanh or relu, got 'sigmoid'"),
        (lambda: nn.GRU(2, 2)(np.ones((3, 1, 4))), ValueError, r"\(steps, batch, 2\) or \(steps"),
        (lambda: nn.GRU(2, 2)(np.ones((0, 1, 2))), ValueError, "at least one step"),
        (
            lambda: nn.GRU(2, 2, batch_first=True)(np.ones((1, 0, 2))),
            ValueError,
            r"\(batch, steps, 2\) .*at least one step",
        ),
        (lambda: nn.GRU(2, 2)(np.ones((3, 1, 2)), np.ones((1, 2, 2))), ValueError, "first state"),
        (lambda: nn.LSTM(2, 2)(np.ones((3, 1, 2)), np.ones(3)), ValueError, r"layer\(x, \(h, c\)"),
        (lambda: nn.MultiheadAttention(5, 2), ValueError, "heads that divide its width"),
        (lambda: nn.MultiheadAttention(4, 2, 1.5), ValueError, "a dropout from 0 to 1, got 1.5"),
        (lambda: nn.MultiheadAttention(4, 2, True), TypeError, "a number as its dropout, got True"),
        (lambda: nn.MultiheadAttention(4, 2)(*[np.ones((2, 5))] * 3), ValueError, "a query, a key"),
        (
            lambda: nn.MultiheadAttention(4, 2)(
                *[np.ones((2, 4))] * 3, attn_mask=np.ones((2, 2), bool)
            ),
            ValueError,
            "leaves each query at least one key",
        ),
        (
            lambda: nn.MultiheadAttention(4, 2)(*[np.ones((2, 4))] * 3, attn_mask=np.ones((3, 3))),
            ValueError,
            r"a mask for scores of shape \(1, 2, 2, 2\), got \(3, 3\)",
        ),
        (
            lambda: nn.MultiheadAttention(4, 2)(
                *[np.ones((2, 4))] * 3, attn_mask=np.eye(2, dtype=int)
            ),
            TypeError,
            r"Write mask\.astype\(bool\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("used", ["states", "last"])
def test_a_picture_has_one_box_whatever_part_of_its_result_is_used(kind, used):
    layer = kind(WIDTH, HIDDEN, num_layers=2, bidirectional=True, rng=np.random.default_rng(0))
    states, last = layer(RNG.normal(size=(STEPS, BATCH, WIDTH)))
    last = last[0] if isinstance(last, tuple) else last
    result = states if used == "states" else last
    given, *boxes = str(al.draw(np.sum(result**2), depth=0, names=False)).splitlines()
    assert f" {STEPS * BATCH}×{WIDTH} " in given
    assert boxes[0].startswith(f"{kind.__name__} · ")
    assert len(boxes) == 3
