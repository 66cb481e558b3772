"""What the values of a computation are called: by a name, or by how they are computed."""

from __future__ import annotations

import re
import weakref

import numpy as np

from autograd_lite.check.mistakes.reasons import shown
from autograd_lite.core.notation import ATOM, LOOSE
from autograd_lite.graph import Graph, Node
from autograd_lite.ops import writing
from autograd_lite.ops.writing import Written

_texts: weakref.WeakKeyDictionary[Graph, dict[tuple[str, bool], str]] = weakref.WeakKeyDictionary()

LONGEST_TEXT = 40


def text_of(graph: Graph, node: Node, *, whole: bool = False) -> str:
    """Write a value by its name, else by the operations that made it, as far as that is short.

    With `whole`, write how it was made even if it has a name.
    """
    known = _texts.setdefault(graph, {})
    key = node.id, whole
    if key not in known:
        most = 2 * LONGEST_TEXT if whole else LONGEST_TEXT
        text = _text(graph, node, 6 if whole else 4, whole).text
        known[key] = text if len(text) <= most else _text(graph, node, 2, whole).text
    return known[key]


def _text(graph: Graph, node: Node, depth: int, whole: bool = False) -> Written:
    if node.name and not (whole and node.primitive is not None):
        return Written(node.name, ATOM if node.name == grouped(node.name) else LOOSE)  # 1 - y
    if node.kind == "constant" and np.ndim(node.value) == 0:
        number = shown(float(np.real(node.value)))
        return Written(number, LOOSE if "/" in number else ATOM)
    if node.primitive is None:
        n = node.shape[0] if len(node.shape) == 2 else 0
        if 1 < n < LONGEST_TEXT and np.array_equal(node.value, np.eye(n)):
            return Written(f"np.eye({n})")
        return Written(f"the array of shape {node.shape}", LOOSE)
    if not depth:
        return Written("…")
    parts = [_text(graph, operand, depth - 1) for operand in graph.operands(node)]
    written = writing.write(node.primitive, parts, node.parameters, "python")
    if len(parts) == 1 and len(parts[0].text) > 1 < written.text.count(parts[0].text):
        return Written(f"{node.primitive.name}({parts[0].text})")  # A softmax, say.
    users = graph.consumers(graph[node.operands[0]])
    alone = sum(x.primitive is node.primitive for x in users) < 2

    def short(pasted: re.Match[str]) -> str:
        return "…" if alone else f"[{', '.join(ENTRY.findall(pasted[1])[:2])}, …]"

    return written._replace(text=PASTED.sub(short, written.text))


PASTED, ENTRY = re.compile(r"np\.array\(\[([^()]*)\]\)"), re.compile(r"[^\s,\[\]]+")
"""An array of labels or indices that is part of an operation: a sentence leaves it out, but for
its beginning if the same tensor is picked from by another one."""


def grouped(text: str) -> str:
    """Put parentheses around an expression of several words, unless it is a call."""
    called = text.endswith(")") and CALL.match(text) and _closes_last(text)
    single = " " not in text and not text.startswith("-")
    return text if single or called or ENTRIES.fullmatch(text) else f"({text})"


CALL, ENTRIES = re.compile(r"[\w.]+\("), re.compile(r"[\w.]+\[[^\[\]]*\]")


def _closes_last(text: str) -> bool:
    """Return whether the first parenthesis that is opened is the last one that is closed."""
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == ")" and not depth:
            return i == len(text) - 1
    return False
