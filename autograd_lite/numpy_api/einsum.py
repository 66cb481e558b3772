"""``np.einsum`` in all its forms, brought into the one that the operation takes."""

import string
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.arguments import refuse
from autograd_lite.numpy_api.products import INTO
from autograd_lite.numpy_api.table import as_array, composes

LETTERS = string.ascii_uppercase + string.ascii_lowercase
"""What the numbers of the list form stand for, in order."""


@composes(np.einsum)
def einsum(
    *operands: Any,
    out: Any = None,
    optimize: Any = False,
    dtype: Any = None,
    order: str = "K",  # How the result lies in memory.
    casting: str = "safe",
) -> Any:
    """Compose ``np.einsum``: subscripts or lists of labels, an ellipsis, an implicit result."""
    del order
    refuse("np.einsum", INTO, out=out)
    refuse("np.einsum", "convert the operands with t.astype(...)", dtype=dtype)
    refuse("np.einsum", "leave it out", casting=None if casting == "safe" else casting)
    subscripts, arrays = _subscripts(operands)
    explicit = _explicit(subscripts, arrays)
    try:
        return ops.einsum(*arrays, subscripts=explicit, optimize=optimize)
    except ValueError:
        _check_lengths(subscripts, explicit, arrays)
        raise


def _check_lengths(subscripts: str, explicit: str, arrays: list[Any]) -> None:
    """Raise an error that says where the lengths of axes with the same label differ."""
    found: dict[str, dict[int, str]] = {}
    for i, (term, x) in enumerate(zip(explicit.split("->")[0].split(","), arrays, strict=True)):
        if len(term) != x.ndim:
            raise ValueError(
                f"np.einsum: {subscripts!r} has {len(term)} labels ({term}) for operand {i}, of "
                f"shape {x.shape}. Each axis needs a label."
            )
        for label, length in zip(term, x.shape, strict=True):
            found.setdefault(label, {}).setdefault(length, f"operand {i} of shape {x.shape}")
    for label, places in found.items():
        lengths = {length: place for length, place in places.items() if length != 1}
        if len(lengths) > 1:
            where = ", and ".join(f"{length} in {place}" for length, place in lengths.items())
            name = f"label {label}" if label in subscripts else "an axis of the ellipsis"
            raise ValueError(
                f"np.einsum: in {subscripts!r}, {name} has length {where}. A label stands for one "
                f"length, or 1: use another label, or transpose an operand."
            ) from None


def _subscripts(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Return subscripts without blanks, and the operands as arrays."""
    if not operands:
        raise ValueError("np.einsum needs subscripts and operands, got nothing.")
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), [as_array(x) for x in operands[1:]]
    # The other form: operand, labels, operand, labels, ..., and perhaps those of the result.
    pairs = len(operands) // 2
    terms = ",".join(_letters(labels) for labels in operands[1 : 2 * pairs : 2])
    output = f"->{_letters(operands[-1])}" if len(operands) % 2 else ""
    return terms + output, [as_array(x) for x in operands[0 : 2 * pairs : 2]]


def _letters(labels: Any) -> str:
    """Write a list of numbers, with perhaps an ellipsis in it, as letters."""
    try:
        return "".join("..." if label is Ellipsis else LETTERS[label] for label in labels)
    except (TypeError, IndexError):
        raise TypeError(
            f"np.einsum on Tensors: labels must be a string, or lists of numbers below "
            f"{len(LETTERS)} after each operand, got {labels!r}."
        ) from None


def _explicit(subscripts: str, arrays: list[Any]) -> str:
    """Spell out the labels of the result, and of the axes that an ellipsis stands for."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(arrays):
        raise ValueError(
            f"np.einsum: {subscripts!r} is for {len(terms)} operands, got {len(arrays)}."
        )
    named = inputs.replace("...", "").replace(",", "")
    if not arrow:
        once = sorted(label for label in set(named) if named.count(label) == 1)
        output = ("..." if "..." in inputs else "") + "".join(once)
    counts = [
        x.ndim - len(term.replace("...", "")) if "..." in term else 0
        for term, x in zip(terms, arrays, strict=True)
    ]
    widest = max(counts)
    if min(counts) < 0 or (widest and "..." not in output):
        raise ValueError(
            f"np.einsum: {subscripts!r} does not fit operands of shapes "
            f"{', '.join(str(x.shape) for x in arrays)}: an ellipsis stands for the axes that have "
            f"no label, and the result must have them too."
        )
    free = [letter for letter in LETTERS if letter not in named + output]
    if widest > len(free):
        raise ValueError(f"np.einsum: {subscripts!r} needs more than {len(LETTERS)} labels.")
    letters = "".join(free[:widest])  # Aligned on the right, as in broadcasting.
    terms = [
        term.replace("...", letters[widest - count :])
        for term, count in zip(terms, counts, strict=True)
    ]
    return f"{','.join(terms)}->{output.replace('...', letters)}"
