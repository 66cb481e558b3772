"""Runs the printed code of a derivation by itself, and compares it with autodiff."""

import warnings

import numpy as np

import autograd_lite as al


def assert_runs(derivation, gradients, values=None, close=1e-8):
    """Run the text in a namespace where nothing but NumPy is, and compare its gradients."""
    code, space = derivation.code, {"np": np}
    with np.errstate(all="ignore"):
        exec(compile(code, "<printed>", "exec"), space)
        value, found = space["loss_and_gradients"](**(values or derivation.arguments))
    assert set(found) == set(gradients), code
    for name, g in found.items():
        assert np.shape(g) == gradients[name].shape, code
        # A number may be whole; an array must be one of floats.
        assert np.asarray(g).dtype.kind in "fc" or not np.ndim(g) or not np.size(g), code
        np.testing.assert_allclose(g, gradients[name], rtol=close, atol=close / 100, err_msg=code)
    assert max(map(len, code.splitlines())) <= 100, code
    return value


def assert_both_run(f, given):
    """Derive a loss that was recorded, and the function."""
    tensors = {name: al.Tensor(x, requires_grad=True, name=name) for name, x in given.items()}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        loss = f(**tensors)
        loss.backward()
        got = {k: t.grad.numpy() for k, t in tensors.items() if t.grad is not None}
        recorded = f(**{k: al.Tensor(x, requires_grad=k in got, name=k) for k, x in given.items()})
        function = al.derive(f, *given.values(), wrt=list(got))
        for derivation in (al.derive(recorded, names={}), function):
            value = assert_runs(derivation, got)
            np.testing.assert_allclose(value, loss.numpy(), rtol=1e-9, err_msg=derivation.code)
