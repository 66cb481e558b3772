"""Initial values: functions of a shape and a generator, under PyTorch's names.

Given a shape, they return an array; given a Tensor, they set its values, and return it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.later import later
from autograd_lite.functional.settings import check_range
from autograd_lite.tensor import Tensor

Shape = int | Sequence[int]
Mode = Literal["fan_in", "fan_out"]

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much to enlarge weights, for what an activation makes smaller.

    Parameters
    ----------
    nonlinearity : {"linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}
    param : float, optional
        The slope of a leaky_relu, 0.01 by default.

    Raises
    ------
    ValueError
        If the activation is not one of them.

    Examples
    --------
    >>> from autograd_lite.nn import init
    >>> init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(
            f"calculate_gain needs one of {', '.join([*_GAINS, 'leaky_relu'])}, got "
            f"{nonlinearity!r}."
        )
    return _GAINS[nonlinearity]


def _shape(target: Any) -> tuple[int, ...]:
    shape = target.shape if isinstance(target, Tensor) else target
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(map(int, shape))


def _put(target: Any, values: Any) -> Any:
    if not isinstance(target, Tensor):
        return values
    target.data = values
    return target


def _drawing(name: str, rng: Any, **numbers: Any) -> np.random.Generator:
    check_range(name, **numbers)
    if rng is None or not hasattr(rng, "standard_normal"):
        raise TypeError(
            f"{name} needs a numpy.random.Generator, got rng={rng!r}. Write {name}(layer.weight, "
            f"np.random.default_rng(0)), and other arguments by name."
        )
    return rng


def fans(target: Any) -> tuple[int, int]:
    """Return with how many inputs and outputs an entry of a weight has to do.

    A matrix is (inputs, outputs), as in `Linear`; filters are (outputs, inputs, window).
    """
    shape = _shape(target)
    if len(shape) < 2:
        raise ValueError(
            f"a weight needs two axes or more to have numbers of inputs and outputs, got {shape}."
        )
    if len(shape) == 2:
        return shape
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


@overload
def uniform_(tensor: Tensor, rng: np.random.Generator, a: float = 0, b: float = 1) -> Tensor: ...
@overload
def uniform_(
    tensor: Shape, rng: np.random.Generator, a: float = 0, b: float = 1
) -> NDArray[Any]: ...
def uniform_(tensor: Any, rng: np.random.Generator, a: float = 0.0, b: float = 1.0) -> Any:
    """Draw from the uniform distribution from `a` to `b`.

    Parameters
    ----------
    tensor : Tensor, or int or sequence of int
        What gets the values, or their shape.
    rng : numpy.random.Generator
    a, b : float
        The ends of the range.

    Returns
    -------
    Tensor or array
        `tensor`, or an array of that shape.

    Raises
    ------
    TypeError
        If `rng` is not a generator.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.nn.init.uniform_((2, 3), np.random.default_rng(0), -1, 1).shape
    (2, 3)
    >>> layer = al.nn.Linear(2, 3)
    >>> al.nn.init.uniform_(layer.weight, np.random.default_rng(0)) is layer.weight
    True
    """
    return _put(tensor, _drawing("uniform_", rng, a=a, b=b).uniform(a, b, _shape(tensor)))


def normal_(tensor: Any, rng: np.random.Generator, mean: float = 0.0, std: float = 1.0) -> Any:
    """Draw from the normal distribution; arguments and errors as of `uniform_`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.nn.init.normal_((2, 3), np.random.default_rng(0), std=0.1).shape
    (2, 3)
    """
    check_range("normal_", "of 0 or more", std=std)
    return _put(tensor, _drawing("normal_", rng, mean=mean).normal(mean, std, _shape(tensor)))


def trunc_normal_(
    tensor: Any,
    rng: np.random.Generator,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
) -> Any:
    """Draw from the normal distribution, again where it is not from `a` to `b`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> values = al.nn.init.trunc_normal_(1000, np.random.default_rng(0))
    >>> abs(values).max() <= 2
    np.True_
    """
    rng = _drawing("trunc_normal_", rng, mean=mean, a=a, b=b)
    check_range("trunc_normal_", "of 0 or more", std=std)
    if not a < b or not mean - 8 * std < b or not mean + 8 * std > a:
        raise ValueError(
            f"trunc_normal_ needs a range where there is something to draw, got a={a}, b={b}, "
            f"mean={mean} and std={std}."
        )
    values = np.asarray(rng.normal(mean, std, _shape(tensor)))
    while True:
        outside = (values < a) | (values > b)
        if not outside.any():
            return _put(tensor, values)
        values[outside] = rng.normal(mean, std, int(outside.sum()))


def constant_(tensor: Any, val: float) -> Any:
    """Return one number everywhere.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.init.constant_((2,), 0.5).tolist()
    [0.5, 0.5]
    """
    check_range("constant_", val=val)
    return _put(tensor, np.full(_shape(tensor), float(val)))


def zeros_(tensor: Any) -> Any:
    """Return zeros.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.init.zeros_((2,)).tolist()
    [0.0, 0.0]
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Any) -> Any:
    """Return ones.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.init.ones_((2,)).tolist()
    [1.0, 1.0]
    """
    return constant_(tensor, 1.0)


