"""A value as a small table in Graphviz's HTML: name, formula, shape, numbers, gradient."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.draw import digits
from autograd_lite.draw.blocks import (
    Block,
    cell,
    column_widths,
    gap,
    line,
    numbers,
    row,
    spacer,
    summaries,
    table,
    words,
)
from autograd_lite.draw.fold import Box, Fold
from autograd_lite.draw.formulas import summed
from autograd_lite.draw.miniatures import miniature
from autograd_lite.draw.style import (
    ALARM,
    GRADIENT,
    INK,
    LOOKS,
    QUIET,
    SMALL,
    TEXT,
    TITLE,
    Look,
    Role,
)
from autograd_lite.draw.text_width import width_of, wrapped
from autograd_lite.graph import Node

Parts = Sequence[NDArray[Any]]
MOST_TERMS = 4  # Of a sum that is written out.
SIDE = 10  # Room on both sides of a heading.


def card(
    node: Node, role: Role, name: str, formula: str, show: Collection[str], parts: Parts = ()
) -> str:
    """Write the box of one value; `parts` are what its gradient is the sum of."""
    look = LOOKS[role]
    heading = _heading(look, name, formula or ("" if name else role))
    rows = [row(cell(heading.html, CELLPADDING=5, WIDTH=math.ceil(heading.width) + 2 * SIDE))]
    return framed(look, *rows, *_below(node, heading.width, show, parts=parts))


def fold_card(fold: Fold, show: Collection[str]) -> str:
    """Write the box of several values; of a module, with what it returned."""
    if fold.alike:
        return _alike_card(fold, show)
    look = LOOKS["fold"]
    if fold.nodes[-1].backward:
        look = replace(look, ink=LOOKS["gradient"].ink)
    first, second = fold.heading
    if not fold.calls:
        rows = [row(cell(words(first, look.ink, bold=True), CELLPADDING=6))]
        others = second.split(", ") if second else []
        rows += [row(cell(words(f"and {text}", QUIET, SMALL), CELLPADDING=2)) for text in others]
        return framed(look, *rows)
    inside = f"{len(fold.nodes):,} values inside"
    small = [second, "equal to the one before" * fold.more, fold.takes and f"input {fold.takes}"]
    small = [text for text in small if text]
    widest = max(width_of(first, TEXT, bold=True), *(width_of(x, SMALL) for x in (*small, inside)))
    rows = [row(cell(words(first, look.ink, bold=True), CELLPADDING=5))]
    rows += [row(cell(words(text, QUIET, SMALL), CELLPADDING=2)) for text in small]
    rows.append(
        row(cell(words(inside, QUIET, SMALL), CELLPADDING=2, WIDTH=round(widest) + 2 * SIDE))
    )
    if not fold.has_output:
        return framed(look, *rows, gap(3))
    return framed(look, *rows, *_below(fold.result, widest, show, "output "))


def role_of_leaf(node: Node) -> Role:
    """Return what a leaf is in a computation."""
    return "result" if node.kind == "operation" else node.kind


def _alike_card(fold: Fold, show: Collection[str]) -> str:
    """Write the box of leaves that are alike, with what describes the entries of all of them."""
    look = LOOKS[role_of_leaf(fold.nodes[0])]
    first, second = fold.heading
    kind = described(fold.nodes[0], show)
    second = " · ".join(filter(None, (second, f"each {kind}" if kind else "")))
    rows = [row(cell(words(first, look.ink, bold=True), CELLPADDING=5))]
    rows += [row(cell(words(second, QUIET, SMALL), CELLPADDING=2))] * bool(second)
    values = np.concatenate([np.ravel(node.value) for node in fold.nodes])
    grads = [np.ravel(node.grad) for node in fold.nodes if node.grad is not None]
    columns = [("value", values, INK)] if "value" in show and values.size else []
    if "grad" in show and len(grads) == len(fold.nodes) and values.size:
        columns.append(("grad", np.concatenate(grads), GRADIENT))
    if not columns:
        return framed(look, *rows, gap(3))
    widest = max(width_of(first, TEXT, bold=True), width_of(second, SMALL))
    if len(columns) == 1 and columns[0][0] == "value":
        columns = [("", values, INK)]
    body = summaries(columns).within(widest)
    return framed(look, *rows, "<HR/>", row(cell(body.html, CELLPADDING=6)))


def _below(
    node: Node, width: float, show: Collection[str], what: str = "", parts: Parts = ()
) -> list[str]:
    """Write what stands below a heading: shape and type, numbers, gradient."""
    kind = described(node, show)
    kind = kind and what + kind
    widest = max(width, width_of(kind, SMALL))
    body = _body(node, show, parts)
    room = {"WIDTH": math.ceil(widest) + SIDE} if body is None else {}
    rows = [row(cell(words(kind, QUIET, SMALL), CELLPADDING=2, **room))] if kind else []
    if body is None:
        return [*rows, gap(3)]
    return [*rows, "<HR/>", row(cell(body.within(widest).html, CELLPADDING=6))]


def summary(box: Box, name: str, formula: str) -> tuple[str, str]:
    """Describe a box in a line of text: what it is, and its shape."""
    if isinstance(box, Fold):
        return box.title, shape_and_type(box.result) if box.has_output else ""
    return equation(name, formula) or box.kind, shape_and_type(box)


def equation(name: str, formula: str) -> str:
    """Write ``name = formula``, or whichever of the two there is."""
    return " = ".join(filter(None, (name, formula)))


def figures(node: Node, show: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield what stands below a value in text: a label, and an array, or None for none yet."""
    if "value" in show:
        yield "value", node.value
    if "grad" in show and (node.grad is not None or node.kind == "parameter"):
        yield "grad", node.grad


