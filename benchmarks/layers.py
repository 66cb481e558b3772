"""Layers beside PyTorch's: one forward and one backward pass, on one thread.

Both have the same weights and the same input. Values and gradients are compared before anything is
timed; then the two take turns, and the median of the ratios within a round is reported.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as al
from autograd_lite import nn

_NONE: Mapping[str, Any] = MappingProxyType({})


class Layer(NamedTuple):
    """A layer that both have.

    Attributes
    ----------
    title : str
        What the table calls it.
    name : str
        Its class, here and in ``torch.nn``.
    arguments : tuple
        What it is made with.
    shape : tuple of int
        The shape of its input.
    target : float or None
        How many times PyTorch's time it may take at most; None: nothing was asked.
    options : mapping
        Keyword arguments that it is made with.
    """

    title: str
    name: str
    arguments: tuple[Any, ...]
    shape: tuple[int, ...]
    target: float | None = None
    options: Mapping[str, Any] = _NONE


LAYERS = (
    Layer("convolution, 1 channel to 8", "Conv2d", (1, 8, 3), (64, 1, 28, 28), 2),
    Layer("convolution, 16 channels to 32", "Conv2d", (16, 32, 3), (32, 16, 14, 14), 2),
    Layer("convolution, 64 channels to 64", "Conv2d", (64, 64, 3), (16, 64, 14, 14), 2),
    Layer("convolution, stride 2", "Conv2d", (16, 32, 3, 2), (32, 16, 28, 28), 2),
    Layer(
        "convolution, a group a channel", "Conv2d", (32, 32, 3), (32, 32, 14, 14), 2, {"groups": 32}
    ),
    Layer("convolution along a sequence", "Conv1d", (16, 32, 5), (32, 16, 100), 2),
    Layer("largest of 2 by 2", "MaxPool2d", (2,), (32, 16, 28, 28), 2),
    Layer("largest of 3 by 3, stride 1", "MaxPool2d", (3, 1), (32, 16, 14, 14), 2),
    Layer("mean of 2 by 2", "AvgPool2d", (2,), (32, 16, 28, 28), 2),
    Layer("LSTM, width 32", "LSTM", (32, 32), (20, 16, 32), 1),
    Layer("LSTM, width 128", "LSTM", (128, 128), (20, 32, 128), 1),
    Layer("GRU, width 64", "GRU", (64, 64), (20, 32, 64)),
    Layer("RNN, width 64", "RNN", (64, 64), (20, 32, 64)),
    Layer("attention, width 64, 4 heads", "MultiheadAttention", (64, 4), (64, 8, 64), 1),
    Layer("attention, width 128, 8 heads", "MultiheadAttention", (128, 8), (32, 16, 128), 1),
    Layer("GELU", "GELU", (), (64, 1024)),
    Layer("LayerNorm", "LayerNorm", (128,), (256, 128)),
    Layer("BatchNorm2d", "BatchNorm2d", (16,), (32, 16, 14, 14)),
)

Pass = Callable[[], dict[str, Any]]
"""One forward and one backward pass: the result, and the gradients by name."""


def passes(layer: Layer, dtype: type) -> tuple[Pass, Pass]:
    """Return our pass through a layer, and PyTorch's with the same numbers."""
    import torch

    torch.set_num_threads(1)
    theirs = getattr(torch.nn, layer.name)(*layer.arguments, **layer.options)
    theirs = theirs.to(getattr(torch, np.dtype(dtype).name))
    takes = {"dtype": dtype} if theirs.state_dict() else {}
    ours = getattr(nn, layer.name)(*layer.arguments, **layer.options, **takes)
    ours.load_state_dict(nn.from_pytorch(ours, theirs.state_dict()))
    rng = np.random.default_rng(0)
    x: Any = rng.normal(size=layer.shape).astype(dtype)
    times = 3 if layer.name == "MultiheadAttention" else 1  # Query, key and value.
    g = rng.normal(size=_first(ours(*[x] * times)).shape).astype(dtype)
    named = [path for path, _ in ours.named_parameters()]

    def through(net: Any, x: Any, g: Any, parameters: dict[str, Any]) -> Pass:
        leaves = {"x": x, **{path: parameters[path] for path in named}}

        def go() -> dict[str, Any]:
            for w in leaves.values():
                w.grad = None
            y = _first(net(*[x] * times))
            y.backward(g)
            return {"y": y.detach().numpy()} | {k: w.grad.numpy() for k, w in leaves.items()}

        return go

    x_theirs = torch.tensor(x, requires_grad=True)
    return (
        through(ours, al.Tensor(x, requires_grad=True), g, dict(ours.named_parameters())),
        through(theirs, x_theirs, torch.tensor(g), dict(theirs.named_parameters())),
    )


def _first(y: Any) -> Any:
    return y[0] if isinstance(y, tuple) else y


def agree(layer: Layer, ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Return whether the two differ by rounding alone."""
    made = getattr(nn, layer.name)(*layer.arguments, **layer.options)
    theirs, rough = nn.from_pytorch(made, theirs), 1e-8 if ours["y"].dtype == float else 1e-3
    return all(
        np.allclose(ours[k], theirs[k], rough, rough * np.abs(theirs[k]).max()) for k in ours
    )


def measure(rounds: int) -> str:
    """Time every layer in both precisions, and write the ratios down as a table in Markdown."""
    lines = ["| layer | float64 | float32 | asked |", "|---|---:|---:|---:|"]
    for layer in LAYERS:
        cells = []
        for dtype in (np.float64, np.float32):
            ours, theirs = passes(layer, dtype)
            if not agree(layer, ours(), theirs()):
                raise SystemExit(f"{layer.title}: PyTorch computes something else.")
            ratios = []
            for _ in range(rounds):  # Each follows the other as often as itself.
                seconds = [_seconds(go) for go in (ours, theirs, theirs, ours)]
                ratios.append((seconds[0] + seconds[3]) / (seconds[1] + seconds[2]))
            cells.append(f"{statistics.median(ratios):.2f}")
        asked = "" if layer.target is None else f"{layer.target:g}"
        lines.append(f"| {layer.title} | {cells[0]} | {cells[1]} | {asked} |")
    return "\n".join(lines)


def _seconds(go: Pass) -> float:
    start = perf_counter()
    go()
    return perf_counter() - start


if __name__ == "__main__":
    if importlib.util.find_spec("torch") is None:
        sys.exit("PyTorch is not installed.")
    print(measure(int(sys.argv[1])))
