"""The statements of a program as Python source that calls JAX, or NumPy."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.compile.numpy_code import made
from autograd_lite.core.primitive import Primitive
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.ops.indexing import may_repeat
from autograd_lite.ops.writing import Written, literal, write
from autograd_lite.program.formulas import TYPES_BY_VALUES, unlike_jax
from autograd_lite.program.program import Program, Statement, Variable
from autograd_lite.program.symbol import Call, Symbol
from autograd_lite.program.trace import expanded, is_input, operation_of
from autograd_lite.tensor import Tensor

LARGEST = 10_000
"""Entries up to which a constant is written out."""

_PUT = """def put(x, v, index):
    # Where an entry is written more than once, the last value stays, as in NumPy.
    x, v, places = jnp.asarray(x), jnp.asarray(v), jnp.zeros(jnp.shape(x), int).at[index]
    order = jnp.arange(places.get().size).reshape(places.get().shape)
    last = places.max(order)[index]
    v = v.reshape(v.shape[max(0, v.ndim - last.ndim) :])
    return x.at[index].set(jnp.broadcast_to(v, last.shape).reshape(-1)[last])"""


class Writer:
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
            frames = traceback.extract_tb(error.__traceback__)
            lines = [str(x.line) for x in frames if x.name == "exported"]
            s = self.made.get("".join(lines[:1]).partition(" = ")[0])
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
                kinds = got.dtype.kind, dtype.kind
                castable = got.shape == x.shape and kinds not in (("c", "f"), ("c", "i"))
                if castable and kinds[1] in "fc" and s not in self.before:
                    self.before.add(s)
                elif castable and kinds[1] != "b" and set("iu") & {*kinds} and s not in self.after:
                    self.after.add(s)
                else:
                    kind = f"{got.dtype}{list(got.shape)}"
                    self._note(s, f"JAX gives {kind} where NumPy gives {x.type}.")
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
            kinds = [x.dtype.kind if hasattr(x, "dtype") else "" for x in s.operands]
            operands = [
                f"jnp.asarray({text}, {s.result.dtype.name!r})"
                if kind and (kind != "b" or set(kinds) == {"b"})
                else text
                for kind, text in zip(kinds, operands, strict=True)
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
                kind = "float" if s.result.dtype == float else "int"
                return f"jnp.asarray({operands[0]}, {kind})"
            return self._call(s.function, operands, s.parameters)
        if s.function.whole and not self.jax:  # Written out, it needs arrays.
            operands = [
                f"np.asarray({text})" if getattr(x, "weak", False) else text
                for x, text in zip(s.operands, operands, strict=True)
            ]
        return self._applied(s, s.function, operands, s.parameters)

    def _fits(self, s: Statement, index: Any) -> bool:
        """Return whether JAX writes as NumPy does: each entry once, and values of no more axes."""
        if may_repeat(index) or isinstance(s.function, Call):
            return False
        x, v = s.operands
        picked: Any = np.broadcast_to(0, x.shape)[index]
        return len(getattr(v, "shape", ())) <= np.ndim(picked)

    def _applied(
        self, s: Statement, p: Primitive, operands: list[str], parameters: dict[str, Any]
    ) -> str:
        """Write an operation."""
        form = _jax(p, parameters) if self.jax else ""
        if self.jax and p.at == "writes" and not self._fits(s, parameters["index"]):
            form, self.helpers["put"] = "put({x}, {v}, jnp.s_[{index}])", _PUT
        if form:
            named = dict(zip(p.operands, operands, strict=False))
            named |= {p.operands[0]: ", ".join(operands)} if p.variadic else {}
            return form.format_map(named | {k: literal(v) for k, v in parameters.items()})
        if p.numpy:
            changed = {
                k: v for k, v in parameters.items() if k not in p.defaults or v is not p.defaults[k]
            }
            return self._call(p.numpy[0], operands, changed)
        text = write(p, [Written(x) for x in operands], parameters).text
        if p.whole or text.startswith(f"{p.name}("):
            if self.jax:
                raise self._refused(p.name)
            self._define(inspect.unwrap(p.forward))
            parts = [*operands, *(f"{k}={_parameter(v)}" for k, v in parameters.items())]
            return f"{p.name}({', '.join(parts)})"
        return (
            re.sub(r"\bnp\.(?!array\b|s_|zeros\b|inf\b|nan\b)", "jnp.", text) if self.jax else text
        )

    def _call(
        self, function: Any, args: Sequence[Any], kwargs: dict[str, Any],
        written: Callable[[Any], str] | None = None,
    ) -> str:  # fmt: skip
        """Write a call, of operands that are written, unless `written` writes them."""
        if self.jax:  # It cannot raise on an index, and what was traced had none to raise on.
            said = (("mode", "raise"), ("edge_order", 1))
            idle = {"kind", "stable", "optimize", *(["order"] if function is np.full_like else [])}
            kwargs = {k: v for k, v in kwargs.items() if k not in idle and (k, v) not in said}
        name = self._name(function, args, kwargs)
        parts = [*(map(written, args) if written else args)]
        parts += [f"{k}={(written or _parameter)(v)}" for k, v in kwargs.items()]
        if name in ("jnp.linalg.cholesky", "jnp.linalg.eigh", "jnp.linalg.eigvalsh"):
            # They are to read one triangle, as NumPy does.
            upper = any("'U'" in x or x == "upper=True" for x in parts[1:])
            tri, k = ("jnp.triu", 1) if upper else ("jnp.tril", -1)
            parts[0] = f"{tri}({parts[0]}) + {tri}({parts[0]}, {k}).mT.conj()"
        return f"{name}({', '.join(parts)})"

    def _define(self, function: Any) -> None:
        """Write a function of this package out, and those that it calls, without annotations."""
        if function.__name__ in self.helpers:
            return
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        if not isinstance(tree, ast.FunctionDef):
            raise self._refused(function.__name__)
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

    def _name(self, function: Any, args: Any = (), given: Any = None) -> str:
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
        if there is None or unlike_jax(function, args, given or {}):
            raise self._refused(f"np.{path}")
        return f"jnp.{path}"

    def _function_call(self, s: Statement, operands: list[str]) -> str:
        call = s.function
        assert isinstance(call, Call)
        args, kwargs = call.nest
        given = iter(operands)
        if (p := operation_of(s)) is not None:  # With a parameter that is computed.
            leaves = [_Named(next(given)) if x is Symbol else x for x in leaves_of(call.nest)]
            args, kwargs = rebuild(call.nest, leaves)
            texts = [x.called if isinstance(x, _Named) else self.operand(x) for x in args]
            return self._applied(s, p, texts, kwargs)

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

        part = "" if call.part is None else f"[{call.part}]"
        return self._call(call.function, args, kwargs, written) + part

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
