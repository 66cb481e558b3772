"""Products of a matrix of `scipy.sparse` with a Tensor."""

from typing import Any

from scipy import sparse

from autograd_lite.core.later import missing
from autograd_lite.numpy_api.table import as_array
from autograd_lite.ops import sparse as operations

__all__ = ["matmul"]

__getattr__ = missing(globals(), "It has matmul alone, a product with a sparse matrix")


def matmul(a: Any, b: Any) -> Any:
    """Return ``a @ b``, where one of them is sparse.

    Parameters
    ----------
    a, b : sparse matrix, array or Tensor
        One is a matrix of `scipy.sparse`, of shape (m, n), which is a constant; the other is a
        vector, or a matrix.

    Returns
    -------
    array or Tensor
        As for dense matrices.

    Raises
    ------
    TypeError
        If neither is sparse, or both are.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse
    >>> import autograd_lite as al
    >>> a = scipy.sparse.diags_array([[2.0, 3.0], [1.0]], offsets=[0, 1])
    >>> print(al.grad(lambda x: np.sum(al.scipy.sparse.matmul(a, x) ** 2))(np.array([1.0, 1.0])))
    [12. 24.]
    """
    if sparse.issparse(a) == sparse.issparse(b):
        raise TypeError(
            f"matmul needs one sparse matrix, got a {type(a).__name__} and a {type(b).__name__}. "
            f"What is not of scipy.sparse is multiplied with a @ b."
        )
    if sparse.issparse(b):
        a = as_array(a)
        _check(a.shape, b.shape, a.ndim in (1, 2) and a.shape[-1] == b.shape[0])
        return _product(b, a.T, transposed=True).T
    b = as_array(b)
    _check(a.shape, b.shape, b.ndim in (1, 2) and b.shape[0] == a.shape[-1])
    return _product(a, b, transposed=False)


def _product(matrix: Any, x: Any, *, transposed: bool) -> Any:
    rows = matrix.tocsr()
    return operations.sparse_product(
        rows.data,
        x,
        indices=rows.indices,
        indptr=rows.indptr,
        shape=rows.shape,
        transposed=transposed,
    )


def _check(a: Any, b: Any, fits: bool) -> None:
    if not fits or len(a) > 2 or len(b) > 2:
        raise ValueError(
            f"matmul needs (m, n) @ (n,) or (n, k), or (m,) or (k, m) @ (m, n), got {a} @ {b}."
        )
