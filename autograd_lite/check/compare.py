"""Put gradients that were derived by hand beside those of autodiff, and ask the numbers."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal, Never

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.alignment import Aligned, align
from autograd_lite.check.compare_function import compare_function
from autograd_lite.check.diagnosis import diagnose
from autograd_lite.check.finding import Diagnosis
from autograd_lite.check.gradients import gradients_of
from autograd_lite.check.mistakes.registry import Case, Target, same, stretched
from autograd_lite.check.mistakes.repeated import loops, unfolded
from autograd_lite.check.mistakes.replay import Replay, in_double, merged, negatives_last
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.check.names import named_in, with_forms
from autograd_lite.check.oracle import judge, largest, loss_of, numerical_gradient
from autograd_lite.check.report import (
    AGREE,
    AUTODIFF,
    HAND,
    KINK,
    ROUNDED,
    SHAPE,
    UNDECIDED,
    Comparison,
    DisagreementError,
    Row,
)
from autograd_lite.check.verdicts import (
    NEAR,
    as_differences,
    by_hand_is_wrong,
    in_one_triangle,
    reconsidered,
)
from autograd_lite.core.later import unknown_argument
from autograd_lite.functional.settings import check_range, if_given
from autograd_lite.graph import Graph, Node
from autograd_lite.tensor import Tensor

__all__ = ["Comparison", "DisagreementError", "Row", "compare", "compare_graph"]


def compare(
    loss: Tensor | Callable[..., Any],
    by_hand: Any = None,
    inputs: Any = None,
    *,
    lr: float | None = None,
    updates: bool = False,
    rtol: float | None = None,
    atol: float | None = None,
    numerical: bool | None = None,
    diagnose: bool = True,
    kinks: Literal["valid", "any", "strict"] = "valid",
    **unknown: Never,
) -> Comparison:
    """Compare gradients that were derived by hand with those of autodiff, and name the mistake.

    Looking changes nothing: no ``.grad`` is added to, and no hook is called.

    Where the two differ, a numerical derivative, which knows no rule, says which one is right: by
    complex step where every operation on the way is analytic, else by central differences. What is
    wrong by hand is then compared with every known mistake. Each is tested, by taking it back or by
    making it on purpose in a right backward pass, and only one that accounts for every digit is
    reported; otherwise the difference is "unexplained".

    Parameters
    ----------
    loss : Tensor with one entry, or callable
        What is differentiated; with `inputs`, any function of arrays that returns one number.
    by_hand : mapping, sequence, array, callable or object
        Gradients of the loss, for parameters, inputs, and inner tensors (a pre-activation, say):

        - a mapping from the tensor, or its name (`Tensor.name`, or a variable of the caller),
          to its gradient. ``l1_delta`` belongs to ``l1``, or to what that is an activation of:
          to the one whose gradient it equals, else to the latter, as in derivations;
        - a sequence with one gradient for each parameter, in the order in which they were made,
          or for each of `inputs`; None leaves one out;
        - an object: the gradient of ``w`` is its attribute ``w_grad``, ``grad_w``, ``d_w``, ``dw``
          or ``w``;
        - a function that returns one of these. It is called with `inputs`; without them, with
          the values of the tensors that its parameters are called after.
    inputs : array, sequence or mapping of arrays, optional
        What to call `loss` with. If all agrees there, other sizes are tried too. A function that
        autodiff cannot record is compared with central differences alone, which is then noted.
    lr : float, optional
        The learning rate: with it, more mistakes can be named.
    updates : bool
        `by_hand` gives not gradients but updates, ``w_new - w_old``, of gradient descent: they are
        compared with ``-lr * gradient``.
    rtol, atol : float, optional
        Entries agree within ``atol + rtol * (the larger of the two)``. By default `rtol` is 1e-9
        in float64, 1e-4 in float32 and 2e-2 in float16, and `atol` is 1e-12 (1e-6, 2e-3) times the
        largest entry, or times loss / tensor, whichever is larger: less could not change the loss
        in its last digits if the tensor changed by its own size.
    numerical : bool, optional
        Ask for the third opinion always, or never; by default, where the two differ.
    diagnose : bool
        Look for the mistake.
    kinks : {"valid", "any", "strict"}
        At a kink (a ReLU at 0, a tie of a maximum) only one-sided derivatives exist.
        "valid": by hand may differ there from autodiff, if it is between the two, and the verdict
        says so. "any": that counts as agreement. "strict": it counts as a difference.

    Returns
    -------
    Comparison
        True when all agree; prints as a table; ``.assert_ok()`` raises; ``["w"].diagnosis``.

    Raises
    ------
    KeyError
        If a key names no tensor of the computation, or several.
    TypeError, ValueError
        If `loss` is not a Tensor, or has several entries, or depends on nothing that requires a
        gradient; or `by_hand` cannot be aligned with it.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True)
    >>> pred = 5 * w
    >>> delta = pred - 42
    >>> result = al.compare(delta**2, {"w": (5.0 * 1.0 - 42) * 5})
    >>> bool(result)
    False
    >>> print(result["w"].finding)
    by hand is wrong; complex step sides with autodiff; by hand = 0.5 × autodiff
    >>> print(result["w"].diagnosis)
    by hand = 0.5 × autodiff: the factor 2 of the square is missing

    Of any function of arrays:

    >>> import numpy as np
    >>> def f(x, w):
    ...     return np.sum(np.tanh(x @ w))
    >>> def by_hand(x, w):
    ...     return {"w": x.T @ np.ones((4, 2))}
    >>> rng = np.random.default_rng(0)
    >>> result = al.compare(f, by_hand, [rng.normal(size=(4, 3)), rng.normal(size=(3, 2))])
    >>> print(result["w"].diagnosis)
    the derivative of the tanh at np.tanh(x @ w) is left out
    """
    if unknown:
        raise unknown_argument(compare, unknown)
    if by_hand is None:
        raise TypeError("compare needs gradients by hand. Write compare(loss, {'w': dw}).")
    if kinks not in ("valid", "any", "strict"):
        raise ValueError(f"compare: kinks is 'valid', 'any' or 'strict', got {kinks!r}.")
    check_range("compare", "of 0 or more", **if_given(lr=lr, rtol=rtol, atol=atol))
    options = Options(lr, updates, rtol, atol, numerical, diagnose, kinks)
    if updates and not lr:
        raise ValueError("compare needs lr=, the learning rate, to compare updates.")
    if inputs is not None:
        if isinstance(loss, Tensor) or not callable(loss):
            raise TypeError(
                f"compare with inputs needs a function to call with them, got "
                f"{type(loss).__name__}. Of a loss, write compare(loss, {{'w': dw}})."
            )
        once = functools.partial(compare_graph, options=options)
        return compare_function(loss, by_hand, inputs, once, strict=kinks == "strict")
    if not isinstance(loss, Tensor):
        hint = " Write compare(loss, by_hand)." if isinstance(by_hand, Tensor) else ""
        if callable(loss):
            hint = (
                " Give it the inputs too: compare(f, by_hand, [x]). Without gradients by hand, "
                "gradcheck(f, [x]) checks the rules."
            )
        raise TypeError(f"compare needs the loss as a Tensor, got {type(loss).__name__}.{hint}")
    if loss.size != 1 or not loss.requires_grad:
        raise ValueError(
            f"compare needs a loss with a single entry that depends on a tensor with "
            f"requires_grad=True, got {loss!r}."
        )
    names = named_in(sys._getframe(1))
    graph = Graph([loss, *unused_in(loss, names, by_hand)], with_forms(names))
    return compare_graph(graph, align(graph, by_hand), options)


def unused_in(loss: Tensor, names: Mapping[str, Any], by_hand: Any) -> list[Tensor]:
    """Return the tensors that gradients are given for, though the loss does not depend on them."""
    if not isinstance(by_hand, Mapping):
        return []
    used = Graph(loss, {}).tensors
    asked = [names.get(key) if isinstance(key, str) else key for key in by_hand]
    return [
        tensor
        for tensor in asked
        if isinstance(tensor, Tensor) and tensor.requires_grad and tensor.is_leaf
        and tensor not in used
    ]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of `compare`."""

    lr: float | None
    updates: bool
    rtol: float | None
    atol: float | None
    numerical: bool | None
    diagnose: bool
    kinks: str = "valid"


