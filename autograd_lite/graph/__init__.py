"""A recorded computation as an object: nodes, names, module calls, source lines."""

from autograd_lite.graph.calls import Call
from autograd_lite.graph.graph import Graph
from autograd_lite.graph.node import Kind, Node, write
from autograd_lite.graph.repetition import Repetition, repetitions
from autograd_lite.graph.variables import arrays_in, names_in

__all__ = [
    "Call", "Graph", "Kind", "Node", "Repetition", "arrays_in", "names_in", "repetitions", "write",
]  # fmt: skip
