"""The functions that neural networks are made of: activations, softmax, the squared error."""

import functools
import math
from typing import Any

import numpy as np

from autograd_lite.core.notation import POWER, PRODUCT, SIGN, SUM, Choice, Form, Notation
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.reduction import AXES, evenly, keep

REDUCTIONS = ("mean", "sum", "half_sum", "none")
ROWS = (
    example((2, 3)),
    example((2, 3), axis=0),
    example((2, 3), axis=(0, 1)),
    example((4,)),
    example((2, 3), axis=None),
)


@primitive(
    x=lambda g, y, x: g * (x > 0),
    notation=Notation(
        python=Form("np.maximum({x:loose}, 0)"),
        latex=Form(r"\mathrm{{relu}}\left({x:loose}\right)"),
    ),
    domain={"x": "nonzero"},
    entrywise=True,
    bends=True,
)
def relu(x: Any) -> Any:
    """Return ``max(x, 0)``; its derivative at 0 is 0."""
    return np.maximum(x, 0)


@primitive(
    x=lambda g, y, x: g * (y * (1.0 - y)),
    notation=Notation(
        python=Form("1 / (1 + np.exp({x:negated}))", PRODUCT),
        latex=Form(r"\sigma\left({x:loose}\right)"),
        text=Form("σ({x:loose})"),
    ),
    analytic=True,
    entrywise=True,
)
def sigmoid(x: Any) -> Any:
    r"""Logistic function :math:`\sigma(x) = 1 / (1 + e^{-x})`, with values in (0, 1).

    Written as :math:`e^x / (1 + e^x)` with `x` capped where the result is 1 to the last digit:
    it cannot overflow, and small results keep all their digits.
    """
    one, cap = _one_and_cap(x.dtype) if x.ndim else (1.0, 10.0 if x.dtype == np.float16 else 80.0)
    e = np.exp(np.minimum(x, cap))
    return e / (one + e)


@functools.cache
def _one_and_cap(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    dtype = dtype if dtype.kind in "fc" else np.dtype(float)
    return np.array(1, dtype), np.array(10 if dtype == np.float16 else 80, dtype)


@primitive(
    x=lambda g, y, x: g * sigmoid(x),
    notation=Notation(
        python=Form("np.logaddexp({x:loose}, 0)"),
        latex=Form(r"\ln\left(1 + e^{{{x:loose}}}\right)"),
    ),
    entrywise=True,
)
def softplus(x: Any) -> Any:
    """Return ``log(1 + exp(x))`` without overflow."""
    return np.logaddexp(x, 0)


def _shifted(x: Any, axis: Any) -> tuple[Any, Any]:
    """Return ``x - top``, whose exponential cannot overflow, and the largest entries, `top`."""
    if x.dtype.kind not in "fc":  # Differences of small integers overflow.
        x = x.astype(float)
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return x - top, top


@primitive(
    x=lambda g, y, x, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)),
    notation=Notation(
        # As with a shift by the largest, nothing overflows, and it is a single line.
        python=Form("np.exp({x:sum} - np.logaddexp.reduce({x:loose}, axis={axis}, keepdims=True))"),
        latex=Form(r"\mathrm{{softmax}}{below}\left({x:loose}\right)"),
    ),
    sentence="{x} gets the gradient of {y}, less its mean weighted by softmax({x}), times that.",
    examples=ROWS,
)
def softmax(x: Any, *, axis: Any = -1) -> Any:
    r"""Return positive numbers that sum to 1 along an axis.

    .. math:: y_i = e^{x_i} / \sum_j e^{x_j}, \qquad
              \bar x_i = y_i \, (\bar y_i - \sum_j \bar y_j y_j)

    Parameters
    ----------
    x : array or Tensor, any shape, floating-point
        The scores. The largest is subtracted first, so that nothing overflows.
    axis : int or tuple of int or None
        Along which the results sum to 1; None: over all entries.

    Returns
    -------
    array or Tensor, shape and dtype of `x`

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.softmax(np.array([0.0, np.log(3.0)])).round(3)
    array([0.25, 0.75])
    """
    e = np.exp(_shifted(x, axis)[0])
    return e / e.sum(axis=axis, keepdims=True)


