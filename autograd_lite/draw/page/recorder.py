"""Recorded training: the same computation at many steps, played back on one picture."""

import os
import sys
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.later import names_its_arguments
from autograd_lite.draw.arguments import asked
from autograd_lite.draw.formulas import is_inline
from autograd_lite.draw.names import by_node
from autograd_lite.draw.page.training import Frame, page
from autograd_lite.draw.picture import framed_page
from autograd_lite.functional.settings import check_counts
from autograd_lite.graph import Graph, Node, arrays_in, names_in, write
from autograd_lite.graph.cotangents import cotangents
from autograd_lite.tensor import Tensor


class Recorder:
    """Keep values and gradients of a computation while it is trained, and play them back.

    Call `record` with the loss of each step, before or after ``backward()``: the gradients are
    computed anew, of inner tensors too. Of a long training only some steps are kept; when there are
    `max_frames` of them, every second one is dropped, and from then on every second one recorded.
    So the memory is that of `max_frames` steps however long the training is. What was recorded
    last is always shown.

    Parameters
    ----------
    every : int
        Keep every so manieth call of `record`, beginning with the first.
    max_frames : int
        How many steps are kept at most.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True, name="w")
    >>> optimiser = al.optim.SGD([w], lr=0.01)
    >>> recorder = al.Recorder(max_frames=10)
    >>> for _ in range(25):
    ...     error = (w * 5 - 42) ** 2
    ...     recorder.record(error)
    ...     optimiser.zero_grad()
    ...     error.backward()
    ...     optimiser.step()
    >>> recorder.steps
    (0, 4, 8, 12, 16, 20, 24)
    >>> recorder.losses[:2]
    array([1369.        ,    5.34765625])
    >>> recorder
    <Recorder of error: 7 steps, 0 to 24; .save("training.html") plays them back>
    """

    @names_its_arguments
    def __init__(self, *, every: int = 1, max_frames: int = 200) -> None:
        check_counts("Recorder", every=every)
        check_counts("Recorder", 2, max_frames=max_frames)
        self.every, self.max_frames = every, max_frames
        self._graph: Graph | None = None
        self._kept: list[Frame] = []
        self._skipped: tuple[float, Tensor] | None = None
        self._calls = 0

    def record(self, loss: Tensor, step: float | None = None) -> None:
        """Look at the loss of a step, and keep what it was computed from if it is this one's turn.

        Parameters
        ----------
        loss : Tensor
            With one entry.
        step : int or float, optional
            What the step is called: the epoch, say. Otherwise calls are counted from 0.

        Raises
        ------
        TypeError, ValueError
            If the loss is not a Tensor or has several entries; if the step is not a number.
        ValueError
            If it was computed in another way than before: the playback shows one graph.
        """
        if not isinstance(loss, Tensor):
            raise TypeError(f"Recorder.record needs the loss, a Tensor; got {type(loss).__name__}.")
        if loss.size != 1:
            raise ValueError(
                f"Recorder.record needs a loss with one entry, got shape {loss.shape}: its curve "
                f"is drawn. Take .mean() or .sum() of it."
            )
        if not isinstance(step, int | float | np.integer | np.floating | None):
            raise TypeError(f"Recorder.record: a step is a number; got {type(step).__name__}.")
        label, due = self._calls if step is None else step, self._calls % self.every == 0
        self._calls += 1
        if not due:
            self._skipped = (label, loss)
            return
        if self._graph is None:
            frame = sys._getframe(1)
            # Arrays get their names afterwards: which are equal may differ from step to step.
            graph = Graph(loss, names_in(frame))
            names = by_node(graph, {}, arrays_in(frame))
            named = [replace(x, name=names.get(x.id, x.name)) for x in graph]
            self._graph = graph._like(named, [x.id for x in graph.outputs], graph.held)
        self._skipped = None
        self._kept.append(self._frame(label, loss))
        if len(self._kept) > self.max_frames:
            self._kept, self.every = self._kept[::2], 2 * self.every
            if (self._calls - 1) % self.every:
                self._skipped = (label, loss)

    @property
    def steps(self) -> tuple[float, ...]:
        """What the kept steps are called."""
        return tuple(frame.label for frame in self._frames())

    @property
    def losses(self) -> NDArray[Any]:
        """The loss at each of them."""
        return np.array([frame.loss for frame in self._frames()])

    def html(self, **options: Any) -> str:
        """Return a page that plays the training back, as its text.

        Parameters
        ----------
        **options
            As for `draw`: ``names``, ``title``, ``collapse``, ``theme`` and others that say what is
            drawn.

        Raises
        ------
        ValueError
            If nothing was recorded, or `sweep` is among the options.
        TypeError
            If there is no such option.
        """
        graph, frames = self.recorded()
        known = asked.__kwdefaults__ or {}
        unknown = ", ".join(name for name in options if name not in known)
        if unknown:
            raise TypeError(f"Recorder: draw has no option {unknown}; it has {', '.join(known)}.")
        scene = asked(graph, None, **options)
        if scene.graph is not graph:
            raise ValueError("Recorder: the page has the gradients in it; leave sweep= out.")
        return page(scene, frames, options.get("theme", "auto"))

    def save(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write a page that plays the training back: one file, which needs nothing else.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.html``. Missing folders are made.
        **options
            As for `html`.

        Returns
        -------
        Path
            The file.
        """
        path = Path(path)
        if path.suffix.lower() != ".html":
            raise ValueError(
                f"Recorder.save writes a page, so the path ends in .html; got {path.name!r}."
            )
        content = self.html(**options)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def recorded(self) -> tuple[Graph, list[Frame]]:
        """Return the computation that was recorded first, and all steps that were kept.

        Raises
        ------
        ValueError
            If nothing was recorded.
        """
        if self._graph is None:
            raise ValueError(
                "Recorder: nothing was recorded. Call recorder.record(loss) at every step of the "
                "training."
            )
        return self._graph, self._frames()

    def _frames(self) -> list[Frame]:
        """Return what was kept, and what was recorded last."""
        return self._kept + ([self._frame(*self._skipped)] if self._skipped else [])

    def _frame(self, label: float, loss: Tensor) -> Frame:
        """Keep the arrays of a step: they are never changed, so there is no need to copy them."""
        graph = Graph(loss, {})
        assert self._graph is not None
        _require_alike(self._graph, graph, label)
        values = {node.id: np.asarray(node.value) for node in graph}
        return Frame(label, float(loss.data.item()), values, cotangents(graph).arrived)

    def _repr_html_(self) -> str:
        """Play the training back in a notebook."""
        if self._graph is None:
            return f"<p>{escape(repr(self))}</p>"
        return framed_page(self.html(), repr(self))

    def __repr__(self) -> str:
        if self._graph is None:
            return "<Recorder: nothing recorded yet>"
        steps = self.steps
        return (
            f"<Recorder of {self._graph.outputs[0].label}: {len(steps)} "
            f"step{'s' * (len(steps) != 1)}, {steps[0]} to {steps[-1]}; "
            f'.save("training.html") plays them back>'
        )


def _require_alike(before: Graph, after: Graph, label: float) -> None:
    """Refuse a computation that is not the one that was recorded first."""
    start = f"Recorder.record: what is computed at step {label} is not what was recorded first"
    fix = (
        "A playback shows one graph: record steps that do the same operations on the same shapes "
        "(leave out a smaller last batch, say), and make numbers that change Tensors."
    )
    for x, y in zip(before, after, strict=False):
        if _description(x) != _description(y):
            raise ValueError(f"{start}: {x.id} was {_shown(x)}, and is {_shown(y)}. {fix}")
    if len(before) != len(after):
        raise ValueError(f"{start}: there were {len(before)} values, and are {len(after)}. {fix}")


def _description(node: Node) -> tuple[Any, ...]:
    """Describe everything about a node that a picture shows, but for its entries."""
    number = str(node.value) if is_inline(node) else ""
    kind = np.asarray(node.value).dtype
    return (node.kind, _written(node), node.shape, kind, node.requires_grad, number)


def _shown(node: Node) -> str:
    if is_inline(node):
        return f"the number {node.value}"
    return f"{_written(node) or node.kind} of shape {node.shape}"


def _written(node: Node) -> str:
    return write(node, node.operands) if node.primitive is not None else ""
