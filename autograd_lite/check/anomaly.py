"""Find the operation that produced the first NaN or infinity, forward or backward."""

from __future__ import annotations

from contextvars import ContextVar
from types import FrameType
from typing import Any, Self

import numpy as np

from autograd_lite.core.modes import Watch, passing
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import arrays_in, names_in
from autograd_lite.graph.source import Source, user_frame
from autograd_lite.graph.variables import name_of_copy
from autograd_lite.tensor import Tensor

Row = tuple[str, str]


class AnomalyError(FloatingPointError):
    """An operation inside `detect_anomaly` produced a NaN or an infinity, or was given one.

    Attributes
    ----------
    primitive : Primitive
        The operation.
    source : Source or None
        The line of the user's code where it was computed; None if that was outside the block.
    """

    __module__ = __name__.partition(".")[0]  # Where users find it.

    def __init__(self, message: str, primitive: Primitive, source: Source | None) -> None:
        super().__init__(message)
        self.primitive, self.source = primitive, source

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.primitive, self.source)


class _Place(Source):
    """The line where a tensor was made, and what the operands were called there."""

    names: tuple[str | None, ...]


_warnings: ContextVar[tuple[Any, ...]] = ContextVar("warnings", default=())
"""What NumPy warned of before each block that is open."""


class detect_anomaly(Watch):  # noqa: N801  (lower case like the function it is used as)
    """Stop at the first operation that produces a NaN or an infinity: a context, or a decorator.

    Inside, every result that involves a Tensor is looked at, whether or not it requires a gradient,
    and so is every gradient that a backward pass sends on. Outside, nothing is: it costs nothing.

    Parameters
    ----------
    inf : bool
        Whether infinities count; without, only NaN does, so that a mask of ``-inf`` may pass.

    Raises
    ------
    AnomalyError
        With the operation, its line, the shapes and a summary of the values of its operands, and
        their names: `Tensor.name`, or the variable in the frame that computed it. If one of the
        operands had such a number already, then no operation in the block made it, and the message
        says which operand to look at.

    Notes
    -----
    It holds for the current thread or asyncio task. NumPy's warnings about division by zero,
    overflow and invalid values are off inside, also for code without Tensors: the error comes in
    their place. What the rule of an operation computes on its way does not count, only what comes
    out of it. Lines are known of what is computed inside the block, so put the forward pass into it
    too. Looking costs several times what the operation itself does if that is small.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> x = al.Tensor([0.0, 4.0], requires_grad=True)
    >>> with al.detect_anomaly():
    ...     np.log(x)
    Traceback (most recent call last):
    autograd_lite.AnomalyError: log produced 1 infinity from finite operands.
      line    <doctest autograd_lite.check.anomaly.detect_anomaly[3]>:2: np.log(x)
      result  (2,) float64: 1 of 2 finite, from 1.38629 to 1.38629; 1 infinity
      x       (2,) float64: 2 of 2 finite, from 0 to 4
    """

    def __init__(self, *, inf: bool = True) -> None:
        self._inf = inf

    def __enter__(self) -> Self:
        super().__enter__()
        before = np.seterr(divide="ignore", over="ignore", invalid="ignore")
        _warnings.set((*_warnings.get(), before))
        return self

    def __exit__(self, *exception: object) -> None:
        if _warnings.get():  # None where the block ends in another context than it began in.
            *rest, before = _warnings.get()
            np.seterr(**before)
            _warnings.set(tuple(rest))
        super().__exit__(*exception)

    def computed(
        self,
        result: Tensor,
        primitive: Primitive,
        operands: tuple[Tensor | None, ...],
        values: tuple[Any, ...],
    ) -> None:
        """Look at the result; note where a good one was made."""
        bad = self._bad(result._array)
        if bad and passing.get():
            return  # On the way inside a rule, which may yet mask it.
        frame = user_frame()
        place = _place(frame, operands)
        if not bad:
            if place is not None and not result.is_leaf:
                result._source = place
            return
        names = _names(primitive, operands, values, place, frame)
        given = [i for i, value in enumerate(values) if self._bad(value)]
        if given:
            title = f"{primitive.name} was given {_count(values[given[0]])} in {names[given[0]]}"
            title += f", {_origin(operands[given[0]])}: no operation in this block made it."
        else:
            title = f"{primitive.name} produced {_count(result._array)} from finite operands."
        rows = [
            ("result", _summary(result._array)),
            *zip(names, map(_summary, values), strict=True),
        ]
        raise AnomalyError(_message(title, place, rows), primitive, place)

    def passed(self, node: Tensor, i: int, g: Any, gx: Any, total: Any) -> None:
        """Look at what a rule returned."""
        g, gx, total = (x._array if isinstance(x, Tensor) else x for x in (g, gx, total))
        if not self._bad(total):
            return
        primitive, values = node._primitive, node._values
        assert primitive is not None  # A leaf sends nothing on.
        place = node._source
        names = _names(primitive, node._operands, values, place, user_frame())
        given = [k for k, value in enumerate(values) if self._bad(value)]
        if self._bad(g):
            title = f"The gradient that arrived at the result of {primitive.name} had {_count(g)}"
            title += ": it came from backward(gradient), or from a hook, and from no operation."
        elif not self._bad(gx):
            title = f"Gradients of {names[i]} that are finite add up to {_count(total)}"
            title += f"; the last to be added came from {primitive.name}."
        else:
            title = f"The gradient of {primitive.name} with respect to {names[i]} has {_count(gx)}"
            title += ", and all that it was computed from is finite."
            if given:
                title = f"{title.partition(',')[0]}. In the forward pass, which was outside this "
                title += f"block, {names[given[0]]} had {_count(values[given[0]])} already."
        rows = [
            (f"gradient of {names[i].rpartition(' = ')[2]}", _summary(gx)),
            ("gradient of the result", _summary(g)),
            ("result", _summary(node._array)),
            *zip(names, map(_summary, values), strict=True),
        ]
        raise AnomalyError(_message(title, place, rows), primitive, place)

    def _bad(self, value: Any) -> bool:
        value = np.asarray(value)
        if value.dtype.kind not in "fc":
            return False
        return bool(not np.isfinite(value).all() if self._inf else np.isnan(value).any())


