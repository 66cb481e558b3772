"""Put gradients that were derived by hand beside those of autodiff, and ask the numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_lite.check.numerical import central_differences, complex_step
from autograd_lite.engine import sweep
from autograd_lite.graph import Graph, Node, names_in
from autograd_lite.tensor import Tensor

AGREE = "agree"
HAND = "by hand is wrong"
AUTODIFF = "autodiff is wrong"
BOTH = "both are wrong"
UNDECIDED = "differ, undecided"
SHAPE = "shapes differ"

MOST_ENTRIES = 200
"""How many entries of one tensor the numerical oracle looks at: each costs up to 4 passes."""


class DisagreementError(AssertionError):
    """Gradients differ; the message is the table."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """The comparison for one tensor.

    Attributes
    ----------
    name : str
        Of the tensor.
    by_hand, autodiff : ndarray
        The two gradients.
    numerical : ndarray or None
        The third opinion; nan where it was not asked. None if it was not needed or not wanted.
    verdict : str
        ``agree``, ``by hand is wrong``, ``autodiff is wrong``, ``both are wrong`` (they agree, and
        the numbers do not), ``differ, undecided`` or ``shapes differ``.
    oracle : str
        Where `numerical` comes from.
    """

    name: str
    by_hand: NDArray[Any]
    autodiff: NDArray[Any]
    numerical: NDArray[Any] | None
    verdict: str
    oracle: str

    @property
    def ok(self) -> bool:
        """Whether the two agree."""
        return self.verdict == AGREE

    @property
    def difference(self) -> NDArray[Any]:
        """Absolute difference of the two, entry by entry; where one is nan, infinite."""
        if self.by_hand.shape != self.autodiff.shape:
            return np.array(np.inf)
        return distance(self.by_hand, self.autodiff)

    @property
    def largest(self) -> float:
        """Largest absolute difference."""
        return float(self.difference.max(initial=0.0))

    @property
    def relative(self) -> float:
        """Largest difference relative to the larger of the two entries."""
        if self.by_hand.shape != self.autodiff.shape:
            return np.inf
        size = np.fmax(np.abs(self.by_hand), np.abs(self.autodiff))
        with np.errstate(invalid="ignore"):
            ratio = self.difference / np.where(size == 0, 1, size)
        return float(np.nan_to_num(ratio, nan=np.inf).max(initial=0.0))

    @property
    def where(self) -> tuple[int, ...]:
        """Index of the largest difference."""
        if not self.difference.size:
            return ()
        index = np.unravel_index(np.argmax(self.difference), self.difference.shape)
        return tuple(int(i) for i in index)

    @property
    def ratio(self) -> float | None:
        """By hand divided by autodiff, if that is one number for all entries."""
        if self.by_hand.shape != self.autodiff.shape:
            return None
        used = self.autodiff != 0
        if not used.any() or (self.by_hand[~used] != 0).any():
            return None
        ratios = self.by_hand[used] / self.autodiff[used]
        first = float(ratios.flat[0])
        same = np.isfinite(first) and np.allclose(ratios, first, rtol=1e-6, atol=0)
        return first if same else None

    @property
    def finding(self) -> str:
        """The verdict in words, with what is known about the difference."""
        if self.ok:
            return AGREE
        if self.verdict == SHAPE:
            return f"{SHAPE}: {self.by_hand.shape} by hand, {self.autodiff.shape} by autodiff"
        parts = [self.verdict]
        if self.verdict in (HAND, AUTODIFF):
            other = "autodiff" if self.verdict == HAND else "by hand"
            parts.append(f"{self.oracle} sides with {other}")
        elif self.numerical is not None:
            parts.append(f"{self.oracle} sides with neither")
        if self.ratio is not None and abs(self.ratio - 1) > 1e-6:
            parts.append(f"by hand = {self.ratio:.6g} × autodiff")
        return "; ".join(parts)


class Comparison:
    """What `compare` found: true when everything agrees, prints as a table.

    Attributes
    ----------
    rows : tuple of Row
        One for each gradient by hand, in the order in which they were given.
    """

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self.rows = rows

    def __bool__(self) -> bool:
        return all(row.ok for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"No row {name!r}; there are {', '.join(row.name for row in self.rows)}.")

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows that do not agree."""
        return tuple(row for row in self.rows if not row.ok)

    def assert_ok(self) -> None:
        """Raise, with the table as the message, unless everything agrees.

        Raises
        ------
        DisagreementError
        """
        if not self:
            raise DisagreementError(f"{self._summary()}\n{self}")

    def _summary(self) -> str:
        return f"{len(self.rows) - len(self.failures)} of {len(self.rows)} gradients agree."

    def table(self) -> list[tuple[str, ...]]:
        """Return the cells, a header first, for whatever prints tables."""
        header = ("gradient of", "shape", "largest difference", "relative", "at", "verdict")
        cells: list[tuple[str, ...]] = [header]
        for row in self.rows:
            at = "" if row.ok or not row.autodiff.ndim else str(row.where)
            size, relative = f"{row.largest:.1e}", f"{row.relative:.1e}"
            cells.append((row.name, str(row.autodiff.shape), size, relative, at, row.finding))
        return cells

    def __str__(self) -> str:
        cells = self.table()
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in cells
        ]
        return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])

    def __repr__(self) -> str:
        return f"<Comparison: {self._summary()}>"


