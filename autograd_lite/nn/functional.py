"""The functions of PyTorch's module of this name: losses here, the others from where they are.

Each loss is made of operations, so its backward pass follows from theirs. The formula that a person
derives for it stands in the docstring of its module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_lite import ops
from autograd_lite.core.later import later
from autograd_lite.core.modes import is_grad_enabled
from autograd_lite.core.operands import checked, is_recorder
from autograd_lite.functional.operations import log_softmax, relu, sigmoid, softmax, softplus
from autograd_lite.functional.operations import mse as mse_loss
from autograd_lite.functional.settings import check_range
from autograd_lite.nn.attention import scaled_dot_product_attention
from autograd_lite.nn.sliding import avg_pool2d, conv1d, conv2d, max_pool2d
from autograd_lite.ops import tanh
from autograd_lite.tensor import Tensor

__all__ = [
    "avg_pool2d", "binary_cross_entropy", "binary_cross_entropy_with_logits", "conv1d", "conv2d",
    "cross_entropy", "hinge_embedding_loss", "hinge_loss", "huber_loss", "kl_div", "l1_loss",
    "log_softmax", "max_pool2d", "mse_loss", "nll_loss", "relu", "scaled_dot_product_attention",
    "sigmoid", "smooth_l1_loss", "softmax", "softplus", "tanh",
]  # fmt: skip

INSTEAD = {
    "gelu": "al.nn.GELU()(x)", "elu": "al.nn.ELU()(x)", "silu": "al.nn.SiLU()(x)",
    "leaky_relu": "al.nn.LeakyReLU()(x)", "dropout": "al.nn.Dropout(0.5, rng)(x)",
    "mse": "al.mse(prediction, target), or mse_loss", "linear": "x @ weight + bias",
    "logsigmoid": "-al.softplus(-x)", "softmin": "al.softmax(-x)",
    "one_hot": "np.eye(classes)[labels]", "embedding": "weight[labels]",
    "cosine_similarity": "np.sum(x * y, -1) / (np.linalg.norm(x, axis=-1) * "
                         "np.linalg.norm(y, axis=-1))",
    "interpolate": "np.repeat(np.repeat(x, 2, axis=2), 2, axis=3)",
    "layer_norm": "al.nn.LayerNorm(n)(x)", "batch_norm": "al.nn.BatchNorm1d(n)(x)",
    "unfold": "np.lib.stride_tricks.sliding_window_view(x, n)",
    "pad": "np.pad(x, ...)", "normalize": "x / np.linalg.norm(x, axis=-1, keepdims=True)",
}  # fmt: skip
"""What to write in place of names that others have."""

if not TYPE_CHECKING:
    __getattr__ = later(globals(), {})

Reduced = Literal["mean", "sum", "none"]
ReducedByBatch = Literal["mean", "batchmean", "sum", "none"]

REDUCED = ("mean", "sum", "none")
REDUCED_BY_BATCH = ("mean", "batchmean", "sum", "none")


def check_reduction(name: str, reduction: str, known: tuple[str, ...] = REDUCED) -> None:
    """Refuse a reduction that a loss does not know."""
    if reduction not in known:
        raise ValueError(f"{name} needs a reduction among {', '.join(known)}, got {reduction!r}.")


def _reduce(loss: Any, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    return ops.mean(loss) if reduction == "mean" else ops.sum(loss)


def _input(name: str, x: Any) -> Tensor:
    made: Tensor = x if isinstance(x, Tensor) else Tensor(x)
    if made.dtype.kind != "f":
        raise TypeError(
            f"{name} needs floating-point numbers as its input, got dtype {made.dtype}. "
            f"Write input.astype(float); or, if these are the labels, put the scores first."
        )
    return made


def _value(x: Any) -> Any:
    return x._value() if isinstance(x, Tensor) else x


def _constant(name: str, what: str, x: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    if isinstance(x, Tensor):
        if x.requires_grad:
            raise TypeError(
                f"{name} computes no gradient of its {what}, got one with requires_grad=True. "
                f"Write {what}.detach()."
            )
        x = _value(x)
    array: Any = x if is_recorder(x) else np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} needs real numbers as its {what}, got dtype {array.dtype}.")
    return array.astype(dtype)


def _pair(name: str, x: Any, target: Any) -> tuple[Tensor, Any]:
    """Return input and target; what would broadcast is refused."""
    x = _input(name, x)
    if not (isinstance(target, Tensor) and target.dtype.kind == "f"):
        target = _constant(name, "target", target, x.dtype)
    if x.shape != target.shape:
        raise ValueError(
            f"{name} needs an input and a target of one shape, got input: {x.shape} and target: "
            f"{target.shape}. Reshape one, e.g. target.reshape({x.shape})."
        )
    return x, target


def _in_unit(values: Any, name: str, what: str, instead: str) -> Any:
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"{name} needs {what} from 0 to 1, got {values.min():g} to {values.max():g}. {instead}"
        )
    return values


def _weigh(name: str, loss: Any, weight: Any) -> Any:
    """Multiply losses by constants, which may broadcast to them but not the other way."""
    if weight is None:
        return loss
    factors = _constant(name, "weight", weight, loss.dtype)
    try:
        fits = np.broadcast_shapes(factors.shape, loss.shape) == loss.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} needs a weight for each entry, got weight: {factors.shape} and input: "
            f"{loss.shape}."
        )
    return loss * factors


def l1_loss(
    input: Tensor | ArrayLike, target: Tensor | ArrayLike, reduction: Reduced = "mean"
) -> Tensor:
    """Compute the absolute error; see `autograd_lite.nn.L1Loss`.

    Examples
    --------
    >>> from autograd_lite.nn import functional
    >>> functional.l1_loss([1.0, -3.0], [0.0, 0.0]).item()
    2.0
    """
    check_reduction("l1_loss", reduction)
    x, t = _pair("l1_loss", input, target)
    return _reduce(ops.absolute(x - t), reduction)


def _huber(error: Any, width: float) -> Any:
    inside: Any = np.clip(error, -width, width)
    return inside * (error - 0.5 * inside)


def huber_loss(
    input: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    reduction: Reduced = "mean",
    delta: float = 1.0,
) -> Tensor:
    """Compute half of the squared error, a line beyond `delta`; see `autograd_lite.nn.HuberLoss`.

    Examples
    --------
    >>> from autograd_lite.nn import functional
    >>> functional.huber_loss([0.5, -3.0], [0.0, 0.0], reduction="none").tolist()
    [0.125, 2.5]
    """
    check_reduction("huber_loss", reduction)
    check_range("huber_loss", "of more than 0", delta=delta)
    x, t = _pair("huber_loss", input, target)
    return _reduce(_huber(x - t, float(delta)), reduction)


def smooth_l1_loss(
    input: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    reduction: Reduced = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Compute the absolute error, rounded near 0; see `autograd_lite.nn.SmoothL1Loss`.

    Examples
    --------
    >>> from autograd_lite.nn import functional
    >>> functional.smooth_l1_loss([0.5, -3.0], [0.0, 0.0], reduction="none", beta=2.0).tolist()
    [0.0625, 2.0]
    """
    check_reduction("smooth_l1_loss", reduction)
    check_range("smooth_l1_loss", "of 0 or more", beta=beta)
    x, t = _pair("smooth_l1_loss", input, target)
    error = x - t
    loss = ops.absolute(error) if beta == 0 else _huber(error, float(beta))
    loss = loss if beta in (0, 1) else loss / float(beta)
    return _reduce(loss, reduction)


