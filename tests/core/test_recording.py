"""When operations are recorded, in which thread; and the sweep that is itself recorded."""

import threading

import numpy as np
import pytest
from threads import at_once

import autograd_lite as al
from autograd_lite import GradientError, Tensor
from autograd_lite.core.modes import Watch, recording


def leaf(value, **kwargs):
    return Tensor(value, requires_grad=True, **kwargs)


# ------------------------------------------------------------ no_grad, enable_grad


def test_no_grad_stops_recording_and_enable_grad_resumes_it():
    w = leaf(2.0)
    with al.no_grad():
        assert not al.is_grad_enabled()
        assert (w * w).is_leaf
        with al.enable_grad():
            assert (w * w).requires_grad
            with al.no_grad():
                assert (w * w).is_leaf
            assert al.is_grad_enabled()
        assert not al.is_grad_enabled()
    assert (w * w).requires_grad


def test_recording_is_restored_after_exceptions():
    with pytest.raises(ZeroDivisionError), al.no_grad(), al.enable_grad(), al.no_grad():
        raise ZeroDivisionError
    assert al.is_grad_enabled()

    @al.no_grad()
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert al.is_grad_enabled()


def test_one_block_can_be_entered_again():
    block = al.no_grad()
    with block:
        with block:
            assert not al.is_grad_enabled()
        assert not al.is_grad_enabled()
    assert al.is_grad_enabled()


def test_decorators():
    w = leaf(2.0)

    @al.no_grad()
    def evaluate(depth):
        """Evaluate."""
        return evaluate(depth - 1) if depth else w * w

    @al.enable_grad()
    def train():
        return w * w

    assert evaluate(3).is_leaf
    assert evaluate.__name__ == "evaluate"
    assert al.is_grad_enabled()
    with al.no_grad():
        assert train().requires_grad
        assert not al.is_grad_enabled()


def test_recording_is_switched_in_one_thread_only():
    inside, done = threading.Event(), threading.Event()

    def switched_off():
        with al.no_grad():
            inside.set()
            assert done.wait(10)
            assert not al.is_grad_enabled()

    def other():
        assert inside.wait(10)
        try:
            assert al.is_grad_enabled()
            assert (leaf(1.0) * 2).requires_grad
        finally:
            done.set()

    at_once(switched_off, other)
    assert al.is_grad_enabled()
    with al.no_grad():
        at_once(lambda: (leaf(1.0) * 2).backward())


def test_two_threads_differentiate_at_once():
    start = threading.Barrier(4)

    def work(seed):
        start.wait(10)
        for k in range(200):
            x = leaf(np.full(3, float(seed)))
            y = x
            for _ in range(20):
                y = y * x
            y.sum().backward(create_graph=k % 2 == 0)
            np.testing.assert_allclose(x.grad.numpy(), 21 * float(seed) ** 20, rtol=1e-14)

    at_once(*(lambda seed=seed: work(seed) for seed in (1, 2, 3, 4)))


def test_one_block_in_two_threads():
    """What a block goes back to belongs to the thread, not to the block."""
    block, first, second = al.no_grad(), threading.Event(), threading.Event()

    def early():
        with block:
            first.set()
            assert second.wait(10)
        assert al.is_grad_enabled()

    def late():
        with al.no_grad():
            assert first.wait(10)
            with block:
                second.set()
            assert not al.is_grad_enabled()

    at_once(early, late)


def test_two_threads_look_on_at_once():
    class Counting(Watch):
        def __init__(self):
            self.results, self.sent = [], 0

        def computed(self, result, primitive, operands, values):
            self.results.append((result.requires_grad, primitive.name))

        def passed(self, node, i, g, gx, total):
            self.sent += 1

    start, watches = threading.Barrier(3), [Counting(), Counting(), Counting()]

    def work(watch, n):
        start.wait(10)
        for _ in range(50):
            with watch, al.no_grad(), al.enable_grad():
                y = leaf(1.0)
                for _ in range(n):
                    y = y * 2.0
                y.backward()
            y * 3.0  # Outside.

    at_once(*(lambda w=w, n=n: work(w, n) for w, n in zip(watches, (3, 5, 7), strict=True)))
    for watch, n in zip(watches, (3, 5, 7), strict=True):
        assert watch.results == [(True, "multiply")] * 50 * n
        assert watch.sent == 50 * n
    assert recording.get() is True