def compare_graph(graph: Graph, aligned: Aligned, options: Options) -> Comparison:
    """Compare gradients by hand, each with its node."""
    with np.errstate(all="ignore"):  # What is tried may leave the domain of a function.
        return _compared(graph, aligned, options)


def _compared(graph: Graph, aligned: Aligned, options: Options) -> Comparison:
    """Compare, row by row, and name the mistakes."""
    gradients = gradients_of(graph, [node for node, _, _ in aligned])
    rows: list[Row] = []
    targets, lr = [], options.lr
    judged: dict[int, Row] = {}
    wrong: dict[str, NDArray[Any]] = {}
    # From the loss backwards: what follows from a wrong gradient needs no oracle of its own.
    replay = Replay(graph) if len(aligned) > 1 and options.numerical is None else None
    order = replay.order if replay is not None else {}
    for i in sorted(range(len(aligned)), key=lambda i: -order.get(aligned[i][0].id, 0)):
        node, name, given = aligned[i]
        fitted = stretched(given, node.shape) if node.primitive is not None else None
        if fitted is not None and same(fitted, gradients[node]):
            given = fitted  # What comes after broadcasts it: as of a mean.
        hand, extra = given, 0.0
        if options.updates and lr:
            hand, extra = -given / lr, 4 * np.finfo(float).eps * largest(node.value) / lr
        if wrong and replay is not None and _follows(replay, node, hand, gradients[node], wrong):
            judged[i] = Row(name, hand, gradients[node], None, HAND, "")
        else:
            judged[i] = _row(graph, node, name, hand, gradients[node], options, extra)
        fitted = stretched(hand, node.shape) if node.primitive is not None else None
        if judged[i].verdict in (HAND, SHAPE) and fitted is not None:
            wrong[node.id] = fitted
    for i, (node, name, _) in enumerate(aligned):
        rows.append(dataclasses.replace(judged[i], tensor=node.tensor))
        targets.append(Target(name, rows[i].by_hand, rows[i].autodiff, node.id))
    if not all(np.isfinite(row.autodiff).all() for row in rows):
        return Comparison(tuple(_not_finite(graph, rows, targets)))
    rows = reconsidered(graph, rows, targets)
    if options.kinks != "valid":
        verdict = AGREE if options.kinks == "any" else UNDECIDED
        rows = [dataclasses.replace(r, verdict=verdict) if r.verdict == KINK else r for r in rows]
    if options.diagnose and any(by_hand_is_wrong(row) for row in rows):
        rows = [as_differences(row) for row in _diagnosed(graph, rows, targets, lr)]
    return Comparison(tuple(rows))


