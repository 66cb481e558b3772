"""Who is timed: one module each, with one function for every workload that it can express.

A new contestant is a module here and its line in `CONTESTANTS`. The function ``mlp`` of a module,
say, is given the data of the workload ``mlp`` and returns two functions: one does a training step,
the other reads the parameters. Where the module says ``WHOLE``, the first takes the number of steps
and does them in one call. What users do once, like wrapping the data, is done before the
first step; all the rest is done in the step. Every peer is written in its own idiom, and where it
has several, in the fastest.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any, NamedTuple

HAND = "numpy"
"""The key of the hand-written steps, which all others are compared with."""

CONTROL = "control"
"""The key of the hand-written steps in a second process: the same again, to show the noise."""

OURS = "autograd_lite"


class Contestant(NamedTuple):
    """A library, or a way of using one.

    Attributes
    ----------
    key : str
        What the command line and JSON call it.
    title : str
        What tables call it.
    module : str
        Where its steps are, in this package.
    distribution : str
        Which installed package to ask for the version.
    peer : bool
        Whether it is an eager library that we want to be ahead of.
    way : str
        Which namespace of the module has its steps, where there are several ways to do them.
    """

    key: str
    title: str
    module: str
    distribution: str
    peer: bool = True
    way: str = ""


CONTESTANTS: tuple[Contestant, ...] = (
    Contestant(HAND, "hand-written", "by_hand", "numpy", peer=False),
    Contestant(CONTROL, "control", "by_hand", "numpy", peer=False),
    Contestant(OURS, "autograd_lite", "ours", "autograd_lite", peer=False),
    Contestant("nn", "… with nn", "ours_nn", "autograd_lite", peer=False),
    Contestant("step", "compiled: step", "ours_compiled", "numba", peer=False, way="call"),
    Contestant("bound", "… bound", "ours_compiled", "numba", peer=False, way="bound"),
    Contestant("loop", "… loop", "ours_compiled", "numba", peer=False, way="loop"),
    Contestant("step-numpy", "… NumPy", "ours_compiled", "autograd_lite", peer=False, way="numpy"),
    Contestant("torch", "PyTorch", "pytorch", "torch"),
    Contestant("autograd", "HIPS autograd", "hips_autograd", "autograd"),
    Contestant("mygrad", "MyGrad", "my_grad", "mygrad"),
    Contestant("micrograd", "micrograd", "micro_grad", "micrograd"),
    Contestant("jax", "JAX eager", "jax_eager", "jax"),
    Contestant("jax-jit", "JAX jit", "jax_compiled", "jax", peer=False),
    Contestant("jax-loop", "JAX loop", "jax_loop", "jax", peer=False),
    Contestant("torch-compile", "torch.compile", "torch_compiled", "torch", peer=False),
    Contestant("casadi", "CasADi bound", "casadi_compiled", "casadi", peer=False, way="bound"),
    Contestant("casadi-loop", "CasADi loop", "casadi_compiled", "casadi", peer=False, way="loop"),
    Contestant("pytensor", "PyTensor", "py_tensor", "pytensor", peer=False),
)


def load(contestant: Contestant) -> Any:
    """Return what has a contestant's steps; None where the library is not installed."""
    try:
        module = importlib.import_module(f"{__name__}.{contestant.module}")
        return getattr(module, contestant.way) if contestant.way else module
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("benchmarks"):
            raise
        return None


def version(contestant: Contestant) -> str:
    """Return the installed version of a contestant's library."""
    try:
        return importlib.metadata.version(contestant.distribution)
    except importlib.metadata.PackageNotFoundError:
        return "source tree"
