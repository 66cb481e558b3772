"""What values are called in a picture, and how their operations are written there.

The notation of an operation is Python or LaTeX; a picture has room for neither. `formula` makes
from the same entry the short form of a textbook: ``σ(z1)``, ``(l2 − y)²``, ``syn1ᵀ``.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite.core.arithmetic import multiply, negative
from autograd_lite.core.notation import ATOM, PRODUCT, SIGN
from autograd_lite.core.primitive import Primitive
from autograd_lite.draw.digits import number
from autograd_lite.graph import Graph, Node
from autograd_lite.graph import write as numpy_code
from autograd_lite.ops.writing import Written, literal, write

LONGEST_NAME = 28
MINUS_ONE = "−1"
LONGEST_FORMULA = 48  # Room for two parts and an operator.
LONGEST_NUMBER = 7  # A longer one is rounded: the 1.0001 that somebody wrote is not 1.000.
LONGEST_PART = 22
"""A longer formula is not repeated inside the formula of the next operation."""

_JOINERS = "\u200c\u200d"  # Emoji and several scripts are spelled with them.


def printable(text: str) -> str:
    """Write a name on one line, with what cannot be seen or drawn as an escape sequence."""
    return "".join(
        c
        if c == " " or c in _JOINERS or unicodedata.category(c)[0] not in "CZ"
        else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def shortened(text: str, limit: int) -> str:
    """Replace the middle of a long text by an ellipsis."""
    if len(text) <= limit:
        return text
    tail = limit // 2
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def cut(text: str, limit: int) -> str:
    """Replace the end of a long text by an ellipsis."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def is_inline(node: Node) -> bool:
    """Return whether a node is a plain number, which is written where it is used and not drawn."""
    return node.kind == "constant" and np.ndim(node.value) == 0


def code(graph: Graph, node: Node, names: Mapping[str, str]) -> str:
    """Write a value as NumPy code."""
    name = names.get(node.id, node.id)
    if node.primitive is None:
        return printable(name)
    operands = [
        f"{x.value}" if is_inline(x) else printable(names.get(x.id, x.id))
        for x in graph.operands(node)
    ]
    return printable(f"{name} = {numpy_code(node, operands)}")


def formulas(
    graph: Graph,
    names: Mapping[str, str],
    visible: Collection[str],
    folded: Mapping[str, str] | None = None,
) -> tuple[dict[str, str], dict[str, str], dict[str, Written]]:
    """Write the operation of every visible node in terms of its operands.

    - `names`: what nodes are called, by their identifier; the others get names here where one is
      needed.
    - `visible`: identifiers of the nodes that are drawn.
    - `folded`: what values inside of folds are called, for those that have a name.

    It returns names and formulas by identifier, for the visible nodes that have one, and how every
    visible node is written where it is used.
    """
    names = dict(names)
    called = {key: Written(text) for key, text in (folded or {}).items()}
    texts: dict[str, str] = {}
    for node in graph:
        if node.id not in visible:
            continue
        made = None
        if node.primitive is not None:
            made = formula(node, [called.get(x) or elsewhere(graph[x]) for x in node.operands])
            texts[node.id] = cut(made.text, LONGEST_FORMULA)
        if node.id not in names and not (made and _is_part(graph, node, made.text)):
            names[node.id] = node.id
        called[node.id] = Written(names[node.id]) if node.id in names else made or Written("")
    return names, texts, called


def elsewhere(node: Node) -> Written:
    """Write an operand that has no box: a plain number, or a value inside a fold."""
    if not is_inline(node):
        return Written("…")
    text = f"{node.value}".removesuffix(".0").replace("-", "−")
    if len(text) > LONGEST_NUMBER or "e" in text:
        text = number(node.value)
    if "×" in text:
        return Written(text, PRODUCT)
    return Written(text, SIGN if text.startswith("−") else ATOM)


def _is_part(graph: Graph, node: Node, text: str) -> bool:
    """Return whether a nameless result is written out where it is used, as in ``(l2 − y)²``."""
    consumers = graph.consumers(node)
    once = len(consumers) == 1 and consumers[0].operands.count(node.id) == 1
    return not consumers or (once and len(text) <= LONGEST_PART)


def formula(node: Node, operands: Sequence[Written]) -> Written:
    """Write the operation of a node, given its operands."""
    assert node.primitive is not None  # Leaves have no formula.
    texts = [x.text for x in operands]
    if node.primitive is multiply and MINUS_ONE in texts:  # As −x, which is how a person writes it.
        return applied(negative, {}, [operands[1 - texts.index(MINUS_ONE)]])
    return applied(node.primitive, node.parameters, operands)


def applied(
    primitive: Primitive, parameters: Mapping[str, Any], operands: Sequence[Written]
) -> Written:
    """Write an operation, given its parameters and its operands."""
    spoken = {name: _brief(value) for name, value in _spoken(primitive, parameters).items()}
    return write(primitive, operands, spoken, "picture")


class _Text(str):
    """A parameter that is text already, and needs no quotes."""

    def __repr__(self) -> str:
        return str(self)


def _spoken(primitive: Primitive, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as a sentence has them: one axis without a tuple, keepdims left out."""
    spoken = dict(parameters)
    for name in {"axis", "index"} & spoken.keys():
        value = spoken[name]
        if isinstance(value, tuple) and len(value) == 1 and not isinstance(value[0], tuple | list):
            (spoken[name],) = value
    return spoken | {name: x for name, x in primitive.defaults.items() if name == "keepdims"}


def _brief(parameter: Any) -> Any:
    """Write a static parameter with arrays in it as text: a long one by its ends."""
    if isinstance(parameter, float) and "e" in f"{parameter}":
        return _Text(number(parameter))  # Written 1×10⁻⁵, like the numbers in the boxes.
    parts = parameter if isinstance(parameter, tuple) else (parameter,)
    if not any(isinstance(part, np.ndarray) for part in parts):
        return parameter
    texts = []
    for part in parts:
        if isinstance(part, np.ndarray) and part.ndim == 1 and part.size > 3:
            texts.append(f"[{part[0]}, …, {part[-1]}]")
        elif isinstance(part, np.ndarray):
            texts.append(
                f"array {'×'.join(map(str, part.shape))}" if part.ndim > 1 else f"{part.tolist()}"
            )
        else:
            texts.append(literal(part))
    return _Text(", ".join(texts))


def summed(parts: Sequence[str]) -> str:
    """Write a sum; what is negative is subtracted."""
    first, *others = parts
    signed = (f" − {x[1:]}" if x.startswith("−") else f" + {x}" for x in others)
    return f"{first}{''.join(signed)}"
