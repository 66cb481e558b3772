"""What is exported computes what eager mode does, and stands alone."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import ops
from autograd_lite.core.primitive import REGISTRY
from autograd_lite.functional.nests import leaves_of

ops.load()


def drawn(kind, shape, rng):
    x = rng.normal(size=shape)
    if kind in ("symmetric", "positive definite", "full rank") and x.ndim > 1:
        square = x.shape[-1] == x.shape[-2]
        return x @ x.swapaxes(-1, -2) + np.diag(np.arange(1.0, x.shape[-1] + 1)) if square else x
    return {
        "positive": np.abs(x) + 0.5,
        "nonzero": np.abs(x) + 0.5,
        "above one": np.abs(x) + 1.5,
        "probability": rng.uniform(0.1, 0.9, shape),
        "boolean": x > 0,
        "increasing": np.sort(x, axis=None).reshape(shape),
    }.get(kind, x)


def case(name):
    """Return a real function of an operation, and its operands."""
    primitive = REGISTRY[name]
    shapes, parameters = (primitive.examples or [(((2, 3),) * len(primitive.operands), {})])[0]
    kinds = list(primitive.domain.values()) * (len(shapes) if primitive.variadic else 1)
    rng = np.random.default_rng(0)
    xs = [drawn(kind, shape, rng) for kind, shape in zip(kinds, shapes, strict=True)]

    def value(*operands):
        y = primitive(*operands, **parameters)
        return np.sum(np.real(y * y) if y.dtype.kind == "c" else y * y)

    where = [i for i in range(len(xs)) if primitive.rules[i] and xs[i].dtype == float]
    return al.value_and_grad(value, tuple(where)), xs


NO_JAX = "jax is not installed: pip install '.[jax]'"
NEITHER = {
    "det",
    "bessel",
    "i0",
    "lstm",
    "interp",
    "interp_slope",
    "interp_adjoint",
    "interp_slope_adjoint",
    "conv",
    "conv_input",
    "conv_weight",
    "max_pool",
    "max_pool_adjoint",
    "max_pool_pick",
    "sum_pool_adjoint",
}
"""Their rules, or what they do, ask for values or write into arrays."""
REFUSED = {"jax": NEITHER | {"sum_pool", "partition"}, "numpy": NEITHER | {"erf"}}


OURS = [n for n, p in REGISTRY.items() if p.__module__.startswith("autograd_lite.")]


@pytest.mark.parametrize("to", REFUSED)
@pytest.mark.parametrize(
    "name", [n for n, p in REGISTRY.items() if p.__module__.startswith("autograd_lite.")]
)
def test_every_operation_has_the_values_and_gradients_of_eager_mode_or_is_refused(name, to):
    f, xs = case(name)
    if to == "jax":
        pytest.importorskip("jax", reason=NO_JAX).config.update("jax_enable_x64", True)
    if name in REFUSED[to]:
        with pytest.raises(TypeError):
            al.export(f, *xs, to=to)
        return
    exported = al.export(f, *xs, to=to)
    assert "autograd_lite" not in exported.source
    for got, wanted in zip(leaves_of(exported(*xs)), leaves_of(f(*xs)), strict=True):
        np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-8, atol=1e-10)


def test_nests_come_back_as_nests():
    def f(p, x):
        return {"y": [x @ p["w"], p["b"] * 2.0]}

    p, x = {"w": np.ones((2, 3)), "b": np.ones(3)}, np.ones((4, 2))
    got = al.export(f, p, x, to="numpy")(p, x)
    assert list(got) == ["y"]
    np.testing.assert_array_equal(got["y"][0], np.full((4, 3), 2.0))


def test_jax_transforms_what_was_exported():
    jax = pytest.importorskip("jax", reason=NO_JAX)
    jax.config.update("jax_enable_x64", True)
    f = lambda x: np.sum(al.softmax(x) * np.tanh(x))  # noqa: E731 - as users write it.
    x = np.array([[0.3, -1.0, 2.0], [1.0, 0.5, 0.2]])
    exported = al.export(f, x[0])
    np.testing.assert_allclose(jax.grad(exported)(x[0]), al.grad(f)(x[0]), rtol=1e-10)
    np.testing.assert_allclose(jax.jit(jax.vmap(exported))(x), [f(r) for r in x], rtol=1e-10)


def test_what_cannot_be_exported_is_said():
    with pytest.raises(ValueError, match="to='jax'"):
        al.export(np.sin, np.ones(2), to="torch")
    big = np.arange(20_000.0)
    with pytest.raises(ValueError, match="Pass it as an argument"):
        al.export(lambda x: x * big, big, to="numpy")
    with pytest.raises(al.TraceError):
        al.export(lambda x: x if x[0] > 0 else -x, np.ones(2), to="numpy")


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
