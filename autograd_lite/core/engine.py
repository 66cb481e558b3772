"""The backward sweep, and whether operations are being recorded.

A node is anything with the slots that `sweep` reads: ``_primitive``, ``_inputs``, ``_parameters``,
``_data``, ``_birth``, ``_requires_grad``, ``_rare``. Inputs are born before outputs, so taking the
youngest node that is still waiting is a topological order, with no search before and no recursion.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import ContextDecorator, contextmanager
from heapq import heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Any, Self

from numpy import asarray, ndarray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from autograd_lite.core.primitive import Primitive
    from autograd_lite.tensor import Tensor


next_birth = itertools.count(1).__next__


class _State(threading.local):
    """What holds for one thread; a new thread starts from these values."""

    recording: Any = True
    """Whether operations are recorded: True, False, or (if somebody looks on) `Watched`."""

    watching: tuple[Watch, ...] = ()

    def __init__(self) -> None:
        self.before: list[Any] = []  # What to go back to at the end of each open block.


state = _State()


class Watched:
    """What `state.recording` is while somebody looks on: as true as what it stands for."""

    def __init__(self, recording: bool) -> None:
        self.recording, self.watches = recording, state.watching

    def __bool__(self) -> bool:
        return self.recording


class _Block(ContextDecorator):
    """Change the state of the current thread for a block, and back, whatever happens in it.

    A block keeps nothing of its own: the same one may be open several times, in many threads.
    """

    def __enter__(self) -> Self:
        state.before.append((state.recording, state.watching))
        self._change()
        return self

    def __exit__(self, *exception: object) -> None:
        state.recording, state.watching = state.before.pop()

    def _change(self) -> None:
        raise NotImplementedError


class Watch(_Block):
    """Look on while a block computes and sweeps, in the current thread; what a subclass sees."""

    def _change(self) -> None:
        state.watching = (*state.watching, self)
        state.recording = Watched(bool(state.recording))

    def computed(
        self,
        result: Tensor,
        primitive: Primitive,
        operands: tuple[Tensor | None, ...],
        values: tuple[Any, ...],
    ) -> None:
        """See the result of an operation, recorded or not, and what it was computed from."""

    def swept(self, node: Tensor, i: int, g: Any, gx: Any, total: Any) -> None:
        """See what the sweep sends to operand `i` of a node that `g` arrived at.

        `total` is the sum of that and of what had been sent there before.
        """


class _Recording(_Block):
    """Switch recording on or off."""

    _value: bool

    def _change(self) -> None:
        state.recording = Watched(self._value) if state.watching else self._value


class no_grad(_Recording):  # noqa: N801  (lower case like the function it is used as)
    """Stop recording, as a context or a decorator; in the current thread only.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(3.0, requires_grad=True)
    >>> with al.no_grad():
    ...     y = w * w
    >>> y.requires_grad
    False
    """

    _value = False


class enable_grad(_Recording):  # noqa: N801
    """Record again inside a `no_grad` block, as a context or a decorator."""

    _value = True


def is_grad_enabled() -> bool:
    """Say whether operations are being recorded in this thread."""
    return bool(state.recording)


class GradientError(RuntimeError):
    """A gradient was asked for that the record cannot give."""


def sweep(
    root: Tensor,
    cotangent: Any,
    *,
    more: Iterable[tuple[Tensor, Any]] = (),
    targets: frozenset[Tensor] = frozenset(),
    untapped: frozenset[Tensor] = frozenset(),
    create_graph: bool = False,
) -> list[tuple[Tensor, Any]]:
    """Send a cotangent from `root` back through the record, newest operation first.

    Parameters
    ----------
    root : Tensor
        Where to start.
    cotangent : array or Tensor
        Of the shape and dtype of `root`; a Tensor exactly if `create_graph`.
    more : iterable of pairs
        Other tensors to start from at once, with their cotangents.
    targets : frozenset of Tensor
        Inner nodes at which the sweep stops; what lies behind them alone is not visited.
    untapped : frozenset of Tensor
        Nodes whose hooks are not called, since this is a part of what arrives there.
    create_graph : bool
        Call the rules on Tensors, so that the sweep is itself recorded.

    Returns
    -------
    list of pairs
        Every leaf and target that was reached, with the sum of what arrived there.
    """
    found: list[tuple[Tensor, Any]] = []
    # Births are unique, so a heap of negated births with a table beside it never compares nodes.
    # Leaves wait in a table of their own, until all is known: a failed rule changes none of them.
    # One node waits outside of both, since most often it is the next; a birth of 0 is none.
    waiting: list[int] = []
    arrived: _Table = {}
    leaves: _Table = {}
    coming, upstream, sent = -root._birth, root, cotangent
    if more or root._primitive is None:
        arrived, leaves = _starts([(root, cotangent), *more])
        waiting, coming = sorted(arrived), 0
    watching = state.watching
    while waiting or coming:
        if not coming:
            birth = heappop(waiting)
            node, g = arrived.pop(birth)
        elif waiting and waiting[0] < coming:
            arrived[coming] = (upstream, sent)
            birth = heapreplace(waiting, coming)
            node, g = arrived.pop(birth)
        else:
            birth, node, g = coming, upstream, sent
        coming = 0
        if node._rare is not None and node._taps is not None and node not in untapped:
            g = node._taps(node, g)
        if targets and node in targets:
            found.append((node, g))
            continue
        inputs, parameters = node._inputs, node._parameters
        y, seen, count = node._data, inputs, len(inputs)
        if create_graph:
            y, seen = node, _as_tensors(node)
        i = 0
        for rule in node._primitive.rules:  # type: ignore[union-attr]  # Leaves wait elsewhere.
            if i == count:
                break  # The one rule of a variadic operation goes on and on.
            x, value = inputs[i], inputs[i + 1]
            i += 2
            if rule is None or x is None or not x._requires_grad:
                continue
            key = -x._birth
            if key < birth:  # Changed in place since: go to the version that was used.
                x = x._version_before(-birth)
                if x is None or not x._requires_grad:
                    continue
                key = -x._birth
            try:
                if parameters:
                    gx = rule(g, y, *seen[1::2], **parameters)
                elif count == 4:  # A starred call takes three times as long.
                    gx = rule(g, y, seen[1], seen[3])
                elif count == 2:
                    gx = rule(g, y, seen[1])
                else:
                    gx = rule(g, y, *seen[1::2])
            except Exception as error:
                error.add_note(f"This was {_rule_of(node, i // 2 - 1)}, in a backward pass.")
                raise
            kind = type(gx)
            if kind is not type(value) or (
                kind is ndarray and (gx.shape != value.shape or gx.dtype is not value.dtype)
            ):
                gx = fit(gx, value, node, i // 2 - 1)
            total = gx
            if x._primitive is None:
                if key in leaves:
                    total = leaves[key][1] + gx
                leaves[key] = (x, total)
            elif key == coming:
                sent = total = sent + gx
            elif key in arrived:
                total = arrived[key][1] + gx
                arrived[key] = (x, total)
            elif not coming:
                coming, upstream, sent = key, x, gx
            else:
                heappush(waiting, key)
                arrived[key] = (x, gx)
            if watching:
                for watch in watching:
                    watch.swept(node, i // 2 - 1, g, gx, total)
    for key in sorted(leaves):
        node, g = pair = leaves[key]
        if node._rare is not None and node._taps is not None and node not in untapped:
            pair = (node, node._taps(node, g))
        found.append(pair)
    return found


_Table = dict[int, tuple["Tensor", Any]]


def _starts(pairs: Iterable[tuple[Tensor, Any]]) -> tuple[_Table, _Table]:
    """Return what a sweep starts with, by negated birth: the nodes, and the leaves."""
    arrived: _Table = {}
    leaves: _Table = {}
    for node, g in pairs:
        birth, table = -node._birth, leaves if node._primitive is None else arrived
        table[birth] = (node, table[birth][1] + g if birth in table else g)
    return arrived, leaves


def _as_tensors(node: Tensor) -> tuple[Any, ...]:
    """Return the inputs of a node as the rules are to see them when the sweep is recorded."""
    seen: list[Any] = []
    for operand, value in zip(node._operands, node._values, strict=True):
        if operand is not None:
            operand._value()  # So that no rule sees what has been written since.
            if operand._birth > node._birth:
                operand = operand._version_before(node._birth)
        if operand is not None and operand._data is not value:
            if operand._requires_grad:
                name = repr(operand.name) if operand.name else f"a leaf of shape {operand.shape}"
                raise GradientError(
                    f"create_graph=True needs the tensors that were used, but {name} has been "
                    f"given a new value (by an optimiser step or `.data =`) since "
                    f"{node._primitive!r} used it. Compute the result again, then differentiate it."
                )
            operand = None
        if operand is None:
            # Arrays too become Tensors: array.dot(tensor) would compute, and record nothing.
            operand = node._wrap(value) if isinstance(value, ndarray) else value
        seen += None, operand
    return tuple(seen)


def _rule_of(node: Tensor, i: int | None) -> str:
    """Return what messages call the rule for operand `i` of a node."""
    primitive = node._primitive
    if i is None or primitive is None:
        return f"a rule of {primitive!r}"
    return _rule_for(primitive, i)


def _rule_for(primitive: Primitive, i: int) -> str:
    name = f"{primitive.operands[0]}[{i}]" if primitive.variadic else primitive.operands[i]
    return f"the rule of {primitive!r} for {name}"


@contextmanager
def named_rule(primitive: Primitive, i: int, where: str = "a backward pass") -> Iterator[None]:
    """Add to an error that is raised inside in which rule, for operand `i`, that was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"This was {_rule_for(primitive, i)}, in {where}.")
        raise


