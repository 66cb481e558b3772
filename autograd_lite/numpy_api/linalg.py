"""``numpy.linalg``: what is not an operation of its own."""

import math
import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_lite import ops
from autograd_lite.core.operands import is_recorder
from autograd_lite.numpy_api.arguments import refuse
from autograd_lite.numpy_api.products import real
from autograd_lite.numpy_api.shape import moved
from autograd_lite.numpy_api.table import as_array, composes, fixed, values_of
from autograd_lite.ops.linalg import transposed

# The namedtuples that NumPy returns; it does not export their names.
EighResult: Any = type(np.linalg.eigh([[1.0]]))
EigResult: Any = type(np.linalg.eig([[1.0]]))
SVDResult: Any = type(np.linalg.svd([[1.0]]))
QRResult: Any = type(np.linalg.qr([[1.0]]))
SlogdetResult: Any = type(np.linalg.slogdet([[1.0]]))

FREE_BASIS = "the vectors beyond the rank are any basis, which has no derivative; pass "


def matrices(a: Any, name: str, *, square: bool = False, of_real: bool = True) -> Any:
    """Return an array of at least two axes, of real numbers if said, or say what is needed."""
    a = real(a, f"np.linalg.{name}") if of_real else as_array(a)
    if a.ndim < 2 or (square and a.shape[-2] != a.shape[-1]):
        kind = "square matrices, (..., n, n)" if square else "matrices, (..., m, n)"
        raise np.linalg.LinAlgError(f"np.linalg.{name} needs {kind}, got an array of {a.shape}.")
    return a


# -------------------------------------------------------------------- decompositions


