"""What is done with a call of NumPy's that involves a Tensor.

NumPy hands it over through ``__array_ufunc__`` or ``__array_function__``. It becomes one of our
operations, a composition of them, NumPy's own work on the bare values (where the result has no
derivative), or a TypeError that says so at the call.
"""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.later import add_spelling
from autograd_lite.core.operands import is_recorder
from autograd_lite.core.primitive import BY_NUMPY_FUNCTION, Primitive
from autograd_lite.numpy_api import (  # noqa: F401  (they fill the tables)
    borders,
    creation,
    einsum,
    elementwise,
    fourier,
    into,
    linalg,
    polynomial,
    products,
    reduction,
    selection,
    shape,
    signals,
    statistics,
    ufunc_methods,
)
from autograd_lite.numpy_api.table import (
    ACCUMULATIONS,
    CARRIED,
    COMPOSED,
    EXTENDED,
    NEW,
    OF_COMPLEX,
    REDUCTIONS,
    REFUSED,
    WITHOUT_DERIVATIVE,
    alike,
    as_array,
    cast,
    values_of,
)
from autograd_lite.numpy_api.versions import MOVE

Function = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]

ops.load()


def call_function(function: Function, args: Args, kwargs: Kwargs) -> Any:
    """Do what a NumPy function does, on Tensors (the body of ``__array_function__``)."""
    if "out" in kwargs and is_recorder(kwargs["out"]):
        rest = {key: value for key, value in kwargs.items() if key != "out"}
        result = function(*args, **rest)
        return into.written(kwargs["out"], result, _name_of(function))
    if function in COMPOSED or function in BY_NUMPY_FUNCTION:
        result = _of_integers(function, args, kwargs)
        if result is not None:
            return result
    if function in COMPOSED:
        return _composed(COMPOSED[function], function, args, kwargs)
    primitive = BY_NUMPY_FUNCTION.get(function)
    if primitive is not None:
        count = len(primitive.operands)
        if len(args) == count and kwargs.keys() <= primitive.defaults.keys():  # The usual case.
            return primitive(*args, **kwargs)
        return _recorded(primitive, function, args, kwargs)
    if function in WITHOUT_DERIVATIVE:
        if function in CARRIED:
            position, name = CARRIED[function]
            carried = args[position] if len(args) > position else kwargs.get(name)
            if getattr(carried, "requires_grad", False):
                raise TypeError(refusal(function))
        result = function(*map(values_of, args), **{k: values_of(v) for k, v in kwargs.items()})
        return alike(args[0] if args else kwargs["a"], result) if function in NEW else result
    raise TypeError(refusal(function))


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Args, kwargs: Kwargs) -> Any:
    """Do what a universal function does, on Tensors (the body of ``__array_ufunc__``)."""
    name = _ufunc_name(ufunc, method)
    if method == "at":
        return into.at(ufunc, *inputs)
    out = kwargs.get("out")
    if out is not None:
        return _into(ufunc, method, inputs, kwargs, name)
    if method == "__call__" and ufunc in OF_COMPLEX and inputs[0].dtype.kind == "c":
        return OF_COMPLEX[ufunc](*inputs)
    if method == "__call__" and ufunc in WITHOUT_DERIVATIVE:
        return ufunc(*map(values_of, inputs), **{k: values_of(v) for k, v in kwargs.items()})
    function = _meaning_of(ufunc)
    if function is None:
        raise TypeError(refusal(ufunc, name))
    result = _of_integers(getattr(ufunc, method), inputs, kwargs)
    if result is not None:
        return result
    given = {key: value for key, value in kwargs.items() if not _goes_without_saying(key, value)}
    if method == "__call__":
        dtype = given.pop("dtype", None)
        if dtype is not None:
            inputs = cast_for(ufunc, inputs, dtype)
        if given and given.keys() <= (getattr(function, "__kwdefaults__", None) or {}).keys():
            return function(*inputs, **given)
        if given:
            instead = (
                "move the axes first, with np.moveaxis"
                if given.keys() & {"axis", "axes"}
                else "leave it out, or compute with np.where afterwards"
            )
            raise TypeError(
                f"{name} on Tensors takes no {', '.join(f'{key}=' for key in given)}; {instead}."
            )
        return function(*inputs)
    whole = {"reduce": REDUCTIONS, "accumulate": ACCUMULATIONS}.get(method, {})
    if ufunc in whole:
        return call_function(whole[ufunc], inputs, {"axis": 0, **kwargs})
    composition = getattr(ufunc_methods, method, None)
    if composition is None or ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature is not None:
        raise TypeError(refusal(ufunc, name))
    composition = functools.partial(composition, ufunc)
    return _composed(composition, getattr(ufunc, method), inputs, given, name)


