"""Whether operations are recorded, and who looks on: state of a thread or an asyncio task.

The blocks that are open in a context (`no_grad`, `enable_grad`, a `Watch`) are kept in a context
variable, in order. What holds is derived from them, so blocks may end in any order, after any
exception, and in a generator that is resumed elsewhere.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])


class GradientError(RuntimeError):
    """A gradient was asked for that the record cannot give, or would have been lost.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.Tensor(1.0).backward()
    Traceback (most recent call last):
    autograd_lite.GradientError: backward from a tensor of shape (): nothing it was \
computed from requires a gradient. Create the parameters with Tensor(..., requires_grad=True), and \
check that it was not computed inside no_grad().
    """

    __module__ = __name__.partition(".")[0]  # Where users find it.


class Watched:
    """What `recording` holds while somebody looks on: as true as what it stands for."""

    def __init__(self, recording: bool, watches: tuple[Watch, ...]) -> None:
        self.recording, self.watches = recording, watches

    def __bool__(self) -> bool:
        return self.recording


recording: ContextVar[Any] = ContextVar("recording", default=True)
"""Whether operations are recorded: True, False, or (if somebody looks on) `Watched`."""

passing: ContextVar[bool] = ContextVar("passing", default=False)
"""Whether a backward pass is under way that somebody looks on."""

refusals: ContextVar[list[str] | None] = ContextVar("refusals", default=None)
"""What was said where a gradient would have been lost, for whoever wants to know (a list)."""

_open: ContextVar[tuple[Block, ...]] = ContextVar("open", default=())


def _settle(blocks: tuple[Block, ...]) -> None:
    """Derive what holds from the blocks that are open."""
    value, watches = True, []
    for block in blocks:
        if isinstance(block, Watch):
            watches.append(block)
        elif block.records is not None:
            value = block.records
    _open.set(blocks)
    recording.set(Watched(value, tuple(watches)) if watches else value)


class Block:
    """Something that holds while a block of code runs: a context manager and a decorator.

    The same block may be open several times, in many threads and tasks.
    """

    records: bool | None = None
    """Whether operations are recorded inside; None leaves it as it is."""

    def __enter__(self) -> Self:
        _settle((*_open.get(), self))
        return self

    def __exit__(self, *exception: object) -> None:
        blocks = _open.get()
        for i in reversed(range(len(blocks))):
            if blocks[i] is self:
                _settle(blocks[:i] + blocks[i + 1 :])
                return

    def __call__(self, function: F) -> F:
        """Decorate a function; one that makes a generator or a coroutine holds it while it runs."""
        if isinstance(function, type) or not callable(function):
            name = type(self).__name__
            raise TypeError(
                f"{name} decorates a function, got {function!r}. Write `with al.{name}():`, or "
                f"decorate each method."
            )
        held: Any = None
        if inspect.isgeneratorfunction(function):
            held = Held
        elif inspect.isasyncgenfunction(function):
            held = _held

        def run(*args: Any, **kwargs: Any) -> Any:
            if held is not None:
                return held(self, function(*args, **kwargs))
            with self:
                return function(*args, **kwargs)

        async def run_coroutine(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        decorated: Any = run_coroutine if inspect.iscoroutinefunction(function) else run
        decorated.__name__ = decorated.__qualname__ = type(function).__name__
        plain = inspect.isroutine(function)  # What a module holds may be something else later.
        functools.update_wrapper(decorated, function, updated=("__dict__",) if plain else ())
        wrapped: F = decorated
        return wrapped


class Held(Generator[Any, Any, Any]):
    """A generator that runs inside a block; what happens between its steps is outside of it."""

    def __init__(self, block: Block, generator: Generator[Any, Any, Any]) -> None:
        self.block, self.generator = block, generator

    def send(self, value: Any) -> Any:
        """Go on to the next step."""
        with self.block:
            return self.generator.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an error."""
        try:
            with self.block:
                return self.generator.throw(*error)
        finally:
            del error  # It would hold this frame, and be held by it.

    def __del__(self) -> None:
        self.close()


async def _held(block: Block, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """Do the same for an asynchronous generator: event loops finish those of Python alone."""
    resume: Callable[[], Any] = functools.partial(anext, generator)
    while True:
        try:
            with block:
                value = await resume()
        except StopAsyncIteration:
            return
        finally:
            del resume
        try:
            resume = functools.partial(generator.asend, (yield value))
        except GeneratorExit:
            with block:
                await generator.aclose()
            raise
        except BaseException as error:  # noqa: BLE001  (it is handed on to the generator)
            resume = functools.partial(generator.athrow, error)


class Watch(Block):
    """Look on while a block computes and differentiates; what a subclass sees."""

    def computed(
        self, result: Any, primitive: Any, operands: tuple[Any, ...], values: tuple[Any, ...]
    ) -> None:
        """See the result of an operation, recorded or not, and what it was computed from."""

    def passed(self, node: Any, i: int, g: Any, gx: Any, total: Any) -> None:
        """See what a backward pass sends to operand `i` of a node that `g` arrived at.

        `total` is the sum of that and of what had been sent there before.
        """


class Switch(Block):
    """A block that is a decorator without parentheses, too."""

    if TYPE_CHECKING:

        @overload
        def __new__(cls) -> Self: ...
        @overload
        def __new__(cls, function: F) -> F: ...  # type: ignore[misc]  # It is not a block.

    def __new__(cls, function: Any = None) -> Any:
        """Make a block, or decorate a function with one."""
        block = super().__new__(cls)
        return block if function is None else block(function)


class no_grad(Switch):  # noqa: N801  (lower case like the function it is used as)
    """Stop recording inside a block, as a context manager or a decorator.

    It holds for the current thread or asyncio task. Results that are computed inside require no
    gradient.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(3.0, requires_grad=True)
    >>> with al.no_grad():
    ...     y = w * w
    >>> y.requires_grad
    False
    """

    records = False


class enable_grad(Switch):  # noqa: N801  (as `no_grad`)
    """Record inside a block, also where `no_grad` holds around it: context manager or decorator.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(3.0, requires_grad=True)
    >>> with al.no_grad(), al.enable_grad():
    ...     y = w * w
    >>> y.requires_grad
    True
    """

    records = True


def is_grad_enabled() -> bool:
    """Return whether operations are being recorded in this thread or task.

    Examples
    --------
    >>> import autograd_lite as al
    >>> with al.no_grad():
    ...     al.is_grad_enabled()
    False
    """
    return bool(recording.get())
