"""A program as source that stands on JAX, or on NumPy, alone."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import re
import textwrap
import traceback
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
from autograd_lite.program.formulas import TYPES_BY_VALUES, unlike_jax
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
    refuse_shapes_by_values(traced)
    used = {x for s in program.statements for x in s.operands if isinstance(x, Variable)}
    kept = slice(end - held, end)
    closed_over = [
        (x, value)
        for x, value in zip(inputs[kept], traced.inputs[kept], strict=True)
        if x in used or x in program.outputs
    ]
    writer = _Writer(to)

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
        self.jax = to == "jax"
        self.expansions: dict[Statement, Program | None] = {}
        self.refusals: dict[Statement, TypeError] = {}
        self.without_lists: set[Statement] = set()
        # Whose operands, or results, are cast to the dtype that NumPy's result has.
        self.before: set[Statement] = set()
        self.after: set[Statement] = set()

    def begin(self, names: dict[Variable, str]) -> None:
        """Begin anew, with inputs of these names."""
        self.names = dict(names)
        self.helpers: dict[str, str] = {}
        self.made: dict[str, Statement] = {}

    def lines(self, program: Program) -> list[str]:
        """Return the statements of a program whose inputs have names."""
        found: list[str] = []
        for s in program.statements:
            form = self._form(s)
            if isinstance(form, str):
                name = f"v{len(self.made)}"
                self.made[name] = s
                found.append(f"{name} = {form}")
            else:
                given = [self.operand(x) for x in s.operands if isinstance(x, Variable)]
                self.names |= zip(form.inputs, given, strict=True)
                found += self.lines(form)
                name = self.operand(form.outputs[0])
            self.names[s.result] = name
        return found

    def _form(self, s: Statement) -> str | Program:
        """Return the right side of a statement, or simpler statements for it."""
        p, dtype = s.function, s.result.dtype.name
        direct = not isinstance(p, Primitive) or p.numpy or _jax(p, s.parameters)
        if direct and s not in self.refusals:
            try:
                return self.call(s) + f".astype({dtype!r})" * (s in self.after)
            except TypeError as error:
                self.refusals[s] = error
        if s not in self.expansions:
            self.expansions[s] = expanded(s)
        if (inner := self.expansions[s]) is not None:
            return inner
        if s in self.refusals:
            raise self.refusals[s]
        return self.call(s)

    def refused_by_jax(self, source: str, example: Any) -> bool:
        """Have JAX trace every line; note whether it refuses one, or gives something else.

        It must give what NumPy does: shapes, and dtypes (where it computes in 64 bits).
        """
        import jax

        function = made(source, "exported", {}, "exported program")
        leaves = [x._value() if isinstance(x, Tensor) else x for x in leaves_of(example)]
        dynamic = [i for i, x in enumerate(leaves) if is_input(x)]

        def of_arrays(arrays: list[Any]) -> Any:
            given = list(leaves)
            for i, x in zip(dynamic, arrays, strict=True):
                given[i] = x
            return function(*rebuild(example, given))

        try:
            found = jax.eval_shape(of_arrays, [leaves[i] for i in dynamic])
        except Exception as error:
            frame = next(x for x in traceback.extract_tb(error.__traceback__) if x.name == "exported")
            s = self.made.get(str(frame.line).partition(" = ")[0])
            if s is None:
                raise TypeError(f"export: JAX does not take the program: {error}") from error
            if "list" in str(error) and s not in self.without_lists:
                self.without_lists.add(s)
            else:
                self._note(s, f"JAX says of it: {error}", error)
            return True
        other: set[Variable] = set()
        for s, got in zip(self.made.values(), found, strict=True):
            x, dtype = s.result, jax.dtypes.canonicalize_dtype(s.result.dtype)
            if got.shape == x.shape and (x.weak or got.dtype == dtype):
                continue
            if other.isdisjoint(y for y in s.operands if isinstance(y, Variable)):
                casts = self.before if dtype.kind in "fc" and got.dtype.kind != "c" else self.after
                loses = got.dtype.kind == "c" or dtype.kind == "b"
                if got.shape != x.shape or s in casts or loses:
                    kind = f"{got.dtype}{list(got.shape)}"
                    self._note(s, f"JAX gives {kind} where NumPy gives {x.type}.")
                casts.add(s)
            other.add(x)
        return bool(other)

    def _note(self, s: Statement, said: str, error: Exception | None = None) -> None:
        """Note why a statement has to be written in another way."""
        self.refusals[s] = self._refused(s.name, said)
        self.refusals[s].__cause__ = error

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
        if s in self.before:
            dtype = s.result.dtype.name
            operands = [
                f"jnp.asarray({text}, {dtype!r})" if getattr(x, "dtype", bool) != bool else text
                for x, text in zip(s.operands, operands, strict=True)
            ]
        if isinstance(s.function, Call):
            if s.function.function in TYPES_BY_VALUES and s.result.dtype.kind == "f":
                raise self._refused(
                    f"{self._name(s.function.function)} of real numbers",
                    "Whether its result is complex depends on values: pass x.astype(complex).",
                )
            return self._function_call(s, operands)
        if not isinstance(s.function, Primitive):
            if self.jax and s.function is np.positive and s.operands[0].weak:
                return (
                    f"jnp.asarray({operands[0]}, {'float' if s.result.dtype == float else 'int'})"
                )
            return self._call(self._name(s.function, s.parameters), operands, s.parameters)
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
            return self._call(self._name(p.numpy[0], changed), operands, changed)
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
        parts = [*operands, *(f"{k}={_parameter(v)}" for k, v in given.items())]
        return f"{name}({', '.join(self._one_triangle(name, parts))})"

    def _one_triangle(self, name: str, parts: list[str]) -> list[str]:
        """Have JAX read one triangle of a symmetric matrix, as NumPy does."""
        if name not in ("jnp.linalg.cholesky", "jnp.linalg.eigh", "jnp.linalg.eigvalsh"):
            return parts
        upper = any("'U'" in x or x == "upper=True" for x in parts[1:])
        x, tri, k = parts[0], "jnp.triu" if upper else "jnp.tril", 1 if upper else -1
        return [f"{tri}({x}) + {tri}({x}, {k}).mT.conj()", *parts[1:]]

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

    def _name(self, function: Any, given: dict[str, Any] | None = None) -> str:
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
        if there is None or unlike_jax(function, given or {}):
            raise self._refused(f"np.{path}")
        return f"jnp.{path}"

    def _function_call(self, s: Statement, operands: list[str]) -> str:
        call = s.function
        args, kwargs = call.nest
        given = iter(operands)
        if (p := operation_of(s)) is not None:  # With a parameter that is computed.
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
            of_values = {*map(type, x)} <= {float, bool} if self.jax and type(x) is list else False
            if (of_values and x) or (s in self.without_lists and type(x) is list):
                x = np.array(x, None if x else int)  # JAX takes lists for shapes and axes.
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
        name = self._name(call.function, kwargs)
        parts = [*map(written, args), *(f"{k}={written(v)}" for k, v in kwargs.items())]
        parts = self._one_triangle(name, parts)
        part = "" if call.part is None else f"[{call.part}]"
        return f"{name}({', '.join(parts)}){part}"

    def _refused(self, name: str, said: str = "") -> TypeError:
        library = "JAX" if self.jax else "NumPy"
        return TypeError(
            f"export has no form of {name} for {library}. Compute it outside of the function, or "
            f"express it in other operations.{said and ' '}{said}"
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