def eye_(tensor: Any) -> Any:
    """Return a matrix of zeros, with ones on the diagonal.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.init.eye_((2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    shape = _shape(tensor)
    if len(shape) != 2:
        raise ValueError(f"eye_ needs a matrix, got shape {shape}.")
    return _put(tensor, np.eye(*shape))


def xavier_uniform_(tensor: Any, rng: np.random.Generator, gain: float = 1.0) -> Any:
    r"""Draw from the uniform distribution on :math:`\pm g \sqrt{6 / (m + n)}`.

    The variance is :math:`2 g^2 / (m + n)`, with the numbers of inputs :math:`m` and outputs
    :math:`n` and the gain :math:`g`: values and gradients keep their size from layer to layer.
    Arguments and errors are those of `uniform_`.

    References
    ----------
    X. Glorot, Y. Bengio: *Understanding the difficulty of training deep feedforward neural
    networks*, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> weight = al.nn.init.xavier_uniform_((300, 100), np.random.default_rng(0))
    >>> round(float(weight.var() * 200), 1)
    1.0
    """
    check_range("xavier_uniform_", "of 0 or more", gain=gain)
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return _put(tensor, _drawing("xavier_uniform_", rng).uniform(-bound, bound, _shape(tensor)))


def xavier_normal_(tensor: Any, rng: np.random.Generator, gain: float = 1.0) -> Any:
    r"""Draw from the normal distribution, with the variance of `xavier_uniform_`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.nn.init.xavier_normal_((3, 4), np.random.default_rng(0)).shape
    (3, 4)
    """
    check_range("xavier_normal_", "of 0 or more", gain=gain)
    std = gain * math.sqrt(2 / sum(fans(tensor)))
    return _put(tensor, _drawing("xavier_normal_", rng).normal(0, std, _shape(tensor)))


def _kaiming(name: str, tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name} needs mode to be fan_in or fan_out, got {mode!r}.")
    check_range(name, a=a)
    return calculate_gain(nonlinearity, a) / math.sqrt(fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(
    tensor: Any,
    rng: np.random.Generator,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
) -> Any:
    r"""Draw from the uniform distribution on :math:`\pm g \sqrt{3 / \text{inputs}}`.

    The variance is :math:`g^2 / \text{inputs}`, with the gain :math:`g` of the activation: values
    keep their size from layer to layer; with ``mode="fan_out"``, gradients do. Arguments and errors
    are those of `uniform_`, and `a` is the slope of a leaky_relu.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun: *Delving deep into rectifiers*, 2015, arXiv:1502.01852.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> weight = al.nn.init.kaiming_uniform_(
    ...     (300, 100), np.random.default_rng(0), nonlinearity="relu"
    ... )
    >>> round(float(weight.var() * 300), 1)
    2.0
    """
    bound = math.sqrt(3) * _kaiming("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return _put(tensor, _drawing("kaiming_uniform_", rng).uniform(-bound, bound, _shape(tensor)))


def kaiming_normal_(
    tensor: Any,
    rng: np.random.Generator,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
) -> Any:
    r"""Draw from the normal distribution, with the variance of `kaiming_uniform_`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.nn.init.kaiming_normal_((8, 1, 3, 3), np.random.default_rng(0)).shape
    (8, 1, 3, 3)
    """
    std = _kaiming("kaiming_normal_", tensor, a, mode, nonlinearity)
    return _put(tensor, _drawing("kaiming_normal_", rng).normal(0, std, _shape(tensor)))


def orthogonal_(tensor: Any, rng: np.random.Generator, gain: float = 1.0) -> Any:
    """Draw a matrix whose rows or columns, whichever are fewer, are orthogonal, of length `gain`.

    Filters are a matrix with a row for each.

    References
    ----------
    A. Saxe, J. McClelland, S. Ganguli: *Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks*, 2013, arXiv:1312.6120.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> w = al.nn.init.orthogonal_((2, 5), np.random.default_rng(0))
    >>> np.allclose(w @ w.T, np.eye(2))
    True
    """
    shape = _shape(tensor)
    fans(tensor)  # It must be a weight.
    rows, columns = shape[0], math.prod(shape[1:])
    drawn = _drawing("orthogonal_", rng, gain=gain).normal(
        size=(max(rows, columns), min(rows, columns))
    )
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diag(r))  # Else they are not drawn evenly.
    return _put(tensor, gain * (q if rows >= columns else q.T).reshape(shape))


__all__ = [
    "calculate_gain", "constant_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_",
    "ones_", "orthogonal_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_",
    "zeros_",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = later(globals(), {})