def _any(mask: Any) -> bool:
    """Return whether any entry is true; of a program, where nobody knows, there may be one."""
    return is_recorder(mask) or bool(np.any(mask))


def _log_or_floor(p: Any, values: Any) -> Any:
    """Return the logarithm, but -100, which is constant, where it is less."""
    low = (values >= 0) & (values < np.exp(-100.0))
    if not _any(low):
        return ops.log(p)
    return ops.where(low, -100.0, ops.log(ops.where(low, 1.0, p)))


def _target_in_unit(name: str, t: Any) -> Any:
    instead = "For labels of -1 and 1, write (target + 1) / 2."
    values = checked(_in_unit, _value(t), name, "a target", instead)
    return t if isinstance(t, Tensor) else values


def binary_cross_entropy(
    input: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    weight: ArrayLike | Tensor | None = None,
    reduction: Reduced = "mean",
) -> Tensor:
    """Compute the cross-entropy of a probability; see `autograd_lite.nn.BCELoss`.

    Examples
    --------
    >>> from autograd_lite.nn import functional
    >>> round(functional.binary_cross_entropy([0.5, 0.25], [1, 0]).item(), 4)
    0.4904
    """
    name = "binary_cross_entropy"
    check_reduction(name, reduction)
    x, t = _pair(name, input, target)
    instead = "Write al.sigmoid(input), or use BCEWithLogitsLoss."
    values = checked(_in_unit, _value(x), name, "probabilities", instead)
    t = _target_in_unit(name, t)
    loss = -(t * _log_or_floor(x, values) + (1 - t) * _log_or_floor(1 - x, 1 - values))
    return _reduce(_weigh(name, loss, weight), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    weight: ArrayLike | Tensor | None = None,
    reduction: Reduced = "mean",
    pos_weight: ArrayLike | Tensor | None = None,
) -> Tensor:
    """Compute the cross-entropy of ``sigmoid(input)``; see `autograd_lite.nn.BCEWithLogitsLoss`.

    Examples
    --------
    >>> from autograd_lite.nn import functional
    >>> loss = functional.binary_cross_entropy_with_logits([0.0, 1000.0], [1, 1], reduction="none")
    >>> loss.numpy().round(4).tolist()
    [0.6931, 0.0]
    """
    name = "binary_cross_entropy_with_logits"
    check_reduction(name, reduction)
    x, t = _pair(name, input, target)
    t = _target_in_unit(name, t)
    far = softplus(-x)
    if pos_weight is not None:
        far = far * (1 + (_positive(name, pos_weight, x) - 1) * t)
    loss = (1 - t) * x + far
    return _reduce(_weigh(name, loss, weight), reduction)


