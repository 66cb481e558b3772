"""checkpoint: the gradients of the plain function, without what it computes on its way."""

import gc
import tracemalloc
import weakref
from collections import OrderedDict, namedtuple
from threading import Thread

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import GradientError, Tensor, nn


def leaf(value, **kwargs):
    return Tensor(value, requires_grad=True, **kwargs)


def both(program, *starts):
    """Return the gradients of a program that gets `checkpoint`, and of the same without."""
    found = []
    for wrap in (al.checkpoint, lambda f: f):
        tensors = [leaf(start) for start in starts]
        program(wrap, *tensors).backward()
        found.append([None if t.grad is None else t.grad.tolist() for t in tensors])
    return found


def closure(wrap, x, w):
    block = wrap(lambda x: np.tanh(x * w) + w)
    return (block(block(x)) * block(w)).sum()


def closed_over_result(wrap, x, w):
    inner = w * x  # Not a leaf.
    block = wrap(lambda y: np.sin(inner) * y)
    return (block(x) + inner * block(w)).sum()


def twice_the_same_argument(wrap, x, w):
    return wrap(lambda a, b, *, c: a * b**2 + c * w)(x, x, c=x).sum()


def nested(wrap, x, w):
    inner = wrap(lambda y: np.exp(-y) * w)
    outer = wrap(lambda y: inner(inner(y)) * x)
    return outer(x * w).sum()


def structures(wrap, x, w):
    pair = namedtuple("pair", "first second")

    def block(p, *, scale):
        (a, b), c = p["ab"], p["c"]
        return {
            "sum": a.first + b * scale["by"],
            "more": [(a.second * c).sum(), c, "text", None, np.ones(2), 3],
        }

    given = OrderedDict(ab=[pair(x, w * x), w], c=Tensor([1.0, 2.0]))
    out = wrap(block)(given, scale={"by": x})
    assert list(out) == ["sum", "more"]
    assert out["more"][2:4] == ["text", None]
    return out["sum"].sum() * out["more"][0] + (out["more"][1] * x).sum()


def changed_in_place_afterwards(wrap, x, w):
    y = x * 1.0
    out = wrap(lambda y: y**2 * w)(y)
    y *= 10.0
    y[0] = w[1]
    return (out * y).sum()


def result_is_an_argument(wrap, x, w):
    a, b = wrap(lambda a, b: (a, b * a))(x, w)
    return (a * b).sum()


def results_from_outside(wrap, x, w):
    inner = w * 2.0
    a, b, c, d = wrap(lambda x: (w, w, inner, x * w))(x)
    return (a * x + b + c * d).sum()


def in_place_inside(wrap, x, w):
    def block(y):
        t = y * w
        t += y
        t[0] = w[1] * t[1]
        return t

    return (wrap(block)(x) * x).sum()


def hooks(wrap, x, w):
    def block(y):
        inner = y * w
        inner.register_hook(lambda g: g * 3.0)
        return inner * y

    w.register_hook(lambda g: g * 0.5)  # Once for the whole gradient, whichever way it comes.
    return (wrap(block)(x) + w).sum()


def transform_inside(wrap, x, w):
    return wrap(lambda y: al.grad(lambda z: np.sum(z**3 * w))(y))(x).sum()


def mixed_types(wrap, x, w):
    a, b = wrap(lambda a, b: ((a * b).astype(np.float32), a + b))(x, w)
    assert (a.dtype, b.dtype) == (np.float32, np.float64)
    return (a * b).sum()


PROGRAMS = [closure, closed_over_result, twice_the_same_argument, nested, structures,
            changed_in_place_afterwards, result_is_an_argument, results_from_outside,
            in_place_inside, hooks, transform_inside, mixed_types]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_gradients_are_those_of_the_plain_function(program):
    with_it, without = both(program, [0.3, -0.8], [1.1, 0.6])
    for a, b in zip(with_it, without, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6 if program is mixed_types else 1e-14)


