"""Losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from autograd_lite.functional.operations import Reduction, mse
from autograd_lite.functional.settings import check_range
from autograd_lite.nn import functional
from autograd_lite.nn.functional import Reduced, ReducedByBatch, check_reduction
from autograd_lite.nn.module import Module
from autograd_lite.ops.neural import REDUCTIONS
from autograd_lite.tensor import Tensor


class MSE(Module):
    r"""The squared error of a prediction; by default its mean.

    Parameters
    ----------
    reduction : {"mean", "sum", "half_sum", "none"}
        What becomes of the squared errors, with :math:`e` = prediction - target of :math:`n`
        entries:

        ============  =======================  ============================
        `reduction`   loss                     gradient of the prediction
        ============  =======================  ============================
        "mean"        :math:`\sum e^2 / n`     :math:`2 e / n`
        "sum"         :math:`\sum e^2`         :math:`2 e`
        "half_sum"    :math:`\sum e^2 / 2`     :math:`e`
        "none"        :math:`e^2`, per entry   :math:`2 e` times the cotangent
        ============  =======================  ============================

    Raises
    ------
    ValueError
        If `reduction` is not one of them; on a call, if the shapes differ: a column and a row would
        broadcast to a table.

    See Also
    --------
    autograd_lite.mse : The function.

    Examples
    --------
    >>> import autograd_lite as al
    >>> prediction = al.Tensor([1.0, 2.0], requires_grad=True)
    >>> loss = al.nn.MSE()(prediction, [0.0, 0.0])
    >>> loss.item()
    2.5
    >>> loss.backward()
    >>> prediction.grad.tolist()
    [1.0, 2.0]
    """

    def __init__(self, reduction: Reduction = "mean") -> None:
        check_reduction("MSE", reduction, REDUCTIONS)
        self.reduction: Reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor | ArrayLike) -> Tensor:
        """Compare a prediction with a target of its shape: a number; with "none", an array."""
        return mse(prediction, target, reduction=self.reduction)

    def extra_repr(self) -> str:
        """Return the reduction."""
        return self.reduction


class MSELoss(MSE):
    r"""Squared error, under PyTorch's name; `MSE` is the same, and has "half_sum" besides.

    .. math::
        L = \frac{1}{n} \sum (x - t)^2, \qquad \frac{\partial L}{\partial x} = \frac{2}{n} (x - t)

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What becomes of the squares. The formulas are those of "mean".

    Raises
    ------
    ValueError
        As for `MSE`.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.MSELoss()(al.Tensor([1.0, 3.0]), [0.0, 0.0]).item()
    5.0
    """


OF_ENTRIES = """\
reduction : {"mean", "sum", "none"}
    What becomes of the losses of all entries, a single number, or with "none" an array; the
    gradient above is that of "sum".
"""
OF_LABELS = """\
weight : array_like, shape (classes,), optional
    What each class counts for, 1 by default. The mean is over what the labels count for.
ignore_index : int
    A label that does not count.
reduction : {"mean", "sum", "none"}
    What becomes of the losses of all rows, a single number, or with "none" an array.
"""
RAISED_AND_SEEN = """
Raises
------
TypeError
    On a call, if input or target has a wrong dtype; booleans and integers are numbers in a target.
ValueError
    If `reduction` is not one of them, or a number is out of its range; on a call, if input and
    target differ in shape, for a column and a row would broadcast to a table (labels have no axis
    of classes), or a value is not what is said above.

