"""What is exported computes what eager mode does, and stands alone."""

import collections
import dataclasses
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, ops
from autograd_lite.compile import coverage
from autograd_lite.core.primitive import REGISTRY
from autograd_lite.functional.nests import leaves_of
from autograd_lite.program.refusals import TraceError

ops.load()


def case(name):
    """Return a real function of an operation, and its operands."""
    p = REGISTRY[name]
    f, xs = next(coverage.cases(p))

    def value(*operands):
        y = f(*operands)
        return np.sum(np.real(y * y) if y.dtype.kind == "c" else y * y)

    where = [i for i in range(len(xs)) if p.rules[i] and xs[i].dtype == float]
    return al.value_and_grad(value, tuple(where)), xs


def in_64_bits():
    jax = pytest.importorskip("jax", reason=NO_JAX)
    jax.config.update("jax_enable_x64", True)
    return jax


def test_second_derivatives_and_ties_are_those_of_eager_mode():
    """What JAX says of windows, and of points between which it interpolates, is what we say."""
    jax = in_64_bits()
    x = np.array([[[1.0, 1, 0, 2, 2, 2]]])
    pool = nn.MaxPool2d((1, 2), stride=(1, 1))
    p, heights = np.array([0.0, 1.0, 3.0]), np.array([1.0, -1.0, 0.5])

    def pooled(x):
        return np.sum(np.exp(pool(x.reshape(1, 1, 1, 6))))

    def between(t, p, heights):
        return np.sum(np.interp(t, p, heights) ** 2 * t)

    t = np.array([-1.0, 0.0, 0.3, 1.0, 2.0, 3.0, 4.0])
    for f, *xs in (
        [al.hessian(pooled), x],
        [al.grad(between, (0, 1, 2)), t, p, heights],
        [al.jacobian(al.grad(between, 2), 1), t[2:5], p, heights],
        [al.hessian(lambda a: np.linalg.det(a) ** 2), np.arange(9.0).reshape(3, 3)],
    ):
        run = jax.jit(al.export(f, *xs))
        for got, wanted in zip(leaves_of(run(*xs)), leaves_of(f(*xs)), strict=True):
            np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-8, atol=1e-8)


def test_the_error_function_is_written_out_for_numpy():
    exported = al.export(lambda x: ops.erf(x) * 2, 0.5, to="numpy")
    assert "import math" in exported.source
    assert exported(-1.5) == 2 * ops.erf(-1.5)


NO_JAX = "jax is not installed: pip install '.[jax]'"
SCIPYS = {p for p in REGISTRY.values() if p.__module__ in ops.WITH_SCIPY}
REFUSED = {
    "jax": {"eig", *(p.name for p in SCIPYS if not p.jax)},
    "numpy": {"eig", *(p.name for p in SCIPYS)},
}


OURS = [n for n, p in REGISTRY.items() if p.__module__.startswith("autograd_lite.")]


@pytest.mark.parametrize("to", REFUSED)
@pytest.mark.parametrize(
    "name", [n for n, p in REGISTRY.items() if p.__module__.startswith("autograd_lite.")]
)
def test_every_operation_has_the_values_and_gradients_of_eager_mode_or_is_refused(name, to):
    f, xs = case(name)
    if to == "jax":
        jax = in_64_bits()
    if name in REFUSED[to]:
        with pytest.raises(TypeError):
            al.export(f, *xs, to=to)
        return
    exported = al.export(f, *xs, to=to)
    assert "autograd_lite" not in exported.source
    run = jax.jit(exported) if to == "jax" else exported
    for got, wanted in zip(leaves_of(run(*xs)), leaves_of(f(*xs)), strict=True):
        np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-8, atol=1e-10)


Pair = collections.namedtuple("Pair", "w b")
Data = dataclasses.make_dataclass("Data", ["w", "b"])


