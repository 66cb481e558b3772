"""Derivations of NumPy's functions: their printed code runs alone, and agrees with autodiff."""

import re

import numpy as np
import pytest
from numpy_calls import INPUTS, SCOPE, calls
from printed_code import assert_runs

import autograd_lite as al

WITHOUT = {"np.piecewise(s, s > 5, [sq, lambda x: 2 * x])"}  # It writes into a number.
BY_VALUES = re.compile(
    r"np\.(extract\(m|trim_zeros|piecewise|setdiff1d|setxor1d|histogram_bin_edges)"
)
"""What asks for values that a function derived as a whole does not have."""


def names_in(call):
    return [name for name in INPUTS if re.search(rf"(?<![\w.]){name}(?!\w|=[^=])", call)]


def results(call):
    """The inputs by name, as Tensors, every real result that depends on them, and the whole."""
    given = {
        name: al.Tensor(INPUTS[name], requires_grad=True, name=name) for name in names_in(call)
    }
    found = eval(call, SCOPE | given)
    several = found if isinstance(found, tuple | list) else [found]
    real = [
        t for t in several if isinstance(t, al.Tensor) and t.requires_grad and t.dtype.kind == "f"
    ]
    return given, real, found


def gradients_of(tensors):
    """The gradients by name; of what the loss depends on in steps alone, zeros."""
    return {
        name: np.zeros(t.shape) if t.grad is None else t.grad.numpy() for name, t in tensors.items()
    }


def closeness(call):
    return 1e-6 if "float32" in call else 1e-10


DIFFERENTIABLE = [call for call in calls() if call not in WITHOUT and results(call)[1]]
SINGLE = [call for call in DIFFERENTIABLE if isinstance(results(call)[2], al.Tensor)]


@pytest.mark.parametrize("call", DIFFERENTIABLE)
def test_the_derivation_of_a_recorded_call_runs_by_itself(call):
    given, found, _ = results(call)
    loss = sum((t * t * np.linspace(0.5, 1.5, t.size).reshape(t.shape)).sum() for t in found)
    derivation = al.derive(loss)
    loss.backward()
    known = gradients_of({name: given[name] for name in derivation.gradients})
    assert_runs(derivation, known, close=closeness(call))


@pytest.mark.parametrize("call", SINGLE)
def test_the_derivation_of_a_function_holds_for_other_values(call):
    given, _, result = results(call)
    weights = np.linspace(0.5, 1.5, result.size).reshape(result.shape)
    scope = SCOPE | {"weights": weights}
    exec(
        f"def f({', '.join(given)}):\n    out = {call}\n    return np.sum(out * out * weights)",
        scope,
    )
    if BY_VALUES.search(call):
        with pytest.raises(al.TraceError, match=r"A program knows no values"):
            al.derive(scope["f"], *(t.numpy() for t in given.values()))
        return
    derivation = al.derive(scope["f"], *(t.numpy() for t in given.values()))
    near = np.random.default_rng(0)
    others = {
        name: al.Tensor(t.numpy() * near.uniform(0.98, 1.02, t.shape), requires_grad=True)
        for name, t in given.items()
    }
    loss = scope["f"](**others)
    assert loss.requires_grad
    loss.backward()
    values = {
        name: others[name].numpy() if name in others else x
        for name, x in derivation.arguments.items()
    }
    known = gradients_of({name: others[name] for name in derivation.gradients})
    assert_runs(derivation, known, values, closeness(call))


A = np.array([[2.0, 0.3, -0.4], [0.7, 3.0, 0.5], [0.1, -0.6, 4.0]])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.abs(np.linalg.eigvals(x - 2 * x.T))),  # It fills complex zeros.
        lambda x: np.sum(np.amin(x**2, axis=()) * A),
        lambda x: np.sum(np.median(x, axis=0) ** 2),
    ],
)
def test_the_derivation_of_other_functions_runs_by_itself(f):
    derivation = al.derive(f, A)
    assert_runs(derivation, {"x": al.grad(f)(A)})


def test_a_quantile_that_is_traced_is_nan_where_an_entry_is():
    derivation = al.derive(lambda x: np.sum(np.quantile(x, 0.3)), A)
    value, _ = derivation.function(np.where(A > 3, np.nan, A))
    assert np.isnan(value)


def test_what_the_loss_depends_on_in_steps_alone_has_a_gradient_of_zeros():
    derivation = al.derive(lambda x, s: np.sum(np.copysign(x, s) ** 2), A, -A)
    assert "d_s = np.zeros((n, m))" in str(derivation)


def test_a_variable_that_contains_itself_is_passed_over():
    around = []
    around.append(around)

    def f(x):
        inside = around
        return np.sum(x * x) * len(inside)

    assert "d_x = 2 * x" in str(al.derive(f, A))
