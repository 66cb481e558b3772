"""What runs where: every backend is tried on every NumPy function and every operation."""

from __future__ import annotations

import importlib.util
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.compile.export import export, refuse_shapes_by_values
from autograd_lite.compile.numba_code import call_source
from autograd_lite.compile.sheet import LoweringError
from autograd_lite.core.primitive import BY_NUMPY_FUNCTION, REGISTRY, Primitive
from autograd_lite.functional.nests import leaves_of
from autograd_lite.functional.transforms import grad
from autograd_lite.numpy_api.coverage import public, table
from autograd_lite.program.refusals import TraceError
from autograd_lite.program.trace import trace

COMPILED = ("NumPy", "numba")
EXPORTED: dict[str, Literal["jax", "numpy"]] = {"to JAX": "jax", "to NumPy": "numpy"}

RNG = np.random.default_rng(0)
X, K, T, A = (RNG.uniform(0.2, 0.8, shape) for shape in ((2, 3), (2, 3), (2, 3, 4), (3, 3)))
GIVEN = {
    "x": X, "k": K, "v": X[0], "a": A + np.eye(3), "i": np.array([1, 0, 2]), "t": T, "m": X > 0.5,
    "np": np, "square": np.square,
}  # fmt: skip
"""Arguments of calls by name."""

for _array in GIVEN.values():
    if isinstance(_array, np.ndarray):
        _array.flags.writeable = False  # Some functions write.

TRIED = (
    "x", "v", "a", "i", "t", "x, k", "v, v", "v, 2", "x, 2", "i, i", "[x, k]", "v, i", "m, x",
    "t, 2", "v, v, v", "v, a", "v, 1, 0.5", "x, 0, 1", "x, (2, 3)", "v, v, 1", "square, 0, x",
)  # fmt: skip
"""Arguments that a function is tried with, in this order; the first that it takes are used."""

SAID = {
    np.clip: "x, 0.3, 0.6", np.einsum: "'ij,jk', x, a", np.full_like: "x, 0.5",
    np.apply_over_axes: "np.sum, x, 0", np.astype: "x, 'float32'", np.bincount: "i, v",
    np.piecewise: "x, [m], [square, 0.5]", np.select: "[m], [x]", np.choose: "m, [x, k]",
    np.extract: "m, x", np.compress: "[True, False], x", np.digitize: "x, [0.3, 0.6]",
    np.hsplit: "x, 3", np.unravel_index: "i, (2, 3)", np.histogram: "v", np.cov: "x, k",
    np.meshgrid: "v, v", np.broadcast_arrays: "x, v", np.percentile: "x, 30",
    np.nanpercentile: "x, 30", np.quantile: "x, 0.3", np.nanquantile: "x, 0.3",
    np.polyfit: "v, k[0], 1", np.polyadd: "v, v", np.polysub: "v, v", np.polyval: "v, x",
    np.linalg.matrix_power: "a, 3", np.linalg.tensorinv: "a, 1", np.linalg.tensorsolve: "a, v",
    np.linalg.multi_dot: "[x, a]", np.linalg.svd: "a", np.linalg.lstsq: "a, v",
    **dict.fromkeys(
        (np.concat, np.stack, np.hstack, np.vstack, np.dstack, np.column_stack, np.block), "[x, k]"
    ),
}  # fmt: skip
"""Arguments of functions that take none of those, or for which the first would say little."""


class Row(NamedTuple):
    """Where a function runs.

    Attributes
    ----------
    name : str
        A call of a NumPy function, or the name of an operation; then all examples of its entry are
        tried.
    value, gradient : dict of str to str
        For each backend why it does not take it; empty where it does. What has no derivative has
        no backends under `gradient`.
    """

    name: str
    value: dict[str, str]
    gradient: dict[str, str]

    def cell(self, backend: str) -> str:
        """Return "yes", "value" if a backend takes all but the gradient, or "no"."""
        if self.value[backend]:
            return "no"
        return "value" if self.gradient.get(backend) else "yes"

    def reason(self, backend: str) -> str:
        """Return why the answer is not "yes"."""
        return self.value[backend] or self.gradient.get(backend, "")