def compare(
    loss: Tensor,
    by_hand: Mapping[str, ArrayLike] | Mapping[Tensor, ArrayLike] | Mapping[Any, ArrayLike],
    *,
    rtol: float | None = None,
    atol: float | None = None,
    numerical: bool | None = None,
) -> Comparison:
    """Compare gradients that were derived by hand with those of autodiff.

    Where the two differ, a numerical derivative of the recorded computation, which knows no rule,
    says which one is right: by complex step where every operation on the way is analytic, else by
    central differences.

    Parameters
    ----------
    loss : Tensor with one entry
        What is differentiated.
    by_hand : mapping of str or Tensor to array_like
        Gradients of the loss: for parameters, inputs, and inner tensors (a pre-activation, say).
        A key is the tensor, or its name: `Tensor.name`, or a local variable of the caller.
    rtol, atol : float, optional
        Entries agree within ``atol + rtol * (the larger of the two)``. By default `rtol` is 1e-9
        in float64 and 1e-4 in float32, and `atol` is 1e-12 (1e-6) times the largest entry, or times
        loss / tensor, whichever is larger: less could not change the loss in its last digits if
        the tensor changed by its own size.
    numerical : bool, optional
        Ask for the third opinion always, or never; by default, where the two differ.

    Returns
    -------
    Comparison
        True when all agree; prints as a table; ``.assert_ok()`` raises.

    Raises
    ------
    KeyError
        If a key names no tensor of the computation, or several.
    TypeError, ValueError
        If `loss` is no Tensor, or has several entries, or depends on nothing that requires a
        gradient.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True)
    >>> pred = 5 * w
    >>> delta = pred - 42
    >>> result = al.compare(delta**2, {"w": (5.0 * 1.0 - 42) * 5})
    >>> bool(result)
    False
    >>> print(result["w"].finding)
    by hand is wrong; complex step sides with autodiff; by hand = 0.5 × autodiff
    """
    if not isinstance(loss, Tensor):
        raise TypeError(f"compare needs the loss as a Tensor, got {type(loss).__name__}.")
    if loss.size != 1 or not loss.requires_grad:
        raise ValueError(
            f"compare needs a loss with a single entry that depends on a tensor with "
            f"requires_grad=True, got {loss!r}."
        )
    if not by_hand:
        raise ValueError("compare needs at least one gradient by hand, got none.")
    graph = Graph(loss, names_in(sys._getframe(1)))
    nodes = [graph.find(key) for key in by_hand]
    gradients = gradients_of(loss, nodes)
    rows = []
    for node, key, hand in zip(nodes, by_hand, by_hand.values(), strict=True):
        name = key if isinstance(key, str) else node.label
        rows.append(
            _row(graph, node, name, np.asarray(hand), gradients[node], rtol, atol, numerical)
        )
    return Comparison(tuple(rows))