def _positive(name: str, pos_weight: Any, x: Tensor) -> NDArray[Any]:
    factors = _constant(name, "pos_weight", pos_weight, x.dtype)
    if factors.ndim and factors.shape != x.shape[-1:]:
        raise ValueError(
            f"{name} needs a pos_weight for each entry of the last axis, got pos_weight: "
            f"{factors.shape} and input: {x.shape}."
        )
    return factors


def _signs(name: str, x: Any, target: Any) -> tuple[Tensor, NDArray[Any]]:
    x, t = _pair(name, x, target)
    return x, checked(_are_signs, _constant(name, "target", t, x.dtype), name)


def _are_signs(signs: Any, name: str) -> Any:
    if not np.isin(signs, (-1, 1)).all():
        raise ValueError(
            f"{name} needs labels -1 and 1 as its target, got {np.unique(signs)[:5]}. For labels "
            f"of 0 and 1, write 2 * target - 1."
        )
    return signs


def hinge_loss(
    input: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    margin: float = 1.0,
    reduction: Reduced = "mean",
) -> Tensor:
    """Compute by how much a score is short of its margin; see `autograd_lite.nn.HingeLoss`.

    Examples
    --------
    >>> from autograd_lite.nn import functional
    >>> functional.hinge_loss([0.5, -3.0], [1, 1], reduction="none").tolist()
    [0.5, 4.0]
    """
    check_reduction("hinge_loss", reduction)
    x, signs = _signs("hinge_loss", input, target)
    return _reduce(ops.relu(margin - signs * x), reduction)


def hinge_embedding_loss(
    input: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    margin: float = 1.0,
    reduction: Reduced = "mean",
) -> Tensor:
    """Compute the loss of a distance; see `autograd_lite.nn.HingeEmbeddingLoss`.

    Examples
    --------
    >>> from autograd_lite.nn import functional
    >>> functional.hinge_embedding_loss([0.5, 0.25], [1, -1], reduction="none").tolist()
    [0.5, 0.75]
    """
    check_reduction("hinge_embedding_loss", reduction)
    x, signs = _signs("hinge_embedding_loss", input, target)
    return _reduce(ops.where(signs == 1, x, ops.relu(margin - x)), reduction)


def _are_probabilities(values: Any, differentiated: bool) -> Any:
    if differentiated and not np.all(values):
        raise ValueError(
            "kl_div got a target that requires a gradient, which is infinite where it is 0. Write "
            "log_target=True and give its logarithms; or target.detach()."
        )
    if values.size and values.min() < 0:
        raise ValueError(
            f"kl_div needs probabilities as its target, got {values.min():g}. For their "
            f"logarithms, write log_target=True."
        )
    return values