@primitive(
    x=lambda g, y, x, axis: g - np.exp(y) * g.sum(axis=axis, keepdims=True),
    notation=Notation(
        python=Form("{x} - np.logaddexp.reduce({x:loose}, axis={axis}, keepdims=True)", SUM),
        latex=Form(r"\ln\,\mathrm{{softmax}}{below}\left({x:loose}\right)", SIGN),
    ),
    sentence="{x} gets the gradient of {y}, less softmax({x}) times its sum along the axis.",
    examples=ROWS,
)
def log_softmax(x: Any, *, axis: Any = -1) -> Any:
    r"""Return the logarithm of `softmax`, accurate also where that underflows.

    .. math:: y_i = x_i - \ln \sum_j e^{x_j}, \qquad
              \bar x_i = \bar y_i - e^{y_i} \sum_j \bar y_j

    Parameters
    ----------
    x : array or Tensor, any shape, floating-point
        The scores.
    axis : int or tuple of int or None
        Along which `softmax` sums to 1; None: over all entries.

    Returns
    -------
    array or Tensor, shape and dtype of `x`

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.log_softmax(np.array([0.0, -1000.0]))
    array([    0., -1000.])
    """
    shifted, _ = _shifted(x, axis)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


@primitive(
    x=lambda g, y, x, axis, keepdims: keep(g, axis, keepdims) * softmax(x, axis=axis),
    notation=Notation(
        python=Form("np.logaddexp.reduce({x:loose}, axis={axis}{parameters})"),
        latex=Form(r"\ln \sum{below} e^{{{x:loose}}}", SUM),
    ),
    sentence="{x} gets the gradient of {y} times softmax({x}).",
    reduces=True,
    examples=AXES,
)
def logsumexp(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    r"""Return the logarithm of a sum of exponentials, without overflow.

    .. math:: y = \ln \sum_i e^{x_i}, \qquad \bar x_i = \bar y \, \mathrm{softmax}(x)_i

    Parameters
    ----------
    x : array or Tensor, any shape, floating-point
        The exponents.
    axis : int or tuple of int or None
        Along which to sum; None: over all entries.
    keepdims : bool
        Whether the axes that are summed over stay, with length 1.

    Returns
    -------
    array or Tensor
        `x` without those axes, or with length 1 there; of its dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> print(al.logsumexp(np.array([1000.0, 1000.0])))  # 1000 + ln 2
    1000.6931471805599
    """
    shifted, top = _shifted(x, axis)
    with np.errstate(divide="ignore"):  # log 0 = -inf is right for a row of -inf.
        result = np.log(np.exp(shifted).sum(axis=axis, keepdims=True)) + top
    return result if keepdims else result.squeeze(axis)


_PYTHON = "({prediction:sum} - {target:sum_right}) ** 2"
_LATEX = r"\left({prediction:sum} - {target:sum_right}\right)^2"
_TEXT = "({prediction:sum} − {target:sum_right})²"


def _mse_derivative(g: Any, y: Any, prediction: Any, target: Any, reduction: str) -> Any:
    """Cotangent of the prediction: the error times 2, 2/n or 1, by the reduction."""
    error = prediction - target
    if reduction == "half_sum":  # For the loss itself, g is 1, and a product would change nothing.
        return error if type(g) is np.float64 and g == 1 else g * error
    return 2.0 * (evenly(g, error.size or 1) if reduction == "mean" else g) * error


@primitive(
    prediction=_mse_derivative,
    target=lambda g, y, prediction, target, reduction: _mse_derivative(
        g, y, target, prediction, reduction
    ),
    notation=Choice(
        "reduction",
        {
            "mean": Notation(
                python=Form(f"np.mean({_PYTHON})"),
                latex=Form(rf"\frac{{{{1}}}}{{{{n}}}} \sum {_LATEX}", SUM),
                text=Form(f"1/n Σ {_TEXT}", SUM),
                picture=Form("mse({operands})"),
            ),
            "sum": Notation(
                python=Form(f"np.sum({_PYTHON})"),
                latex=Form(rf"\sum {_LATEX}", SUM),
                text=Form(f"Σ {_TEXT}", SUM),
                picture=Form(f"Σ{_TEXT}"),
            ),
            "half_sum": Notation(
                python=Form(f"0.5 * np.sum({_PYTHON})", PRODUCT),
                latex=Form(rf"\frac{{{{1}}}}{{{{2}}}} \sum {_LATEX}", SUM),
                text=Form(f"½ Σ {_TEXT}", SUM),
                picture=Form(f"½Σ{_TEXT}", PRODUCT),
            ),
            "none": Notation(
                python=Form(_PYTHON, POWER), latex=Form(_LATEX, POWER), text=Form(_TEXT, POWER)
            ),
        },
    ),
    analytic=True,
    examples=tuple(
        example(shape, shape, reduction=reduction)
        for reduction in REDUCTIONS
        for shape in ((4, 1), (2, 3), ())
    ),
)
def mse(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Squared error of a prediction: its mean, its sum, half of its sum, or entry by entry.

    The shapes must be equal: a column against a row would broadcast to a table.
    """
    # A Python number has no shape.
    shape, other = getattr(prediction, "shape", ()), getattr(target, "shape", ())
    if shape != other:
        raise ValueError(
            f"mse needs a prediction and a target of one shape, got prediction: {shape} and "
            f"target: {other}. Reshape one, e.g. target.reshape({shape})."
        )
    if reduction not in REDUCTIONS:
        raise ValueError(f"mse needs a reduction among {REDUCTIONS}, got {reduction!r}.")
    error = prediction - target
    if reduction == "none":
        return error * error
    if reduction == "mean" and error.dtype == np.float16:
        return (error * error).mean()  # Whose sum may be more than the largest number of 16 bits.
    total = error * error if error.ndim == 0 else _sum_of_squares(error)
    if reduction == "half_sum":
        return 0.5 * total
    return total / error.size if reduction == "mean" else total


def _sum_of_squares(error: Any) -> Any:
    """Sum the squares; one dot product takes a third of the time of a product and a sum."""
    flat = error.ravel()
    return flat.dot(flat)


# ------------------------------------------------------------------ others


@primitive(
    x=lambda g, y, x, negative_slope: np.where(x > 0, g, negative_slope * g),
    notation=Notation(
        python=Form("np.where({x:sum} > 0, {x:loose}, {negative_slope} * {x:factor})"),
        latex=Form(r"\mathrm{{leaky\ relu}}_{{{negative_slope}}}\left({x:loose}\right)"),
    ),
    domain={"x": "nonzero"},
    entrywise=True,
    bends=True,
    examples=(example((2, 3)), example((), negative_slope=0.5), example((0, 3))),
)
def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """Return `x`, times `negative_slope` where it is not positive: also the derivative at 0."""
    return np.where(x > 0, x, negative_slope * x)


@primitive(
    x=lambda g, y, x, alpha: np.where(x > 0, g, g * (y + alpha)),
    notation=Notation(
        python=Form(
            "np.where({x:sum} > 0, {x:loose}, {alpha} * np.expm1(np.minimum({x:loose}, 0)))"
        ),
        latex=Form(r"\mathrm{{elu}}_{{{alpha}}}\left({x:loose}\right)"),
    ),
    domain={"x": "nonzero"},
    entrywise=True,
    bends=True,
    examples=(example((2, 3)), example((), alpha=0.5), example((0, 3))),
)
def elu(x: Any, *, alpha: float = 1.0) -> Any:
    """Return `x`, but ``alpha * (exp(x) - 1)`` where it is not positive."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


_POINTS = 32  # How many for each unit of x.


@functools.cache
def _erf_series(order: int, dtype: Any) -> Any:
    """Return the Taylor coefficients of the error function, of each order, at points up to 6."""
    x = np.arange(-6 * _POINTS, 6 * _POINTS + 1) / _POINTS
    rows = [np.array([math.erf(point) for point in x])]
    before, now = np.zeros_like(x), 2 / math.sqrt(math.pi) * np.exp(-x * x)  # Of the derivative,
    for k in range(order):  # which is u with u' = -2 x u.
        rows.append(now / (k + 1))
        before, now = now, -2 * (x * now + before) / (k + 1)
    return np.array(rows, dtype)


_RULE = "np.polynomial.legendre.leggauss(64)"
_CLIPPED = "np.clip({x:loose}, -6, 6)"


@primitive(
    x=lambda g, y, x: g * (2 / math.sqrt(math.pi) * np.exp(-x * x)),
    notation=Notation(
        python=Form(
            f"{_CLIPPED} * (np.exp(-np.multiply.outer({_CLIPPED}, {_RULE}[0]) ** 2) @ {_RULE}[1]) "
            "/ np.sqrt(np.pi)",
            PRODUCT,
        ),
        latex=Form(r"\mathrm{{erf}}\left({x:loose}\right)"),
    ),
    entrywise=True,
    whole=True,
    machine="math.erf({0}) + {zero}",  # Ours gives no -0.0.
    jax="jax.scipy.special.erf({x})",
)
def erf(x: Any) -> Any:
    r"""Error function, :math:`\frac{2}{\sqrt\pi} \int_0^x e^{-t^2} \, dt`.

    NumPy has none: this is a Taylor series around the nearest of many points, right to two units in
    the last place. The printed form integrates, by Gauss and Legendre's rule, which is exact to the
    last digits where the function is not 1.
    """
    order, dtype = (3, np.float32) if x.dtype in (np.float16, np.float32) else (8, np.float64)
    rows = _erf_series(order, dtype)[::-1]  # From the highest power down.
    step = np.clip(x, -6, 6).astype(dtype) * dtype(_POINTS)
    nearest = np.rint(step)
    with np.errstate(invalid="ignore"):  # Of nan, whose steps are nan as well.
        at = nearest.astype(np.intp) + 6 * _POINTS
    step = (step - nearest) / dtype(_POINTS)
    y = np.zeros_like(step)
    for row in rows:
        y = y * step + np.take(row, at, mode="clip")
    return y.astype(x.dtype if x.dtype.kind == "f" else float)