def test_watching_goes_on_inside_other_blocks_and_ends_with_an_exception():
    class Names(Watch):
        def __init__(self):
            self.seen = []

        def computed(self, result, primitive, operands, values):
            self.seen.append((primitive.name, result.requires_grad))

    outer, inner, w = Names(), Names(), leaf(2.0)

    def compute():
        np.exp(w)
        with al.no_grad(), inner:
            assert not al.is_grad_enabled()
            np.sin(w)
            with al.enable_grad():
                np.cos(w)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), outer:
        compute()
    np.tanh(w)
    assert outer.seen == [("exp", True), ("sin", False), ("cos", True)]
    assert inner.seen == [("sin", False), ("cos", True)]
    assert recording.get() is True


def test_two_threads_add_to_one_leaf():
    """NumPy lets other threads run while it adds large arrays: no addition may be lost."""
    w, start, rounds = leaf(np.zeros(200_000)), threading.Barrier(4), 25

    def work():
        start.wait(10)
        for _ in range(rounds):
            (w * 1.0).backward(np.ones(200_000))

    at_once(*[work] * 4)
    np.testing.assert_array_equal(w.grad, np.full(200_000, 4.0 * rounds))


# ------------------------------------------------------------ create_graph


def derivatives(f, x, order):
    """f and its first derivatives at a number, each found by differentiating the one before."""
    x = leaf(x)
    y = f(x)
    found = [y.item()]
    for _ in range(order):
        x.zero_grad()
        y.backward(create_graph=True)
        y = x.grad
        found.append(y.item())
    return found


@pytest.mark.parametrize(
    ("f", "closed"),
    [
        (lambda x: x**4, lambda x: [x**4, 4 * x**3, 12 * x**2, 24 * x]),
        (np.exp, lambda x: [np.exp(x)] * 4),
        (np.sin, lambda x: [np.sin(x), np.cos(x), -np.sin(x), -np.cos(x)]),
        (np.log, lambda x: [np.log(x), 1 / x, -1 / x**2, 2 / x**3]),
        (np.sqrt, lambda x: [x**0.5, 0.5 * x**-0.5, -0.25 * x**-1.5, 0.375 * x**-2.5]),
        (lambda x: 1 / x, lambda x: [1 / x, -1 / x**2, 2 / x**3, -6 / x**4]),
        (
            np.tanh,
            lambda x: [
                t := np.tanh(x),
                1 - t**2,
                -2 * t * (1 - t**2),
                (6 * t**2 - 2) * (1 - t**2),
            ],
        ),
        (
            al.sigmoid,
            lambda x: [
                s := 1 / (1 + np.exp(-x)),
                s * (1 - s),
                s * (1 - s) * (1 - 2 * s),
                s * (1 - s) * (1 - 6 * s + 6 * s**2),
            ],
        ),
        (lambda x: x**x, lambda x: [
            x**x,
            x**x * (np.log(x) + 1),
            x**x * ((np.log(x) + 1) ** 2 + 1 / x),
            x**x * ((np.log(x) + 1) ** 3 + 3 * (np.log(x) + 1) / x - 1 / x**2),
        ]),
        (abs, lambda x: [x, 1.0, 0.0, 0.0]),
    ],
    ids=["power", "exp", "sin", "log", "sqrt", "1/x", "tanh", "sigmoid", "x^x", "abs"],
)  # fmt: skip
def test_derivatives_up_to_the_third(f, closed):
    x = 0.7
    expected = closed(x)
    order = 1 if f is abs else 3  # The derivative of |x| does not depend on x any more.
    np.testing.assert_allclose(derivatives(f, x, order), expected[: order + 1], rtol=1e-12)


def test_gradient_of_a_linear_function_is_a_constant():
    x = leaf([1.0, 2.0])
    (3 * x).sum().backward(create_graph=True)
    assert not x.grad.requires_grad


def test_gradient_is_recorded_only_if_asked_for():
    x = leaf(2.0)
    (x**3).backward()
    assert not x.grad.requires_grad
    with al.no_grad():
        y = leaf(2.0)
    (y**3).backward(create_graph=True)
    assert y.grad.requires_grad


def test_recorded_sweep_also_inside_no_grad():
    x = leaf(2.0)
    y = x**3
    with al.no_grad():
        y.backward(create_graph=True)
        assert not al.is_grad_enabled()
    assert x.grad.requires_grad


def test_gradient_penalty_through_a_network_with_bare_data():
    """Second derivatives beside constant arrays, against central differences."""
    rng = np.random.default_rng(1)
    data, start = rng.normal(size=(5, 3)), rng.normal(size=(3, 2))

    def penalty(w, recorded):
        w = leaf(w)
        loss = (np.tanh(data @ w) ** 2).sum()
        loss.backward(create_graph=recorded)
        return w, (w.grad**2).sum()

    w, value = penalty(start, True)
    w.zero_grad()
    value.backward()
    for index in np.ndindex(3, 2):
        step = np.zeros((3, 2))
        step[index] = 1e-5
        rise = penalty(start + step, False)[1].item() - penalty(start - step, False)[1].item()
        np.testing.assert_allclose(w.grad[index].item(), rise / 2e-5, rtol=1e-6)


