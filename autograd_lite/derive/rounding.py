"""Where the printed code and autodiff are rounded differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.derive.helpers import namespace
from autograd_lite.derive.lines import Line
from autograd_lite.derive.writer import Steps
from autograd_lite.graph.cotangents import cotangents
from autograd_lite.program.expression import walk


@dataclass(frozen=True, slots=True)
class Rounded:
    """How far a gradient by the printed code and by autodiff are apart.

    Attributes
    ----------
    ulps : float
        The largest difference, in units in the last place of the largest entry, or term of a
        sum: a small one is what is left of others that cancel, and has their rounding.
    where : tuple of int
        At which entry.
    since : Line or None
        The first line on the way to it that gives another number than autodiff has.
    """

    ulps: float
    where: tuple[int, ...] = ()
    since: Line | None = None

    def __str__(self) -> str:
        if not self.ulps:
            return "as autodiff, to the last bit"
        at = f" at {self.where}" if self.where else ""
        since = f"; first rounded otherwise: {self.since.name}" if self.since else ""
        return f"{self.ulps:.2g} ulp from autodiff{at}{since}"


class Rounding(dict[str, Rounded]):
    """`Rounded` of every gradient, by its name; prints as a list."""

    @property
    def largest(self) -> float:
        """The largest difference of all, in ulps."""
        return max((x.ulps for x in self.values()), default=0.0)

    @property
    def summary(self) -> str:
        """All of it in a clause."""
        if not self.largest:
            return "as autodiff, to the last bit"
        return f"within {self.largest:.2g} ulp of autodiff"

    @property
    def since(self) -> Line | None:
        """The first line of all that gives another number than autodiff has."""
        return next((x.since for x in self.values() if x.since), None)

    def __str__(self) -> str:
        return "\n".join(f"{name}: {rounded}" for name, rounded in self.items())


def compare_rounding(derivation: Steps) -> Rounding:
    """Run the code line by line on the recorded values, beside autodiff; see `Derivation`."""
    arrived = cotangents(derivation.graph).arrived
    space = namespace(derivation.lines) | derivation.arguments
    apart: dict[str, tuple[float, tuple[int, ...]]] = {}
    with np.errstate(all="ignore"):
        for line in derivation.lines:
            exec(line.code, space)
            true = line.node.value if line.node else arrived.get(line.of.id if line.of else "")
            if true is not None:
                e = line.expression
                terms = e.operands if e.operation in (ops.add, ops.subtract) else ()
                apart[line.name] = in_ulps(space[line.name], true, *(x.value for x in terms))
    uses = _uses(derivation)
    found = Rounding()
    for name, gradient in derivation.gradients.items():
        ulps, where = apart.get(gradient, (0.0, ()))
        since = next(
            (
                x
                for x in derivation.lines
                if x.name in uses[gradient] and apart.get(x.name, (0,))[0]
            ),
            None,
        )
        found[name] = Rounded(ulps, where, since if ulps else None)
    return found


def in_ulps(ours: Any, true: Any, *terms: Any) -> tuple[float, tuple[int, ...]]:
    """Return the largest difference in units in the last place of the largest entry, and where.

    - `terms`: of which it is the sum: the entry may be one of theirs.
    """
    true = np.asarray(true)
    if true.dtype.kind != "f":  # Nothing is rounded there.
        return 0.0, ()
    with np.errstate(all="ignore"):
        gap = np.abs(np.broadcast_to(ours, true.shape) - true)
        gap = np.where((ours == true) | (np.isnan(ours) & np.isnan(true)), 0, gap)
        sizes = np.concatenate([np.abs(np.ravel(x)).astype(true.dtype) for x in (true, *terms)])
        unit = np.spacing(sizes[np.isfinite(sizes)].max(initial=np.finfo(true.dtype).tiny))
    if not gap.size or not gap.any():
        return 0.0, ()
    where = np.unravel_index(np.argmax(gap), gap.shape)
    return float(gap[where] / unit), tuple(map(int, where))


def _uses(derivation: Steps) -> Mapping[str, set[str]]:
    """Return for every line the lines that it is computed from, and itself."""
    uses: dict[str, set[str]] = {}
    for line in derivation.lines:
        names = [x.name for x in walk((line.expression,)) if x.name is not None]
        uses[line.name] = {line.name}.union(*(uses.get(name, set()) for name in names))
    return uses