def test_nests_come_back_as_nests():
    x, parts = np.ones((4, 2)), {"w": np.ones((2, 3)), "b": np.ones(3)}
    for kind, at in ((dict, dict.__getitem__), (Pair, getattr), (Data, getattr)):

        def f(p, x, at=at):
            return {"y": [x @ at(p, "w"), at(p, "b") * 2.0]}

        got = al.export(f, kind(**parts), x, to="numpy")(kind(**parts), x)
        assert list(got) == ["y"]
        np.testing.assert_array_equal(got["y"][0], np.full((4, 3), 2.0))


@pytest.mark.parametrize("to", ["jax", "numpy"])
def test_lists_constants_and_numbers_of_pythons_are_exported(to):
    if to == "jax":
        in_64_bits()
    half = np.ones(3, np.float32)

    def f(x, k):
        return x[[0, 2]], x[[True, False, True]], x[[]], 3.0, np.add(k, 1.0) * half, k * half

    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    for got, expected in zip(al.export(f, x, 2.0, to=to)(x, 0.5), f(x, 0.5), strict=True):
        np.testing.assert_array_equal(got, expected)
        assert np.asarray(got).dtype == np.asarray(expected).dtype


def test_jax_transforms_what_was_exported():
    jax = in_64_bits()
    f = lambda x: np.sum(al.softmax(x) * np.tanh(x))  # noqa: E731 - as users write it.
    x = np.array([[0.3, -1.0, 2.0], [1.0, 0.5, 0.2]])
    exported = al.export(f, x[0])
    np.testing.assert_allclose(jax.grad(exported)(x[0]), al.grad(f)(x[0]), rtol=1e-10)
    np.testing.assert_allclose(jax.jit(jax.vmap(exported))(x), [f(r) for r in x], rtol=1e-10)


X, V = np.linspace(-1.0, 2.0, 12).reshape(3, 4), np.arange(1.0, 13.0)
WRITES = {
    "a row, with one more axis": (1, V[:4].reshape(1, 4)),
    "a list": ([2, 0], V[:8].reshape(2, 4)),
    "entries that repeat": ([2, 0, 2], V.reshape(3, 4)),
    "one row for all": (np.array([2, 0, 2]), V[:4]),
    "a list of truth": ([True, False, True], V[:4]),
    "a mask": (X > 0, 0.5),
    "pairs that repeat": (([0, 1, 0], [1, 2, 1]), V[:3]),
    "slices and a list": ((slice(1, None), [0, 3]), V[:4].reshape(2, 2)),
}


