"""Every optimiser takes the steps of its formula, written here entry by entry in plain NumPy."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim

RNG = np.random.default_rng(7)
GRADIENTS = RNG.normal(size=(200, 3, 2)) * RNG.uniform(0.1, 3.0, (3, 2))
START = RNG.normal(size=(3, 2))


def sgd(w, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    b = None
    for g in GRADIENTS:
        g = g + weight_decay * w
        if momentum:
            b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        w = w - lr * g
    return w


def adam(w, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, apart=False):
    m = v = top = 0.0
    for t, g in enumerate(GRADIENTS, 1):
        before = w
        if not apart:
            g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        top = np.maximum(top, v) if amsgrad else v
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(top / (1 - betas[1] ** t)) + eps)
        if apart:
            w = w - lr * weight_decay * before
    return w


def adamw(w, weight_decay=0.01, **settings):
    return adam(w, weight_decay=weight_decay, apart=True, **settings)


def rmsprop(
    w, lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False
):  # fmt: skip
    v = m = b = 0.0
    for g in GRADIENTS:
        g = g + weight_decay * w
        v = alpha * v + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g if centered else 0.0
        b = momentum * b + g / (np.sqrt(v - m**2) + eps)
        w = w - lr * b
    return w


def adagrad(
    w, lr=0.01, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10
):  # fmt: skip
    s = initial_accumulator_value
    for t, g in enumerate(GRADIENTS, 1):
        g = g + weight_decay * w
        s = s + g**2
        w = w - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s) + eps)
    return w


CASES = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.5, "dampening": 0.3, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True}),
    (optim.Adam, adam, {}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.1, "weight_decay": 0.1}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.8, 0.7), "amsgrad": True}),
    (optim.AdamW, adamw, {}),
    (optim.AdamW, adamw, {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True}),
    (optim.RMSprop, rmsprop, {}),
    (optim.RMSprop, rmsprop, {"lr": 0.1, "alpha": 0.7, "eps": 0.1, "momentum": 0.9}),
    (optim.RMSprop, rmsprop, {"lr": 0.1, "weight_decay": 0.1, "eps": 0.01, "centered": True}),
    (optim.Adagrad, adagrad, {}),
    (
        optim.Adagrad,
        adagrad,
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5,
         "eps": 0.1},
    ),
]  # fmt: skip
NAMES = [f"{kind.__name__}-{i}" for i, (kind, _, _) in enumerate(CASES)]
KINDS = [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad]


def steps(optimiser, w, gradients):
    for g in gradients:
        w.grad = g
        optimiser.step()
    return w.numpy()


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=NAMES)
def test_two_hundred_steps_follow_the_formula(kind, formula, settings):
    w = al.Tensor(START, requires_grad=True)
    got = steps(kind([w], **settings), w, GRADIENTS)
    np.testing.assert_allclose(got, formula(START, **settings), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=NAMES)
def test_a_number_moves_like_an_array_and_float32_stays(kind, formula, settings):
    array, number = al.Tensor(START, requires_grad=True), al.Tensor(START[0, 0], requires_grad=True)
    single = al.Tensor(START, requires_grad=True, dtype=np.float32)
    expected = steps(kind([array], **settings), array, GRADIENTS[:20])
    got = steps(kind([number], **settings), number, GRADIENTS[:20, 0, 0])
    np.testing.assert_allclose(got, expected[0, 0], rtol=1e-12)
    settings = {k: np.float64(v) if type(v) is float else v for k, v in settings.items()}
    got = steps(kind([single], **settings), single, GRADIENTS[:20])
    assert single.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=NAMES)
def test_maximize_climbs_the_negative(kind, formula, settings):
    up, down = (al.Tensor(START, requires_grad=True) for _ in range(2))
    steps(kind([up], maximize=True, **settings), up, -GRADIENTS[:20])
    steps(kind([down], **settings), down, GRADIENTS[:20])
    np.testing.assert_array_equal(up.numpy(), down.numpy())


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=NAMES)
def test_a_training_that_is_stopped_and_continued_is_the_one_that_was_not(kind, formula, settings):
    w, again = (al.Tensor(START, requires_grad=True) for _ in range(2))
    whole, first = kind([w], **settings), kind([again], **settings)
    expected = steps(whole, w, GRADIENTS[:20])
    steps(first, again, GRADIENTS[:8])
    saved = first.state_dict()
    copied = al.Tensor(again.numpy(), requires_grad=True)
    steps(first, again, GRADIENTS[8:12])  # What was saved does not follow.
    second = kind([copied], lr=7.0)
    second.load_state_dict(saved)
    np.testing.assert_array_equal(steps(second, copied, GRADIENTS[8:20]), expected)
    assert saved["param_groups"][0]["params"] == [0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_changes_neither_gradient_nor_value_that_somebody_holds(kind):
    large = np.linspace(-1.0, 1.0, 20_000)
    w = al.Tensor(large, requires_grad=True)
    optimiser = kind([w], lr=0.1, weight_decay=0.1)
    if "momentum" in optimiser.defaults:
        optimiser.param_groups[0]["momentum"] = 0.9
    for _ in range(3):
        before, g = w.data, np.array(2 * w.data)
        copy = np.array(before)
        loss = (w * w).sum()
        w.zero_grad()
        loss.backward()
        optimiser.step()
        np.testing.assert_array_equal(w.grad, g)
        np.testing.assert_array_equal(before, copy)
        assert not np.array_equal(w.data, before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_without_a_gradient_stays_and_is_not_remembered(kind):
    used, unused = al.Tensor(1.0, requires_grad=True), al.Tensor(1.0, requires_grad=True)
    optimiser = kind([used, unused], lr=0.1, weight_decay=0.5)
    with pytest.raises(al.GradientError, match=rf"{kind.__name__}\.step: no parameter has a grad"):
        optimiser.step()
    used.backward()
    optimiser.step()
    assert unused.item() == 1.0
    assert set(optimiser.state_dict()["state"]) <= {0}


def test_groups_have_settings_of_their_own():
    one, two = (al.Tensor(START, requires_grad=True) for _ in range(2))
    optimiser = optim.SGD(
        [{"params": [one]}, {"params": two, "lr": 0.01, "momentum": 0.9}], lr=0.1, weight_decay=0.1
    )
    for g in GRADIENTS:
        one.grad = two.grad = g
        optimiser.step()
    np.testing.assert_allclose(one.numpy(), sgd(START, 0.1, weight_decay=0.1), rtol=1e-10)
    expected = sgd(START, 0.01, 0.9, weight_decay=0.1)
    np.testing.assert_allclose(two.numpy(), expected, rtol=1e-10)
    with pytest.raises(ValueError, match=r"different learning rates, \[0\.1, 0\.01\]"):
        _ = optimiser.lr
    optimiser.lr = 0.5
    assert [group["lr"] for group in optimiser.param_groups] == [0.5, 0.5]
    assert optimiser.params == [one, two]
    assert "SGD(1 parameters, lr=0.5" in repr(optimiser)


W = al.Tensor(1.0, requires_grad=True)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.Adam([W], betas=0.9), TypeError, r"two numbers as its betas, got betas=0.9"),
        (lambda: optim.Adam([W], betas=(0.9, 1.0)), ValueError, r"less than 1, got betas=\(0.9, 1"),
        (lambda: optim.Adam([W], eps=-1.0), ValueError, r"eps of 0 or more, and finite, got -1"),
        (lambda: optim.AdamW([W], weight_decay=None), TypeError, r"its weight_decay, got None"),
        (lambda: optim.SGD([W], momentum=-0.9), ValueError, r"momentum of 0 or more, and"),
        (lambda: optim.SGD([W], nesterov=True), ValueError, r"Write momentum=0.9, nesterov=True"),
        (lambda: optim.RMSprop([W], alpha=np.nan), ValueError, r"alpha of 0 .* got nan"),
        (lambda: optim.Adagrad([W], lr_decay=-1), ValueError, r"an? lr_decay of 0 or more"),
        (lambda: optim.Adam([{"parameters": [W]}]), ValueError, r"needs 'params' in every group"),
        (lambda: optim.Adam([{"params": [W], "rate": 1}]), TypeError, r"no setting .rate. for a"),
        (lambda: optim.Adam([{"params": [W], "lr": -1}]), ValueError, r"an lr of 0 .* got -1"),
        (lambda: optim.Adam([{"params": [W]}, W]), TypeError, r"Tensors or groups, not both"),
        (lambda: optim.Adam([{"params": [W]}, {"params": W}]), ValueError, r"in one group, got Te"),
        (lambda: optim.Adam([{"params": nn.Tanh()}]), TypeError, r"Pass module\.parameters\(\)"),
        (lambda: optim.Adam([{"params": [1.0]}]), TypeError, r"got float at position 0"),
        (lambda: setattr(optim.Adam([W]), "lr", -1.0), ValueError, r"an lr of 0 .* got -1"),
        (lambda: optim.Optimizer([W], {"lr": 1}).update(1, 1, {}, {}), NotImplementedError, "De"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {}, "needs 'state' and 'param_groups'"),
        (lambda s: {**s, "param_groups": []}, r"\[1\] parameters, those of the state \[\]"),
        (lambda s: {**s, "state": {3: {}}}, "no group has the parameter 3"),
        (lambda s: {**s, "state": {0: {"exp_avg": np.ones(2)}}}, r"exp_avg of parameter 0 needs"),
        (lambda s: optim.SGD([W]).state_dict(), "the state has no amsgrad, betas, eps. It is of"),
        (
            lambda s: {**s, "param_groups": [{**s["param_groups"][0], "lr": -1.0}]},
            "lr of 0 or more, and finite, got -1",
        ),
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, message):
    w = al.Tensor(1.0, requires_grad=True)
    optimiser = optim.Adam([w], lr=0.5)
    w.backward()
    optimiser.step()
    before = optimiser.state_dict()
    with pytest.raises(ValueError, match=message):
        optimiser.load_state_dict(change(before))
    assert optimiser.state_dict() == before


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, np.inf])
def test_clipping_shortens_all_gradients_by_one_factor(order):
    arrays = [RNG.normal(size=shape) for shape in ((3, 2), (4,), ())]
    params = [al.Tensor(np.zeros(a.shape), requires_grad=True) for a in arrays]
    for p, a in zip(params, arrays, strict=True):
        p.grad = a
    without = al.Tensor(1.0, requires_grad=True)
    flat = np.abs(np.concatenate([a.ravel() for a in arrays]))
    norm = flat.max() if order == np.inf else (flat**order).sum() ** (1 / order)
    held = params[0].grad
    got = optim.clip_grad_norm_([*params, without], 0.5, order)
    np.testing.assert_allclose(got, norm, rtol=1e-14)
    for p, a in zip(params, arrays, strict=True):
        np.testing.assert_allclose(p.grad, a * 0.5 / (norm + 1e-6), rtol=1e-14)
    np.testing.assert_array_equal(held, arrays[0])
    assert without.grad is None
    assert optim.clip_grad_norm_(params, 100.0, order) < 0.51
    np.testing.assert_allclose(params[1].grad, arrays[1] * 0.5 / (norm + 1e-6), rtol=1e-14)


def test_clipping_says_what_it_cannot_do():
    w = al.Tensor(1.0, requires_grad=True)
    assert optim.clip_grad_norm_(w, 1.0) == 0.0
    w.grad = np.inf
    with pytest.raises(ValueError, match="gradients of finite norm, got inf"):
        optim.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)
    with pytest.raises(ValueError, match="max_norm of 0 or more, got -1"):
        optim.clip_grad_norm_(w, -1)
    with pytest.raises(TypeError, match=r"got a Module\. Pass net\.parameters"):
        optim.clip_grad_norm_(nn.Linear(1, 1), 1)
    with pytest.raises(TypeError, match="got ndarray at position 0"):
        optim.clip_grad_norm_([np.ones(2)], 1)


@pytest.mark.parametrize(
    ("name", "write"),
    [("learning_rate", "optimiser.lr = "), ("momentum", r"group\['momentum'\] = ")],
)
def test_an_attribute_that_is_no_setting_is_not_set(name, write):
    optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.1)
    with pytest.raises(AttributeError, match=write):
        setattr(optimiser, name, 0.5)
    assert optimiser.lr == 0.1