def kl_div(
    input: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    reduction: ReducedByBatch = "mean",
    log_target: bool = False,
) -> Tensor:
    """Compute the Kullback-Leibler divergence; see `autograd_lite.nn.KLDivLoss`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.nn import functional
    >>> loss = functional.kl_div(np.log([[0.5, 0.5]]), [[1.0, 0.0]], reduction="batchmean")
    >>> round(loss.item(), 4)
    0.6931
    """
    check_reduction("kl_div", reduction, REDUCED_BY_BATCH)
    x, t = _pair("kl_div", input, target)
    if log_target:
        loss = ops.exp(t) * (t - x)
    else:
        differentiated = isinstance(t, Tensor) and t.requires_grad and is_grad_enabled()
        values = checked(_are_probabilities, _value(t), differentiated)
        zero = values == 0  # Where 0 log 0 is 0.
        safe = ops.where(zero, 1.0, t) if _any(zero) else t
        loss = t * (ops.log(safe) - x)
    if reduction == "batchmean":
        return ops.sum(loss) / x.shape[0] if x.ndim else ops.sum(loss)
    return _reduce(loss, reduction)


def _labels(
    name: str, x: Tensor, target: Any, axis: int, ignore: int, weights: Any = None
) -> tuple[Any, bool]:
    """Return labels as an array, after a check, and whether some of them are ignored.

    A trace keeps labels without their values: that they are right is checked beside its program.
    """
    labels: Any = _value(target)
    classes = x.shape[axis]

    def right(labels: NDArray[Any]) -> bool:
        inside = (labels >= 0) & (labels < classes)
        counted = labels[inside & (labels != ignore)]
        known = weights is not None and not is_recorder(weights)
        some = weights[counted].any() if known else counted.size or not labels.size
        return bool((inside | (labels == ignore)).all() and some)

    def plain(labels: NDArray[Any]) -> bool:
        if weights is None and labels.size and not 0 <= ignore < classes:
            low, high = (f.reduce(labels, axis=None) for f in (np.minimum, np.maximum))
            return bool(low >= 0 and high < classes)  # It is asked before every compiled step.
        return right(labels) and not (labels == ignore).any()

    traced = is_recorder(labels) and labels.ndim and labels.dtype.kind in "iu"
    decided = labels.__decide__(plain) if traced else True
    ignored = not decided
    if decided is None:  # They are computed.
        labels = checked(_are_labels, labels, name, classes, ignore)
    elif ignored:
        traced = labels.__decide__(right)
    if not traced:
        labels = np.asarray(labels)
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    if labels.dtype.kind not in "iu" and labels.ndim == x.ndim and name == "cross_entropy":
        raise ValueError(
            f"{name} needs a probability for each of the {classes} classes, of shape {x.shape}, or "
            f"integers as labels, got shape {labels.shape}."
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"{name} needs integers as its labels, got dtype {labels.dtype} of shape "
            f"{labels.shape}. Write labels.astype(int)."
        )
    if labels.shape != shape:
        if labels.shape == x.shape:
            fix = f"One row per label: write labels.argmax(axis={axis})."
        elif labels.size == int(np.prod(shape)):
            fix = f"Write labels.reshape({shape})."
        else:
            fix = "There must be one label for each row of the input."
        raise ValueError(
            f"{name} needs labels of shape {shape} for an input of shape {x.shape}, got "
            f"{labels.shape}. {fix}"
        )
    if traced:
        return labels, ignored
    return _are_labels(labels, name, classes, ignore), bool((labels == ignore).any())


def _are_labels(labels: Any, name: str, classes: int, ignore: int) -> Any:
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignore)
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0]) if labels.ndim else ()
        place = f" at {where[0] if len(where) == 1 else where}" if where else ""
        hint = " Labels count from 0." if (labels[wrong] == classes).all() else ""
        raise ValueError(
            f"{name} needs labels from 0 to {classes - 1} for {classes} classes, got "
            f"{labels[where]}{place}.{hint}"
        )
    return labels


def _classes(name: str, x: Tensor, weight: Any) -> tuple[int, NDArray[Any] | None]:
    """Return the axis of the classes, and their weights."""
    if x.ndim == 0:
        raise ValueError(
            f"{name} needs an input of shape (classes,), (rows, classes) or (rows, classes, ...), "
            f"got ()."
        )
    axis = min(x.ndim - 1, 1)
    if weight is None:
        return axis, None
    weights = _constant(name, "weight", weight, x.dtype)
    if weights.shape != (x.shape[axis],):
        raise ValueError(
            f"{name} needs one weight for each of {x.shape[axis]} classes, got weight: "
            f"{weights.shape}."
        )
    return axis, weights


