"""Local derivatives: the rule of an operation as a formula, from running it on expressions.

Where an operation works entry by entry, or gives one number, its rule multiplies the gradient
with something, which is the local derivative. Any other rule is written out, with ``g`` for the
gradient.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.core.backward import of_kind, unbroadcast
from autograd_lite.core.notation import ATOM, PRODUCT, SIGN
from autograd_lite.core.primitive import Primitive
from autograd_lite.derive.writing import column_and_row
from autograd_lite.draw import digits
from autograd_lite.draw.formulas import applied
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.cotangents import apply_rule
from autograd_lite.ops.writing import Written, fill
from autograd_lite.program import simplify  # noqa: F401  (the rewriting is registered there)
from autograd_lite.program.expression import COMPARISONS, Expression, as_expression, walk

LONGEST_PART = 200  # Of a rule; a loop of 20 rounds written out has a million characters.
GRADIENT = "g"  # No identifier of a node: those are n0, n1, …


@dataclass(frozen=True, slots=True)
class Local:
    """How one operand takes part in the derivative of a result."""

    # What is sent to the operand, in terms of ``g`` and of the identifiers of nodes; None if the
    # rule cannot be run on expressions.
    rule: Any
    factor: Any  # What ``g`` is multiplied by, if the rule does only that.

    @property
    def value(self) -> NDArray[Any] | None:
        """The factor as numbers."""
        return None if self.factor is None else np.asarray(self.factor.value)

    @property
    def is_one(self) -> bool:
        """Whether the gradient passes as it is."""
        return (
            self.factor is not None
            and self.factor.is_number
            and bool(np.all(self.factor.value == 1))
        )

    @property
    def passes(self) -> bool:
        """Whether the gradient passes as it is, but for the shape."""
        return self.is_one or (self.rule is not None and bare(self.rule).name == GRADIENT)

    def text(self, called: Mapping[str, Written]) -> str:
        """Write what happens to the gradient: ``× 2(out − y)``, ``g @ Wᵀ``, ``g / 4``, nothing."""
        leaf = names_of({**called, GRADIENT: Written("g")})
        rule = "" if self.rule is None else written(self.rule, leaf).text
        divides = rule.startswith("g / ") and self.factor is not None and self.factor.is_number
        if self.factor is not None and not divides:  # A mean is not × 0.1667.
            return times(written(self.factor, leaf))
        return rule


Leaf = Callable[[str, Any], Written]
"""How a name in an expression is written, given what it stands for."""


def names_of(called: Mapping[str, Written]) -> Leaf:
    """Write what is called so; anything else is left out."""
    return lambda name, _: called.get(name) or Written("…")


def times(factor: Written) -> str:
    """Write what something is multiplied by."""
    return f"× {factor.text}" if factor.precedence in (PRODUCT, ATOM) else f"× ({factor.text})"


def local(graph: Graph, node: Node, i: int, g: NDArray[Any]) -> Local:
    """Return the derivative of a node by its operand `i`, where the gradient of the node is `g`."""
    one = Expression(np.ones_like(g)[()])
    named = Expression(g[()], name=GRADIENT)
    try:
        rule = _run(graph, node, i, named)
        factor = _run(graph, node, i, one) if _multiplies(graph, node, i, g) else None
    except Exception:  # noqa: BLE001  (anybody's rule: if it needs arrays, it has no formula)
        return Local(None, None)
    return Local(rule, factor)


def _run(graph: Graph, node: Node, i: int, g: Any) -> Any:
    """Run a rule on expressions, which simplify themselves."""
    assert node.primitive is not None
    values = [
        x.value if x.kind == "constant" and not np.ndim(x.value) else Expression(x.value, name=x.id)
        for x in graph.operands(node)
    ]
    y = Expression(node.value, name=node.id)
    with np.errstate(all="ignore"):
        sent = as_expression(node.primitive.rules[i](g, y, *values, **node.parameters))
        operand = graph.operands(node)[i]
        sent = of_kind(sent, np.asarray(operand.value).dtype)
        return unbroadcast(sent, operand.shape, written=True)


def _multiplies(graph: Graph, node: Node, i: int, g: NDArray[Any]) -> bool:
    """Return whether a rule only multiplies the gradient, by trying it."""
    assert node.primitive is not None
    if len(node.primitive.linear) > 1 and not node.primitive.entrywise:  # A product of matrices.
        return False
    if node.shape == ():
        return True
    if graph.operands(node)[i].shape != node.shape:
        return False
    trial = np.random.default_rng(0).uniform(1, 2, node.shape).astype(g.dtype)
    with np.errstate(all="ignore"):
        factor = apply_rule(graph, node, i, np.ones_like(g))
        sent = apply_rule(graph, node, i, trial)
        return bool(np.allclose(sent, trial * factor, rtol=1e-3, equal_nan=True))


def written(expression: Any, leaf: Leaf) -> Written:
    """Write an expression in the notation of pictures, given how its names are written.

    What only restores a shape is left out, as on paper: the shape stands in the box.
    """
    outside = {part.number for part in _outside(expression)[:-1]}
    texts: dict[int, Written] = {}
    for part in walk((expression,)):
        if part.name is not None:
            texts[part.number] = leaf(part.name, part.value)
        elif part.operation is None:
            texts[part.number] = plain(part.value)
        elif part.operation in (ops.matmul, ops.multiply) and (outer := column_and_row(part)):
            column, row = (texts[vector.number] for vector in outer)
            row = applied(ops.transpose, {"axes": None}, [row])
            texts[part.number] = _operation(ops.matmul, {}, [column, row])
        else:
            shown = [bare(x) if _is_free(part, x, outside) else _unguarded(x)
                     for x in part.operands]  # fmt: skip
            given = [
                text if len((text := texts[x.number]).text) <= LONGEST_PART else Written("…")
                for x in shown
            ]
            ratio = next((x.ratio for x in shown if x.ratio is not None), None)
            if part.operation is ops.multiply and ratio is not None:
                (other,) = [given[k] for k in (0, 1) if shown[k].ratio is not ratio]
                if ratio.top != 1:
                    other = applied(ops.multiply, {}, [plain(ratio.top), other])
                texts[part.number] = applied(ops.divide, {}, [other, plain(ratio.bottom)])
                continue
            texts[part.number] = _operation(part.operation, part.parameters, given)
    whole = texts[bare(expression).number]
    return whole._replace(text=whole.text.removeprefix("1 × "))  # A one that only shapes.


def _operation(operation: Any, parameters: Mapping[str, Any], operands: list[Written]) -> Written:
    """Write an operation, or a function of NumPy's that has no derivative."""
    if isinstance(operation, Primitive):
        return applied(operation, parameters, operands)
    if operation in COMPARISONS:
        return fill(COMPARISONS[operation], dict(zip("ab", operands, strict=False)), {}, "picture")
    return Written(f"{operation.__name__}({', '.join(x.text for x in operands)})")