def caption(title: str) -> str:
    """Write the title of a picture."""
    return table(row(cell(words(title, INK, TITLE, bold=True), CELLPADDING=4)))


def legend(
    entries: Sequence[tuple[Role, str]], remarks: Sequence[str], room: float = math.inf
) -> str:
    """Write a sample of every role, and remarks below, no wider than there is room."""
    lines: list[list[str]] = [[]]
    widths = [0.0]
    for role, label in entries:
        look = LOOKS[role]
        inner = width_of(label, SMALL) + 2 * SIDE
        if widths[-1] and widths[-1] + inner > room:
            lines, widths = [*lines, []], [*widths, 0.0]
        sample = framed(
            look, row(cell(words(label, look.ink, SMALL), CELLPADDING=5, WIDTH=round(inner)))
        )
        lines[-1] += [spacer(18), cell(sample)] if lines[-1] else [cell(sample)]
        widths[-1] += inner + 18
    remarks = [line for remark in remarks for line in wrapped(remark, room, SMALL)]
    widest = max((width_of(remark, SMALL) for remark in remarks), default=0)
    rows = [
        part
        for samples, width in zip(lines, widths, strict=True)
        for part in (gap(14), row(cell(Block(table(row(*samples)), width).within(widest).html)))
    ]
    rows += [gap(8)] * bool(remarks)
    rows += [row(cell(words(remark, QUIET, SMALL), CELLPADDING=2)) for remark in remarks]
    return table(*rows)


def framed(look: Look, *rows: str) -> str:
    """Write the table of a box, with the outline of its role."""
    outline: dict[str, object] = {"COLOR": look.ink}
    if look.style:
        outline["STYLE"] = look.style
    box = table(*rows, BORDER=look.border, BGCOLOR=look.fill, **outline)
    if look.double:
        box = table(row(cell(box)), BORDER=1, CELLPADDING=2, **outline)
    return box


def _heading(look: Look, name: str, formula: str) -> Block:
    """Write ``name = formula``, or whichever of the two there is."""
    if not name:
        return line(formula, look.ink)
    rest = f" = {formula}" if formula else ""
    html = words(name, look.ink, bold=True) + (words(rest) if rest else "")
    return Block(html, width_of(name, TEXT, bold=True) + width_of(rest, TEXT))


def shape_and_type(node: Node) -> str:
    """Write shape and type: ``3×4 · float64``."""
    return described(node, ("shape", "dtype"))


def described(node: Node, show: Collection[str]) -> str:
    """Write shape and type, as far as they are shown."""
    lengths = [f"{length:,}" for length in node.shape]
    shape = "×".join(lengths) if len(lengths) != 1 else f"length {lengths[0]}"
    parts = {"shape": shape or "scalar", "dtype": str(np.asarray(node.value).dtype)}
    return " · ".join(text for part, text in parts.items() if part in show)


