"""The layers of a network, with the gradients that reach them: how large, and in which units none.

A layer is a module that holds parameters itself, or a parameter that no module holds.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.graph import Graph, Node
from autograd_lite.nn import Conv1d, Conv2d, Linear, Module

FAR = 100
"""Gradients of two layers that differ by this factor are said to vanish, or to explode."""


@dataclass(frozen=True, slots=True)
class Part:
    """A parameter of a layer: its name, and the axis of its units where that is known."""

    name: str
    key: str
    units: int | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer by its name, with its parameters."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """The gradient of a layer in numbers."""

    layer: str  # Its name.
    # The root of the mean square of its entries; None where no gradient is known.
    size: float | None
    # Of the entries that are not 0, a tenth are smaller than `low`, and a tenth larger than `high`.
    low: float = 0.0
    high: float = 0.0
    # How many units there are whose entries are all exactly 0, and how many there are at all: 0
    # where a layer has no units.
    dead: int = 0
    units: int = 0


def of_module(net: Module) -> list[Layer]:
    """Return the layers of a module, in the order of its definition."""
    kinds = dict(net.named_modules())
    found: dict[str, list[Part]] = {}
    for name, _ in net.named_parameters():
        path, _, own = name.rpartition(".")
        holder = kinds.get(path)
        axis = None
        if own == "weight" and isinstance(holder, Linear):
            axis = 1
        elif own == "weight" and isinstance(holder, Conv1d | Conv2d):
            axis = 0
        title = f"{path} · {type(holder).__name__}" if path and holder is not None else name
        found.setdefault(title, []).append(Part(name, name, axis))
    return _layers(found)


def of_graph(graph: Graph) -> list[Layer]:
    """Return the layers of a computation, in the order of their first use."""
    position = {node.id: i for i, node in enumerate(graph)}
    leaves = [node for node in graph if node.kind == "parameter"]
    first = {
        leaf.id: min((position[user.id] for user in graph.consumers(leaf)), default=0)
        for leaf in leaves
    }
    found: dict[str, list[Part]] = {}
    for leaf in sorted(leaves, key=lambda leaf: first[leaf.id]):
        home = graph.home(leaf)
        path = (leaf.name or "").rpartition(".")[0]
        held = bool(home) and bool(path)
        name = f"{path} · {home[-1].kind}" if held else leaf.name or leaf.id
        found.setdefault(name, []).append(Part(leaf.name or leaf.id, leaf.id, _axis(graph, leaf)))
    return _layers(found)


def _layers(found: Mapping[str, Sequence[Part]]) -> list[Layer]:
    """Return layers by name; what holds several weights, a recurrent one say, is one for each."""
    layers: list[Layer] = []
    for name, parts in found.items():
        if sum(part.units is not None for part in parts) > 1:
            layers += [Layer(part.name, (part,)) for part in parts]
        else:
            layers.append(Layer(name, tuple(parts)))
    return layers


def _axis(graph: Graph, leaf: Node) -> int | None:
    """Return the axis of the units of a weight: the last of ``x @ W``, the first of filters."""
    axes = {
        (user.primitive, user.operands.index(leaf.id), len(leaf.shape))
        for user in graph.consumers(leaf)
    }
    if axes == {(ops.matmul, 1, 2)}:
        return 1
    filters = len(leaf.shape) > 2 and {use[:2] for use in axes} == {(ops.conv, 1)}
    return 0 if filters or axes == {(ops.matmul, 0, 2)} else None


def measure(layer: Layer, gradients: Mapping[str, NDArray[Any] | None]) -> Measured:
    """Return the gradient of a layer in numbers, given those of parameters by their keys."""
    known = {part: g for part in layer.parts if (g := gradients.get(part.key)) is not None}
    if not known:
        return Measured(layer.name, None)
    sizes = np.concatenate([np.abs(g.astype(np.float64).ravel()) for g in known.values()])
    if not np.isfinite(sizes).all():
        return Measured(layer.name, math.nan)
    dead, units = _units(known)
    some = sizes[sizes > 0]
    if not some.size:
        return Measured(layer.name, 0.0, dead=dead, units=units)
    low, high = np.quantile(some, [0.1, 0.9])
    largest = some.max()  # Squares of small numbers are 0.
    size = largest * math.sqrt(float(((sizes / largest) ** 2).mean()))
    return Measured(layer.name, float(size), float(low), float(high), dead, units)


def _units(known: Mapping[Part, NDArray[Any]]) -> tuple[int, int]:
    """Return in how many units of a layer every entry is 0, and how many units there are."""
    weights = [(g, part.units) for part, g in known.items() if part.units is not None]
    if not weights:
        return 0, 0
    ((weight, axis),) = weights  # A layer has one: `_layers` sees to it.
    still = (weight == 0).all(axis=tuple(i for i in range(weight.ndim) if i != axis))
    for g in known.values():
        if g.shape == still.shape:  # The bias of each unit.
            still &= g == 0
    return int(np.count_nonzero(still)), still.size


def verdicts(found: Sequence[Measured]) -> list[str]:
    """Return a sentence for each fault in the gradients of layers, input first."""
    said = []
    sizes = [(layer.size, layer.layer) for layer in found if layer.size is not None]
    if lost := [name for size, name in sizes if size != size]:
        said.append(f"not finite: {listed(lost)}")
    if without := [layer.layer for layer in found if layer.size is None]:
        said.append(f"no gradient, not part of the computation: {listed(without)}")
    if zero := [name for size, name in sizes if size == 0]:
        said.append(f"all exactly 0: {listed(zero)}")
    sized = [pair for pair in sizes if pair[0] > 0]
    if sized:
        (small, least), (large, most) = min(sized), max(sized)
        if large >= FAR * small:
            ratio = f"{float(f'{large / small:.2g}'):,.0f} times"
            if sized.index((small, least)) < sized.index((large, most)):
                said.append(f"vanishing on the way back: {least} has {ratio} less than {most}")
            else:
                said.append(f"exploding on the way back: {most} has {ratio} more than {least}")
    if dead := [layer for layer in found if layer.dead and layer.size != 0]:
        counts = listed([f"{layer.dead:,} of {layer.units:,} in {layer.layer}" for layer in dead])
        said.append(f"dead units, whose gradient is exactly 0: {counts}")
    return said or [f"no layer has {FAR} times the gradient of another, no unit is dead"]


def listed(names: Iterable[str], most: int = 4) -> str:
    """Join names, and say how many more there are."""
    every = list(names)
    more = [f"and {len(every) - most:,} more"] if len(every) > most else []
    return ", ".join(every[:most] + more)
