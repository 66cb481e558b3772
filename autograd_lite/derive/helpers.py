"""What a derivation calls, and NumPy has not: written before it, so that it needs nothing else."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.primitive import Primitive
from autograd_lite.derive.lines import Line
from autograd_lite.program.expression import walk

HELPERS = {
    ops.scatter_add: """\
def scatter_add(x, index, shape):
    filled = np.zeros(shape, np.asarray(x).dtype)
    np.add.at(filled, index, x)
    return filled

""",
    ops.assign: """\
def assign(x, v, index):
    changed = np.array(x)
    changed[index] = v
    return changed

""",
    ops.mirror: """\
def mirror(x, upper=False):
    read = np.tri(x.shape[-1], dtype=bool)
    return np.where(read.T if upper else read, x, x.swapaxes(-1, -2))

""",
    ops.fold: """\
def fold(x, upper=False):
    flipped = x.swapaxes(-1, -2)
    return np.triu(x) + np.triu(flipped, 1) if upper else np.tril(x) + np.tril(flipped, -1)

""",
    ops.inverse_or_zero: """\
def inverse_or_zero(x, limit):
    nothing = np.abs(x) <= limit
    return np.where(nothing, 0, 1 / np.where(nothing, 1, x))

""",
    ops.interp_slope: """\
def interp_slope(x, xp, fp):
    slopes = np.concatenate([[0.0], np.diff(fp) / np.diff(xp), [0.0]])
    return (slopes[np.searchsorted(xp, x)] + slopes[np.searchsorted(xp, x, "right")]) / 2

""",
    ops.interp_adjoint: """\
def interp_adjoint(c, x, xp):
    i = np.clip(np.searchsorted(xp, x, "right") - 1, 0, len(xp) - 1)
    k = np.minimum(i + 1, len(xp) - 1)
    t = np.clip((x - xp[i]) / np.where(i < k, xp[k] - xp[i], 1.0), 0, 1)
    shares = np.zeros(len(xp))
    np.add.at(shares, i, c * (1 - t))
    np.add.at(shares, k, c * t)
    return shares

""",
    ops.interp_slope_adjoint: """\
def interp_slope_adjoint(c, x, xp):
    taken = np.zeros(len(xp) + 1)
    np.add.at(taken, np.searchsorted(xp, x), c / 2)
    np.add.at(taken, np.searchsorted(xp, x, "right"), c / 2)
    return -np.diff(np.concatenate([[0.0], taken[1:-1] / np.diff(xp), [0.0]]))

""",
    ops.qr: """\
def qr(a):
    q, r = np.linalg.qr(a)
    return np.concatenate([q, r.swapaxes(-1, -2)], axis=-2)

""",
    ops.eigh: """\
def eigh(a, uplo="L"):
    w, v = np.linalg.eigh(a, uplo)
    return np.concatenate([w[..., None, :], v], axis=-2)

""",
    ops.eig: """\
def eig(a):
    w, v = np.linalg.eig(a)
    return np.concatenate([w[..., None, :], v], axis=-2)

""",
    ops.svd: """\
def svd(a):
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, s[..., None, :], vt.swapaxes(-1, -2)], axis=-2)

""",
}
"""What NumPy has no function for."""


def helpers(lines: Iterable[Line]) -> list[str]:
    """Return definitions of the functions that lines call, besides those of NumPy."""
    return [HELPERS.get(operation) or _source(operation) for operation in _called(lines)]


def namespace(lines: Iterable[Line]) -> dict[str, Any]:
    """Return what the code of lines calls, by its name."""
    names: dict[str, Any] = {"np": np}
    for operation in _called(lines):
        if operation in HELPERS:
            exec(HELPERS[operation], names)
        else:
            names[operation.name] = operation.forward
    return names


def _called(lines: Iterable[Line]) -> Iterator[Primitive]:
    """Yield the operations that are written as calls of their own names, each once."""
    used = {part.operation: None for line in lines for part in walk((line.expression,))}
    for operation in used:
        template = getattr(getattr(operation, "notation", None), "python_template", "")
        if isinstance(operation, Primitive) and template.startswith(f"{operation.name}("):
            yield operation


def _source(operation: Primitive) -> str:
    """Return the definition of an operation without its decorator, if it can be read."""
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(operation.forward)))
    except OSError:
        return f"# {operation.name} is an operation of yours.\n"
    return source[re.search(r"^def ", source, re.MULTILINE).start() :] + "\n"  # type: ignore[union-attr]  # It is a function.
