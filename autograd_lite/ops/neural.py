"""The functions that neural networks are made of."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograd_lite.core.notation import ATOM, POWER, PRODUCT, SIGN, SUM, Choice, Notation
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.reduction import AXES, keep

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
    notation=Notation("relu", "np.maximum({x:loose}, 0)", r"\mathrm{{relu}}\left({x:loose}\right)"),
    domain={"x": "nonzero"},
)
def relu(x: Any) -> Any:
    """Return ``max(x, 0)``; its derivative at 0 is 0."""
    return np.maximum(x, 0)


@primitive(
    x=lambda g, y, x: g * (y * (1.0 - y)),
    notation=Notation(
        "σ", "1 / (1 + np.exp(-{x}))", r"\sigma\left({x:loose}\right)", PRODUCT, ATOM
    ),
    analytic=True,
)
def sigmoid(x: Any) -> Any:
    r"""Logistic function :math:`\sigma(x) = 1 / (1 + e^{-x})`, with values in (0, 1).

    Written as :math:`e^x / (1 + e^x)` with `x` capped where the result is 1 to the last digit:
    it cannot overflow, and small results keep all their digits.
    """
    # NumPy takes half as long again for an array and a number as for two arrays.
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
        "softplus", "np.logaddexp({x:loose}, 0)", r"\ln\left(1 + e^{{{x:loose}}}\right)"
    ),
)
def softplus(x: Any) -> Any:
    """Return ``log(1 + exp(x))`` without overflow."""
    return np.logaddexp(x, 0)


def _shifted(x: Any, axis: Any) -> tuple[Any, Any]:
    """Return ``x - top``, whose exponential cannot overflow, and the largest entries, `top`."""
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return x - top, top


@primitive(
    x=lambda g, y, x, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)),
    notation=Notation(
        "softmax",
        "np.exp({x:loose}) / np.sum(np.exp({x:loose}), axis={axis}, keepdims=True)",
        r"\mathrm{{softmax}}\left({x:loose}\right)",
        PRODUCT,
        ATOM,
    ),
    examples=ROWS,
)
def softmax(x: Any, *, axis: Any = -1) -> Any:
    r"""Positive numbers that sum to 1 along `axis`: :math:`e^{x_i} / \sum_j e^{x_j}`."""
    e = np.exp(_shifted(x, axis)[0])
    return e / e.sum(axis=axis, keepdims=True)


@primitive(
    x=lambda g, y, x, axis: g - np.exp(y) * g.sum(axis=axis, keepdims=True),
    notation=Notation(
        "log softmax",
        "{x} - np.log(np.sum(np.exp({x:loose}), axis={axis}, keepdims=True))",
        r"\ln\,\mathrm{{softmax}}\left({x:loose}\right)",
        SUM,
        SIGN,
    ),
    examples=ROWS,
)
def log_softmax(x: Any, *, axis: Any = -1) -> Any:
    """Logarithm of `softmax`, accurate where that underflows."""
    shifted, _ = _shifted(x, axis)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


@primitive(
    x=lambda g, y, x, axis, keepdims: keep(g, axis, keepdims) * softmax(x, axis=axis),
    notation=Notation(
        "logsumexp",
        "np.log(np.sum(np.exp({x:loose}){parameters}))",
        r"\ln \sum e^{{{x:loose}}}",
        ATOM,
        SUM,
    ),
    examples=AXES,
)
def logsumexp(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    r"""Return :math:`\ln \sum_i e^{x_i}` along `axis` without overflow."""
    shifted, top = _shifted(x, axis)
    with np.errstate(divide="ignore"):  # log 0 = -inf is right for a row of -inf.
        result = np.log(np.exp(shifted).sum(axis=axis, keepdims=True)) + top
    return result if keepdims else result.squeeze(axis)


_ERROR = "({prediction:sum} - {target:sum_right}) ** 2"
_LATEX_ERROR = r"\left({prediction:sum} - {target:sum_right}\right)^2"


def _mse_slope(g: Any, y: Any, prediction: Any, target: Any, reduction: str) -> Any:
    """Cotangent of the prediction: the error times 2, 2/n or 1, by the reduction."""
    error = prediction - target
    if reduction == "half_sum":
        return g * error
    return g * (2.0 / error.size if reduction == "mean" else 2.0) * error


@primitive(
    prediction=_mse_slope,
    target=lambda g, y, prediction, target, reduction: _mse_slope(
        g, y, target, prediction, reduction
    ),
    notation=Choice(
        "reduction",
        {
            "mean": Notation(
                "mse",
                f"np.mean({_ERROR})",
                rf"\frac{{{{1}}}}{{{{n}}}} \sum {_LATEX_ERROR}",
                ATOM,
                SUM,
            ),
            "sum": Notation("Σ(−)²", f"np.sum({_ERROR})", rf"\sum {_LATEX_ERROR}", ATOM, SUM),
            "half_sum": Notation(
                "½Σ(−)²",
                f"0.5 * np.sum({_ERROR})",
                rf"\frac{{{{1}}}}{{{{2}}}} \sum {_LATEX_ERROR}",
                PRODUCT,
                SUM,
            ),
            "none": Notation("(−)²", _ERROR, _LATEX_ERROR, POWER),
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
    total = error * error if error.ndim == 0 else _sum_of_squares(error)
    if reduction == "half_sum":
        return 0.5 * total
    return total / error.size if reduction == "mean" else total


def _sum_of_squares(error: Any) -> Any:
    """Sum the squares; one dot product takes a third of the time of a product and a sum."""
    flat = error.ravel()
    return flat.dot(flat)
