"""`scipy.linalg` on Tensors, as far as `numpy.linalg`, which takes them too, does not have it."""

from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.later import missing
from autograd_lite.numpy_api.table import as_array
from autograd_lite.ops import matrix_functions

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "det", "expm", "inv", "solve",
    "solve_sylvester", "solve_triangular", "sqrtm",
]  # fmt: skip

__getattr__ = missing(
    globals(),
    "Most of it is in np.linalg, which takes Tensors; for the value alone, call "
    "scipy.linalg.{name} with t.numpy()",
)

inv, det = np.linalg.inv, np.linalg.det


def expm(a: Any) -> Any:
    """Return the exponential of a matrix.

    Parameters
    ----------
    a : array or Tensor, shape (..., n, n)

    Returns
    -------
    array or Tensor, shape (..., n, n)

    Examples
    --------
    A rotation, and how fast it turns at first:

    >>> import numpy as np
    >>> import autograd_lite as al
    >>> turn = lambda angle: al.scipy.linalg.expm(angle * np.array([[0.0, -1.0], [1.0, 0.0]]))
    >>> print(turn(np.pi / 2).round(2))
    [[ 0. -1.]
     [ 1.  0.]]
    >>> print(al.jvp(turn, (0.0,), (1.0,))[1])
    [[ 0. -1.]
     [ 1.  0.]]
    """
    return matrix_functions.expm(_square(a, "expm"))