def runs(
    f: Callable[..., Any], *example: Any, on: Sequence[str] = (*COMPILED, *EXPORTED)
) -> dict[str, str]:
    """Try a function on the backends.

    Parameters
    ----------
    f : callable
        A function of arrays.
    *example : arrays or nests of them
        Arguments: the answer is for their structure, shapes and dtypes.
    on : sequence of str
        "NumPy" and "numba" are the backends of `autograd_lite.compile`, "to JAX" and "to NumPy"
        those of `autograd_lite.export`.

    Returns
    -------
    dict of str to str
        For each of them why it does not take the function; empty where it does.

    Raises
    ------
    ImportError
        If JAX is asked for, and is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.compile.coverage import runs
    >>> found = runs(np.linalg.inv, np.eye(2), on=("NumPy", "numba", "to NumPy"))
    >>> [backend for backend, reason in found.items() if not reason]
    ['NumPy', 'to NumPy']
    """
    found = dict.fromkeys(on, "")
    try:
        traced = trace(f, *example, may_ask=True)
        refuse_shapes_by_values(traced)
    except TraceError as error:  # No backend can have it.
        return dict.fromkeys(on, _short(error))
    if "numba" in on:
        try:
            call_source(traced.program)
        except LoweringError as error:
            found["numba"] = str(error)
    for backend, to in EXPORTED.items():
        if backend in on:
            try:
                export(f, *example, to=to)
            except TypeError as error:
                found[backend] = _short(error)
    return found


def _short(error: Exception) -> str:
    """Return the first sentence of an error, without the line of code."""
    said = str(error).partition(" It says: ")[2] or str(error).partition("cannot be compiled: ")[2]
    return (said or str(error)).partition(". ")[0].partition("\n")[0].rstrip(".")