def gradients_of(loss: Tensor, nodes: list[Node]) -> dict[Node, NDArray[Any]]:
    """Return the gradient of the loss for each node, leaving every ``.grad`` alone."""
    seed = np.ones(loss.shape, loss.dtype)[()]
    leaves: dict[Tensor, Any] = {}
    sweep(loss, seed, leaves.__setitem__)
    found = {}
    for node in nodes:
        tensor = node.tensor
        arrived = leaves
        if tensor is not None and not tensor.is_leaf and tensor.requires_grad:
            arrived = {}
            sweep(loss, seed, arrived.__setitem__, targets=frozenset([tensor]))
        if tensor is None or tensor not in arrived:
            raise ValueError(
                f"compare: no gradient flows to {node.label}, {node.kind} {node.id}. To compare "
                f"its gradient, create it as Tensor(..., requires_grad=True)."
            )
        found[node] = np.asarray(arrived[tensor])
    return found


def distance(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the absolute difference; 0 between equal infinities, infinite where one is nan."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(np.asarray(a, float) - np.asarray(b, float))
    return np.where(a == b, 0.0, np.nan_to_num(gap, nan=np.inf))


def _close(a: NDArray[Any], b: NDArray[Any], rtol: float, atol: float) -> bool:
    size = np.fmax(np.abs(a), np.abs(b))
    return bool(np.all(distance(a, b) <= atol + rtol * np.where(np.isfinite(size), size, 0)))


def _largest(array: Any) -> float:
    """Return the largest finite absolute value."""
    array = np.abs(np.asarray(array, float))
    return float(array[np.isfinite(array)].max(initial=0.0))


def _per_unit(graph: Graph, node: Node) -> float:
    """Return the gradient with which the tensor, changed by its size, moves the loss by its."""
    size = _largest(node.value)
    return _largest(graph.outputs[0].value) / size if size else 0.0


def _row(
    graph: Graph,
    node: Node,
    name: str,
    hand: NDArray[Any],
    autodiff: NDArray[Any],
    rtol: float | None,
    atol: float | None,
    numerical: bool | None,
) -> Row:
    """Compare one gradient, and ask the oracle if that is needed."""
    if hand.shape != autodiff.shape:
        return Row(name, hand, autodiff, None, SHAPE, "")
    double = autodiff.dtype == np.float64
    scale = max(_largest(autodiff), _per_unit(graph, node))
    rtol = (1e-9 if double else 1e-4) if rtol is None else rtol
    atol = (1e-12 if double else 1e-6) * scale if atol is None else atol
    agree = _close(hand, autodiff, rtol, atol)
    if numerical is False or (agree and not numerical):
        return Row(name, hand, autodiff, None, AGREE if agree else UNDECIDED, "")
    third, oracle = numerical_gradient(graph, node, distance(hand, autodiff))
    asked = ~np.isnan(third)
    loose = 1e-6 if double else 1e-3
    slack = atol + loose * 1e-2 * max(_largest(autodiff), 1e-30)

    def right(side: NDArray[Any]) -> bool:
        return _close(side[asked], third[asked], loose, slack)

    if agree:
        verdict = AGREE if right(autodiff) else BOTH
    elif right(autodiff) != right(hand):
        verdict = HAND if right(autodiff) else AUTODIFF
    else:
        verdict = UNDECIDED
    return Row(name, hand, autodiff, third, verdict, oracle)


def numerical_gradient(
    graph: Graph, node: Node, interest: NDArray[Any] | None = None
) -> tuple[NDArray[Any], str]:
    """Differentiate the first output of a graph numerically by the value of a node.

    Of more than `MOST_ENTRIES` entries, those with the largest `interest` are looked at.

    Returns
    -------
    gradient : ndarray
        Of the shape of the node; nan where it was not asked.
    oracle : str
        How it was computed.
    """

    def loss_at(value: NDArray[Any]) -> Any:
        return np.reshape(graph.recompute({node.id: value[()]})[0], ())

    entries = None
    if np.size(node.value) > MOST_ENTRIES:
        weight = np.zeros(node.shape) if interest is None else interest
        chosen = np.argsort(-weight.ravel(), kind="stable")[:MOST_ENTRIES]
        columns = np.unravel_index(chosen, node.shape)
        entries = [tuple(int(i) for i in index) for index in zip(*columns, strict=True)]
    behind = {node.id}
    analytic = True
    for other in graph:
        if behind.intersection(other.operands):
            behind.add(other.id)
            analytic = analytic and other.primitive is not None and other.primitive.analytic
    if analytic:
        return complex_step(loss_at, node.value, entries), "complex step"
    return central_differences(loss_at, node.value, entries), "central differences"
