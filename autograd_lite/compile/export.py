"""A program as source that stands on JAX, or on NumPy, alone."""

from __future__ import annotations

import contextlib
import inspect
import re
import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from autograd_lite.compile.compiled import as_called, confirmed, pure
from autograd_lite.compile.exported_code import Writer
from autograd_lite.compile.numpy_code import made, nest_source
from autograd_lite.compile.plan import StaleError
from autograd_lite.compile.signature import Signature
from autograd_lite.compile.step import Step
from autograd_lite.core.later import names_its_arguments
from autograd_lite.functional.nests import flatten
from autograd_lite.program.program import Variable
from autograd_lite.program.refusals import TraceError
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.trace import Place, Traced, is_input, trace
from autograd_lite.tensor import Tensor


@names_its_arguments
def export(
    f: Callable[..., Any], *example: Any, to: Literal["jax", "numpy"] = "jax"
) -> Callable[..., Any]:
    """Return a function of JAX's arrays, or NumPy's, whose source does not need this package.

    Parameters
    ----------
    f : callable
        A function of arrays, or of nested dicts, lists and tuples of them, such as
        ``al.value_and_grad(loss)``. What it closes over is written out as it is now. Or a training
        step that `compile` made: its parameters and the state of its optimiser become an argument.
    *example : arrays or nests of them
        Arguments: the function is exported for their structure, shapes and dtypes.
    to : {"jax", "numpy"}
        What the source stands on. JAX computes in float32 unless ``jax_enable_x64`` is set.

    Returns
    -------
    callable
        The function, called like `f`; ``source`` is the module that defines it. That of a step is
        called as ``state, loss = exported(state, *example)``; it has ``state``, a dict of arrays
        and numbers as they are now, and ``put(state)``, which gives them back to the parameters
        and the optimiser. Where `Dropout` draws, the last argument is a list of its masks, as
        ``draw()`` draws them from its generator, a new one for each call.

    Raises
    ------
    TypeError
        If an operation has no form there: the error names it.
    TraceError
        If `f` asks for the value of an array, draws random numbers of its own, or changes something
        besides its result; or is a step that must not be compiled, or has to take its first step
        yet.
    ValueError
        If `to` is unknown, or `f` closes over an array of more than 10,000 numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> derivative = al.export(al.grad(lambda x: np.sum(np.sin(x))), np.ones(2), to="numpy")
    >>> print(derivative.source)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def exported(x0):
        v0 = np.cos(x0)
        return v0
    <BLANKLINE>
    """
    if not callable(f):
        raise TypeError(f"export needs a function, or a step, got a {type(f).__name__}.")
    if to not in ("jax", "numpy"):
        raise ValueError(f"export needs to='jax' or to='numpy', got {to!r}.")
    try:
        inspect.signature(getattr(f, "forward", f)).bind(*example)
    except TypeError as error:
        raise TypeError(f"export: {error}. Pass an example of each: al.export(f, x).") from None
    except ValueError:  # A built-in function may have no signature.
        pass
    attributes: dict[str, Any] = {}
    if isinstance(f, Step):
        traced, state = f.as_function(*example)
        example = (state, *example)
        attributes = {"state": state, "put": f.put}
        held = 0
    else:
        traced = _traced(f, example)
        held = len(traced.places)
    program, count = traced.program, len(traced.drawn)
    inputs = program.inputs
    if count:
        attributes["draw"] = lambda: [draw(rng) for rng, draw in traced.drawn]
        example = (*example, traced.inputs[-count:])
    end = len(inputs) - count
    passed = iter((*inputs[: end - held], *inputs[end:]))
    arguments: list[str] = []
    lines = _checked_draws(traced.inputs[-count:]) if count else []
    labels = [f"a{i}" for i in range(len(example))]
    if "state" in attributes:
        labels[0] = "state"
    if count:
        labels[-1] = "draws"
    for label, nest in zip(labels, example, strict=True):
        arguments.append(f"{label}=None" if label == "draws" else label)
        for path, x in flatten(nest, label):
            if not (isinstance(x, Tensor) or is_input(x)):
                continue
            name = next(passed).name
            if path == label:
                arguments[-1] = name
            else:
                lines.append(f"{name} = {path}")
    refuse_shapes_by_values(traced)
    used = {x for s in program.statements for x in s.operands if isinstance(x, Variable)}
    kept = slice(end - held, end)
    closed_over = [
        (x, value)
        for x, value in zip(inputs[kept], traced.inputs[kept], strict=True)
        if x in used or x in program.outputs
    ]
    writer = Writer(to)

    def written() -> tuple[str, str]:
        """Return the source, and the same of a function that returns the result of every line."""
        writer.begin({x: x.name for x in inputs})
        body = [*lines, *(f"{x.name} = {writer.operand(value)}" for x, value in closed_over)]
        body += writer.lines(program)
        outputs = _nest(traced.result, [writer.operand(x) for x in program.outputs])
        head = f"def exported({', '.join(arguments)}):"
        both = []
        for result in (outputs, f"[{', '.join(writer.made)}]"):
            code = "\n    ".join([head, *body, f"return {result}\n"])
            parts = [*writer.helpers.values(), code]
            text = "\n".join(parts) + ("np." if to == "numpy" else "")
            imports = [x for x in _IMPORTS[to] if re.search(rf"\b{x.split()[-1]}\.", text)]
            both.append("\n\n\n".join(["\n".join(imports), *parts]))
        return both[0], both[1]

    source, of_every_line = written()
    while to == "jax" and writer.refused_by_jax(of_every_line, example):
        source, of_every_line = written()
    function = made(source, "exported", {}, "exported program")
    vars(function).update(attributes, source=source)
    return function


