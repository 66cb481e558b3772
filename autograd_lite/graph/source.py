"""Where in the user's code an operation was recorded."""

import linecache
import os
import sys
from types import CodeType, FrameType
from typing import NamedTuple

from autograd_lite.core.modes import Watch
from autograd_lite.tensor import Tensor

_HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep


class Source(NamedTuple):
    """A line of the user's code.

    Attributes
    ----------
    file : str
        Its path, or what Python calls a cell of a notebook.
    line : int
        Counted from 1.

    Examples
    --------
    >>> import autograd_lite as al
    >>> print(al.Source("project/train.py", 12))
    train.py:12
    """

    file: str
    line: int

    @property
    def text(self) -> str:
        """The code on that line, without its indentation; empty if it cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


def user_frame(within: CodeType | None = None) -> FrameType | None:
    """Return the innermost frame that is not of this package, or that runs `within`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        if frame.f_code is within:
            break
        frame = frame.f_back
    return frame


def caller() -> Source | None:
    """Return the line that is being run, in the innermost frame that is not of this package."""
    frame = user_frame()
    return None if frame is None else Source(frame.f_code.co_filename, frame.f_lineno)


class record_source(Watch):  # noqa: N801  (lower case like the function it is used as)
    """Remember for every operation the line of the user's code, as a context or a decorator.

    Pictures, derivations and `Graph` then say where a value comes from. It is off by default:
    finding the line takes about as long as recording the operation.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(3.0, requires_grad=True, name="w")
    >>> with al.record_source():
    ...     y = w * w
    >>> al.Graph(y, names={}).find(y).source.line
    2
    """

    def computed(self, result: Tensor, *_: object) -> None:
        """Note the line of what is recorded."""
        if not result.is_leaf and result._source is None:
            source = caller()
            if source is not None:
                result._source = source