def _body(node: Node, show: Collection[str], parts: Parts) -> Block | None:
    """Write the numbers of a value, of its gradient, and what is to be said about that."""
    value = np.asarray(node.value)
    shown = "value" in show
    if "grad" not in show or (node.grad is None and node.kind in ("operation", "constant")):
        return _figures(value, GRADIENT if node.backward else INK, show) if shown else None
    if node.grad is not None:
        block = _with_gradient(value, np.asarray(node.grad), show)
        if node.passes > 1:  # The usual beginner's mistake: no zero_grad between them.
            return _stacked(block, line(several_passes(node), ALARM, SMALL))
        return _stacked(block, line(sum_of(parts), GRADIENT, SMALL)) if parts else block
    if node.kind == "parameter":
        grad = line("none yet", QUIET)
        return _labelled([("value", _figures(value, INK, show))] * shown + [("grad", grad)])
    note = line("needs no gradient", QUIET, SMALL)
    return _stacked(_figures(value, INK, show), note) if shown else note


def several_passes(node: Node) -> str:
    """Say that a gradient is the sum of more than one backward pass."""
    return f"sum of {node.passes:,} backward passes"


def sum_of(parts: Parts) -> str:
    """Write a gradient as the sum of what arrives from the uses of a value."""
    if any(part.ndim for part in parts) or len(parts) > MOST_TERMS:
        return f"sum of {len(parts):,} contributions"
    return f"= {summed([digits.number(part) for part in parts])}"


def _stacked(above: Block, below: Block) -> Block:
    """Put a block below another one."""
    width = max(above.width, below.width)
    rows = row(cell(above.within(width).html)), gap(5), row(cell(below.within(width).html))
    return Block(table(*rows), width)


def _figures(array: NDArray[Any], color: str, show: Collection[str]) -> Block:
    """Write the numbers of an array; with a miniature of a large one."""
    block = numbers(array, color)
    small = miniature(array, color) if "map" in show and not digits.is_small(array) else None
    return _stacked(block, small) if small else block


def _with_gradient(value: NDArray[Any], grad: NDArray[Any], show: Collection[str]) -> Block:
    """Write a gradient beside a tall value, or below a wide one, column under column."""
    if "value" not in show:
        return _labelled([("grad", _figures(grad, GRADIENT, show))])
    if not digits.is_small(value):
        block = summaries([("value", value, INK), ("grad", grad, GRADIENT)])
        small = [miniature(x, color) for x, color in ((value, QUIET), (grad, GRADIENT))]
        pair = [(label, x) for label, x in zip(("value", "grad"), small, strict=True) if x]
        return _stacked(block, _labelled(pair, beside=True)) if pair and "map" in show else block
    columns = column_widths(value)
    if value.ndim == 2 and len(value) > len(columns):
        blocks = [("value", numbers(value, INK)), ("grad", numbers(grad, GRADIENT))]
        return _labelled(blocks, beside=True)
    above, below = numbers(value, INK, column_widths(grad)), numbers(grad, GRADIENT, columns)
    return _labelled([("value", above), ("grad", below)])


def _labelled(blocks: Sequence[tuple[str, Block]], *, beside: bool = False) -> Block:
    """Arrange blocks with their labels, side by side or below each other."""
    labels = max(width_of(label, SMALL) for label, _ in blocks)
    widest = max(block.width for _, block in blocks)
    rows: list[str] = []
    cells: list[str] = []
    for label, block in blocks:
        fitted = block if beside else block.within(widest, centred=False)
        color = GRADIENT if label == "grad" else QUIET
        pair = [
            cell(words(label, color, SMALL), ALIGN="RIGHT"),
            spacer(6),
            cell(fitted.html, ALIGN="LEFT"),
        ]
        cells += [spacer(12), *pair] if cells else pair
        rows += [gap(5), row(*pair)] if rows else [row(*pair)]
    if not beside:
        return Block(table(*rows), labels + 6 + widest)
    width = sum(width_of(label, SMALL) + 6 + block.width for label, block in blocks)
    return Block(table(row(*cells)), width + 12 * (len(blocks) - 1))