@pytest.mark.parametrize("to", ["jax", "numpy"])
@pytest.mark.parametrize("name", WRITES)
def test_writes_into_an_array_are_exported_with_their_derivatives(name, to):
    jax = in_64_bits() if to == "jax" else None
    index, v = WRITES[name]

    def f(x, v, index=index):
        t = np.sin(al.Tensor(x) if isinstance(x, np.ndarray) else x)
        t[index] = v * 2.0
        return np.sum(np.cos(t) * V.reshape(3, 4))

    whole = al.value_and_grad(f, (0, 1))
    expected = leaves_of(whole(X, v))
    exported = al.export(whole, X, v, to=to)
    runs = [exported]
    if jax:
        runs = [jax.jit(exported), jax.jit(jax.value_and_grad(al.export(f, X, v), (0, 1)))]
    for run in runs:
        for a, b in zip(leaves_of(run(X, v)), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("to", ["jax", "numpy"])
def test_rows_to_write_to_are_arguments_and_may_repeat(to):
    jax = in_64_bits() if to == "jax" else None

    def f(x, v, rows):
        t = x * 1.0
        t[rows] = v
        return np.sum(t * t * t)

    g = al.value_and_grad(f, (0, 1))
    exported = al.export(g, X, V.reshape(3, 4), np.array([0, 1, 2]), to=to)
    run = jax.jit(exported) if jax else exported
    for rows in ([0, 1, 2], [2, 1, 2], [0, 0, 0]):
        given = X, V.reshape(3, 4), np.array(rows)
        for a, b in zip(leaves_of(run(*given)), leaves_of(g(*given)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


I32, I64, F32 = np.arange(1, 4, dtype=np.int32), np.arange(1, 4), np.arange(3, dtype=np.float32)
ROW, PLACES = np.array([2.0, np.nan, 1.0]), np.array([0.5, 1.5])


@pytest.mark.parametrize(
    ("f", "xs"),
    [
        (np.sin, [I32]),
        (np.sin, [I32 > 1]),
        (np.multiply, [I64, F32]),
        (np.sum, [I32]),
        (np.cumsum, [I32]),
        (np.median, [I32]),
        (np.searchsorted, [PLACES, V]),
        (lambda x: np.histogram(x)[0], [V]),
        (lambda x: np.histogram2d(x, x)[0], [V]),
        (lambda x, y: np.where(x > 1, x, y), [I32, F32]),
        (lambda x, y: np.concatenate([x, y]), [I32, F32]),
        (lambda x, y: np.add(x, y, dtype="f4"), [V, 2.0]),
        (lambda x: np.exp(x, dtype=float), [F32]),
        (np.multiply.outer, [V, F32]),
        (np.less.outer, [V, F32]),
        (lambda x: np.split(x, [0, 20]), [V]),
        (np.meshgrid, [X, V]),
        (lambda x: np.nanpercentile(x, [20, 80]), [ROW]),
        (lambda x: np.percentile(x, 50, method="nearest"), [V[:4]]),
        (lambda x: np.nanstd(x, correction=1), [ROW]),
        (lambda x: np.insert(x, [0, 2], 7.0), [V]),
        (lambda x: np.full_like(x, 2, order="C"), [X]),
        (np.polyadd, [V, ROW]),
        (lambda x: np.linalg.eigvals(x.astype(complex)), [X[:, :3]]),
        (lambda x: np.einsum("ij,kj->ik", x, x), [np.ones((50, 50))]),
    ],
)
def test_what_jax_does_otherwise_has_the_numbers_and_types_of_numpy(f, xs):
    jax = in_64_bits()
    run = jax.jit(al.export(f, *xs))
    for got, wanted in zip(leaves_of(run(*xs)), leaves_of(f(*xs)), strict=True):
        assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(got, wanted, rtol=1e-6 if wanted.dtype.itemsize <= 4 else 1e-12)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: np.partition(x, 1, axis=None), r"no form of partition for JAX.* JAX says of it"),
        (lambda x: np.geomspace(x, 8, 4, dtype=int), r"no form of np\.geomspace for JAX"),
        (lambda x: np.linalg.eig(np.diag(x))[0], r"jnp\.linalg\.eig of .*x\.astype\(complex\)"),
        (lambda x: np.linalg.svd(np.diag(x), hermitian=True)[1], r"no form of np\.linalg\.svd"),
    ],
)
def test_what_jax_lacks_is_named_with_what_it_says(f, said):
    in_64_bits()
    with pytest.raises(TypeError, match=said):
        al.export(f, V[:3])


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.cholesky,
        lambda a: np.linalg.cholesky(a, upper=True),
        np.linalg.eigvalsh,
        lambda a: np.linalg.eigh(a, UPLO="U")[0],
    ],
)
def test_derivatives_lie_in_the_triangle_that_is_read(f):
    jax = in_64_bits()
    a = np.array([[4.0, 1.0, 0.5], [-1.0, 5.0, 0.3], [0.2, 0.7, 6.0]])
    value = lambda a: np.sum(np.sin(f(a)))  # noqa: E731  (it has the test's own f)
    exported = al.export(value, a)
    y, gradient = jax.jit(jax.value_and_grad(exported))(a)
    np.testing.assert_allclose(y, value(a), rtol=1e-12)
    np.testing.assert_allclose(gradient, al.grad(value)(a), rtol=1e-10)


