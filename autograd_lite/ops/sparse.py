"""Products with a sparse matrix, given by its rows as in `scipy.sparse.csr_array`."""

from typing import Any

import numpy as np
from scipy import sparse

from autograd_lite.core.notation import call
from autograd_lite.core.primitive import example, primitive


def _entries(g: Any, x: Any, indices: Any, indptr: Any, shape: Any, transposed: bool) -> Any:
    """Cotangent of the entries of a sparse matrix that was multiplied with `x`."""
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    product = g[indices] * x[rows] if transposed else g[rows] * x[indices]
    return product if x.ndim == 1 else product.sum(axis=1)


_MATRIX = {"indices": np.array([0, 2, 1, 0, 3]), "indptr": np.array([0, 2, 2, 5]), "shape": (3, 4)}


@primitive(
    entries=lambda g, y, entries, x, **where: _entries(g, x, **where),
    x=lambda g, y, entries, x, transposed, **where: sparse_product(
        entries, g, transposed=not transposed, **where
    ),
    notation=call(
        "sparse_product", r"S_{{{entries:loose}}} {x:tight}", text="S({entries:loose}) @ {x:tight}"
    ),
    linear=("entries", "x"),
    analytic=True,
    examples=(
        example((5,), (4,), **_MATRIX),
        example((5,), (4, 2), **_MATRIX),
        example((5,), (3,), **_MATRIX, transposed=True),
        example((5,), (3, 2), **_MATRIX, transposed=True),
    ),
    whole=True,
)
def sparse_product(
    entries: Any, x: Any, *, indices: Any, indptr: Any, shape: Any, transposed: bool = False
) -> Any:
    """Multiply a sparse matrix, or its transpose, with a vector or a matrix.

    Row i of it has ``entries[indptr[i] : indptr[i + 1]]`` in the columns ``indices`` there.
    """
    matrix = sparse.csr_array((entries, indices, indptr), shape)
    return (matrix.T if transposed else matrix) @ x