def fit(gx: Any, value: Any, node: Tensor, i: int | None = None) -> Any:
    """Undo what broadcasting and type promotion did to operand `i` of `node`.

    Sums the cotangent over the axes along which the operand was stretched, and casts it to the
    operand's dtype: the one place where either happens.
    """
    if not hasattr(gx, "dtype"):
        if gx is None:
            raise TypeError(
                f"{_rule_of(node, i)} returned None. A rule must return a cotangent; an operand "
                f"that the result does not depend on has None in place of a rule."
            )
        try:
            gx = asarray(gx)
        except ValueError:
            raise TypeError(
                f"{_rule_of(node, i)} returned a {type(gx).__name__} that makes no array."
            ) from None
    if gx.dtype.kind not in "biuf" or value.dtype.kind != "f":
        raise TypeError(
            f"{_rule_of(node, i)} returned dtype {gx.dtype} for an operand of dtype {value.dtype}: "
            f"gradients are of real floating-point numbers. Compute with the real and imaginary "
            f"parts of complex numbers apart."
        )
    shape = value.shape
    extra = gx.ndim - len(shape)
    if extra > 0 and gx.shape[extra:] == shape:  # Axes in front, as of a bias: the usual case.
        one = gx.size == value.size
        gx = gx.reshape(shape) if one else gx.sum(axis=tuple(range(extra)))
    elif gx.shape != shape:
        stretched = tuple(
            k for k in range(gx.ndim) if k < extra or (shape[k - extra] == 1 != gx.shape[k])
        )
        if extra < 0 or any(
            n not in (1, m) for n, m in zip(shape, gx.shape[max(extra, 0) :], strict=False)
        ):
            raise ValueError(
                f"{_rule_of(node, i)} returned a cotangent of shape {gx.shape} for an operand of "
                f"shape {shape} (output {node._data.shape}). A rule must return the operand's "
                f"shape, or the shape to which the operand was broadcast."
            )
        gx = gx.sum(axis=stretched).reshape(shape)
    return gx if gx.dtype == value.dtype else gx.astype(value.dtype)