def test_what_cannot_be_exported_is_said():
    with pytest.raises(ValueError, match="to='jax'"):
        al.export(np.sin, np.ones(2), to="torch")
    with pytest.raises(TypeError, match="needs a function, or a step, got a ndarray"):
        al.export(np.ones(2), to="numpy")
    big = np.arange(20_000.0)
    with pytest.raises(ValueError, match="Pass it as an argument"):
        al.export(lambda x: x * big, big, to="numpy")
    with pytest.raises(al.TraceError):
        al.export(lambda x: x if x[0] > 0 else -x, np.ones(2), to="numpy")


def _bare(x):
    return x.numpy() if isinstance(x, al.Tensor) else x


def batch_norm():
    layer = nn.BatchNorm1d(3)
    return layer, np.arange(12.0).reshape(4, 3), "running_mean"


def random_factor():
    return (lambda x: x * random.random()), np.ones(2), "random numbers"


def counter():
    counts = [0]

    def f(x):
        counts[0] += 1
        return x * counts[0]

    return f, np.ones(2), r"counts\[0\]"


def appended():
    kept = []

    def f(x):
        kept.append(x)
        return x * 2

    return f, np.ones(2), "kept"


def written():
    t = al.Tensor(np.ones(3), name="t")

    def f(x):
        t[0] = x[0]
        return x * t

    return f, np.arange(3.0), "tensor 't'"


def backward():
    t = al.Tensor(np.ones(3), requires_grad=True, name="t")

    def f(x):
        np.sum(t * x).backward()
        return x * 2

    return f, np.arange(3.0), "the gradient of tensor 't'"


def test_what_numpy_says_instead_is_said():
    def f(x):
        y = np.zeros(2)
        y[0] = x[0]
        return y

    with pytest.raises(al.TraceError, match=r"begin with a = np.zeros\(shape, like=t\)"):
        al.export(f, np.ones(2), to="numpy")


@pytest.mark.parametrize("make", [batch_norm, random_factor, counter, appended, written, backward])
def test_what_no_source_could_do_again_is_refused_and_nothing_is_changed(make):
    f, x, what = make()
    untouched = make()[0]
    with pytest.raises(al.TraceError, match=rf"export: .*{what}.*net\.eval\(\)"):
        al.export(f, x, to="numpy")
    state = random.getstate()
    got = f(x)
    random.setstate(state)
    np.testing.assert_array_equal(_bare(got), _bare(untouched(x)))
    if isinstance(f, nn.Module):
        f.eval()
        np.testing.assert_allclose(al.export(f, x, to="numpy")(x), _bare(f(x)), rtol=1e-12)


def test_rows_of_an_embedding_and_of_a_tensor_are_arguments():
    table = al.Tensor(np.arange(12.0).reshape(4, 3), requires_grad=True, name="table")
    embedding = nn.Embedding(4, 3, rng=np.random.default_rng(0))

    def f(rows):
        return np.sum(table[rows] * embedding(rows), axis=-1)

    exported = al.export(f, np.array([0, 1]), to="numpy")
    assert "table = np.array(" in exported.source
    np.testing.assert_array_equal(exported(np.array([3, 2])), f(np.array([3, 2])).numpy())


@pytest.mark.parametrize("f", [lambda x: np.modf(x)[0] * x, lambda x: np.frexp(x)[1] * x])
def test_a_function_with_two_results_is_exported_by_its_name(f):
    x = np.array([1.5, -2.75])
    np.testing.assert_array_equal(al.export(f, x, to="numpy")(x), f(x))


