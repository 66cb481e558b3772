"""What a trace refuses, as errors that name the line; and which trace is under way."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from autograd_lite.core.backward import backward_pass
from autograd_lite.graph.source import Source, caller, user_frame

NOTES: ContextVar[Any] = ContextVar("notes", default=None)
"""The notes of the trace that is under way in this thread or task."""
ALONE = object()
"""The notes of nobody: what is compiled runs as it is."""


class TraceError(TypeError):
    """A function did something that a program cannot do: it asked for the value of an array."""

    __module__ = __name__.partition(".")[0]  # Where users find it.


CHOICES = (
    "Use np.where for a choice between two results, np.maximum, np.max(x) and np.sort(x) for max "
    "and sorted, and pass what decides about the computation as a plain argument"
)
KEPT = (
    "Return the array, or compute with it, as it is; for a choice between two results, use "
    "np.where; an array that a[i] = t writes into, begin with a = np.zeros(shape, like=t)"
)
INDICES = (
    "An array that a[i] picks from, pass as an argument, or close over it as a Tensor; one that "
    "a[i] = t writes into, begin with a = np.zeros(shape, like=x); pass what decides about shapes "
    "as a plain argument"
)
LISTS = (
    "In place of np.array([[t, u], [v, w]]), write al.array([[t, u], [v, w]]); where a[i] = t "
    "writes into a bare array, begin with a = np.zeros(shape, like=t)"
)


def refused(what: str, instead: str = CHOICES) -> TraceError:
    """Return an error that names what was asked for and the line that did."""
    said = f"A program knows no values, and this needs one{_line()}: {what}. {instead}."
    return _noted(TraceError(said))


def _noted(error: TraceError) -> TraceError:
    """Let the trace know of an error, which the function may catch."""
    notes = NOTES.get()
    if notes not in (None, ALONE):
        notes.failure = error
    return error


def unwritable(what: str) -> TraceError:
    """Return an error that names a write that no statement says, and the line that does it."""
    said = f"A program makes new arrays, and this does not{_line()}: {what}."
    return _noted(TraceError(said))


def asking() -> Source | None:
    """Return the line of the user that is being run: in a backward pass, what it goes back from."""
    frame, notes = user_frame(backward_pass.__code__), NOTES.get()
    if frame is not None and frame.f_code is backward_pass.__code__ and notes not in (None, ALONE):
        made = getattr(frame.f_locals["node"]._array, "_now", [None])[0]
        if made in notes.lines:
            return notes.lines[made]  # type: ignore[no-any-return]  # NOTES may hold anything.
    return caller()


def _line() -> str:
    where = asking()
    return f" ({where}: {where.text})" if where is not None else ""


def under_way() -> Any:
    """Return the notes of the running trace; raise an error outside of one."""
    notes = NOTES.get()
    if notes in (None, ALONE):
        raise outside()
    return notes


def outside() -> TraceError:
    """Return the error for what outlives its trace."""
    return TraceError(
        "An array that stands for another one, while a function is traced, was used outside of "
        "that trace: in another thread, or afterwards. Return it instead."
    )
