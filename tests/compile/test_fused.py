"""Loops of machine code between NumPy's calls give NumPy's numbers, to the bit."""

import importlib
import re

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim
from autograd_lite.compile.fused import functions
from autograd_lite.compile.numpy_code import numpy_function
from autograd_lite.program.trace import trace

pytest.importorskip("numba")
RNG = np.random.default_rng(0)


def run(f, *args):
    """Return what NumPy gives, what the code with loops gives, and which loops left it to NumPy."""
    program = trace(f, *args).program
    left = []

    def noted(loop):
        def call(*given):
            left.append(loop(*given))
            return left[-1]

        return call

    _, compiled = numpy_function(
        program, lambda given: [noted(loop) for loop in functions(given, make=True)]
    )
    with np.errstate(all="ignore"):
        expected = program(*args)
    compiled(*args)
    left.clear()
    return expected, compiled(*args), left


def check(expected, found):
    for want, got in zip(expected, found, strict=True):
        assert (got.dtype, got.tobytes()) == (want.dtype, want.tobytes())


FUNCTIONS = {
    "arithmetic": lambda x, y: np.sqrt(abs(x * y - 2)) / (y * y + 1) - -x,
    "extremes": lambda x, y: np.maximum(x, y) - np.minimum(x, 0.25) * np.maximum(y, 0),
    "choices": lambda x, y: np.where((x > y), x * 2, np.where(y <= 1, y, 0)) + (x != 0.5) * y,
    "rows": lambda x, y: (x - y[0, 0]) * x.max(1, keepdims=True) + y / x.max((1, 2), keepdims=True),
    "sums between": lambda x, y: (x - x.mean(-1, keepdims=True)) * 2 - (x * y).sum(0) * y,
    "a mask alone": lambda x, y: x.sum(0) * (y[0] > 0),
    "results": lambda x, y: (x * 2, x * 2 + y, (x * 2 + y)[:, 1:] * 3, (x + y).T * 2 - 1),
    "gradients": al.grad(lambda x, y: np.sum((x * al.sigmoid(y)) ** 2 / (1 + y * y)), (0, 1)),
    "one entry": lambda x, y: (x[:1, :1, :1].copy() * 2 - 1) * (y[0, 0, :1].copy() + 1),
    "zeros": lambda x, y: (np.maximum(x * 0, y * 0), np.minimum(y * 0, 0), np.maximum(0, x * 0)),
    "inf": lambda x, y: np.where(x > y, x * 2, -np.inf),
    "numbers": lambda x, y: (x * (y.sum() / 3) - y * x[0, 0, 0]) * 2,
}  # fmt: skip