def test_a_network_trains_on_eight_devices():
    pytest.importorskip("jax", reason=NO_JAX)
    run = subprocess.run(
        [sys.executable, "-m", "models.data_parallel"],
        cwd=Path(al.__file__).parents[1],
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "8 devices: losses and gradients equal" in run.stdout


def training(optimiser):
    """Return a compiled step of a small network, its parameters by name, and data."""
    rng = np.random.default_rng(0)
    net = al.nn.Sequential(
        al.nn.Linear(3, 4, rng=rng), al.nn.Tanh(), al.nn.Linear(4, 1, rng=rng), al.nn.Sigmoid()
    )
    x = rng.normal(size=(6, 3))
    data = x, (x[:, :1] > 0).astype(float)
    step = al.compile(lambda x, y: al.mse(net(x), y), optimiser(net.parameters()), backend="numpy")
    return step, dict(net.named_parameters()), data


OPTIMISERS = {
    "sgd": lambda params: al.optim.SGD(params, lr=0.5),
    "momentum": lambda params: al.optim.SGD(params, lr=0.5, momentum=0.9, nesterov=True),
    "adam": lambda params: al.optim.Adam(params, lr=0.05),
    "adamw": lambda params: al.optim.AdamW(params, lr=0.05, amsgrad=True),
    "rmsprop": lambda params: al.optim.RMSprop(params, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda params: al.optim.Adagrad(params, lr=0.1, lr_decay=0.1),
    "groups": lambda params: al.optim.SGD(
        [{"params": params[:2], "lr": 0.1}, {"params": params[2:], "momentum": 0.5}], lr=0.2
    ),
}


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("to", ["jax", "numpy"])
def test_an_exported_step_trains_as_the_step_does(to, name):
    step, params, data = training(OPTIMISERS[name])
    if name != "sgd":
        with pytest.raises(TraceError, match=r"Take it before: step\(\.\.\.\)\."):
            al.export(step, *data, to="numpy")
        step(*data)
    if to == "jax":
        jax = in_64_bits()
    exported = al.export(step, *data, to=to)
    run = jax.jit(exported) if to == "jax" else exported
    state, losses = exported.state, []
    for _ in range(10):
        state, loss = run(state, *data)
        losses.append(float(loss))
    assert "autograd_lite" not in exported.source
    np.testing.assert_allclose(losses, [step(*data) for _ in range(10)], rtol=1e-12)
    for path, p in params.items():
        np.testing.assert_allclose(state[path], p.numpy(), rtol=1e-10, atol=1e-14)
    following = [step(*data) for _ in range(3)]
    exported.put(state)  # Parameters and optimiser go on from there.
    np.testing.assert_allclose([step(*data) for _ in range(3)], following, rtol=1e-10)


def convolutional(rng):
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2, 1),
        nn.Flatten(), nn.Linear(2, 3, rng=rng),
    )  # fmt: skip
    loss = nn.CrossEntropyLoss(weight=[1.0, 2.0, 3.0], label_smoothing=0.1)
    return net, lambda x, y: loss(net(x), y), rng.normal(size=(5, 1, 4, 4)), [0, 2, 1, 1, 0]


def recurrent(rng):
    net = nn.Sequential(nn.Embedding(7, 3, rng=rng), nn.LSTM(3, 4, rng=rng), nn.Linear(4, 7))

    def loss(x, y):
        states, _ = net[1](net[0](x))
        logits = net[2](states).reshape(-1, 7)
        return nn.functional.cross_entropy(logits, y.reshape(-1), ignore_index=6)

    return net, loss, rng.integers(0, 7, (5, 2)), [[1, 2], [3, 6], [5, 0], [2, 1], [6, 4]]


@pytest.mark.parametrize("make", [convolutional, recurrent])
@pytest.mark.parametrize("to", ["jax", "numpy"])
def test_a_step_with_labels_is_exported(to, make):
    if to == "jax":
        jax = in_64_bits()
    net, loss, x, labels = make(np.random.default_rng(0))
    step = al.compile(loss, al.optim.Adam(net.parameters(), lr=0.05), backend="numpy")
    y = np.array(labels)
    step(x, y)
    exported = al.export(step, x, y, to=to)
    run = jax.jit(exported) if to == "jax" else exported
    state = exported.state
    for k in range(4):
        rows = np.roll(np.arange(5), k)  # Other labels, ignored ones among them.
        state, value = run(state, x[rows], y[rows])
        np.testing.assert_allclose(value, step(x[rows], y[rows]), rtol=1e-12)
    for path, p in net.named_parameters():
        np.testing.assert_allclose(state[path], p.numpy(), rtol=1e-9, atol=1e-13)
    y[0] = -1  # Where eager refuses a label, what stands alone cannot: it gives no number.
    assert np.isnan(run(state, x, y)[1])


