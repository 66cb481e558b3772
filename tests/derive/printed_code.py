"""Runs the printed code of a derivation by itself, and compares it with autodiff."""

import warnings

import numpy as np

import autograd_lite as al
from autograd_lite.program.symbol import TraceError


def assert_runs(derivation, loss, gradients):
    """Run the text in a namespace where nothing but NumPy is, and compare its numbers."""
    code, space = derivation.code, {"np": np}
    with np.errstate(all="ignore"):
        exec(compile(code, "<printed>", "exec"), space)
        value, found = space["loss_and_gradients"](**derivation.arguments)
    np.testing.assert_allclose(value, loss, rtol=1e-9, err_msg=code)
    assert set(found) == set(gradients)
    for name, g in found.items():
        assert np.shape(g) == gradients[name].shape, code
        assert np.asarray(g).dtype.kind == gradients[name].dtype.kind, code
        np.testing.assert_allclose(g, gradients[name], rtol=1e-8, atol=1e-10, err_msg=code)
    assert max(map(len, code.splitlines())) <= 100, code


def assert_both_run(f, given):
    """Derive a loss that was recorded, and the function, if it asks for no value."""
    tensors = {name: al.Tensor(x, requires_grad=True, name=name) for name, x in given.items()}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        loss = f(**tensors)
        if not isinstance(loss, al.Tensor) or not loss.requires_grad:
            return  # A step, whose derivative is 0 everywhere.
        loss.backward()
        got = {k: t.grad.numpy() for k, t in tensors.items() if t.grad is not None}
        recorded = f(**{k: al.Tensor(x, requires_grad=k in got, name=k) for k, x in given.items()})
        assert_runs(al.derive(recorded, names={}), loss.numpy(), got)
        try:
            derivation = al.derive(f, *given.values(), wrt=list(got))
        except TraceError:
            return
        assert_runs(derivation, loss.numpy(), got)