@pytest.mark.parametrize("program", [closure, nested, closed_over_result, result_is_an_argument])
def test_second_derivatives(program):
    found = []
    for wrap in (al.checkpoint, lambda f: f):
        x, w = leaf([0.3, -0.8]), leaf([1.1, 0.6])
        program(wrap, x, w).backward(create_graph=True)
        first = (x.grad * w.grad).sum()
        x.zero_grad()
        w.zero_grad()
        first.backward(create_graph=True)
        second = (x.grad * w.grad).sum()
        found.append([first.item(), second.item()])
        second.backward()
        found[-1] += [*x.grad.tolist(), *w.grad.tolist()]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_transforms_of_a_checkpointed_function():
    def f(x):
        return np.sum(np.sin(x) * x)

    block, x, v = al.checkpoint(f), np.array([0.3, 0.8]), np.array([1.0, 2.0])
    np.testing.assert_allclose(al.grad(block)(x), al.grad(f)(x), rtol=1e-14)
    np.testing.assert_allclose(al.hessian(block)(x), al.hessian(f)(x), rtol=1e-14)
    np.testing.assert_allclose(al.jvp(block, (x,), (v,))[1], al.jvp(f, (x,), (v,))[1], rtol=1e-14)
    assert al.gradcheck(block, [x], order=2)


def test_modules():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(5, 3))
    for stage in range(2):
        net = nn.Sequential(nn.Linear(3, 4, rng=np.random.default_rng(stage)), nn.Tanh())
        gradients = []
        for f in (net, al.checkpoint(net)):
            net.zero_grad()
            (f(data) ** 2).sum().backward()
            gradients.append([p.grad.tolist() for p in net.parameters()])
        assert gradients[0] == gradients[1]
    y = al.checkpoint(net)(Tensor(data))
    assert [x.name for x in y._operands] == [None, "0.weight", "0.bias"]
    assert "Sequential" in repr(y)


class Residual(nn.Module):
    def __init__(self):
        self.inner = nn.Linear(2, 2, rng=np.random.default_rng(0))

    @al.checkpoint
    def forward(self, x, *, scale=1.0):
        return x + scale * np.tanh(self.inner(x))


def test_a_method_of_a_module():
    net, x = Residual(), leaf([[0.5, -1.0]])
    plain = x + 2.0 * np.tanh(net.inner(x))
    plain.sum().backward()
    expected = [t.grad.numpy() for t in (x, *net.parameters())]
    x.zero_grad()
    net.zero_grad()
    y = net(x, scale=2.0)
    assert y._primitive.name == "forward"
    y.sum().backward()
    for t, gradient in zip((x, *net.parameters()), expected, strict=True):
        np.testing.assert_allclose(t.grad, gradient, rtol=1e-14)
    assert [call.kind for call in al.Graph(y, names={}).find(y).calls] == ["Residual"]


def test_backward_twice_and_in_two_threads():
    w = leaf(np.full(1000, 0.5))
    y = al.checkpoint(lambda x: np.tanh(x * w))(w)
    y.backward(np.ones(1000))
    once = w.grad.numpy().copy()
    y.backward(np.ones(1000))
    np.testing.assert_array_equal(w.grad, 2 * once)
    threads = [
        Thread(target=lambda: [y.backward(np.ones(1000)) for _ in range(20)]) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(w.grad, 42 * once, rtol=1e-13)


def test_the_function_is_called_once_forward_and_once_for_each_sweep():
    calls = []
    w = leaf([1.0, 2.0])

    @al.checkpoint
    def block(x, y):
        calls.append(al.is_grad_enabled())
        return x * w, y + w

    a, b = block(w, w * 2)
    assert calls == [True]
    (a * b).sum().backward()
    assert len(calls) == 2
    with al.no_grad():
        assert block(w, w)[0].is_leaf
    assert calls == [True, True, False]
    assert all(x.is_leaf for x in al.checkpoint(lambda x: (x, x * 2))(Tensor(1.0)))


def test_what_is_computed_on_the_way_is_freed_before_and_after():
    gc.disable()
    try:
        inside = []

        def block(x):
            y = np.tanh(x)
            inside.append(weakref.ref(y))
            return y * y

        w = leaf([1.0, 2.0])
        y = al.checkpoint(block)(w)
        assert inside[0]() is None
        y.sum().backward()
        assert inside[1]() is None
        node = weakref.ref(y)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_a_deep_chain_takes_a_fraction_of_the_memory():
    def deep(x):
        for _ in range(20):
            x = np.sin(x)
        return x

    peaks = []
    for f in (deep, al.checkpoint(deep)):
        w = leaf(np.ones(10_000))
        tracemalloc.start()
        y = w
        for _ in range(20):
            y = f(y)
        y.sum().backward()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] / 6