See Also
--------
autograd_lite.nn.functional.{function} : The function.
"""
"""What the docstrings of all losses have in common, before their examples."""


class _Loss(Module):
    """What the losses below have in common: a reduction, and an input with its target.

    Each is a function of `nn.functional`; its settings are the parameters of ``__init__``.
    """

    reduction: str
    _reduced = OF_ENTRIES
    _function: Callable[..., Tensor]
    _settings: tuple[str, ...]

    def __init_subclass__(cls, function: Callable[..., Tensor] | None = None) -> None:
        if function is not None:
            made: Any = cls.__init__
            cls._function = staticmethod(function)
            cls._settings = made.__code__.co_varnames[1 : made.__code__.co_argcount]
            shared = RAISED_AND_SEEN.format(function=function.__name__)
            text = inspect.cleandoc(cls.__doc__ or "")
            text = text.replace("\nExamples\n", f"{shared}\nExamples\n")
            if "reduction : " not in text:
                title = "" if "\nParameters\n" in text else "\nParameters\n----------\n"
                *_, last = cls._settings[: cls._settings.index("reduction") + 2]
                end = "\nRaises\n" if last == "reduction" else f"{last} : "
                text = text.replace(end, f"{title}{cls._reduced}{end}", 1)
            cls.__doc__ = text

    def __init__(self, reduction: Reduced = "mean") -> None:
        check_reduction(type(self).__name__, reduction)
        self.reduction = reduction

    def forward(self, input: Tensor | ArrayLike, target: Tensor | ArrayLike) -> Tensor:
        """Compare an input with a target, of values and shapes as the class says."""
        settings = {name: getattr(self, name) for name in self._settings}
        return self._function(input, target, **settings)

    def extra_repr(self) -> str:
        """Return the reduction, and what shapes the loss."""
        shown = ("reduction", "beta", "delta", "margin")
        given = {name: getattr(self, name) for name in self._settings if name in shown}
        return ", ".join(x if isinstance(x, str) else f"{name}={x:g}" for name, x in given.items())


class L1Loss(_Loss, function=functional.l1_loss):
    r"""The absolute error of a prediction.

    With the error :math:`e` = input - target,

    .. math::
        \ell = |e|, \qquad
        \frac{\partial L}{\partial \mathrm{input}} = \mathrm{sign}(e)

    with 0 at 0.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x = al.Tensor([1.0, -3.0], requires_grad=True)
    >>> loss = al.nn.L1Loss()(x, [0.0, 0.0])
    >>> round(loss.item(), 4)
    2.0
    >>> loss.backward()
    >>> x.grad.numpy().round(4).tolist()
    [0.5, -0.5]
    """


class SmoothL1Loss(_Loss, function=functional.smooth_l1_loss):
    r"""The absolute error of a prediction, rounded near 0.

    With the error :math:`e` = input - target and the width :math:`\beta`,

    .. math::
        \ell = \begin{cases} e^2 / (2 \beta) & |e| < \beta \\ |e| - \beta / 2 & \text{else}
        \end{cases} \qquad
        \frac{\partial L}{\partial \mathrm{input}} = \mathrm{clip}(e / \beta, -1, 1)

    It is the Huber loss with :math:`\delta = \beta`, over :math:`\beta`.

    Parameters
    ----------
    beta : float
        The width :math:`\beta` of the round part, 0 or more; 0 is the absolute error.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x = al.Tensor([0.5, -3.0], requires_grad=True)
    >>> loss = al.nn.SmoothL1Loss()(x, [0.0, 0.0])
    >>> round(loss.item(), 4)
    1.3125
    >>> loss.backward()
    >>> x.grad.numpy().round(4).tolist()
    [0.25, -0.5]
    """

    def __init__(self, reduction: Reduced = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        check_range("SmoothL1Loss", "of 0 or more", beta=beta)
        self.beta = beta


class HuberLoss(_Loss, function=functional.huber_loss):
    r"""Half of the squared error of a prediction, but a line where it is large.

    With the error :math:`e` = input - target,

    .. math::
        \ell = \begin{cases} e^2 / 2 & |e| < \delta \\ \delta (|e| - \delta / 2) & \text{else}
        \end{cases} \qquad
        \frac{\partial L}{\partial \mathrm{input}} = \mathrm{clip}(e, -\delta, \delta)

    Parameters
    ----------
    delta : float
        Where the line begins, more than 0.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x = al.Tensor([0.5, -3.0], requires_grad=True)
    >>> loss = al.nn.HuberLoss()(x, [0.0, 0.0])
    >>> round(loss.item(), 4)
    1.3125
    >>> loss.backward()
    >>> x.grad.numpy().round(4).tolist()
    [0.25, -0.5]
    """

    def __init__(self, reduction: Reduced = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        check_range("HuberLoss", "of more than 0", delta=delta)
        self.delta = delta


class BCELoss(_Loss, function=functional.binary_cross_entropy):
    r"""The cross-entropy of a probability and a label, 0 or 1, or another probability.

    With the probability :math:`p` and the target :math:`t`,

    .. math::
        \ell = -t \ln p - (1 - t) \ln(1 - p), \qquad
        \frac{\partial L}{\partial p} = \frac{p - t}{p (1 - p)}

    A logarithm of less than -100 counts as -100, and its gradient as 0. For a probability that is a
    sigmoid, `BCEWithLogitsLoss` computes the same, accurately.

    Parameters
    ----------
    weight : array_like, optional
        A constant factor of each loss, of the shape of the input or one that broadcasts to it.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x = al.Tensor([0.5, 0.25], requires_grad=True)
    >>> loss = al.nn.BCELoss()(x, [1, 0])
    >>> round(loss.item(), 4)
    0.4904
    >>> loss.backward()
    >>> x.grad.numpy().round(4).tolist()
    [-1.0, 0.6667]
    """

    def __init__(
        self, weight: ArrayLike | Tensor | None = None, reduction: Reduced = "mean"
    ) -> None:
        super().__init__(reduction)
        self.weight = _kept(weight)


class BCEWithLogitsLoss(_Loss, function=functional.binary_cross_entropy_with_logits):
    r"""The cross-entropy of a score, as :math:`\sigma(x)`, and a label, 0 or 1.

    With the score :math:`x`, the target :math:`t` and `pos_weight` :math:`q`,

    .. math::
        \ell = (1 - t) x + (1 + (q - 1) t) \ln(1 + e^{-x}), \qquad
        \frac{\partial L}{\partial x} = (1 - t) - (1 + (q - 1) t) (1 - \sigma(x))

    which is :math:`\sigma(x) - t` for :math:`q = 1`. No exponential overflows.

    Parameters
    ----------
    weight : array_like, optional
        A constant factor of each loss, of the shape of the input or one that broadcasts to it.
    pos_weight : array_like, optional
        What a label of 1 counts for, where 0 counts for 1: a number, or one for each entry of the
        last axis.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x = al.Tensor([0.0, 2.0], requires_grad=True)
    >>> loss = al.nn.BCEWithLogitsLoss()(x, [1, 0])
    >>> round(loss.item(), 4)
    1.41
    >>> loss.backward()
    >>> x.grad.numpy().round(4).tolist()
    [-0.25, 0.4404]
    """

    def __init__(
        self,
        weight: ArrayLike | Tensor | None = None,
        reduction: Reduced = "mean",
        pos_weight: ArrayLike | Tensor | None = None,
    ) -> None:
        super().__init__(reduction)
        self.weight, self.pos_weight = _kept(weight), _kept(pos_weight)


class _WithMargin(_Loss):
    def __init__(self, margin: float = 1.0, reduction: Reduced = "mean") -> None:
        super().__init__(reduction)
        check_range(type(self).__name__, margin=margin)
        self.margin = margin


class HingeLoss(_WithMargin, function=functional.hinge_loss):
    r"""By how much a score is short of its margin on the side of its label, -1 or 1.

    With the score :math:`x`, the label :math:`t` and the margin :math:`m`,

    .. math::
        \ell = \max(0, m - t x), \qquad
        \frac{\partial L}{\partial x} = -t \, [t x < m]

    Parameters
    ----------
    margin : float
        The margin :math:`m`.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x = al.Tensor([0.5, -3.0], requires_grad=True)
    >>> loss = al.nn.HingeLoss()(x, [1, -1])
    >>> round(loss.item(), 4)
    0.25
    >>> loss.backward()
    >>> x.grad.numpy().round(4).tolist()
    [-0.5, 0.0]
    """


class HingeEmbeddingLoss(_WithMargin, function=functional.hinge_embedding_loss):
    r"""The loss of a distance between two things that are alike, 1, or not, -1.

    With the distance :math:`x` and the margin :math:`m`,

    .. math::
        \ell = \begin{cases} x & t = 1 \\ \max(0, m - x) & t = -1 \end{cases} \qquad
        \frac{\partial L}{\partial x} = \begin{cases} 1 & t = 1 \\ -[x < m] & t = -1
        \end{cases}

    Parameters
    ----------
    margin : float
        The distance :math:`m` beyond which two things that are not alike are told apart.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x = al.Tensor([0.5, 0.25], requires_grad=True)
    >>> loss = al.nn.HingeEmbeddingLoss()(x, [1, -1])
    >>> round(loss.item(), 4)
    0.625
    >>> loss.backward()
    >>> x.grad.numpy().round(4).tolist()
    [0.5, -0.5]
    """


class KLDivLoss(_Loss, function=functional.kl_div):
    r"""The Kullback-Leibler divergence of a distribution from a target.

    With the logarithms :math:`x` of the distribution, such as ``al.log_softmax(scores)``, and the
    probabilities :math:`t`,

    .. math::
        \ell = t (\ln t - x), \qquad \frac{\partial L}{\partial x} = -t

    for each entry, and 0 where :math:`t = 0`. There the gradient of :math:`t` is infinite, and a
    target that requires one is refused.

    Parameters
    ----------
    reduction : {"mean", "batchmean", "sum", "none"}
        As for the other losses; "batchmean", which is the divergence, divides by the length of the
        first axis.
    log_target : bool
        Whether the target is given as logarithms, too.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> x = al.Tensor(np.log([[0.5, 0.5], [0.25, 0.75]]), requires_grad=True)
    >>> loss = al.nn.KLDivLoss("batchmean")(x, [[1.0, 0.0], [0.5, 0.5]])
    >>> round(loss.item(), 4)
    0.4185
    >>> loss.backward()
    >>> x.grad.numpy().tolist()
    [[-0.5, -0.0], [-0.25, -0.25]]
    """

    def __init__(self, reduction: ReducedByBatch = "mean", log_target: bool = False) -> None:
        check_reduction("KLDivLoss", reduction, functional.REDUCED_BY_BATCH)
        self.reduction, self.log_target = reduction, log_target


class _OfLabels(_Loss):
    _reduced = OF_LABELS

    def __init__(
        self,
        weight: ArrayLike | Tensor | None = None,
        ignore_index: int = -100,
        reduction: Reduced = "mean",
    ) -> None:
        super().__init__(reduction)
        self.weight, self.ignore_index = _for_classes(type(self).__name__, weight), ignore_index


class NLLLoss(_OfLabels, function=functional.nll_loss):
    r"""The negative log-likelihood of labels.

    With the log-probabilities :math:`x_{ik}` of row :math:`i`, such as ``al.log_softmax(scores)``
    of shape (classes,), (rows, classes) or (rows, classes, ...), its label :math:`k_i`, from 0, and
    the weights :math:`w`, 1 by default,

    .. math::
        \ell_i = -w_{k_i} x_{i k_i}, \quad
        L = \frac{\sum_i \ell_i}{\sum_i w_{k_i}}, \qquad
        \frac{\partial L}{\partial x_{ik}} = -\frac{w_{k_i} [k = k_i]}{\sum_j w_{k_j}}

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> x = al.Tensor(np.log([[0.25, 0.75], [0.5, 0.5]]), requires_grad=True)
    >>> loss = al.nn.NLLLoss()(x, [0, 1])
    >>> round(loss.item(), 4)
    1.0397
    >>> loss.backward()
    >>> x.grad.tolist()
    [[-0.5, 0.0], [0.0, -0.5]]
    """


class CrossEntropyLoss(_OfLabels, function=functional.cross_entropy):
    r"""The cross-entropy of scores, by their softmax, and labels.

    With the scores :math:`x_{ik}` of row :math:`i`, any numbers of shape (classes,),
    (rows, classes) or (rows, classes, ...), :math:`p_i = \mathrm{softmax}(x_i)`, the label
    :math:`k_i`, from 0, and :math:`n` rows,

    .. math::
        L = -\frac{1}{n} \sum_i \ln p_{i k_i}, \qquad
        \frac{\partial L}{\partial x_{ik}} = \frac{p_{ik} - [k = k_i]}{n}

    With weights :math:`w`, row :math:`i` counts for :math:`w_{k_i}`, and
    :math:`n = \sum_i w_{k_i}`. With a smoothing :math:`s` and :math:`C` classes, the loss of a row
    is :math:`-(1 - s) w_{k_i} \ln p_{i k_i} - \frac{s}{C} \sum_k w_k \ln p_{ik}`. The target may
    also be a probability for each class, :math:`t_{ik}`, of the shape of the input: then
    :math:`L = -\frac{1}{n} \sum_{ik} w_k t_{ik} \ln p_{ik}`, where :math:`n` is the number of rows.

    Parameters
    ----------
    label_smoothing : float
        The part :math:`s` of each label that is spread over all classes, from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> x = al.Tensor(np.log([[1.0, 3.0], [1.0, 1.0]]), requires_grad=True)
    >>> loss = al.nn.CrossEntropyLoss()(x, [0, 1])
    >>> round(loss.item(), 4)
    1.0397
    >>> loss.backward()
    >>> x.grad.numpy().round(4).tolist()
    [[-0.375, 0.375], [0.25, -0.25]]
    """

    def __init__(
        self,
        weight: ArrayLike | Tensor | None = None,
        ignore_index: int = -100,
        reduction: Reduced = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        check_range("CrossEntropyLoss", "from 0 to 1", label_smoothing=label_smoothing)
        self.label_smoothing = label_smoothing


def _for_classes(name: str, weight: ArrayLike | Tensor | None) -> ArrayLike | Tensor | None:
    """Keep a weight for each class; refuse scores, which are for the call."""
    if weight is not None and np.ndim(weight) != 1:
        raise ValueError(
            f"{name} needs as weight a number for each class, got shape {np.shape(weight)}. Make "
            f"the loss first, and then call it: nn.{name}()(scores, labels)."
        )
    return _kept(weight)


def _kept(weight: ArrayLike | Tensor | None) -> ArrayLike | Tensor | None:
    """Copy a weight, which is constant; a Tensor stays, and is in the state of the module."""
    return weight if weight is None or isinstance(weight, Tensor) else np.array(weight)