@composes(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:  # noqa: N803  (NumPy's name)
    """Compose ``np.linalg.eigh``: its two results are picked from one operation."""
    packed = ops.eigh(matrices(a, "eigh", square=True, of_real=False), uplo=UPLO)
    return EighResult(np.real(packed[..., 0, :]), packed[..., 1:, :])


@composes(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:  # noqa: N803  (NumPy's name)
    """Compose ``np.linalg.eigvalsh``: the eigenvalues of `eigh`."""
    return eigh(a, UPLO).eigenvalues


@composes(np.linalg.eig)
def eig(a: Any) -> Any:
    packed = ops.eig(matrices(a, "eig", square=True, of_real=False))
    return EigResult(packed[..., 0, :], packed[..., 1:, :])


@composes(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Compose ``np.linalg.eigvals``: the eigenvalues of `eig`."""
    return eig(a).eigenvalues


@composes(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Compose ``np.linalg.qr``; the columns of a wide matrix beyond the square are ``q @ r``."""
    a = matrices(a, "qr")
    m, n = a.shape[-2:]
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"np.linalg.qr on Tensors has modes 'reduced', 'r', 'complete': {mode!r}.")
    if mode == "complete" and m > n:
        refuse("np.linalg.qr", FREE_BASIS + "mode='reduced'", mode=mode)
    packed = ops.qr(a[..., :m] if n > m else a)
    q, r = packed[..., :m, :], transposed(packed[..., m:, :])
    if n > m:
        r = ops.concatenate(r, ops.matmul(transposed(q), a[..., m:]), axis=-1)
    return r if mode == "r" else QRResult(q, r)


@composes(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Compose ``np.linalg.svd``: its three results are picked from one operation."""
    a = matrices(a, "svd", square=hermitian)
    m, n = a.shape[-2:]
    if hermitian:
        u, s, vt = _svd_of_symmetric(a)
    else:
        if full_matrices and compute_uv and m != n:
            refuse("np.linalg.svd", FREE_BASIS + "full_matrices=False", full_matrices=full_matrices)
        packed = ops.svd(a)
        u, s, vt = packed[..., :m, :], packed[..., m, :], transposed(packed[..., m + 1 :, :])
    return SVDResult(u, s, vt) if compute_uv else s


def _svd_of_symmetric(a: Any) -> tuple[Any, Any, Any]:
    """Compose the decomposition as NumPy does it for symmetric matrices: from eigenvalues."""
    w, v = eigh(a)
    values = np.asarray(values_of(w))
    order = np.argsort(np.abs(values), axis=-1)[..., ::-1]
    sign = np.take_along_axis(np.copysign(1.0, values), order, -1).astype(values.dtype)
    s = ops.absolute(ops.take_along_axis(w, indices=order, axis=-1))
    u = ops.take_along_axis(v, indices=order[..., None, :], axis=-1)
    return u, s, transposed(u * sign[..., None, :])


# -------------------------------------------------------------------- solving


@composes(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Compose ``np.linalg.slogdet``; the sign, which has no derivative, is NumPy's."""
    a = matrices(a, "slogdet", square=True)
    return SlogdetResult(np.linalg.slogdet(values_of(a)).sign, ops.logabsdet(a))


@composes(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """Compose ``np.linalg.pinv``, whose cut has two names."""
    a = matrices(a, "pinv", square=hermitian)
    a = a if a.dtype.kind == "f" else a.astype(float)
    if rcond is not None and rtol is not np._NoValue:
        raise ValueError("np.linalg.pinv: `rtol` and `rcond` can't be both set.")
    if rcond is None and rtol is np._NoValue:
        return ops.pinv(a, hermitian=bool(hermitian))
    rcond = rtol if rcond is None else rcond
    if rcond is None:
        rcond = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    return pseudo_inverse(a, fixed(rcond, "np.linalg.pinv", "its cut"), bool(hermitian))


def pseudo_inverse(a: Any, rcond: Any, hermitian: bool = False) -> Any:
    """Invert what lies above a cut; the operation's rule holds where nothing but 0 is cut off.

    Where more is, the matrix is first projected onto the singular vectors that are kept: they turn
    with it.
    """
    whole = ops.pinv(a, rcond=rcond, hermitian=hermitian)
    small = np.sqrt(np.finfo(a.dtype).eps)
    if np.max(rcond, initial=0.0) <= small or not a.size:
        return whole
    a = ops.mirror(a) if hermitian else a
    u, s, _ = svd(a, full_matrices=False)
    s = values_of(s)
    largest = s[..., :1]
    kept = s > np.asarray(rcond)[..., None] * largest
    if not is_recorder(s) and not (~kept & (s > small * largest)).any():
        return whole
    u = ops.where(kept[..., None, :], u, 0.0)
    return ops.pinv(ops.matmul(u, ops.matmul(transposed(u), a)), rcond=rcond)


def lapack_cut(rcond: float | None, n: int, dtype: Any) -> float:
    """Return where least squares cut off, which take no cut but one between 0 and 1."""
    eps = float(np.finfo(dtype).eps)
    return n * eps if rcond is None else rcond if 0 < rcond < 1 else eps


@composes(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """Compose ``np.linalg.lstsq`` by way of the pseudo-inverse, which must keep its rank."""
    a, b = (real(x, "np.linalg.lstsq") for x in (a, b))
    if a.dtype.kind != "f":
        a = a.astype(float)
    rcond = values_of(rcond)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise np.linalg.LinAlgError(
            f"np.linalg.lstsq needs (m, n) and (m,) or (m, k), got {a.shape} and {b.shape}."
        )
    m, n = a.shape
    rcond = lapack_cut(rcond, max(m, n), a.dtype)
    x = ops.matmul(pseudo_inverse(a, rcond), b)
    s = svd(a, compute_uv=False)
    known = np.asarray(values_of(s))
    rank = np.intc((known > rcond * known.max(initial=0.0)).sum())
    if rank < n or m <= n:
        return x, np.empty(0, x.dtype), rank, s
    error = b - ops.matmul(a, x)
    squares = ops.sum(error * error, axis=0)
    return x, ops.reshape(squares, shape=(-1,)), rank, s


@composes(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """Compose ``np.linalg.matrix_power`` by squaring; of the inverse if `n` is negative."""
    a = matrices(a, "matrix_power", square=True, of_real=False)
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"np.linalg.matrix_power: exponent must be an integer, got {n!r}") from None
    if n == 0:
        identity = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
        return ops.where(False, a, identity)  # So it has a gradient: 0.
    square, power = ops.inv(a) if n < 0 else a, None
    n = abs(n)
    while True:
        if n % 2:
            power = square if power is None else ops.matmul(power, square)
        n //= 2
        if not n:
            return power
        square = ops.matmul(square, square)


@composes(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """Compose ``np.linalg.tensorinv``: the inverse of the matrix that it amounts to."""
    a = as_array(a)
    if ind <= 0:
        raise ValueError(f"np.linalg.tensorinv: Invalid ind argument, got {ind}.")
    rows = math.prod(a.shape[ind:])
    flat = matrices(ops.reshape(a, shape=(rows, -1)), "tensorinv", square=True, of_real=False)
    return ops.reshape(ops.inv(flat), shape=(*a.shape[ind:], *a.shape[:ind]))


@composes(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Compose ``np.linalg.tensorsolve``: the solution of the system that it amounts to."""
    a, b = as_array(a), as_array(b)
    if axes is not None:
        order = list(range(a.ndim))
        for axis in axes:
            order.remove(axis)
            order.insert(a.ndim, axis)
        a = ops.transpose(a, axes=tuple(order))
    shape = a.shape[-(a.ndim - b.ndim) :]
    size = math.prod(shape)
    if a.size != size**2:
        raise np.linalg.LinAlgError(
            f"np.linalg.tensorsolve needs prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim]), got "
            f"a: {a.shape} and b: {b.shape}."
        )
    flat = ops.reshape(a, shape=(size, size))
    return ops.reshape(ops.solve(flat, ops.reshape(b, shape=(-1,))), shape=shape)


# -------------------------------------------------------------------- norms


@composes(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Compose ``np.linalg.norm``: of vectors along one axis, of matrices along two."""
    x = as_array(x)
    if axis is None and (
        ord is None or (x.ndim == 2 and ord in ("f", "fro")) or (x.ndim == 1 and ord == 2)
    ):
        return ops.vector_norm(x, keepdims=bool(keepdims))
    if axis is None:
        axis = tuple(range(x.ndim))
    elif not isinstance(axis, tuple):
        try:
            axis = (int(axis),)
        except TypeError:
            raise TypeError(
                f"np.linalg.norm: 'axis' must be None, an integer or a tuple, got {axis!r}."
            ) from None
    if len(axis) == 1:
        if isinstance(ord, str):
            raise ValueError(f"np.linalg.norm: Invalid norm order {ord!r} for vectors.")
        order = 2 if ord is None else ord
        return ops.vector_norm(x, axis=axis[0], keepdims=bool(keepdims), ord=order)
    if len(axis) == 2:
        return _matrix_norm(x, ord, axis, keepdims)
    raise ValueError(
        f"np.linalg.norm: Improper number of dimensions to norm: {len(axis)}. Pass axis=, or use "
        f"np.linalg.vector_norm."
    )


def _matrix_norm(x: Any, ord: Any, axis: tuple[int, int], keepdims: Any) -> Any:
    """Compose the norm of matrices that lie in two axes."""
    i, j = (normalize_axis_index(k, x.ndim) for k in axis)
    if i == j:
        raise ValueError(f"np.linalg.norm: Duplicate axes given: {axis}.")
    if ord in (None, "fro", "f"):
        return ops.vector_norm(x, axis=(i, j), keepdims=bool(keepdims))
    if ord in (2, -2, "nuc"):
        s = svd(moved(x, (i, j), (-2, -1)), compute_uv=False)
        if ord == "nuc" or (ord == 2 and not s.shape[-1]):
            result = ops.sum(s, axis=-1)
        else:
            result = ops.max(s, axis=-1) if ord == 2 else ops.min(s, axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        x = x if x.dtype.kind in "fc" else x.astype(float)
        inner, outer = (i, j) if abs(ord) == 1 else (j, i)
        sums = ops.sum(ops.absolute(x), axis=inner, keepdims=True)
        if ord > 0 and not x.shape[outer]:
            result = ops.sum(sums, axis=(i, j))
        else:
            result = (ops.max if ord > 0 else ops.min)(sums, axis=(i, j))
    else:
        raise ValueError(f"np.linalg.norm: Invalid norm order for matrices, got {ord!r}.")
    if keepdims:
        kept = tuple(1 if k in (i, j) else n for k, n in enumerate(x.shape))
        return ops.reshape(result, shape=kept)
    return result


@composes(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Compose ``np.linalg.matrix_norm``: the norm of matrices in the last two axes."""
    return _matrix_norm(matrices(x, "matrix_norm", of_real=False), ord, (-2, -1), keepdims)


@composes(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """Compose ``np.linalg.cond``: a ratio of singular values, or a product of two norms."""
    x = matrices(x, "cond")
    if 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError("np.linalg.cond is not defined on empty arrays.")
    if p is not None and p not in (2, -2):
        x = matrices(x, "cond", square=True)
        return matrix_norm(x, ord=p) * matrix_norm(ops.inv(x), ord=p)
    s = svd(x, compute_uv=False)
    with np.errstate(all="ignore"):  # A singular matrix has the condition inf.
        ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    undefined = np.isnan(ratio) & ~np.isnan(values_of(x)).any(axis=(-2, -1))
    return ops.where(undefined, np.inf, ratio) if undefined.any() else ratio


# -------------------------------------------------------------------- parts of matrices


@composes(np.linalg.trace)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Compose ``np.linalg.trace``: of matrices in the last two axes."""
    refuse("np.linalg.trace", "convert with t.astype(...)", dtype=dtype)
    return ops.trace(as_array(x), offset=offset, axis1=-2, axis2=-1)
