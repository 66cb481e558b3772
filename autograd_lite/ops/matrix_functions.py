"""Functions of matrices and equations in them, from `scipy.linalg`."""

from typing import Any

import numpy as np
from scipy import linalg

from autograd_lite.core.notation import POWER, SIGN, Form, call
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.linalg import transposed


def _right_side(g: Any, a: Any, lower: bool, unit_diagonal: bool, trans: bool) -> Any:
    """Cotangent of `b` in ``solve_triangular(a, b)``."""
    return solve_triangular(a, g, lower=lower, unit_diagonal=unit_diagonal, trans=not trans)


def _triangle(g: Any, y: Any, a: Any, lower: bool, unit_diagonal: bool, trans: bool) -> Any:
    """Cotangent of `a` in ``solve_triangular(a, b)``."""
    right = _right_side(g, a, lower, unit_diagonal, trans)
    if y.ndim == 1:
        right, y = right[:, None], y[:, None]
    product = y @ transposed(right) if trans else right @ transposed(y)
    k = int(unit_diagonal)  # Only the triangle that is read.
    return -(np.tril(product, -k) if lower else np.triu(product, k))


@primitive(
    a=lambda g, y, a, b, **how: _triangle(g, y, a, **how),
    b=lambda g, y, a, b, **how: _right_side(g, a, **how),
    notation=call("solve_triangular", Form("{{{a:tight}}}^{{-1}} {b:tight}", SIGN)),
    domain={"a": "full rank"},
    analytic=True,
    linear=("b",),
    jax=(
        "jax.scipy.linalg.solve_triangular({a}, {b}, trans=int({trans}), lower={lower}, "
        "unit_diagonal={unit_diagonal})"
    ),
    examples=(
        example((3, 3), (3,)),
        example((3, 3), (3, 2), lower=True),
        example((3, 3), (3, 2), trans=True),
        example((2, 2), (2,), lower=True, trans=True, unit_diagonal=True),
    ),
    whole=True,
)
def solve_triangular(
    a: Any, b: Any, *, lower: bool = False, unit_diagonal: bool = False, trans: bool = False
) -> Any:
    """Solve ``a @ x = b``, or ``a.T @ x = b``, reading one triangle of `a`."""
    return linalg.solve_triangular(a, b, int(trans), lower, unit_diagonal)


def _turned(g: Any, matrices: tuple[Any, ...], i: int) -> Any:
    """Cotangent of matrix `i` of ``expm(*matrices)``, which is symmetric in all but the first."""
    others = [transposed(x) for k, x in enumerate(matrices) if k != i or k == 0]
    return expm(*others, g)


@primitive(
    matrices=lambda g, y, *matrices, i: _turned(g, matrices, i),
    notation=call("expm", r"\exp\left({operands}\right)"),
    analytic=True,
    examples=(example((3, 3)), example((2, 2, 2)), example((3, 3), (3, 3))),
    whole=True,
)
def expm(*matrices: Any) -> Any:
    """Exponential of a matrix, or its derivative along others, in each of which that is linear.

    A derivative is the upper right part of the exponential of a matrix twice as wide, which has the
    direction there, and the matrix itself twice along its diagonal.
    """
    whole, *directions = matrices
    n = whole.shape[-1]
    for direction in directions:
        right = np.kron(np.eye(whole.shape[-1] // n, dtype=direction.dtype), direction)
        whole = np.block([[whole, right], [np.zeros_like(whole), whole]])
    return linalg.expm(whole)[..., :n, whole.shape[-1] - n :]


def _sylvester_right(g: Any, a: Any, b: Any) -> Any:
    """Cotangent of `q` in ``solve_sylvester(a, b, q)``: the transposed equation, solved for `g`."""
    return solve_sylvester(transposed(a), transposed(b), g)


@primitive(
    a=lambda g, y, a: _sylvester_right(g, y, y),
    notation=call("sqrtm", Form("{{{a:tight}}}^{{1/2}}", POWER), text=Form("{a:tight}^½", POWER)),
    takes_complex=True,
    domain={"a": "positive definite"},
    examples=(example((3, 3)), example((1, 1))),
    whole=True,
)
def sqrtm(a: Any) -> Any:
    """Principal square root of a matrix: ``y @ y`` is `a`; complex where there is no real one."""
    return linalg.sqrtm(a)


@primitive(
    a=lambda g, y, a, b, q: -(_sylvester_right(g, a, b) @ transposed(y)),
    b=lambda g, y, a, b, q: -(transposed(y) @ _sylvester_right(g, a, b)),
    q=lambda g, y, a, b, q: _sylvester_right(g, a, b),
    notation=call("solve_sylvester"),
    domain={"a": "positive definite", "b": "positive definite"},
    linear=("q",),
    takes_complex=True,
    examples=(example((3, 3), (3, 3), (3, 3)), example((2, 2), (3, 3), (2, 3))),
    whole=True,
)
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Solve ``a @ x + x @ b = q``."""
    return linalg.solve_sylvester(a, b, q)