def sqrtm(a: Any) -> Any:
    """Return the principal square root of a matrix: ``y @ y`` is `a`.

    Parameters
    ----------
    a : array or Tensor, shape (n, n)
        It has a derivative where no two eigenvalues of the root add up to 0.

    Returns
    -------
    array or Tensor, shape (n, n)
        Complex where there is no real root.
    """
    return matrix_functions.sqrtm(_square(a, "sqrtm"))


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Return the `x` for which ``a @ x + x @ b`` is `q`.

    Parameters
    ----------
    a : array or Tensor, shape (m, m)
    b : array or Tensor, shape (n, n)
    q : array or Tensor, shape (m, n)

    Returns
    -------
    array or Tensor, shape (m, n)
    """
    return matrix_functions.solve_sylvester(
        _square(a, "solve_sylvester"), _square(b, "solve_sylvester"), as_array(q)
    )


def solve_triangular(
    a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """Solve a system of equations with a triangular matrix, of which one triangle is read.

    Parameters
    ----------
    a : array or Tensor, shape (n, n)
    b : array or Tensor, shape (n,) or (n, k)
    trans : {0, 1, "N", "T"}
        Whether to solve ``a.T @ x = b``.
    lower : bool
        Whether it is the lower triangle.
    unit_diagonal : bool
        Whether the diagonal counts as 1, whatever stands there.

    Returns
    -------
    array or Tensor, shape of `b`
    """
    if trans not in (0, 1, "N", "T"):
        raise ValueError(
            f"solve_triangular needs trans=0, 1, 'N' or 'T', got {trans!r}. Where it should be "
            f"conjugated, pass np.conj(a) with trans=1."
        )
    a = _square(a, "solve_triangular")
    how = {"lower": lower, "unit_diagonal": unit_diagonal, "trans": trans in (1, "T")}
    return matrix_functions.solve_triangular(a, _right_side(a, b, "solve_triangular"), **how)


def cholesky(a: Any, lower: bool = False) -> Any:
    """Return the triangular matrix whose square is `a`: ``u.T @ u``, or ``l @ l.T``.

    Parameters
    ----------
    a : array or Tensor, shape (n, n)
        Symmetric and positive definite; one triangle is read.
    lower : bool
        Whether it is the lower triangle; the result is lower then, too.

    Returns
    -------
    array or Tensor, shape (n, n)
    """
    return np.linalg.cholesky(_square(a, "cholesky"), upper=not lower)


def cho_factor(a: Any, lower: bool = False) -> tuple[Any, bool]:
    """Return what `cho_solve` takes: a factor of `a`, and whether it is the lower one.

    Parameters
    ----------
    a : array or Tensor, shape (n, n)
        Symmetric and positive definite; one triangle is read.
    lower : bool
        Whether it is the lower triangle.

    Returns
    -------
    (array or Tensor, bool)
        The other triangle of the factor is 0.
    """
    return cholesky(a, lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Any:
    """Solve ``a @ x = b``, given what `cho_factor` returned for `a`.

    Parameters
    ----------
    c_and_lower : (array or Tensor, bool)
    b : array or Tensor, shape (n,) or (n, k)

    Returns
    -------
    array or Tensor, shape of `b`

    Examples
    --------
    The logarithm of a Gaussian density by a factor of the covariance, and its gradient by the
    variances:

    >>> import numpy as np
    >>> import autograd_lite as al
    >>> def energy(k, y):
    ...     c = al.scipy.linalg.cho_factor(k)
    ...     return y @ al.scipy.linalg.cho_solve(c, y) / 2 + np.sum(np.log(np.diag(c[0])))
    >>> print(np.diag(al.grad(energy)(np.eye(2), np.array([1.0, 2.0]))))
    [ 0.  -1.5]
    """
    c, lower = c_and_lower
    half = solve_triangular(c, b, trans=int(not lower), lower=lower)
    return solve_triangular(c, half, trans=int(lower), lower=lower)


def solve(
    a: Any, b: Any, lower: bool = False, *, assume_a: str | None = None, transposed: bool = False
) -> Any:
    """Solve ``a @ x = b``.

    Parameters
    ----------
    a : array or Tensor, shape (n, n)
    b : array or Tensor, shape (n,) or (n, k)
    lower : bool
        Which triangle is read where the matrix is symmetric.
    assume_a : {None, "gen", "sym", "pos", "upper triangular", "lower triangular"}
        What is known of `a`.
    transposed : bool
        Whether to solve ``a.T @ x = b``.

    Returns
    -------
    array or Tensor, shape of `b`
    """
    a = _square(a, "solve")
    b = _right_side(a, b, "solve")
    known = assume_a or "gen"
    if known in ("upper triangular", "lower triangular"):
        return solve_triangular(a, b, int(transposed), known.startswith("lower"))
    if known in ("pos", "positive definite"):
        return cho_solve(cho_factor(a, lower), b)
    if known in ("sym", "symmetric"):
        a = ops.mirror(a, upper=not lower)
    elif known not in ("gen", "general"):
        raise ValueError(
            f"solve on Tensors has no special way for assume_a={assume_a!r}. Leave it out."
        )
    return np.linalg.solve(a.T if transposed else a, b)


def block_diag(*arrays: Any) -> Any:
    """Return a matrix with these blocks along its diagonal, and 0 elsewhere.

    Parameters
    ----------
    *arrays : array or Tensor, shape (m, n), (n,) or ()
        What has less than two axes is a row.

    Returns
    -------
    array or Tensor, shape (sum of m, sum of n)
    """
    blocks = [np.atleast_2d(as_array(a)) for a in arrays] or [np.zeros((1, 0))]
    for block in blocks:
        if block.ndim > 2:
            raise ValueError(f"block_diag needs matrices, got one of shape {block.shape}.")
    width, before, rows = sum(block.shape[1] for block in blocks), 0, []
    for block in blocks:
        after = width - before - block.shape[1]
        rows.append(np.pad(block, ((0, 0), (before, after))))
        before = width - after
    return np.concatenate(rows)


def _square(a: Any, name: str) -> Any:
    a = as_array(a)
    stack = a.ndim > 2 and name != "expm"
    if a.ndim < 2 or stack or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"{name} needs a square matrix, got an array of shape {a.shape}.")
    return a


def _right_side(a: Any, b: Any, name: str) -> Any:
    b = as_array(b)
    if b.ndim not in (1, 2) or len(b) != len(a):
        raise ValueError(
            f"{name} needs (n, n) and (n,) or (n, k), got a: {a.shape} and b: {b.shape}."
        )
    return b