def refuse_shapes_by_values(traced: Traced) -> None:
    """Raise a TraceError if a result has another shape where every entry is 0."""
    if not traced.may_refuse:
        return
    known: dict[Any, Any] = {x: np.zeros(x.shape, x.dtype)[()] for x in traced.program.inputs}
    for s in traced.program.statements:
        operands = [known.get(x) if isinstance(x, Variable) else x for x in s.operands]
        if all(x is not None and np.isfinite(x).all() for x in operands):
            with warnings.catch_warnings(), contextlib.suppress(ArithmeticError, ValueError):
                warnings.simplefilter("ignore")  # Of NumPy, about these values.
                known[s.result] = s.compute(*operands, **s.parameters)


def _traced(f: Callable[..., Any], example: tuple[Any, ...]) -> Traced:
    """Trace a function on the values of its Tensors now; refuse one that does more than return."""
    around = Surroundings(f, *Signature(example, {}).others)
    places = [Place(t) for t in around.tensors]
    try:
        traced = confirmed(lambda: pure(trace(f, *example, places=places, drawing=True)), around)
        if traced.written:
            label = traced.written[0].holder._label()
            raise StaleError(f"it changes {label}, which every call would have to do")
        as_called(traced, around, lambda: f(*example))
    except StaleError as error:
        raise TraceError(
            f"export: the source could not do what the function does: {error}. Pass what changes "
            f"as an argument. Of a network, call net.eval() first."
        ) from error
    finally:
        around.restore()
    return traced


_IMPORTS = {
    "jax": ("import jax", "import jax.numpy as jnp", "import numpy as np"),
    "numpy": ("import functools", "import math", "import numpy as np"),
}


def _checked_draws(masks: list[Any]) -> list[str]:
    """Return the lines that check the masks: their error names what was got and what is asked."""
    shapes, listed = [np.shape(x) for x in masks], "isinstance(draws, (list, tuple))"
    said = f"and needs a list of masks of the shapes {shapes}. Pass exported.draw()."
    return [
        f"given = [np.shape(x) for x in draws] if {listed} else type(draws).__name__",
        f"if given != {shapes}:",
        f'    raise ValueError(f"exported got draws of {{given}}, {said}")',
    ]


def _nest(nest: Any, outputs: list[str]) -> str:
    written = nest_source(_plain(nest), outputs)
    if written is None:
        raise TypeError("export can write results in dicts, lists and tuples. Return arrays.")
    return written


def _plain(nest: Any) -> Any:
    """Return a nest with tuples in place of named tuples, whose types the module does not have."""
    if isinstance(nest, dict):
        return {key: _plain(part) for key, part in nest.items()}
    if isinstance(nest, list | tuple):
        return (list if isinstance(nest, list) else tuple)(map(_plain, nest))
    return nest