def bare(e: Any) -> Any:
    """Return an expression without what only restores a shape; a reshape of a name is telling."""
    while _restores(e.operation) and (e.operation.stretches or not e.operands[0].name):
        e = e.operands[0]
    inner = _unguarded(e)
    return e if inner is e else bare(inner)


def _unguarded(e: Any) -> Any:
    """Return an expression without the provision for a special case that does not occur."""
    if e.operation is ops.add and e.operands[1].operation is ops.multiply:
        share, tie = e.operands[1].operands  # How those that tie share a derivative.
        if share.is_number and tie.operation is np.equal and not tie.any():
            return e.operands[0]
    if e.operation is np.logical_or and e.operands[1].operation is np.isnan:
        return e if e.operands[1].any() else e.operands[0]
    if e.operation is ops.where and e.operands[0].name is None:
        condition, instead, else_ = e.operands
        return e if condition.any() or not instead.is_number or else_.is_number else else_
    return e


def core(e: Any) -> Any:
    """Return what a rule does, without the sign, the number and the shape of the result."""
    return _outside(e)[-1]


def _outside(e: Any) -> list[Any]:
    """Return an expression and those in it, as long as each is all of the one before."""
    found = [e]
    factors = (ops.negative, ops.multiply, ops.divide)
    while _restores(e.operation) or e.operation in factors:
        rest = [x for x in e.operands if not x.is_number]
        if len(rest) != 1:
            break
        found += rest
        (e,) = rest
    return found


def _restores(operation: Any) -> bool:
    """Return whether an operation gives an array a shape, and computes nothing."""
    return isinstance(operation, Primitive) and (operation.stretches or operation.only_shapes)


def _is_free(part: Any, x: Any, outside: Collection[int]) -> bool:
    """Whether the shape of an operand goes without saying: the result, or the other, has it."""
    if part.number in outside:
        return True
    if (_restores(x.operation) and not x.operation.stretches) or len(part.operands) != 2:
        return False
    other = part.operands[part.operands[0] is x]
    entrywise = getattr(part.operation, "entrywise", isinstance(part.operation, np.ufunc))
    return entrywise and other.shape == part.shape and bare(other) is other


def plain(value: Any) -> Written:
    """Write a number, or an array of one number."""
    array = np.asarray(value)
    if array.size == 0 or not (array == array.flat[0]).all():
        return Written(f"array {'×'.join(map(str, array.shape))}")
    text = digits.number(array.flat[0])
    if "×" in text:
        return Written(text, PRODUCT)
    return Written(text, SIGN if text.startswith("−") else ATOM)
