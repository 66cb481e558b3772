"""Programs of a few numbers run as Python's own arithmetic, and give what NumPy gives."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.compile.coverage import cases, gradient
from autograd_lite.compile.python_code import python_function
from autograd_lite.compile.sheet import LoweringError
from autograd_lite.core.primitive import REGISTRY
from autograd_lite.program.refusals import TraceError
from autograd_lite.program.trace import trace

SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e308, 1e-320, 1000.0, -1000.0, 1.0]
"""Two that cancel would show the order of a sum."""


def spoilt(x, rng):
    x = np.array(x)
    if x.dtype == float:
        np.putmask(x, rng.random(x.shape) < 0.3, rng.choice(SPECIAL, x.shape))
    return x[()]


def programs():
    """Yield an example of each operation of the registry, and its gradient, as programs."""
    for name, p in REGISTRY.items():
        f, operands = next(cases(p))
        where = [i for i, x in enumerate(operands) if np.asarray(x).dtype == float]
        try:
            yield name, trace(f, *operands, may_ask=True).program, operands
            if where:
                program = trace(gradient(f, where), *operands, may_ask=True).program
                yield f"gradient of {name}", program, operands
        except (TraceError, TypeError, ValueError):
            continue


def test_numbers_are_those_of_numpy():
    rng, done = np.random.default_rng(0), set()
    for name, program, operands in programs():
        try:
            _, function = python_function(program)
        except LoweringError:
            continue
        for values in (operands, *([spoilt(x, rng) for x in operands] for _ in range(2))):
            with np.errstate(all="ignore"):
                expected, got = program(*values), function(*values)
            for a, b in zip(got, expected, strict=True):
                assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype), (
                    name
                )
                np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-300, err_msg=name)
        done.add(name)
    assert {"sigmoid", "gradient of sigmoid", "gradient of rnn", "matmul", "maximum"} <= done


def network(dtype=float, hidden=2):
    rng = np.random.default_rng(0)
    shapes = ((2, hidden), (hidden, 1))
    return [al.Tensor(rng.normal(size=s).astype(dtype), requires_grad=True) for s in shapes]


def losses(data, weights, **how):
    def loss(X, y):
        return al.mse(al.sigmoid(al.sigmoid(X @ weights[0]) @ weights[1]), y)

    optimiser = al.optim.Adam(weights, lr=0.1)
    if not how:
        return [optimiser.zero_grad() or eager(loss(*data), optimiser) for _ in range(6)], None
    step = al.compile(loss, optimiser, **how)
    return [float(step(*data)) for _ in range(6)], step


def eager(value, optimiser):
    value.backward()
    optimiser.step()
    return value.item()


DATA = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[1.0], [0.0]])


@pytest.mark.parametrize("data", [DATA, (np.asfortranarray(DATA[0]), DATA[1][::-1][::-1])])
def test_a_small_step_calls_numpy_for_nothing_but_memory(data):
    expected, _ = losses(data, network())
    found, step = losses(data, network(), backend="numpy")
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert "unpack" in step.source
    assert ".dot(" not in step.source


@pytest.mark.parametrize("how", [{"dtype": np.float32}, {"hidden": 50}])
def test_other_numbers_and_many_are_left_to_numpy(how):
    data = [x.astype(how.get("dtype", float)) for x in DATA]
    weights = network(**how)
    found, step = losses(data, weights, backend="numpy")
    np.testing.assert_allclose(found, losses(data, network(**how))[0], rtol=1e-6)
    assert ".dot(" in step.source
    assert weights[0].dtype == how.get("dtype", float)


def test_what_python_refuses_is_numpys_with_its_warning():
    f = al.compile(lambda x: np.exp(x) / x + np.sum(x) * x - np.sin(x), backend="numpy")
    f(np.ones(2))
    assert "exp(" in f.source
    assert "unpack" in f.source
    for x, said in (
        (0.0, "divide by zero"),
        (1e3, "overflow"),
        (np.inf, "invalid"),
        (1e200, "over"),
    ):
        with pytest.warns(RuntimeWarning, match=said):
            found = f(np.array([1.0, x]))
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(
                found,
                np.exp([1.0, x]) / [1.0, x] + (1.0 + x) * np.array([1.0, x]) - np.sin([1.0, x]),
            )