def drawn(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Return random numbers in a `domain` of an entry."""
    x = rng.normal(size=shape)
    if kind in ("symmetric", "positive definite", "full rank") and x.ndim > 1:
        square = x.shape[-1] == x.shape[-2]
        return x @ x.swapaxes(-1, -2) + np.diag(np.arange(1.0, x.shape[-1] + 1)) if square else x
    return {
        "positive": np.abs(x) + 0.5,
        "nonzero": np.abs(x) + 0.5,
        "above one": np.abs(x) + 1.5,
        "probability": rng.uniform(0.1, 0.9, shape),
        "boolean": x > 0,
        "increasing": np.sort(x, axis=None).reshape(shape),
    }.get(kind, x)


def cases(p: Primitive) -> Iterator[tuple[Callable[..., Any], list[Any]]]:
    """Yield an operation with the parameters of each example of its entry, and operands."""
    for shapes, parameters in p.examples or [(((2, 3),) * len(p.operands), {})]:
        kinds = list(p.domain.values()) * (len(shapes) if p.variadic else 1)
        rng = np.random.default_rng(0)
        operands = [drawn(*case, rng) for case in zip(kinds, shapes, strict=True)]
        yield lambda *xs, p=p, parameters=parameters: p(*xs, **parameters), operands


def gradient(f: Callable[..., Any], where: Sequence[int]) -> Any:
    """Return the gradient of a number that depends on all results of a function."""

    def total(*xs: Any) -> Any:
        parts = [y for y in leaves_of(f(*xs)) if hasattr(y, "dtype") and y.dtype.kind in "fc"]
        return sum(np.sum(np.real(y * y)) for y in parts)

    return grad(total, tuple(where))


def example(function: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any], str] | None:
    """Return an example call as a function of arrays, these arrays, and its arguments as text."""
    for text in (SAID[function],) if function in SAID else TRIED:
        names = [name for name in re.findall(r"\b\w\b", text) if name in GIVEN]
        names = list(dict.fromkeys(names))
        f = eval(f"lambda {', '.join(names)}: f({text})", {"f": function, **GIVEN})
        arrays = {name: GIVEN[name] for name in names}
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                result = leaves_of(f(*arrays.values()))
        except Exception:  # noqa: BLE001  (it takes other arguments)
            continue
        if result and all(isinstance(x, np.ndarray | np.generic) for x in result):
            return f, arrays, text
    return None


def rows(
    names: Sequence[str] = (), on: Sequence[str] | None = None, *, scipy: bool = False
) -> list[Row]:
    """Try every function and operation on the backends.

    Parameters
    ----------
    names : sequence of str
        Only what has one of these in its name; all by default.
    on : sequence of str, optional
        Backends, as for `runs`; by default all that are installed.
    scipy : bool
        Whether to try operations that need SciPy, too.

    Returns
    -------
    list of Row
        NumPy's functions that return arrays and write into none, then all other operations.

    Examples
    --------
    >>> from autograd_lite.compile.coverage import rows
    >>> found = rows(["np.cumsum", "logspace", "linalg.inv"], on=["numba"])
    >>> [(row.name, row.cell("numba")) for row in found]
    [('np.cumsum', 'yes'), ('np.logspace(x, k)', 'yes'), ('np.linalg.inv', 'no')]
    """
    jax = importlib.util.find_spec("jax") is not None
    on = on or [*COMPILED, *(k for k in EXPORTED if jax or k != "to JAX")]
    ops.load()
    if scipy:
        ops.load(ops.WITH_SCIPY)
    functions, found, known = public(), [], set()
    for row in table():
        function = functions[row.name]
        if row.status not in ("differentiable", "value") or function in known:
            continue
        known.add(function)
        p = BY_NUMPY_FUNCTION.get(function)
        if not _wanted(row.name, names):
            continue
        if p is not None:
            found.append(_row(row.name, cases(p), p.rules, on))
            continue
        tried = example(function)
        if tried is not None:
            f, arrays, text = tried
            where = [row.status == "differentiable"] * len(arrays)
            name = f"{row.name}({text})"
            found.append(_row(name, [(f, list(arrays.values()))], where, on))
    for p in REGISTRY.values():
        ours = p.__module__.startswith(__name__.partition(".")[0])
        if ours and not p.numpy and _wanted(p.name, names):
            found.append(_row(p.name, cases(p), p.rules, on))
    return found


def _wanted(name: str, names: Sequence[str]) -> bool:
    return not names or any(part in name for part in names)


def _row(name: str, examples: Any, rules: Any, on: Sequence[str]) -> Row:
    """Try a function with every example, and its gradient by the operands that have rules."""
    row = Row(name, dict.fromkeys(on, ""), {})
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for f, operands in examples:
            asked = [(row.value, f)]
            by = [i for i, x in enumerate(operands) if x.dtype == float and rules[i]]
            if by:
                row.gradient.update({k: row.gradient.get(k, "") for k in on})
                asked.append((row.gradient, gradient(f, by)))
            for said, function in asked:
                for k, reason in runs(function, *operands, on=on).items():
                    said[k] = said[k] or reason
    return row


def listing(found: Sequence[Row]) -> str:
    """Return a list, by backend, of how many functions it takes and which it does not."""
    parts = []
    for k in found[0].value if found else ():
        said: dict[str, list[str]] = {"yes": [], "value": [], "no": []}
        for row in found:
            said[row.cell(k)].append(row.name.partition("(")[0])
        parts.append(f"{k}: {len(said['yes'])} of {len(found)}")
        for what, left in (("not", said["no"]), ("no gradient of", said["value"])):
            if left:
                lines = textwrap.fill(f"{what}: {', '.join(left)}", 96)
                parts.append(textwrap.indent(lines, "    "))
    return "\n".join(parts)


def main(names: Sequence[str] = ()) -> None:
    """Print where everything runs; with parts of names, where those run, and why not."""
    found = rows(names, scipy=importlib.util.find_spec("scipy") is not None)
    if not names:
        print(listing(found))
        return
    if not found:
        raise SystemExit(f"Nothing here has {' or '.join(names)} in its name.")
    width, backends = max(len(row.name) for row in found), list(found[0].value)

    def line(name: str, cells: Iterable[str]) -> str:
        return f"{name:{width}}  {'  '.join(f'{x:8}' for x in cells)}".rstrip()

    print(line("", backends))
    for row in found:
        print(line(row.name, map(row.cell, backends)))
        for k in backends:
            if reason := row.reason(k):
                print(f"    {k}: {reason}")