def test_derivative_by_the_cotangent():
    x, v = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (x * x).backward(v, create_graph=True)
    first = x.grad  # 2 x v
    x.zero_grad()
    first.sum().backward()
    assert v.grad.tolist() == [2.0, 4.0]
    assert x.grad.tolist() == [6.0, 8.0]


def rebound_in_between(rebind):
    w = leaf([1.0, 2.0], name="weights")
    loss = (w**3).sum()
    rebind(w)
    return w, loss


def in_place(w):
    with al.no_grad():
        w -= 0.5


@pytest.mark.parametrize(
    "rebind", [lambda w: setattr(w, "data", [5.0, 5.0]), in_place], ids=["data", "no_grad"]
)
def test_parameter_that_was_rebound(rebind):
    w, loss = rebound_in_between(rebind)
    loss.backward()
    assert w.grad.tolist() == [3.0, 12.0]  # The value that was used counts.
    with pytest.raises(
        GradientError,
        match=r"create_graph=True needs the tensors that were used, but 'weights' has been given a "
        r"new value \(by an optimiser step or `.data =`\) since <primitive power> used it",
    ):
        loss.backward(create_graph=True)
    assert al.is_grad_enabled()


def test_constant_that_was_changed_counts_with_its_old_value():
    x, factor = leaf(2.0), Tensor([1.0, 2.0])
    loss = (x * x * factor).sum()
    factor[0] = 100.0
    loss.backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first.backward()
    assert (first.item(), x.grad.item()) == (12.0, 6.0)


# ------------------------------------------------------------ the gradient argument


def test_cotangent_of_another_dtype_is_cast():
    x = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    for cotangent in ([1, 2], np.array([1.0, 2.0]), Tensor([1.0, 2.0]), Tensor([1, 2])):
        for create_graph in (False, True):
            x.zero_grad()
            (x * x).backward(cotangent, create_graph=create_graph)
            assert x.grad.dtype == np.float32
            assert x.grad.tolist() == [2.0, 8.0]


def test_cotangent_is_copied():
    cotangent = np.array([1.0, 2.0])
    x = leaf([1.0, 1.0])
    x.backward(cotangent)
    cotangent[:] = 100.0
    assert x.grad.tolist() == [1.0, 2.0]


def test_result_with_one_entry_needs_no_cotangent():
    for shape in ((), (1,), (1, 1)):
        x = leaf(np.full(shape, 3.0))
        (x * x).backward()
        np.testing.assert_array_equal(x.grad, np.full(shape, 6.0))


def test_result_with_several_entries_needs_a_cotangent():
    y = leaf([1.0, 2.0], name="y")
    with pytest.raises(
        GradientError,
        match=r"backward from tensor 'y' needs a gradient of its shape \(2,\): only a "
        r"single number can start from 1. Reduce it first, e.g. t.sum\(\).backward\(\)",
    ):
        y.backward()
    with pytest.raises(GradientError, match=r"needs a gradient of its shape \(0, 3\)"):
        leaf(np.ones((0, 3))).backward()


def test_cotangent_of_another_shape_is_refused():
    for cotangent in (1.0, [1.0], [[1.0, 1.0]], Tensor([1.0, 1.0, 1.0])):
        with pytest.raises(ValueError, match=r"needs a gradient of its shape \(2,\), got \("):
            leaf([1.0, 2.0]).backward(cotangent)


def test_cotangent_that_is_no_real_number_is_refused():
    with pytest.raises(TypeError, match="complex"):
        leaf([1.0, 2.0]).backward([1j, 1j])
    with pytest.raises(TypeError, match="needs numbers"):
        leaf(1.0).backward("1")


def test_messages_where_no_gradient_is_required():
    y = Tensor([1.0], name="y")
    with pytest.raises(
        GradientError,
        match=r"backward from tensor 'y': nothing it was computed from requires a gradient. "
        r"Create the parameters with Tensor\(..., requires_grad=True\), and check that it was not "
        r"computed inside no_grad\(\).",
    ):
        y.backward()
    with pytest.raises(GradientError, match="retain_grad: tensor 'y' does not require a gradient"):
        y.retain_grad()
    with pytest.raises(GradientError, match="register_hook: tensor 'y' does not require a grad"):
        y.register_hook(print)
