"""Settings that nothing could compute with are refused when they are given, by name."""

import inspect

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim

W = al.Tensor([1.0, 2.0], requires_grad=True)
COUNTS = {"in_features": 2, "out_features": 2, "num_features": 3, "normalized_shape": 3}
COUNTS |= {"input_size": 2, "hidden_size": 2, "embed_dim": 2, "num_heads": 1}
COUNTS |= {"step_size": 3, "T_max": 4, "total_steps": 9, "max_lr": 0.1, "max_norm": 1.0, "val": 1.0}
GIVEN = {"tensor": (3, 4), "rng": np.random.default_rng(0), "parameters": [W], "params": [W]}


def _settings():
    """Yield every class and function of layers, losses, initial values and optimisers, with each
    of its parameters that is a number.
    """
    for module in (nn, nn.init, optim):
        for name in module.__all__:
            thing = getattr(module, name)
            if not callable(thing) or name in ("calculate_gain", "Optimizer", "LRScheduler"):
                continue
            for parameter in inspect.signature(thing).parameters.values():
                if "float" in str(parameter.annotation) and "Tensor" not in str(
                    parameter.annotation
                ):
                    yield thing, parameter.name


@pytest.mark.parametrize(
    ("thing", "setting"), list(_settings()), ids=lambda x: getattr(x, "__name__", x)
)
@pytest.mark.parametrize("value", ["0.5", None, np.nan], ids=str)
def test_what_is_not_a_number_is_refused_where_it_is_given(thing, setting, value):
    if value is None and "None" in str(inspect.signature(thing).parameters[setting].annotation):
        pytest.skip("None means something.")
    given = {**COUNTS, **GIVEN, "optimizer": optim.SGD([W], lr=0.1, momentum=0.9)}
    needed = {
        key: given[key]
        for key, parameter in inspect.signature(thing).parameters.items()
        if parameter.default is parameter.empty or key == "total_steps"
    }
    with pytest.raises((TypeError, ValueError)) as error:
        thing(**{**needed, setting: value})
    assert thing.__name__ in str(error.value)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.BatchNorm1d(3, momentum=1.5),
            "a momentum from 0 to 1, got 1.5",
        ),
        (lambda: nn.LayerNorm(3, eps=-1), "LayerNorm needs an eps of 0 or more, got -1"),
        (lambda: nn.init.normal_(3, GIVEN["rng"], std=-1), "normal_ needs a std of 0 or more"),
        (lambda: optim.LinearLR(optim.SGD([W]), total_iters=-1), "total_iters of 0 or more"),
        (lambda: optim.ReduceLROnPlateau(optim.SGD([W]), patience=-1), "patience of 0 or more"),
    ],
)
def test_what_is_out_of_range_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