def _of_labels(
    name: str,
    logs: Any,
    target: Any,
    axis: int,
    weights: Any,
    ignore: int,
    reduction: str,
    smoothing: float = 0.0,
) -> Tensor:
    """Compare log-probabilities with labels."""
    labels, some_ignored = _labels(name, logs, target, axis, ignore, weights)
    factors: Any = None  # Of each row.
    counts: Any = None
    if some_ignored:
        counts = labels != ignore
        labels, counts = np.where(counts, labels, 0), counts.astype(logs.dtype)
        factors = counts
    if weights is not None:
        each = (labels.lift(weights) if is_recorder(labels) else weights)[labels]
        factors = each if factors is None else each * factors
    if logs.ndim <= 2:  # As a person writes it: logs[np.arange(n), labels].
        rows = (np.arange(len(labels)), labels) if labels.ndim else int(labels)
        picked = ops.getitem(logs, index=rows)
    else:
        picked = ops.take_along_axis(logs, indices=np.expand_dims(labels, axis), axis=axis)
        picked = ops.squeeze(picked, axis=axis)
    loss = -picked
    if not getattr(labels, "is_checked", True):  # Exported, it cannot raise.
        right = (labels >= 0) & (labels < logs.shape[axis])
        right = right if some_ignored else right & (labels != ignore)
        loss = ops.where(right, loss, np.nan)
    loss = loss if factors is None else loss * factors
    if smoothing:
        along = (-1,) + (1,) * (logs.ndim - axis - 1)
        weighted = logs if weights is None else logs * weights.reshape(along)
        even = -ops.sum(weighted, axis=axis)
        if some_ignored:
            even = even * counts
        loss = (1 - smoothing) * loss + (smoothing / logs.shape[axis]) * even
    if reduction != "mean" or factors is None:
        return _reduce(loss, reduction)
    total = factors.sum()
    if not is_recorder(total) and total == 0:
        raise ValueError(
            f"{name} needs a label that counts for its mean: all are {ignore}, which is ignored, "
            f"or have the weight 0. Write reduction='sum'."
        )
    return ops.sum(loss) / total


def nll_loss(
    input: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    weight: ArrayLike | Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduced = "mean",
) -> Tensor:
    """Compute the negative log-likelihood of labels; see `autograd_lite.nn.NLLLoss`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.nn import functional
    >>> round(functional.nll_loss(np.log([[0.25, 0.75], [0.5, 0.5]]), [0, 1]).item(), 4)
    1.0397
    """
    check_reduction("nll_loss", reduction)
    x = _input("nll_loss", input)
    axis, weights = _classes("nll_loss", x, weight)
    return _of_labels("nll_loss", x, target, axis, weights, ignore_index, reduction)


def cross_entropy(
    input: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    weight: ArrayLike | Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduced = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Compute the cross-entropy of ``softmax(input)``; see `autograd_lite.nn.CrossEntropyLoss`.

    Examples
    --------
    >>> from autograd_lite.nn import functional
    >>> round(functional.cross_entropy([[0.0, 0.0, 0.0]], [2]).item(), 4)
    1.0986
    """
    name = "cross_entropy"
    check_reduction(name, reduction)
    check_range(name, "from 0 to 1", label_smoothing=label_smoothing)
    x = _input(name, input)
    axis, weights = _classes(name, x, weight)
    given: Any = target if is_recorder(target) else np.asarray(target)
    logs: Any = log_softmax(x, axis=axis)
    smoothing = float(label_smoothing)
    if given.dtype.kind != "f" or given.shape != x.shape:
        return _of_labels(name, logs, given, axis, weights, ignore_index, reduction, smoothing)
    _, p = _pair(name, x, given)  # Probabilities.
    if smoothing:
        p = (1 - smoothing) * p + smoothing / x.shape[axis]
    if weights is not None:
        p = p * weights.reshape((-1,) + (1,) * (x.ndim - axis - 1))
    return _reduce(-ops.sum(p * logs, axis=axis), reduction)
