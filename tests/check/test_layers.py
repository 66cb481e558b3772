"""`check_layer` and `check_jacobian`: right layers pass, wrong ones have their mistake named."""

import numpy as np
import pytest

import autograd_lite as al

rng = np.random.default_rng(3)


def layer_norm(x, gain, bias):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    std = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
    n = centred / std
    return gain * n + bias, (n, std, gain)


def layer_norm_backward(dy, cache):
    n, std, gain = cache
    dn = dy * gain
    mean = dn.mean(axis=-1, keepdims=True)
    dx = (dn - mean - n * (dn * n).mean(axis=-1, keepdims=True)) / std
    return dx, (dy * n).sum(axis=0), dy.sum(axis=0)


NORM = [rng.normal(size=(5, 6)), rng.normal(size=6), rng.normal(size=6)]


def test_a_right_layer_passes_by_position_and_by_name():
    assert al.check_layer(layer_norm, layer_norm_backward, NORM)

    def by_name(dy, cache):
        return dict(zip(("dx", "dgain", "bias_grad"), layer_norm_backward(dy, cache), strict=True))

    assert al.check_layer(layer_norm, by_name, dict(zip(("x", "gain", "bias"), NORM, strict=True)))


def test_the_mistake_of_a_wrong_layer_is_named():
    def forgets_the_mean(dy, cache):
        n, std, gain = cache
        dn = dy * gain
        dx = (dn - n * (dn * n).mean(axis=-1, keepdims=True)) / std
        return dx, (dy * n).sum(axis=0), dy.sum(axis=0)

    result = al.check_layer(layer_norm, forgets_the_mean, NORM)
    assert result["x"].diagnosis.title == "the path through the mean of x is left out"
    assert result["gain"].ok


def test_a_layer_in_float32_is_right_for_its_dtype():
    def backward(dy, cache):
        return tuple(g.astype(np.float32) for g in layer_norm_backward(np.float32(dy), cache))

    assert al.check_layer(layer_norm, backward, NORM)


def test_running_statistics_stay_as_they_were():
    statistics = {"mean": np.zeros(3)}

    def forward(x, running):
        running["mean"] += 1.0
        return x * 2.0, None

    assert al.check_layer(forward, lambda dy, _: 2 * dy, [rng.normal(size=(4, 3)), statistics])
    np.testing.assert_array_equal(statistics["mean"], 0.0)


def test_dropout_without_a_seed_is_said():
    def dropout(x):
        return x * (np.random.default_rng().uniform(size=np.shape(x)) > 0.5)

    with pytest.raises(ValueError, match="another result when it is called again"):
        al.check_layer(dropout, lambda dy, x: dy, [rng.normal(size=50)])


def naive(x, k):
    out = np.zeros(len(x) - 2)
    for i in range(len(out)):
        out[i] = x[i] * k[0] + x[i + 1] * k[1] + x[i + 2] * k[2]
    return out


class Naive:
    def forward(self, x, k):
        return self.convolved(x, k)

    __call__ = forward

    def convolved(self, x, k):
        return naive(x, k)


@pytest.mark.parametrize("forward", [naive, Naive(), Naive().forward, Naive().convolved])
@pytest.mark.parametrize("accumulate", [True, False])
def test_a_loop_that_fills_a_bare_array_is_recorded(accumulate, forward):
    def backward(dy, x, k):
        dx, dk = np.zeros_like(x), np.zeros(3)
        for i in range(len(dy)):
            if accumulate:
                dx[i : i + 3] += dy[i] * k
            else:
                dx[i : i + 3] = dy[i] * k
            dk += dy[i] * x[i : i + 3]
        return dx, dk

    result = al.check_layer(forward, backward, [rng.normal(size=8), rng.normal(size=3)])
    assert bool(result) is accumulate
    assert result["k"].ok
    assert accumulate or "= in place of +=" in result["x"].diagnosis.title


def test_what_cannot_be_recorded_is_checked_by_differences():
    def forward(x):
        return x * float(np.max(x))

    result = al.check_layer(forward, lambda dy, x: dy * x.max(), [rng.normal(size=4)])
    assert not result
    assert any("central differences" in note for note in result.notes)