def test_random_numbers_are_refused_in_the_backward_pass_and_right_as_arguments():
    rng, w = np.random.default_rng(0), leaf(np.ones(4))

    def dropout(x):
        return x * (rng.random(4) < 0.5)

    y = al.checkpoint(dropout)(w).sum()
    with pytest.raises(GradientError, match=r"checkpoint\(dropout\) returns another result now"):
        y.backward()
    assert w.grad is None
    mask = rng.random(4) < 0.5
    y = al.checkpoint(lambda x, mask: x * mask)(w, mask).sum()
    expected = mask.astype(float)
    mask[:] = ~mask  # It was copied.
    y.backward()
    np.testing.assert_array_equal(w.grad, expected)


def test_dropout_drops_the_same_in_the_backward_pass_also_where_checkpoints_nest():
    found = []
    for wrap in (lambda f: f, al.checkpoint):
        rng = np.random.default_rng(0)
        one, two = nn.Dropout(0.5, rng=rng), nn.Dropout(0.3, rng=rng)
        inner = wrap(lambda x: two(one(np.tanh(x))))  # noqa: B023  (called in the loop)
        outer = wrap(lambda x: one(inner(x)) * x)  # noqa: B023  (called in the loop)
        x = leaf(np.arange(1.0, 20.0))
        for _ in range(2):
            np.sum(two(outer(x)) ** 2).backward()
        found.append([*x.grad.numpy(), rng.random()])
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_a_parameter_that_has_changed_is_refused():
    for change in (lambda w: setattr(w, "data", [5.0]), lambda w: al.optim.SGD([w], 0.1).step()):
        w, x = leaf([1.0], name="w"), leaf([2.0])
        y = al.checkpoint(lambda x: x * w)(x)  # noqa: B023  (called in the loop)
        w.grad = [1.0]
        change(w)
        message = "uses tensor 'w', which is not an argument and has a new value now"
        with pytest.raises(GradientError, match=message):
            y.backward()
        with pytest.raises(GradientError, match="create_graph=True needs the tensors that were"):
            y.backward(create_graph=True)
        x.data = [7.0]  # That was an argument.
        w.zero_grad()
        z = al.checkpoint(lambda x, w: x * w)(x, w)
        change(w) if w.grad is not None else setattr(w, "data", [9.0])
        z.backward()
        assert w.grad.tolist() == [7.0]
    t = leaf([1.0]) * 1.0
    y = al.checkpoint(lambda x: x * t)(x)
    t += 1.0
    with pytest.raises(GradientError, match="is not an argument and has a new value now"):
        y.backward()


def test_what_would_lose_a_gradient_is_refused():
    class Box:
        def __init__(self, content):
            self.content = content

    w = leaf([1.0])
    with pytest.raises(TypeError, match="must return arrays, or dicts, lists and tuples of them, "):
        al.checkpoint(lambda x: Box(x * 2))(w)

    t = w * 2

    def change(x):
        nonlocal t
        t += x
        return t * 1.0

    with pytest.raises(GradientError, match="which is not its own, in place"):
        al.checkpoint(change)(w)

    with pytest.raises(GradientError, match="a leaf that requires a gradient, would detach it"):
        al.checkpoint(lambda x: x.__iadd__(1.0))(w)

    others = [w]
    y = al.checkpoint(lambda x: x * others[0])(leaf([2.0]))
    others[0] = leaf([1.0], name="another")
    with pytest.raises(GradientError, match="uses tensor 'another' now, and did not"):
        y.backward()


def test_pictures_and_the_search_for_anomalies_see_into_it():
    w = leaf([0.0, 1.0], name="w")
    y = al.checkpoint(lambda x: x**0.5)(w)
    assert "<lambda>" not in str(al.draw(y.sum()))
    with al.detect_anomaly(), pytest.raises(al.AnomalyError, match="gradient of power"):
        y.sum().backward()
    with pytest.raises(
        TypeError, match=r"has no formula: .* Derive the function without checkpoint"
    ):
        al.derive(y.sum())


def test_compare_puts_other_values_into_the_arguments():
    x, w = leaf([0.5, 1.0], name="x"), leaf([2.0, 3.0], name="w")
    loss = al.checkpoint(lambda x, w: np.tanh(x * w))(x, w).sum()
    slope = 1 - np.tanh(x.data * w.data) ** 2
    assert al.compare(loss, {"x": slope * w.data})
    assert not al.compare(loss, {"x": w.data})


def test_running_means_take_note_of_a_batch_once():
    rows = np.random.default_rng(0).normal(size=(5, 2))
    plain, inside = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    block = al.checkpoint(al.checkpoint(inside))
    for _ in range(2):
        plain(leaf(rows)).sum().backward()
        block(leaf(rows)).sum().backward()
    for path, value in plain.state_dict().items():
        np.testing.assert_array_equal(inside.state_dict()[path], value)