def _place(frame: FrameType | None, operands: tuple[Tensor | None, ...]) -> _Place | None:
    """Return the line that a frame is at, with what it calls the operands."""
    if frame is None:
        return None
    variables = {id(tensor): name for name, tensor in names_in(frame).items()}
    place = _Place(frame.f_code.co_filename, frame.f_lineno)
    place.names = tuple(None if x is None else x.name or variables.get(id(x)) for x in operands)
    return place


def _names(
    primitive: Primitive,
    operands: tuple[Tensor | None, ...],
    values: tuple[Any, ...],
    place: Source | None,
    frame: FrameType | None,
) -> list[str]:
    """Say for every operand which one it is and, if it is known, what the user calls it."""
    noted = getattr(place, "names", None) or [None] * len(operands)
    variables = {id(tensor): name for name, tensor in names_in(frame).items()}
    arrays = arrays_in(frame)
    found = []
    for i, (x, value) in enumerate(zip(operands, values, strict=True)):
        own = f"{primitive.operands[0]}[{i}]" if primitive.variadic else primitive.operands[i]
        name = noted[i]
        if name is None and x is not None:
            name = x.name or variables.get(id(x))
        elif name is None and np.ndim(value):
            name = name_of_copy(np.asarray(value), arrays)
        found.append(own if name in (None, own) else f"{own} = {name}")
    return found


def _origin(operand: Tensor | None) -> str:
    """Say what kind of thing an operand is that had a bad number before."""
    if operand is None:
        return "a plain array or number"
    if operand._primitive is not None:
        return f"a result of {operand._primitive.name} from before this block"
    return "a leaf that requires a gradient" if operand._requires_grad else "a leaf"


def _count(value: Any) -> str:
    """Say how many numbers are not finite."""
    nans, infinities = int(np.isnan(value).sum()), int(np.isinf(value).sum())
    parts = [f"{nans} NaN"] if nans else []
    if infinities:
        parts.append(f"{infinities} {'infinity' if infinities == 1 else 'infinities'}")
    return " and ".join(parts)


def _summary(value: Any) -> str:
    """Say of what shape an array is, how many of its numbers are finite, and their range."""
    value = np.asarray(value)
    text = f"{value.shape} {value.dtype}"
    if not value.ndim:
        return f"{text}: {value[()]}"
    finite = value[np.isfinite(value)]
    text += f": {finite.size} of {value.size} finite"
    if finite.size and value.dtype.kind in "fiu":
        text += f", from {finite.min():g} to {finite.max():g}"
    bad = _count(value)
    return f"{text}; {bad}" if bad else text


def _message(title: str, place: Source | None, rows: list[Row]) -> str:
    """Put the title, the line and a row for every array together."""
    line = "not known: it was computed outside detect_anomaly()"
    if place is not None:
        line = f"{place}: {place.text}" if place.text else str(place)
    rows = [("line", line), *rows]
    width = max(len(name) for name, _ in rows)
    return "\n".join([title, *(f"  {name:{width}}  {text}" for name, text in rows)])
