"""Arrays of SymPy's symbols that NumPy's functions can be called on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import numpy as np

SAME_NAME = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt", "sign", "floor",
             "asin", "acos", "atan", "asinh", "acosh", "atanh", "cbrt", "atan2")  # fmt: skip
"""Functions that SymPy has under NumPy's name, or under that without ``arc``."""

COMPARED = {"greater": "Gt", "less": "Lt", "greater_equal": "Ge", "less_equal": "Le"}


def _functions() -> dict[str, Callable[..., Any]]:
    """Return what is applied entry by entry for a NumPy function, by its name."""
    import sympy

    found = {name: getattr(sympy, name) for name in SAME_NAME}
    found |= {name.replace("a", "arc", 1): found[name] for name in SAME_NAME if name[:2] in
              ("as", "ac", "at")}  # fmt: skip
    found |= {
        "absolute": sympy.Abs,
        "maximum": sympy.Max,
        "minimum": sympy.Min,
        "log1p": lambda x: sympy.log(1 + x),
        "expm1": lambda x: sympy.exp(x) - 1,
        "log2": lambda x: sympy.log(x) / sympy.log(2),
        "log10": lambda x: sympy.log(x) / sympy.log(10),
        "exp2": lambda x: sympy.Integer(2) ** x,
        "logaddexp": lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)),
        # Where two symbols are equal is a set without volume: there, nothing is claimed.
        "equal": lambda a, b: sympy.Integer(a == b),
        "not_equal": lambda a, b: sympy.Integer(a != b),
        "logical_or": lambda a, b: sympy.Max(a, b),
        "logical_and": lambda a, b: a * b,
        "logical_not": lambda a: 1 - a,
        # A symbol stands for a finite number.
        "isnan": lambda _: sympy.Integer(0),
        "isinf": lambda _: sympy.Integer(0),
        "isfinite": lambda _: sympy.Integer(1),
    }
    for name, relation in COMPARED.items():
        found[name] = _truth(getattr(sympy, relation), sympy)
    found["heaviside"] = lambda a, _: found["greater"](a, 0)
    found |= {name: found[f"logical_{name.removeprefix('bitwise_').replace('invert', 'not')}"]
              for name in ("bitwise_and", "bitwise_or", "invert")}  # fmt: skip
    return found


def _truth(relation: Callable[..., Any], sympy: Any) -> Callable[..., Any]:
    """Return a comparison as a number: 1 where it holds."""
    return lambda a, b: sympy.Piecewise((1, relation(a, b)), (0, True))


EXTREMES: dict[Any, str] = {np.max: "Max", np.min: "Min"}


def _sympy() -> Any:
    import sympy

    return sympy


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord not in (None, 2) or (ord == 2 and axis is None and np.ndim(x) > 1):
        raise NotImplementedError(f"the norm of order {ord} has no algebra here")
    return np.sqrt(np.sum(x**2, axis=axis, keepdims=keepdims))


def _of_matrix(name: str) -> Callable[..., Any]:
    def apply(a: Any, *others: Any) -> Any:
        if np.ndim(a) != 2:
            raise NotImplementedError(f"{name} of several matrices has no algebra here")
        vectors = [np.atleast_2d(_plain(x).T).T for x in others]
        found = getattr(_sympy().Matrix(_plain(a)), name)(*map(_sympy().Matrix, vectors))
        if name == "det":
            return wrap(found)
        return wrap(
            np.reshape(np.array(found.tolist(), object), np.shape(others[0] if others else a))
        )

    return apply


OF_MATRICES: dict[Any, Callable[..., Any]] = {
    np.linalg.norm: _norm, np.linalg.vector_norm: _norm, np.linalg.det: _of_matrix("det"),
    np.linalg.inv: _of_matrix("inv"), np.linalg.solve: _of_matrix("LUsolve"),
    np.clip: lambda x, low, high: np.minimum(np.maximum(x, low), high),
    np.std: lambda x, *axis, **settings: np.sqrt(np.var(x, *axis, **settings)),
}  # fmt: skip
"""What is not applied entry by entry: NumPy's function, and what does it on symbols."""


