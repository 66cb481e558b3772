"""Every layer and loss is drawn, derived and compared like what is written out in operations."""

import copy
import inspect
import re

import numpy as np
import pytest
from every_module import LAYERS, LOSSES, First

import autograd_lite as al
from autograd_lite import nn

ABSTRACT = {"Module"}


def loss_of(name):
    """Return a loss and its input tensor, of which nothing was computed yet."""
    if name in LOSSES:
        module, x, target = LOSSES[name]
        x = al.Tensor(x, requires_grad=True, name="x")
        return module(x, target), x, lambda x: module(x, target)
    module, x = First(LAYERS[name][0]), LAYERS[name][1]
    whole = x.dtype.kind == "i"
    x = al.Tensor(x, requires_grad=not whole, name="x")
    y = module(x)
    g = np.cos(np.arange(y.size)).reshape(y.shape)
    return (y * g).sum(), x, lambda x: (module(x) * g).sum()


def test_every_module_is_here():
    kinds = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    assert kinds - ABSTRACT == set(LOSSES) | set(LAYERS)


@pytest.mark.parametrize("name", [*LOSSES, *LAYERS])
def test_help_says_what_it_takes(name):
    kind = getattr(nn, name)
    parameters = set(inspect.signature(kind).parameters)
    assert parameters == set(inspect.signature(kind.__init__).parameters) - {
        "self",
        "args",
        "kwargs",
    }
    assert all(parameter in kind.__doc__ for parameter in parameters)
    assert name not in LOSSES or name == "MSELoss" or "See Also" in kind.__doc__
    if name in LOSSES:
        assert re.findall(r"^ *(\w+) : ", kind.__doc__.partition("Raises")[0], re.M) == [
            *inspect.signature(kind).parameters
        ]


@pytest.mark.parametrize("name", [*LOSSES, *LAYERS])
def test_it_is_drawn_under_its_name(name, tmp_path):
    loss, _, _ = loss_of(name)
    al.draw(loss).save(tmp_path / "graph.svg")
    assert "<svg" in (tmp_path / "graph.svg").read_text("utf-8")
    assert any(call.kind == name for node in al.Graph(loss).nodes for call in node.calls)


@pytest.mark.parametrize("name", [*LOSSES, *LAYERS])
def test_its_derivation_computes_what_backward_does(name):
    loss, x, _ = loss_of(name)
    derivation = al.derive(loss)
    assert derivation.latex
    assert derivation.text
    gradients = derivation.evaluate()
    loss.backward()
    for tensor in [x, *(LAYERS[name][0].parameters() if name in LAYERS else [])]:
        if tensor.requires_grad:
            found = gradients[tensor.name]
            np.testing.assert_allclose(found, tensor.grad, rtol=1e-10, atol=1e-12)
            tensor.zero_grad()


@pytest.mark.parametrize("name", [*LOSSES, *LAYERS])
def test_it_is_compared_with_gradients_by_hand(name):
    loss, x, _ = loss_of(name)
    tensors = [x, *(LAYERS[name][0].parameters() if name in LAYERS else [])]
    tensors = [tensor for tensor in tensors if tensor.requires_grad]
    loss.backward()
    right = {tensor.name: tensor.grad.numpy() for tensor in tensors}
    al.compare(loss, right, numerical=True).assert_ok()
    wrong = {name: 2 * gradient for name, gradient in right.items()}
    assert not al.compare(loss, wrong)
    for tensor in tensors:
        tensor.zero_grad()


@pytest.mark.parametrize("name", [*LOSSES, *LAYERS])
def test_its_gradient_is_the_numerical_one(name):
    _, x, f = loss_of(name)
    if x.requires_grad and name != "Dropout":  # It is another function in each call.
        al.gradcheck(First(LAYERS[name][0]) if name in LAYERS else f, [x.numpy()])


def in_float32(module):
    """Copy a module, with parameters and buffers in float32."""
    module = copy.deepcopy(module)
    for _, part in module.named_modules():
        for name, value in list(vars(part).items()):
            if isinstance(value, al.Tensor) and value.dtype == np.float64:
                new = al.Tensor(value.numpy(), value.requires_grad, dtype=np.float32)
                setattr(part, name, new)
    return module


@pytest.mark.parametrize("name", [*LOSSES, *LAYERS])
def test_float32_stays_float32(name):
    module, x, *target = LOSSES.get(name) or LAYERS[name]
    module = in_float32(module if name in LOSSES else First(module))
    x = x if x.dtype.kind == "i" else al.Tensor(x, requires_grad=True, dtype=np.float32)
    y = module(x, *(t if t.dtype.kind == "i" else t.astype(np.float32) for t in target))
    found = {n.tensor.dtype for n in al.Graph(y).nodes if n.tensor is not None}
    assert found == {np.dtype(np.float32)}