def test_windows_of_an_unrolled_loop_are_put_back_flipped():
    def forward(x, w):
        out = np.zeros((2, 3, 3))
        for f in range(2):
            for i in range(3):
                for j in range(3):
                    out[f, i, j] = np.sum(x[i : i + 2, j : j + 2] * w[f])
        return out

    def backward(dy, x, w):
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for f, i, j in np.ndindex(dy.shape):
            dx[i : i + 2, j : j + 2] += w[f, ::-1, ::-1] * dy[f, i, j]
            dw[f] += x[i : i + 2, j : j + 2] * dy[f, i, j]
        return dx, dw

    result = al.check_layer(
        forward, backward, [rng.normal(size=(4, 4)), rng.normal(size=(2, 2, 2))]
    )
    assert result["w"].ok
    assert "flipped" in result["x"].diagnosis.title


def test_a_number_is_an_input_only_if_it_has_a_gradient():
    def forward(x, scale=0.5):
        return np.tanh(x) * scale, (np.tanh(x), scale)

    def backward(dy, cache):
        return dy * (1 - cache[0] ** 2) * cache[1]

    x = rng.normal(size=(3, 2))
    assert len(al.check_layer(forward, backward, {"x": x, "scale": 0.5}).rows) == 1
    both = al.check_layer(
        forward, lambda dy, c: (backward(dy, c), np.sum(dy * c[0])), {"x": x, "scale": 0.5}
    )
    assert both
    assert len(both.rows) == 2


def test_what_turns_the_wrong_way_is_said_though_inputs_have_the_seed_of_the_cotangent():
    x, angle = np.random.default_rng(0).normal(size=(5, 4)), np.linspace(0.1, 0.9, 10)
    c, s = np.cos(angle).reshape(5, 2), np.sin(angle).reshape(5, 2)

    def forward(x):
        one, two = x[:, ::2], x[:, 1::2]
        return np.stack([one * c - two * s, one * s + two * c], axis=-1).reshape(x.shape)

    result = al.check_layer(forward, lambda dy, x: forward(dy), [x])
    assert "forwards" in result["x"].diagnosis.title
    identity = al.check_layer(lambda x: x * 3.0, lambda dy, x: dy, [x])
    assert "value of x" not in identity["x"].diagnosis.title
    inside = al.check_layer(
        lambda x: forward(x) ** 3, lambda dy, x: forward(3 * forward(x) ** 2 * dy), [x]
    )
    assert inside["x"].diagnosis.title == "the sign of s is flipped throughout, on the way back"


def test_the_mistake_of_a_jacobian_is_named():
    def f(v):
        return np.array([v[0] * np.cos(v[1]), v[0] * np.sin(v[1])])

    def jacobian(v):
        return np.array([[np.cos(v[1]), -v[0] * np.sin(v[1])], [np.sin(v[1]), v[0] * np.cos(v[1])]])

    v = np.array([2.0, 0.6])
    assert al.check_jacobian(f, jacobian, v)
    turned = al.check_jacobian(f, lambda v: jacobian(v).T, v)
    assert "transposed" in turned["x"].diagnosis.title
    one = al.check_jacobian(f, lambda v: jacobian(v) + np.array([[0, 0], [0.5, 0]]), v)
    assert one["x"].diagnosis.title == "in row 1 of the Jacobian: only entry 0 is wrong"
    unit = al.check_jacobian(f, lambda v: jacobian(v) / [1, v[0]], v)
    assert unit["x"].diagnosis.title == "in row 0 of the Jacobian: the factor x[0] is missing"


def test_a_jacobian_is_checked_with_its_layout():
    def f(x):
        return np.sin(x[:2]) * x[2]

    def jacobian(x):
        return np.array(
            [[np.cos(x[0]) * x[2], 0, np.sin(x[0])], [0, np.cos(x[1]) * x[2], np.sin(x[1])]]
        )

    x = [1.0, 2.0, 3.0]
    assert al.check_jacobian(f, jacobian, x)
    assert not al.check_jacobian(f, lambda x: 2 * jacobian(x), x)
    with pytest.raises(ValueError, match="It is transposed: outputs come first"):
        al.check_jacobian(f, lambda x: jacobian(x).T, x)