class Symbols(np.ndarray[Any, Any]):
    """An array of expressions; results of NumPy's functions are such arrays again, 0-d ones too."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        inputs = tuple(map(_plain, inputs))
        if method == "at":
            return ufunc.at(*inputs)
        kwargs = {name: _plain(value) for name, value in kwargs.items() if name != "out"}
        function = _functions().get(ufunc.__name__)
        if function is not None and method == "__call__":
            return wrap(np.vectorize(function, otypes=[object])(*inputs))
        if function is not None and method == "reduce":
            return wrap(np.frompyfunc(function, 2, 1).reduce(*inputs, **kwargs))
        if ufunc.signature is not None and ufunc is not np.matmul:
            raise NotImplementedError(f"{ufunc.__name__} has no algebra here")
        return wrap(getattr(ufunc, method)(*inputs, **kwargs))

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        if function is np.where:
            return wrap(np.vectorize(_chosen, otypes=[object])(*map(_plain, args)))
        if function in EXTREMES:
            return self._extreme(getattr(_sympy(), EXTREMES[function]), *args, **kwargs)
        if function is np.mean:
            return self._mean(*args, **kwargs)
        if function in OF_MATRICES:
            return OF_MATRICES[function](*map(wrap, args), **kwargs)
        plain = _plain(args)
        result = function(*plain, **_plain(kwargs))
        if isinstance(result, np.ndarray):
            of = [x for x in plain[:1] if isinstance(x, np.ndarray)]
            return _view(result) if of and np.may_share_memory(result, of[0]) else wrap(result)
        return wrap(result) if _is_entry(result) else result

    @staticmethod
    def _extreme(choose: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        array = np.asarray(_plain(x))
        axes = tuple(range(array.ndim)) if axis is None else axis
        for i in sorted({i % array.ndim for i in (axes if isinstance(axes, tuple) else (axes,))}):
            array = np.frompyfunc(choose, 2, 1).reduce(array, axis=i, keepdims=True)
        return wrap(array if keepdims else np.squeeze(array, axes))

    @staticmethod
    def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        total = np.sum(x, axis=axis, keepdims=keepdims)
        return total / (np.size(x) // max(1, np.size(total)))

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:  # type: ignore[override]  # Fewer parameters.
        """Arithmetic mean."""
        return self._mean(self, axis, keepdims)

    def astype(self, *_: Any, **__: Any) -> Any:
        """Return the expressions, which have no dtype."""
        return self

    def dot(self, other: Any) -> Any:  # type: ignore[override]  # No `out`.
        """Product of matrices."""
        return np.dot(self, other)

    def __getitem__(self, index: Any) -> Any:
        return _view(_plain(self)[index])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


called: ContextVar[Mapping[Any, Any]] = ContextVar("called", default=MappingProxyType({}))
"""What expressions are called: wherever one of them is computed, its symbol takes its place."""


def wrap(result: Any) -> Symbols:
    """Return an array of expressions, of a single one too; what has a symbol is that."""
    array = np.asarray(result, dtype=object)
    if any(isinstance(x, np.ndarray) for x in array.flat):  # np.array([[a, b]]) of 0-d ones.
        array = np.asarray(np.frompyfunc(_entry, 1, 1)(array), dtype=object)
    names = called.get()
    if names:
        array = np.asarray(np.frompyfunc(lambda x: names.get(x, x), 1, 1)(array), dtype=object)
    return array.view(Symbols)


def _view(found: Any) -> Symbols:
    """Return a part of an array, in the same memory: a derivation writes to it."""
    return found.view(Symbols) if isinstance(found, np.ndarray) else wrap(found)


def _entry(x: Any) -> Any:
    return x.item() if isinstance(x, np.ndarray) else x


def _is_entry(result: Any) -> bool:
    return type(result).__module__.startswith("sympy")


def _plain(x: Any) -> Any:
    """Take the class off, in lists and the like too."""
    if isinstance(x, Symbols):
        return x.view(np.ndarray)
    if isinstance(x, list | tuple):
        return type(x)(map(_plain, x))
    return {key: _plain(value) for key, value in x.items()} if isinstance(x, dict) else x


def _chosen(condition: Any, a: Any, b: Any) -> Any:
    """Choose by a condition that is 1, or 0, or neither for sure."""
    import sympy

    if condition in (0, 1):
        return a if condition == 1 else b
    return sympy.Piecewise((a, sympy.Eq(condition, 1)), (b, True))


class _NumPy:
    """NumPy, but that arrays of zeros can hold expressions."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def zeros(shape: Any, dtype: Any = None) -> Symbols:
        """Return zeros to which expressions can be added."""
        del dtype
        return wrap(np.zeros(shape, object))


NUMPY = _NumPy()
"""What a derivation is run with on symbols."""