def cast_for(ufunc: np.ufunc, inputs: Args, dtype: Any) -> Args:
    """Return inputs in the types in which NumPy computes a result of this dtype, or its error."""
    given = [type(x) if type(x) in (int, float, complex) else as_array(x).dtype for x in inputs]
    results = (np.dtype(dtype),) * ufunc.nout
    types = ufunc.resolve_dtypes(
        (*given, *(None,) * ufunc.nout), signature=(*(None,) * ufunc.nin, *results)
    )
    return tuple(map(cast, inputs, types))


def _of_integers(function: Function, args: Args, kwargs: Kwargs) -> Any:
    """Let NumPy compute what has no gradient: new arrays, of integers and booleans alone.

    None if there are other Tensors, or none beside ``like=``, the result shares memory, or there is
    something to be called.
    """
    if args and getattr(args[0], "_requires_grad", False):  # The usual case.
        return None
    parts = list(_parts((*args, *kwargs.values())))
    tensors = [x for x in parts if is_recorder(x)]
    arrays = [x.data for x in tensors if x.dtype.kind in "biu" and hasattr(x, "_wrap")]
    if not arrays or len(arrays) < len(tensors) or any(map(is_recorder, arrays)):
        return None
    if getattr(COMPOSED.get(function), "__module__", "") in _WRITING or any(map(callable, parts)):
        return None
    rest = {k: values_of(v) for k, v in kwargs.items() if k != "overwrite_input"}
    result = function(*map(values_of, args), **rest)
    for x in _parts(result):
        new = isinstance(x, np.ndarray | np.generic)
        if not new or any(np.may_share_memory(x, array) for array in arrays):
            return None
    return _wrapped(result, tensors[0])


_WRITING = {into.__name__, creation.__name__}


def _parts(x: Any) -> Iterator[Any]:
    """Yield what is in lists and tuples."""
    if isinstance(x, list | tuple):
        for part in x:
            yield from _parts(part)
    else:
        yield x