@pytest.mark.parametrize("to", ["jax", "numpy"])
def test_masks_of_dropout_are_arguments(to):
    if to == "jax":
        jax = in_64_bits()

    def make():
        rng = np.random.default_rng(0)
        state, draws = (al.Tensor(np.full(3, k), requires_grad=True, name=name)
                        for k, name in ((0.5, "state"), (1.5, "draws")))  # fmt: skip
        drop, other = nn.Dropout(0.3, rng=rng), nn.Dropout(0.5, rng=rng)
        loss = lambda x: np.mean(other(np.tanh(drop(x * state))) * draws)  # noqa: E731
        return al.compile(loss, al.optim.SGD([state, draws], lr=0.5), backend="numpy"), rng

    x = np.linspace(-1, 2, 12).reshape(4, 3)
    step, drawn = make()
    other, rng = make()
    before = rng.bit_generator.state
    exported = al.export(other, x, to=to)
    assert rng.bit_generator.state == before
    run = jax.jit(exported) if to == "jax" else exported
    state, losses = exported.state, []
    for _ in range(6):
        state, loss = run(state, x, exported.draw())
        losses.append(float(loss))
    np.testing.assert_allclose(losses, [step(x) for _ in range(6)], rtol=1e-12)
    assert rng.bit_generator.state == drawn.bit_generator.state
    ones = [np.ones_like(mask) for mask in exported.draw()]
    value = run(exported.state, x, ones)[1]
    np.testing.assert_allclose(value, np.mean(np.tanh(x * 0.5) * 1.5), rtol=1e-12, atol=1e-15)


def test_a_function_with_dropout_takes_the_masks_after_its_arguments():
    layer, other = (nn.Dropout(0.5, rng=np.random.default_rng(0)) for _ in range(2))
    t = al.Tensor(np.arange(4.0), name="t")
    exported = al.export(lambda x: layer(x) * t, np.ones(4), to="numpy")
    assert "def exported(x0, draws=None)" in exported.source
    for x in (np.ones(4), np.arange(4.0)):
        np.testing.assert_array_equal(exported(x, exported.draw()), (other(x) * t).numpy())


@pytest.mark.parametrize("draws", [(), (None,), ([],), (np.ones(4),), ([np.ones(3)],)])
def test_masks_that_do_not_fit_are_named_with_what_was_got(draws):
    layer = nn.Dropout(0.5, rng=np.random.default_rng(0))
    exported = al.export(layer, np.ones(4), to="numpy")
    needed = (
        r"exported got draws of .*, and needs a list of masks of the shapes \[\(4,\)\]\. Pass exp"
    )
    with pytest.raises(ValueError, match=needed):
        exported(np.ones(4), *draws)


def test_a_state_that_does_not_fit_changes_nothing():
    step, params, data = training(OPTIMISERS["sgd"])
    exported = al.export(step, *data, to="numpy")
    before = {path: p.numpy().copy() for path, p in params.items()}
    state = {key: x + 1 for key, x in exported.state.items()}
    with pytest.raises(ValueError, match=r"put needs the keys \['0\.weight', "):
        exported.put({"lr": 0.1})
    with pytest.raises(ValueError, match=r"put needs 2\.bias of shape \(1,\), got \(2,\)"):
        exported.put(state | {"2.bias": np.zeros(2)})
    assert all(np.array_equal(before[path], p.numpy()) for path, p in params.items())


def test_a_step_that_must_not_be_compiled_is_not_exported():
    w, rng = al.Tensor(1.0, requires_grad=True), np.random.default_rng(0)
    step = al.compile(lambda x: (w * x - rng.normal()) ** 2, al.optim.SGD([w], lr=0.1))
    with pytest.raises((TraceError, al.StaleError), match="generator of random numbers"):
        al.export(step, 2.0, to="numpy")
    assert rng.normal() == np.random.default_rng(0).normal()
