"""A program as source that stands on JAX, or on NumPy, alone."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from autograd_lite.compile.compiled import as_called, confirmed, pure
from autograd_lite.compile.numpy_code import made, nest_source
from autograd_lite.compile.plan import StaleError
from autograd_lite.compile.signature import Signature
from autograd_lite.compile.step import Step
from autograd_lite.core.primitive import Primitive
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.ops.writing import Written, literal, write
from autograd_lite.program.formulas import UNLIKE_JAX
from autograd_lite.program.program import Program, Statement, Variable
from autograd_lite.program.refusals import TraceError
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.symbol import Call, Symbol
from autograd_lite.program.trace import (
    Output,
    Place,
    Traced,
    expanded,
    is_input,
    operation_of,
    trace,
)
from autograd_lite.tensor import Tensor

LARGEST = 10_000
"""Entries up to which a constant is written out."""


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
    given = rebuild(example, list(range(len(leaves_of(example)))))
    passed = iter((*inputs[: end - held], *inputs[end:]))
    names = {
        i: next(passed).name
        for i, x in enumerate(leaves_of(example))
        if isinstance(x, Tensor) or is_input(x)
    }
    arguments, lines = [], []
    labels = [f"a{i}" for i in range(len(given))]
    if "state" in attributes:
        labels[0] = "state"
    if count:
        labels[-1] = "draws"
    for argument, nest in zip(labels, given, strict=True):
        if isinstance(nest, int):
            arguments.append(names.get(nest, argument))
        else:
            masks = count and argument is labels[-1]
            arguments.append("draws=None" if masks else argument)
            lines += _checked_draws(traced.inputs[-count:]) if masks else []
            lines += [f"{names[k]} = {path}" for k, path in _paths(nest, argument) if k in names]
    writer = _Writer(to)
    refuse_shapes_by_values(traced)
    used = {x for s in program.statements for x in s.operands if isinstance(x, Variable)}
    kept = slice(end - held, end)
    for x, value in zip(inputs[kept], traced.inputs[kept], strict=True):
        if x in used or x in program.outputs:
            lines.append(f"{x.name} = {writer.operand(value)}")
    lines += writer.lines(program, {x: x.name for x in inputs})
    outputs = [writer.operand(x) for x in program.outputs]
    lines.append(f"return {_nest(traced.result, outputs)}")
    body = "\n".join(f"    {line}" for line in lines)
    code = f"def exported({', '.join(arguments)}):\n{body}\n"
    parts = [*writer.helpers.values(), code]
    written = "\n".join(parts) + ("np." if to == "numpy" else "")
    imports = [x for x in _IMPORTS[to] if re.search(rf"\b{x.split()[-1]}\.", written)]
    source = "\n\n\n".join(["\n".join(imports), *parts])
    function = made(source, "exported", {}, "exported program")
    if to == "jax":
        leaves = [
            traced.samples[x] if isinstance(x, Output) else x for x in leaves_of(traced.result)
        ]
        _check(function, example, [np.shape(x) for x in leaves if x is not None])
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


def _check(function: Callable[..., Any], example: Any, wanted: list[Any]) -> None:
    """Have JAX trace what was written: it must take it, and give the same shapes."""
    import jax

    bare = rebuild(
        example, [x._value() if isinstance(x, Tensor) else x for x in leaves_of(example)]
    )
    dynamic = [i for i, x in enumerate(leaves_of(bare)) if is_input(x)]

    def of_arrays(arrays: list[Any]) -> Any:
        leaves = leaves_of(bare)
        for i, x in zip(dynamic, arrays, strict=True):
            leaves[i] = x
        return function(*rebuild(bare, leaves))

    try:
        found = jax.eval_shape(of_arrays, [leaves_of(bare)[i] for i in dynamic])
    except Exception as error:
        raise TypeError(f"export: JAX does not take the program. It says: {error}") from error
    shapes = [np.shape(x) for x in jax.tree.leaves(found) if hasattr(x, "shape")]
    if sorted(shapes) != sorted(wanted):
        raise TypeError(f"export: JAX gives the shapes {shapes}, where NumPy gives {wanted}.")


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


def _paths(nest: Any, path: str) -> Iterator[tuple[int, str]]:
    """Yield the position of every leaf of an argument, and how it is reached."""
    if type(nest) is int:
        yield nest, path
    elif isinstance(nest, dict | list | tuple):
        items = nest.items() if isinstance(nest, dict) else enumerate(nest)
        for key, part in items:
            yield from _paths(part, f"{path}[{key!r}]")
    else:
        raise TypeError(
            f"export needs arrays in dicts, lists and tuples, got a {type(nest).__name__}."
        )


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


class _Writer:
    """Writes statements; an operation that NumPy does not have is written out as what it does."""

    def __init__(self, to: str) -> None:
        self.jax, self.count = to == "jax", 0
        self.names: dict[Variable, str] = {}
        self.helpers: dict[str, str] = {}

    def lines(self, program: Program, names: dict[Variable, str]) -> list[str]:
        """Return the statements of a program whose inputs have these names."""
        self.names |= names
        found: list[str] = []
        for s in program.statements:
            p, inner, text = s.function, None, ""
            if not isinstance(p, Primitive) or p.numpy or _jax(p, s.parameters):
                try:
                    text = self.call(s)
                except TypeError:
                    inner = expanded(s)
                    if inner is None:
                        raise
            else:
                inner = expanded(s)
            if inner is None:
                name = f"v{self.count}"
                self.count += 1
                found.append(f"{name} = {text or self.call(s)}")
            else:
                given = [self.operand(x) for x in s.operands if isinstance(x, Variable)]
                found += self.lines(inner, dict(zip(inner.inputs, given, strict=True)))
                name = self.operand(inner.outputs[0])
            self.names[s.result] = name
        return found

    def operand(self, x: Any) -> str:
        """Return how an operand is written."""
        if isinstance(x, Variable):
            return self.names[x]
        if not isinstance(x, np.ndarray | np.generic):
            return literal(x)
        if x.size > LARGEST:
            raise ValueError(
                f"export writes constants out, up to {LARGEST} numbers, and the function closes "
                f"over an array of shape {x.shape}. Pass it as an argument."
            )
        listed = re.sub(r"\b(inf|nan)\b", r"np.\1", repr(x.tolist()))
        array = f"np.array({listed}, {x.dtype.name!r})"
        return array if x.size else f"np.zeros({x.shape}, {x.dtype.name!r})"

    def call(self, s: Statement) -> str:
        """Return the right side of a statement."""
        operands = [self.operand(x) for x in s.operands]
        if isinstance(s.function, Call):
            return self._function_call(s.function, operation_of(s), operands)
        if not isinstance(s.function, Primitive):
            if self.jax and s.function is np.positive and s.operands[0].weak:
                return (
                    f"jnp.asarray({operands[0]}, {'float' if s.result.dtype == float else 'int'})"
                )
            return self._call(self._name(s.function), operands, s.parameters)
        if s.function.whole and not self.jax:  # Written out, it needs arrays.
            operands = [
                f"np.asarray({text})" if getattr(x, "weak", False) else text
                for x, text in zip(s.operands, operands, strict=True)
            ]
        return self._applied(s.function, operands, s.parameters)

    def _applied(self, p: Primitive, operands: list[str], parameters: dict[str, Any]) -> str:
        """Write an operation."""
        form = _jax(p, parameters) if self.jax else ""
        if form:
            named = dict(zip(p.operands, operands, strict=False))
            named |= {p.operands[0]: ", ".join(operands)} if p.variadic else {}
            return form.format_map(named | {k: literal(v) for k, v in parameters.items()})
        if p.numpy:
            changed = {
                k: v for k, v in parameters.items() if k not in p.defaults or v is not p.defaults[k]
            }
            return self._call(self._name(p.numpy[0]), operands, changed)
        text = write(p, [Written(x) for x in operands], parameters).text
        if p.whole or text.startswith(f"{p.name}("):
            if self.jax:
                raise self._refused(p.name)
            self._define(inspect.unwrap(p.forward))
            return self._call(p.name, operands, parameters)
        return (
            re.sub(r"\bnp\.(?!array\b|s_|zeros\b|inf\b|nan\b)", "jnp.", text) if self.jax else text
        )

    def _call(self, name: str, operands: list[str], parameters: dict[str, Any]) -> str:
        """Write a call. JAX cannot raise on an index, and what was traced had none to raise on."""
        given = {
            k: v for k, v in parameters.items() if not (self.jax and (k, v) == ("mode", "raise"))
        }
        if self.jax and given.get("hermitian"):
            raise self._refused(f"{name} with hermitian=True")  # JAX reads both triangles there.
        parts = [*operands, *(f"{k}={_parameter(v)}" for k, v in given.items())]
        return f"{name}({', '.join([*parts, *self._one_triangle(name)])})"

    def _one_triangle(self, name: str) -> list[str]:
        """Ask JAX to read one triangle of a symmetric matrix, as NumPy does."""
        if not name.startswith("jnp.linalg."):
            return []
        there = getattr(importlib.import_module("jax.numpy.linalg"), name.rpartition(".")[2])
        reads = "symmetrize_input" in inspect.signature(there).parameters
        return ["symmetrize_input=False"] if reads else []

    def _define(self, function: Any) -> None:
        """Write a function of this package out, and those that it calls, without annotations."""
        if function.__name__ in self.helpers:
            return
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        tree.returns = None
        tree.decorator_list = [d for d in tree.decorator_list if "cache" in ast.unparse(d)]
        for node in ast.walk(tree):
            if isinstance(node, ast.arg):
                node.annotation = None
        self.helpers[function.__name__] = ast.unparse(tree)
        for name in {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}:
            used = function.__globals__.get(name)
            if inspect.isfunction(inspect.unwrap(used)):
                self._define(inspect.unwrap(used))
            elif type(used) in (int, float):
                self.helpers[name] = f"{name} = {used!r}"
            elif used is not None and name not in ("np", "math", "functools"):
                raise self._refused(function.__name__)

    def _name(self, function: Any) -> str:
        name = function.__name__
        module = getattr(function, "__module__", None) or "numpy"
        for where in (module, "numpy"):
            found = getattr(__import__(where, fromlist=["_"]), name, None)
            if found is function and where.split(".")[0] == "numpy" and "._" not in where:
                break
        else:
            raise self._refused(name)
        path = f"{where.removeprefix('numpy').lstrip('.')}.{name}".lstrip(".")
        if not self.jax:
            return f"np.{path}"
        try:
            there: Any = importlib.import_module("jax.numpy")
        except ImportError as error:
            raise ImportError(
                "export to JAX needs jax, which is not installed. Run: "
                "pip install 'autograd_lite[jax]'"
            ) from error
        for part in path.split("."):
            there = getattr(there, part, None)
        if there is None or function in UNLIKE_JAX:
            raise self._refused(f"np.{path}")
        return f"jnp.{path}"

    def _function_call(self, call: Call, p: Primitive | None, operands: list[str]) -> str:
        args, kwargs = call.nest
        given = iter(operands)
        if p is not None:  # With a parameter that is computed.
            leaves = [_Named(next(given)) if x is Symbol else x for x in leaves_of(call.nest)]
            args, kwargs = rebuild(call.nest, leaves)
            texts = [x.called if isinstance(x, _Named) else self.operand(x) for x in args]
            return self._applied(p, texts, kwargs)

        def written(x: Any) -> str:
            if x is Symbol:
                return next(given)
            if isinstance(x, list | tuple) and any(map(callable, leaves_of(x))):
                parts = ", ".join(map(written, x))
                return f"[{parts}]" if isinstance(x, list) else f"({parts},)"
            if self.jax and isinstance(x, list) and x and {*map(type, x)} <= {float, bool}:
                x = np.array(x)  # JAX takes no lists, but for shapes and axes.
            if isinstance(x, np.ndarray):
                return self.operand(x)
            return self._name(x) if callable(x) and not isinstance(x, type) else _parameter(x)

        kwargs = {
            k: v
            for k, v in kwargs.items()
            if not (
                self.jax
                and (k in ("kind", "stable") or (k, v) in (("mode", "raise"), ("edge_order", 1)))
            )
        }
        name = self._name(call.function)
        if self.jax and kwargs.get("hermitian"):
            raise self._refused(f"{name} with hermitian=True")
        parts = [*map(written, args), *(f"{k}={written(v)}" for k, v in kwargs.items())]
        parts += self._one_triangle(name)
        part = "" if call.part is None else f"[{call.part}]"
        return f"{name}({', '.join(parts)}){part}"

    def _refused(self, name: str) -> TypeError:
        library = "JAX" if self.jax else "NumPy"
        return TypeError(
            f"export has no form of {name} for {library}. Compute it outside of the function, or "
            f"express it in other operations."
        )


def _jax(p: Primitive, parameters: dict[str, Any]) -> str:
    return p.jax if isinstance(p.jax, str) else p.jax(**parameters)


class _Named:
    """An array by its name, where a parameter is one."""

    def __init__(self, called: str) -> None:
        self.called = called

    def __repr__(self) -> str:
        return self.called


def _parameter(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"np.array({x.tolist()!r}, {x.dtype.name!r})"
    if isinstance(x, (type, np.dtype)):
        return repr(np.dtype(x).name)
    if type(x) is tuple:
        return f"({''.join(f'{_parameter(part)}, ' for part in x)})"
    return literal(x) if isinstance(x, float) else repr(x)