@pytest.mark.parametrize(
    ("backward", "says"),
    [
        (lambda dy, cache: (dy,), "returns 1 gradients for 3"),
        (lambda dy, cache: {"dz": dy}, "a gradient called 'dz'"),
        (lambda dy, cache: None, "backward returns no gradient. Return one for each of x, "),
    ],
)
def test_what_backward_must_return_is_said(backward, says):
    with pytest.raises(ValueError, match=says):
        al.check_layer(layer_norm, backward, NORM)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: al.check_layer(layer_norm, 3, NORM), "check_layer needs a function, got 3"),
        (lambda: al.check_layer(3, layer_norm, NORM), "check_layer needs a function, got 3"),
        (
            lambda: al.check_layer(layer_norm, lambda dy: dy, NORM),
            r"2 arguments here. backward\(dy",
        ),
        (lambda: al.check_jacobian(np.exp, np.eye(2), [1.0, 2.0]), r"lambda x: \.\.\., x"),
    ],
)
def test_what_is_no_such_function_is_said(call, says):
    with pytest.raises(TypeError, match=says):
        call()


def test_assert_gradients_raises_with_the_mistake():
    al.assert_gradients(lambda x: np.sum(x**3), lambda x: {"x": 3 * x**2}, [np.ones(3)])
    with pytest.raises(al.DisagreementError, match="sign"):
        al.assert_gradients(lambda x: np.sum(x**3), lambda x: {"x": -3 * x**2}, [np.ones(3) + 1])


def lstm_forward(x, h, c, w):
    z = np.concatenate([x, h], axis=1) @ w
    i, f, o = (al.sigmoid(z[:, 3 * k : 3 * k + 3]) for k in range(3))
    g = np.tanh(z[:, 9:])
    new = f * c + i * g
    return (o * np.tanh(new), new), (x, h, c, w, (i, f, o, g), new)


def lstm_backward(cotangents, cache, with_cell=True):
    dh, dc = cotangents
    x, h, c, w, (i, f, o, g), new = cache
    t = np.tanh(new)
    dc = dc * with_cell + dh * o * (1 - t**2)
    dz = [dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g**2)]
    dz = np.concatenate(dz, axis=1)
    both = dz @ w.T
    return both[:, : x.shape[1]], both[:, x.shape[1] :], dc * f, np.concatenate([x, h], 1).T @ dz


def test_a_layer_with_several_results_and_a_nested_cache():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape) for shape in ((4, 2), (4, 3), (4, 3), (5, 12))]
    assert al.check_layer(lstm_forward, lstm_backward, inputs)
    forgotten = al.check_layer(
        lstm_forward, lambda d, cache: lstm_backward(d, cache, with_cell=False), inputs
    )
    assert not forgotten
    assert "left out" in str(forgotten["c"].diagnosis)


def bidirectional(x, w, u, v, r):
    t, forwards, backwards = len(x), [np.zeros(2)], [np.zeros(2)]
    for i in range(t):
        forwards.append(np.tanh(x[i] @ w + forwards[-1] @ u))
    for i in reversed(range(t)):
        backwards.append(np.tanh(x[i] @ v + backwards[-1] @ r))
    out = [np.concatenate([forwards[i + 1], backwards[t - i]]) for i in range(t)]
    return np.stack(out), (x, w, u, v, r, forwards, backwards)