def _wrapped(x: Any, like: Any) -> Any:
    """Return constants of the kind of a Tensor, in the place of arrays."""
    if isinstance(x, list | tuple):
        parts = [_wrapped(part, like) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return like._wrap(x[()])


def _meaning_of(ufunc: np.ufunc) -> Function | None:
    """Return the operation or composition that a universal function stands for, if any."""
    function = BY_NUMPY_FUNCTION.get(ufunc) or COMPOSED.get(ufunc)
    scipys = "autograd_lite.numpy_api.special"
    if function is None and scipys not in sys.modules and _is_scipys(ufunc):
        importlib.import_module(scipys)
        return _meaning_of(ufunc)
    return function


def _is_scipys(ufunc: np.ufunc) -> bool:
    """Return whether it is a function of SciPy's, which somebody has imported then."""
    return getattr(sys.modules.get("scipy.special"), ufunc.__name__, None) is ufunc


def _into(ufunc: np.ufunc, method: str, inputs: Args, kwargs: Kwargs, name: str) -> Any:
    """Do what a universal function does, and write the result into an array or a Tensor."""
    rest = {key: value for key, value in kwargs.items() if key not in ("out", "where")}
    out, where = kwargs["out"], kwargs.get("where", True)
    if len(out) > 1 and where is True and all(x is None or is_recorder(x) for x in out):
        results = zip(out, getattr(ufunc, method)(*inputs, **rest), strict=True)
        return tuple(r if x is None else into.written(x, r, name) for x, r in results)
    if len(out) != 1 or not is_recorder(out[0]):
        if into.needs_gradient(*inputs, *out):
            raise TypeError(_no_out(name))
        if not all(x.flags.writeable for x in out if isinstance(x, np.ndarray)):
            raise ValueError(
                f"{name} cannot write into an array that is read-only, as t.data is. {MOVE}."
            )
        bare = {key: values_of(value) for key, value in kwargs.items()}
        return getattr(ufunc, method)(*map(values_of, inputs), **bare)
    if method != "__call__" and where is not True:
        rest["where"] = where

    def compute(*operands: Any) -> Any:
        return getattr(ufunc, method)(*operands, **rest)

    if method != "__call__":
        return into.written(out[0], compute(*inputs), name)
    return into.into_out(ufunc, compute, inputs, out[0], where, name)


def _goes_without_saying(key: str, value: Any) -> bool:
    """Return whether an argument asks for what is done anyway; ``axis=None`` means all of them."""
    usual: Kwargs = {"where": True, "casting": "same_kind", "order": "K", "subok": True}
    if value is None or isinstance(value, np.ndarray):
        return value is None and key != "axis"
    return bool(key in usual and value == usual[key])


def _ufunc_name(ufunc: np.ufunc, method: str) -> str:
    """Return what the user wrote: ``np.add.reduce``."""
    name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
    if getattr(np, ufunc.__name__, None) is ufunc:
        return f"np.{name}"
    return f"scipy.special.{name}" if _is_scipys(ufunc) else name


def _no_out(name: str, out: Any = None) -> str:
    if isinstance(out, bool):
        return f"{name} got out={out}, by position. Write keepdims={out}."
    return (
        f"{name} cannot write into out=: a plain array has no gradient. Write `result = "
        f"{name}(...)`, or `a = a + t` in place of `a += t`, or make it a Tensor: a = al.Tensor(a)."
    )


def refusal(function: Function, name: str = "") -> str:
    """Return an error: a NumPy function has no derivative here, and what to do."""
    name = name or _name_of(function)
    if function in REFUSED:
        return (
            f"{name} cannot be recorded: {REFUSED[function]}. For its value alone, pass t.numpy()."
        )
    return (
        f"{name} has no derivative in autograd_lite, so it cannot be recorded. For its value "
        f"alone, pass t.numpy(); to differentiate it, define it with @autograd_lite.primitive."
    )


def _name_of(function: Function) -> str:
    """Return what the user wrote: ``np.linalg.inv``."""
    module = (function.__module__ or "").replace("numpy", "np", 1)
    return f"{module}.{function.__name__}" if module else function.__name__


# ---------------------------------------------------------------- arguments


@functools.cache
def _signature(function: Function) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except ValueError:  # Written in C, without one.
        return None


def _given(function: Function, args: Args, kwargs: Kwargs) -> Kwargs | None:
    """Sort arguments by NumPy's own signature, without those that are as by default."""
    signature = _signature(function)
    if signature is None:
        return None
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        add_spelling(error, function)
        raise
    given = {}
    for key, value in bound.arguments.items():
        parameter = signature.parameters[key]
        if parameter.kind is parameter.VAR_KEYWORD:
            given.update(value)
        elif value is not parameter.default and not (key == "out" and value is None):
            given[key] = value
    if "out" in given:
        raise TypeError(_no_out(_name_of(function), given["out"]))
    return given


def _recorded(primitive: Primitive, function: Function, args: Args, kwargs: Kwargs) -> Any:
    """Record an operation whose arguments are to be sorted first into operands and parameters."""
    count = len(primitive.operands)
    given = _given(function, args, kwargs)
    if given is None:
        return primitive(*args, **kwargs)
    names = list(_signature(function).parameters)[:count]  # type: ignore[union-attr]  # It has one.
    operands = [given.pop(name, None) for name in names]
    unknown = [name for name in given if name not in primitive.parameters]
    if not unknown:
        return primitive(*operands, **given)
    if function in EXTENDED:
        return _composed(EXTENDED[function], function, args, kwargs)
    raise TypeError(
        f"{_name_of(function)} on Tensors takes no {unknown[0]}= (got {given[unknown[0]]!r}); it "
        f"takes {', '.join((*names, *primitive.parameters))}."
    )


def _composed(
    composition: Function, function: Function, args: Args, kwargs: Kwargs, name: str = ""
) -> Any:
    """Call a composition; where it does not take all of NumPy's arguments, with those given."""
    try:
        return composition(*args, **kwargs)
    except TypeError as error:
        signature = inspect.signature(composition)
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            given = _given(function, args, kwargs)
            problem = str(error)
        else:
            raise  # It was something inside.
    if given is not None:
        first = [x for x in signature.parameters.values() if x.kind is x.POSITIONAL_ONLY]
        alone = [given.pop(x.name) for x in first if x.name in given]
        try:
            bound = signature.bind(*alone, **given)
        except TypeError as error:
            problem = str(error)
        else:
            return composition(*bound.args, **bound.kwargs)
    takes = ", ".join(signature.parameters)
    raise TypeError(f"{name or _name_of(function)} on Tensors: {problem}. It takes {takes}.")
