"""What is printed runs by itself, in a module that has imported NumPy, and agrees with autodiff."""

import re

import numpy as np
import pytest
from numpy_calls import INPUTS, SCOPE, calls

import autograd_lite as al
from autograd_lite.functional.nests import leaves_of


def run(derivation):
    """Run what is printed, and nothing else."""
    space = {}
    exec(f"import numpy as np\n{derivation.code}", space)
    return space["loss_and_gradients"](**derivation.arguments)


def assert_runs(loss, leaves, rtol=1e-9):
    """Compare with autodiff."""
    derivation = al.derive(loss, names={})
    value, gradients = run(derivation)
    loss.backward()
    np.testing.assert_allclose(value, loss.data, rtol=rtol)
    reached = [x for x in leaves if x.grad is not None]
    assert set(gradients) >= {x.name for x in reached if x.grad.any()}
    for x in reached:
        np.testing.assert_allclose(gradients[x.name], x.grad, rtol=rtol, atol=1e-12)
        assert np.asarray(gradients[x.name]).dtype == x.dtype or not x.ndim
    for line in derivation.code.splitlines():
        assert len(line) <= 100, line


def number(results):
    """A number that depends on every result, by another factor for each entry."""
    real = [
        part
        for x in leaves_of(results)
        if isinstance(x, al.Tensor) and x.requires_grad
        for part in ([np.real(x), np.imag(x)] if x.dtype.kind == "c" else [x])
    ]
    sums = [(x * np.cos(np.arange(float(x.size))).reshape(x.shape)).sum() for x in real]
    return sum(sums[1:], sums[0]) if sums else None


@pytest.mark.parametrize("call", calls())
def test_a_numpy_call(call):
    leaves = {
        name: al.Tensor(x, requires_grad=True, name=name)
        for name, x in INPUTS.items()
        if re.search(rf"\b{name}\b", call) and not (name == "k" and "copysign" in call)
    }  # A sign has no gradient.
    loss = number(eval(call, {**SCOPE, **INPUTS, **leaves}))
    if loss is None:
        pytest.skip("nothing is recorded")
    assert_runs(loss, leaves.values(), 1e-6 if "float32" in call else 1e-9)


ONE = (np.tanh, np.sin, np.exp, al.relu, al.sigmoid, np.square, lambda x: x[::-1], lambda x: -x,
       lambda x: x - x.max(axis=1, keepdims=True), lambda x: np.where(x > 0, x, 0.1 * x),
       lambda x: x / np.sqrt(x.var(axis=0) + 1e-5), lambda x: 0.5 * x + 0,
       lambda x: np.log1p(np.exp(-np.abs(x))), lambda x: np.cumsum(x, axis=1),
       lambda x: x @ x.T @ x / 7, lambda x: np.concatenate([x[1:], x[:1]]))  # fmt: skip
TWO = (np.add, np.subtract, np.multiply, lambda x, y: x / (1 + y * y), np.maximum,
       lambda x, y: x + y.mean(axis=0), lambda x, y: x * y.sum(axis=1, keepdims=True))  # fmt: skip


@pytest.mark.parametrize("seed", range(100))
def test_a_random_program(seed):
    rng = np.random.default_rng(seed)
    leaves = [al.Tensor(rng.normal(size=(3, 4)), requires_grad=True, name=x) for x in "ab"]
    values = list(leaves)
    for _ in range(rng.integers(2, 8)):
        if rng.random() < 0.6:
            values.append(ONE[rng.integers(len(ONE))](values[rng.integers(len(values))]))
        else:
            x, y = (values[i] for i in rng.integers(len(values), size=2))
            values.append(TWO[rng.integers(len(TWO))](x, y))
    last = np.tanh(values[-1] + 0.1 * leaves[0])
    assert_runs((last * rng.normal(size=(3, 4))).sum(), leaves)


def test_a_function_in_one_line_is_defined_once():
    @al.primitive(x=lambda g, y, x: g * 3 * x**2)
    def cube(x): return x ** 3  # fmt: skip

    w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
    assert_runs(cube(w).sum(), [w])
    assert al.derive(cube(w).sum()).code.startswith("def cube(x):\n    return x ** 3")


def test_determinants_of_singular_and_complex_matrices():
    a = al.Tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True, name="a")
    assert_runs(np.linalg.det(a) * 1.0, [a])
    a.grad = None
    assert_runs(np.abs(np.linalg.det(a + 1j * a**2)), [a])


def test_a_mask_of_one_number():
    s = al.Tensor(1.5, requires_grad=True, name="s")
    assert_runs(np.piecewise(s, s > 5, [np.square, lambda x: 2 * x]) * 1, [s])