@pytest.mark.parametrize(
    ("slip", "name", "says"),
    [
        ("", "", ""),
        ("late", "u", "forwards[t] is used in place of forwards[t - 1]"),
        ("cut", "u", "nothing comes back to forwards[t - 1]"),
        ("turned", "r", ".T is forgotten: r is used"),
        ("swapped", "", "exchanged"),
    ],
)
def test_the_two_loops_of_a_bidirectional_network_are_told_apart(slip, name, says):
    def backward(dout, cache):
        x, w, u, v, r, forwards, backwards = cache
        t, dx = len(x), np.zeros_like(x)
        dw, du, dv, dr = (np.zeros_like(a) for a in (w, u, v, r))
        if slip == "swapped":
            dout = np.concatenate([dout[:, 2:], dout[:, :2]], axis=1)
        d = np.zeros(2)
        for i in reversed(range(t)):
            z = (dout[i, :2] + d) * (1 - forwards[i + 1] ** 2)
            dx[i] += w @ z
            dw += np.outer(x[i], z)
            du += np.outer(forwards[i + (slip == "late")], z)
            d = (slip != "cut") * (u @ z)
        d = np.zeros(2)
        for i in range(t):
            z = (dout[i, 2:] + d) * (1 - backwards[t - i] ** 2)
            dx[i] += v @ z
            dv += np.outer(x[i], z)
            dr += np.outer(backwards[t - i - 1], z)
            d = (r.T if slip == "turned" else r) @ z
        return dx, dw, du, dv, dr

    draw = np.random.default_rng(5)
    shapes = ((5, 3), (3, 2), (2, 2), (3, 2), (2, 2))
    result = al.check_layer(bidirectional, backward, [draw.normal(size=s) for s in shapes])
    assert bool(result) is not bool(slip)
    if slip:
        said = result[name].diagnosis.title if name else str(result)
        assert says in said


@pytest.mark.parametrize(
    ("slip", "says"),
    [
        (lambda g: g.reshape(2, 3, 4)[:, 0], "only the first of the 3 copies of x"),
        (lambda g: g.reshape(3, 2, 4).sum(axis=0), "as those of np.tile are"),
        (lambda g: g.reshape(2, 3, 4).mean(axis=1), "averaged over the 3 copies"),
    ],
)
def test_copies_that_are_summed_in_another_way_are_named(slip, says):
    def forward(x):
        return np.tanh(np.repeat(x, 3, axis=0)) * np.arange(24.0).reshape(6, 4)

    def backward(dy, x):
        return slip(
            dy * np.arange(24.0).reshape(6, 4) * (1 - np.tanh(np.repeat(x, 3, axis=0)) ** 2)
        )

    result = al.check_layer(forward, backward, [rng.normal(size=(2, 4))])
    assert says in result["x"].diagnosis.title


@pytest.mark.parametrize("turned", [False, True])
def test_copies_in_another_order_are_used(turned):
    each = (lambda v: np.repeat(v, 2, axis=0)), (lambda v: np.tile(v, (2, 1)))
    one, other = each[::-1] if turned else each
    inputs = [rng.normal(size=(6, 2)), rng.normal(size=(3, 2))]

    def backward(dy, x, v):
        return {"dx": dy * other(v)}

    result = al.check_layer(lambda x, v: x * one(v), backward, inputs)
    word = "np.repeat" if turned else "np.tile"
    assert result["x"].diagnosis.title.startswith(f"{word} of v is used in place of ")


def test_a_pooled_gradient_is_repeated_and_not_tiled():
    def pool(x):
        return x.reshape(2, 3, 2, 2, 2).mean(axis=(2, 4))

    result = al.check_layer(
        pool, lambda dy, _: np.tile(dy, (1, 2, 2)) / 4, [rng.normal(size=(2, 6, 4))]
    )
    assert "by np.tile, not by np.repeat" in result["x"].diagnosis.title


def test_axes_that_are_transposed_in_another_order_are_named():
    w = rng.normal(size=(6, 2))

    def forward(x):
        return np.reshape(np.transpose(x, (2, 0, 1)), (4, 6)) @ w

    def backward(dy, x):
        return (dy @ w.T).reshape(4, 2, 3).transpose(1, 0, 2).reshape(x.shape)

    result = al.check_layer(forward, backward, [rng.normal(size=(2, 3, 4))])
    said = str(result["x"].diagnosis) + str(result["x"].diagnosis.alternatives)
    assert "by (1, 0, 2), and not by (1, 2, 0)" in said


def test_entries_that_are_read_in_another_order_are_named():
    def forward(x, w):
        return x.reshape(len(x), -1) @ w

    def backward(dy, x, w):
        dx = (dy @ w.T).reshape(4, 3, 2).transpose(0, 2, 1)
        return dx, x.reshape(len(x), -1).T @ dy

    result = al.check_layer(
        forward, backward, [rng.normal(size=(4, 2, 3)), rng.normal(size=(6, 5))]
    )
    assert "read in another order" in result["x"].diagnosis.title