@pytest.mark.parametrize("dtype", [float, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_bit_is_numpys(name, dtype):
    x, y = RNG.normal(size=(2, 5, 3, 9)).astype(dtype)
    expected, found, left = run(FUNCTIONS[name], x, y)
    check(expected, found)
    assert left
    assert not any(left)


def test_constants_that_numpy_looks_at_are_left_to_it():
    x = np.array([0.5, 2.0], np.float32)
    check(*run(lambda x: np.maximum(np.nan, x * 2 + 1) * (x + 1), x)[:2])
    _, compiled = numpy_function(
        trace(lambda x: np.where(x * 2 > 3, x + 1, -1e39), x).program,
        lambda given: functions(given, make=True),
    )
    with pytest.warns(RuntimeWarning, match="overflow encountered in cast"):
        compiled(x)


def test_large_arrays_are_done_in_one_loop_instead_of_blocks(monkeypatch):
    monkeypatch.setattr(importlib.import_module("autograd_lite.compile.blocked"), "LARGE", 10)
    program = trace(lambda x: (x * 2 + 1) / (x * x + 1), np.ones((4, 5))).program
    for loops, wanted in ((None, "for part"), (lambda given: [max] * len(given), "if loop0(")):
        source, _ = numpy_function(program, loops)
        assert re.findall(r"for part|if loop0\(", source) == [wanted]


def test_a_parameter_with_the_name_of_a_loop():
    w = al.Tensor(np.ones(5000), requires_grad=True, name="loop0")
    step = al.compile(lambda x: ((w * x - 1) ** 2).sum(), optim.SGD([w], lr=0.0))
    assert step.bind(np.full(5000, 3.0))() == 20000.0
    assert "if loop0(" in step.source


@pytest.mark.parametrize("x", [RNG.normal(size=(9, 4)).T, RNG.normal(size=(4, 18))[:, ::2]])
def test_arrays_in_another_order_are_left_to_numpy(x):
    expected, found, left = run(lambda x, y: np.where(x > y, x * 2, y) - 1, x, np.ones((4, 9)))
    check(expected, found)
    assert all(left)


@pytest.mark.parametrize(
    ("entry", "warning"), [(0.0, "divide by zero"), (1e-320, "overflow"), (np.inf, "invalid")]
)
def test_what_numpy_warns_of_is_left_to_it(entry, warning):
    x = np.array([2.0, entry, 3.0])
    with pytest.warns(RuntimeWarning, match=warning):
        expected, found, left = run(lambda x: np.maximum(x - x, 3 / x * 2) / 1e9, x)
    check(expected, found)
    assert all(left)


STEPS = (
    lambda a, b: a + b,
    lambda a, b: a - b * 0.5,
    lambda a, b: a * b,
    np.maximum,
    lambda a, _: np.tanh(a),
    lambda a, _: np.sum(a),
    lambda a, b: np.where(a > b, a, 1.5),
    lambda a, b: a + np.mean(a * b),
    lambda a, b: a / (b * b + 1),
)


@pytest.mark.parametrize("seed", range(30))
def test_random_programs(seed):
    def f(x):
        rng = np.random.default_rng(seed)
        known = [x, x[:, :1], x[2], x.sum(), x.T.copy().T, x.max(1, keepdims=True)]
        for kind in rng.integers(0, len(STEPS), 25):
            i, j = rng.integers(0, len(known), 2)
            known.append(STEPS[kind](known[i], known[j]))
        return tuple(known[-6:])

    check(*run(f, np.random.default_rng(seed).normal(size=(6, 7)))[:2])


def trained(backend):
    net = nn.Sequential(
        nn.Linear(40, 90, rng=np.random.default_rng(0)),
        nn.ReLU(),
        nn.LayerNorm(90),
        nn.Linear(90, 3, rng=np.random.default_rng(1)),
    )
    optimiser = optim.Adam(net.parameters(), lr=0.01)
    return net, al.compile(
        lambda x, y: nn.functional.cross_entropy(net(x), y), optimiser, backend=backend
    )


DATA = RNG.normal(size=(60, 40)), RNG.integers(0, 3, 60)
WAYS = {
    "called often": lambda step: [step(*DATA) for _ in range(20)],
    "run": lambda step: step.run(20, *DATA),
    "bound": lambda step: [step(*DATA), *(bound() for bound in [step.bind(*DATA)] * 19)],
}


@pytest.mark.parametrize("way", WAYS)
def test_a_step_gets_loops_where_that_pays(way, monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOGRAD_LITE_CACHE", str(tmp_path))
    for name in ("compiled", "step"):
        module = importlib.import_module(f"autograd_lite.compile.{name}")
        monkeypatch.setattr(module, "OFTEN", 8)
    slow, by_numpy = trained("numpy")
    losses = by_numpy.run(20, *DATA)
    assert "loop0(" not in by_numpy.source
    fast, step = trained("auto")
    np.testing.assert_array_equal(WAYS[way](step), losses)
    check([p.numpy() for p in slow.parameters()], [p.numpy() for p in fast.parameters()])
    assert "loop0(" in step.source
    assert "loops of machine code between NumPy's calls" in step.why


def test_the_call_that_makes_loops_and_the_next_step_that_finds_them(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOGRAD_LITE_CACHE", str(tmp_path))
    monkeypatch.setattr(importlib.import_module("autograd_lite.compile.compiled"), "OFTEN", 4)
    for made in ([False] * 4 + [True], [False, True]):  # Adam's first step has no plan yet.
        _, step = trained("auto")
        found = [(step(*DATA), "loop0(" in step.source)[1] for _ in made]
        assert found == made


def test_without_numba_there_are_none(monkeypatch):
    monkeypatch.setattr(importlib.import_module("autograd_lite.compile.plan"), "available", bool)
    _, step = trained("auto")
    step(*DATA)
    step.bind(*DATA)
    assert "add(" in step.source
    assert "loop0(" not in step.source
