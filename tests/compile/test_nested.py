"""Transforms of transforms of transforms compile, and what checkpoint wraps does."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim


def f(x):
    return np.sum(np.sin(x) * x**3)


def squared(transform, inner):
    return transform(lambda x: np.sum(inner(x) ** 2))


@al.checkpoint
def block(x):
    return np.sin(x) * x**2


X = np.array([0.3, 0.7])
NESTED = {
    "grad of grad of grad": squared(al.grad, squared(al.grad, al.grad(f))),
    "hessian inside a grad": squared(al.grad, al.hessian(f)),
    "hessian of a hessian": squared(al.hessian, al.hessian(f)),
    "jacobian of a jacobian of a grad": al.jacobian(al.jacobian(al.grad(f))),
    "grad of hvp": squared(al.grad, lambda x: al.hvp(f, (x,), (np.cos(x),))[0]),
    "grad of jvp": squared(al.grad, lambda x: al.jvp(al.grad(f), (x,), (x,))[1]),
    "jvp along what is computed": lambda x: al.jvp(al.grad(f), (x,), (np.cos(x),)),
    "jvp along the argument": lambda x: al.jvp(f, (x,), (x,)),
    "compiled": al.compile(f),
    "grad of compiled": al.compile(al.grad(al.compile(f))),
    "grad of compiled grad": squared(al.grad, al.compile(al.grad(f))),
    "grad of vjp": squared(al.grad, lambda x: al.vjp(al.grad(f), x)[1](x)[0]),
    "checkpoint": block,
    "grad of checkpoint": squared(al.grad, block),
    "hessian of checkpoint": squared(al.hessian, block),
    "grad of hessian of checkpoint": squared(al.grad, squared(al.hessian, block)),
}


@pytest.mark.parametrize("name", NESTED)
def test_compiled_and_exported_it_is_what_it_is_eagerly(name):
    compiled = al.compile(NESTED[name], backend="numpy")
    exported = al.export(NESTED[name], X, to="numpy")
    for x in (X, X + 1, -X):
        expected = NESTED[name](x)
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-10)
        np.testing.assert_allclose(exported(x), expected, rtol=1e-10)


def test_a_network_of_checkpointed_blocks_trains_in_a_program():
    def losses(wrap):
        rng = np.random.default_rng(0)
        blocks = [nn.Sequential(nn.Linear(3, 3, rng=rng), nn.Tanh()) for _ in range(3)]
        net = nn.Sequential(*blocks)
        calls = [wrap(one) for one in blocks]

        def loss(x):
            for call in calls:
                x = call(x)
            return (x**2).mean()

        step = al.compile(loss, optim.Adam(net.parameters(), lr=0.1), backend="numpy")
        return [step(rng.normal(size=(4, 3))) for _ in range(5)], step.why

    assert losses(al.checkpoint) == losses(lambda one: one)


@pytest.mark.parametrize("backend", ["auto", "numpy", "numba"])
def test_a_call_towards_a_gradient_leaves_the_others_compiled(backend):
    compiled = al.compile(f, backend=backend)
    for _ in range(10):
        if backend == "auto":
            np.testing.assert_allclose(al.grad(compiled)(X), al.grad(f)(X), rtol=1e-12)
        else:
            with pytest.raises(al.TraceError, match=r"Compile al\.value_and_grad of the function"):
                al.grad(compiled)(X)
        np.testing.assert_allclose(compiled(X), f(X), rtol=1e-12)
    assert "not compiled" not in compiled.why
    assert compiled.source
    assert ("where an argument requires a gradient" in compiled.why) == (backend == "auto")