def _follows(
    replay: Replay,
    node: Node,
    hand: NDArray[Any],
    right: NDArray[Any],
    wrong: Mapping[str, NDArray[Any]],
) -> bool:
    """Return whether the right rules make a gradient by hand of wrong ones nearer to the loss."""
    if hand.shape != right.shape or same(hand, right) or not np.isfinite(hand).all():
        return False
    if not any(node.id in replay.behind(key) for key in wrong):
        return False
    made = Replay(replay.graph, replay.values, wrong).gradients.get(node.id)
    return made is not None and same(made, hand)


def _not_finite(graph: Graph, rows: list[Row], targets: list[Target]) -> list[Row]:
    """Return the rows, with the place where a gradient of autodiff stopped being finite."""
    end = graph.outputs[0]  # In its own type, in which numbers may be too large.
    replay = Replay(graph, given={end.id: np.ones_like(end.value)})
    found = []
    for row, target in zip(rows, targets, strict=True):
        bad = ~np.isfinite(row.autodiff)
        if not bad.any():
            found.append(row)
            continue
        source = next(
            (
                graph[edge[0]]
                for edge, part in replay.parts.items()
                if not np.isfinite(part).all() and target.id in replay.behind(edge[0])
            ),
            graph[target.id],
        )
        what = "nan" if np.isnan(row.autodiff).any() else "infinite"
        verdict = UNDECIDED
        if row.numerical is not None and row.by_hand.shape == row.autodiff.shape:
            asked = np.isfinite(row.numerical)
            near = np.allclose(row.by_hand[asked], row.numerical[asked], rtol=1e-5, atol=1e-8)
            verdict = AUTODIFF if asked.any() and near else UNDECIDED
        title = (
            f"autodiff itself is not finite: {what} in {int(bad.sum())} of {bad.size} entries; it "
            f"arises on the way back through {text_of(graph, source)}"
        )
        how = "An exp that overflows, a logarithm of 0, 0 / 0: write the function so that it is "
        diagnosis = Diagnosis("autodiff not finite", title, f"{how}finite, then compare again.")
        found.append(dataclasses.replace(row, verdict=verdict, diagnosis=diagnosis))
    return found


def _row(
    graph: Graph,
    node: Node,
    name: str,
    hand: NDArray[Any],
    autodiff: NDArray[Any],
    options: Options,
    extra: float,
) -> Row:
    """Compare one gradient, and ask the oracle if that is needed."""
    if hand.shape != autodiff.shape:
        return Row(name, hand, autodiff, None, SHAPE, "")

    verdict, third, oracle, orders = judge(
        loss_of(graph, node),
        node.value,
        hand,
        autodiff,
        (options.rtol, options.atol),
        options.numerical,
        lambda interest: numerical_gradient(graph, node, interest),
        loss=largest(graph.outputs[0].value),
        extra=extra,
    )
    return Row(name, hand, autodiff, third, verdict, oracle, orders)


def _diagnosed(graph: Graph, rows: list[Row], targets: list[Target], lr: float | None) -> list[Row]:
    """Name the mistakes: in float64, whatever the types of the numbers are."""
    graph = negatives_last(unfolded(in_double(graph)))
    data = [n.shape for n in graph if n.kind in ("input", "constant") and len(n.shape) > 1]
    replay = Replay(graph)
    once = Replay(merged(graph, {target.id for target in targets}))
    if [x.steps for x in loops(once)] == [x.steps for x in loops(replay)]:
        replay = once
    case = Case(replay, lr, max((shape[0] for shape in data), default=0))
    targets = [_in_double(replay, target) for target in targets]
    pairs = list(zip(rows, targets, strict=True))
    failing = {
        t: in_one_triangle(graph, t)
        for row, t in pairs
        if by_hand_is_wrong(row) and row.diagnosis is not NEAR
    }
    found = diagnose(list(failing.values()), case, [target for row, target in pairs if row.ok])
    return [_named(row, found.get(failing.get(target, target))) for row, target in pairs]


def _named(row: Row, found: Diagnosis | None) -> Row:
    """Return a row with its mistake; if it has none, and is near, that is not to be wrong."""
    explained = found is not None and found.explained
    if by_hand_is_wrong(row) and not explained and row.by_hand.shape == row.autodiff.shape:
        gap, size = np.abs(row.by_hand - row.autodiff), np.abs(row.autodiff)
        short = np.all(gap <= 64 * np.finfo(np.float32).eps * largest(row.autodiff))
        short = short and np.median(gap / np.maximum(size, 1e-300)) < 1e-3
        if short and row.autodiff.dtype == np.float64 and row.diagnosis is not NEAR:
            remark = " in float32: compute all of it in float64 to be certain"
            return dataclasses.replace(row, verdict=ROUNDED, remark=remark, diagnosis=None)
    if _too_near(row) and not explained:
        found = NEAR
    return dataclasses.replace(row, diagnosis=found)


def _in_double(replay: Replay, target: Target) -> Target:
    """Return a target with the right gradient in float64, if there it has another type."""
    right, short = replay.gradients.get(target.id), target.right.dtype
    if right is None or right.dtype == short or right.shape != target.right.shape:
        return target
    return dataclasses.replace(target, right=right, hand=target.hand.astype(short))


def _too_near(row: Row) -> bool:
    """Return whether both gradients look right, by the Taylor remainder or in float64."""
    right = row.orders is not None and min(row.orders) > 1.7
    return row.verdict == UNDECIDED and (right or row.diagnosis is NEAR)
