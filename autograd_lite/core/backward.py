"""The backward pass: one walk over the record, newest operation first.

Inputs are born before outputs. So whoever takes the youngest node that is still waiting has a
topological order, with no search before and no recursion: 200,000 operations in a row are no more
than a loop. A node is anything with the slots that `backward_pass` reads: ``_primitive``,
``_inputs``, ``_parameters``, ``_array``, ``_birth``, ``_requires_grad``, ``_rare``.
"""

import itertools
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush, heapreplace
from typing import Any

from numpy import asarray, ndarray

from autograd_lite.core.arithmetic import real
from autograd_lite.core.modes import GradientError, Watched, passing, recording
from autograd_lite.core.primitive import Primitive, RuleForEach

next_birth = itertools.count(1).__next__
"""The clock that counts births, writes and calls."""

STAND_INS: set[Any] = set()
"""What stands for arrays while a function is traced; its ``lift`` makes it of an array."""

Node = Any
Pairs = list[tuple[Node, Any]]
_Table = dict[int, tuple[Node, Any]]


def backward_pass(
    root: Node,
    cotangent: Any,
    *,
    more: Iterable[tuple[Node, Any]] = (),
    targets: frozenset[Node] | None = None,
    untapped: frozenset[Node] = frozenset(),
    create_graph: bool = False,
) -> Pairs:
    """Send a cotangent from `root` back through the record, newest operation first.

    - `cotangent`: of the shape and dtype of `root`; a Tensor exactly if `create_graph`.
    - `more`: other tensors to start from at once, with their cotangents.
    - `targets`: visit what lies between these, which may be inner nodes, and `root`, nothing else.
    - `untapped`: nodes whose hooks are not called, since this is a part of what arrives there.
    - `create_graph`: call the rules on Tensors, so that the backward pass is itself recorded.

    It returns every leaf (or target) that was reached, with the sum of what arrived there.
    """
    mode = recording.get()
    watched = mode.__class__ is Watched
    if watched and not passing.get():
        token = passing.set(True)
        try:
            return backward_pass(
                root, cotangent, more=more, targets=targets, untapped=untapped,
                create_graph=create_graph,
            )  # fmt: skip
        finally:
            passing.reset(token)
    found: Pairs = []
    # Births are unique, so a heap of births (negated: the youngest first) with a table beside it
    # never compares nodes. One node waits outside of both, since most often it is the next.
    # Leaves wait in a table of their own, until all is known: a failed rule changes none of them.
    waiting: list[int] = []
    arrived: _Table = {}
    leaves: _Table = {}
    coming, sent = root, cotangent
    between = None if targets is None else _between([root, *(node for node, _ in more)], targets)
    wanted = {node._birth: node for node in targets} if targets else None
    if more or root._primitive is None or between is not None:
        arrived, leaves = _starts([(root, cotangent), *more], between)
        waiting, coming = sorted([-birth for birth in arrived]), None
    watches = mode.watches if watched else ()
    while True:
        if coming is None:
            if not waiting:
                break
            node, g = arrived.pop(-heappop(waiting))
        elif waiting and -waiting[0] > coming._birth:
            arrived[coming._birth] = (coming, sent)
            node, g = arrived.pop(-heapreplace(waiting, -coming._birth))
            coming = None
        else:
            node, g, coming = coming, sent, None
        birth = node._birth
        if node._rare is not None and "_taps" in node._rare and node._known() not in untapped:
            g = node._taps(node, g)
        if wanted is not None and birth in wanted:
            found.append((wanted[birth], g))
            continue
        inputs, parameters, rules = node._inputs, node._parameters, node._primitive.rules
        y, seen, count = node._array, inputs, len(inputs)
        if create_graph:
            y, seen = node, seen_by_rules(node)
        elif STAND_INS and y.__class__ in STAND_INS:  # array.dot(symbol) would ask for values.
            lift = y.lift
            g, seen = lift(g), tuple(map(lift, inputs))
        if rules.__class__ is RuleForEach:  # Told the operands once, not once for each of them.
            rules = rules.bound(g, y, seen[1::2], parameters)
            seen, parameters, count = (), None, 0
        i = -2
        for rule in rules:
            i += 2
            x = inputs[i]
            if x is None or rule is None or not x._requires_grad:
                continue
            if x._birth > birth:  # Changed in place since: go to the version that was used.
                x = x._version_before(birth)
                # Held from now on: `x` may have been computed from this node, a cycle till then.
                inputs = node._inputs = (*inputs[:i], x, *inputs[i + 1 :])
                if x is None or not x._requires_grad:
                    continue
            if between is not None and x._birth not in between:
                continue
            try:
                if parameters:
                    gx = rule(g, y, *seen[1::2], **parameters)
                elif count == 4:  # A starred call takes three times as long.
                    gx = rule(g, y, seen[1], seen[3])
                elif count == 2:
                    gx = rule(g, y, seen[1])
                elif seen:
                    gx = rule(g, y, *seen[1::2])
                else:
                    gx = rule()
            except Exception as error:
                name = rule_name(node._primitive, i // 2)
                error.add_note(f"This was {name}, in a backward pass.")
                raise
            value = inputs[i + 1]
            kind = type(gx)
            if kind is not type(value) or (
                (kind is ndarray or (STAND_INS and kind in STAND_INS))
                and (gx.shape != value.shape or gx.dtype is not value.dtype)
            ):
                gx = fit(gx, value, node._primitive, i // 2)
            total = gx
            if x._primitive is None:
                if x._birth in leaves:
                    total = leaves[x._birth][1] + gx
                leaves[x._birth] = (x, total)
            elif coming is not None and x._birth == coming._birth:
                sent = total = sent + gx
            elif arrived and x._birth in arrived:
                total = arrived[x._birth][1] + gx
                arrived[x._birth] = (x, total)
            elif coming is None:
                coming, sent = x, gx
            else:
                heappush(waiting, -x._birth)
                arrived[x._birth] = (x, gx)
            if watches:
                for watch in watches:
                    watch.passed(node, i // 2, g, gx, total)
    for birth in sorted(leaves, reverse=True) if len(leaves) > 1 else leaves:
        node, g = pair = leaves[birth]
        if node._rare is not None and "_taps" in node._rare and node._known() not in untapped:
            pair = (node, node._taps(node, g))
        found.append(pair)
    return found


def _starts(pairs: Pairs, between: set[int] | None) -> tuple[_Table, _Table]:
    """Return what a backward pass starts with, by birth: the nodes, and the leaves."""
    arrived: _Table = {}
    leaves: _Table = {}
    for node, g in pairs:
        if between is None or node._birth in between:
            birth, table = node._birth, leaves if node._primitive is None else arrived
            table[birth] = (node, table[birth][1] + g if birth in table else g)
    return arrived, leaves


def operands_of(node: Node) -> tuple[Node | None, ...]:
    """Return the operands of a node, each in the version that it used; None for a bare one."""
    return tuple([None if x is None else _used(x, node._birth) for x in node._inputs[::2]])


def _used(x: Node, birth: int) -> Node | None:
    if x._birth > birth:
        return x._version_before(birth)
    return x if x._rare is None else x._known()


def _between(roots: Sequence[Node], targets: frozenset[Node]) -> set[int]:
    """Return the births of nodes through which a root depends on a target, with both ends.

    What is older than all targets depends on none of them, so however long a history lies behind
    them, it is not looked at.
    """
    oldest = min((target._birth for target in targets), default=0)
    reached, waiting = set(roots), list(roots)
    while waiting:
        for x in operands_of(waiting.pop()):
            if x is None or x._birth < oldest or not x._requires_grad:
                continue
            if x not in reached:
                reached.add(x)
                waiting.append(x)
    between = {node._birth for node in reached}.intersection(x._birth for x in targets)
    for node in sorted(reached, key=lambda node: int(node._birth)):  # Operands come first.
        if any(x is not None and x._birth in between for x in operands_of(node)):
            between.add(node._birth)
    return between


def seen_by_rules(node: Node) -> tuple[Any, ...]:
    """Return the inputs of a node as the rules see them when the backward pass is recorded."""
    seen: list[Any] = []
    for operand, value in zip(node._inputs[::2], node._inputs[1::2], strict=True):
        if operand is not None:
            operand._value()  # So that no rule sees what has been written since.
            if operand._birth > node._birth:
                operand = operand._version_before(node._birth)
        if operand is not None and not operand._has(value):
            if operand._requires_grad:
                name = repr(operand.name) if operand.name else f"a leaf of shape {operand.shape}"
                raise GradientError(
                    f"create_graph=True needs the tensors that were used, but {name} has been "
                    f"given a new value (by an optimiser step or `.data =`) since "
                    f"{node._primitive!r} used it. Compute the result again, then differentiate it."
                )
            operand = None
        if operand is None:
            # Arrays too become Tensors: array.dot(tensor) would compute, and record nothing.
            operand = node._wrap(value) if isinstance(value, ndarray) else value
        seen += None, operand
    return tuple(seen)


def rule_name(primitive: Primitive, i: int) -> str:
    """Return what messages call the rule of an operation for its operand `i`."""
    name = f"{primitive.operands[0]}[{i}]" if primitive.variadic else primitive.operands[i]
    return f"the rule of {primitive!r} for {name}"


def unbroadcast(g: Any, shape: tuple[int, ...], *, written: bool = False) -> Any:
    """Sum a cotangent over the axes along which an operand of this shape was stretched.

    - `g`: of the shape to which the operand was broadcast.
    - `shape`: that of the operand.
    - `written`: whether it will be read, as a formula: then axes of length 1 are summed over like
      others, and axes are kept, where that saves a reshape.

    It raises a ValueError if broadcasting does not lead from the one shape to the other.
    """
    extra = g.ndim - len(shape)
    if extra > 0 and g.shape[extra:] == shape:  # Axes in front, as of a bias: the usual case.
        axes = tuple(range(extra))
    elif g.shape == shape:
        return g
    else:
        axes = tuple(k for k in range(g.ndim) if k < extra or shape[k - extra] == 1 != g.shape[k])
        if extra < 0 or any(n not in (1, m) for n, m in zip(shape, g.shape[extra:], strict=True)):
            raise ValueError(f"broadcasting does not lead from {shape} to {g.shape}.")
    size = 1
    for k in axes:
        size *= g.shape[k]
    if written:
        g = g.sum(axis=axes, keepdims=not extra)
        return g if g.shape == shape else g.reshape(shape)
    return (g if size == 1 else g.sum(axis=axes)).reshape(shape)


def of_kind(g: Any, dtype: Any) -> Any:
    """Take the real part of a complex cotangent that arrives at real numbers.

    The cotangent of ``z = x + 1j * y`` is the derivative by `x` minus 1j times that by `y`. So the
    rule of an analytic function is the same for real and complex numbers, without any conjugate:
    the change of the loss is the real part of the cotangent times the change of `z`.
    """
    return real(g) if g.dtype.kind == "c" != dtype.kind else g


def fit(gx: Any, value: Any, primitive: Primitive, i: int) -> Any:
    """Make what a rule returned the cotangent of its operand: of its shape and its dtype."""
    if not hasattr(gx, "dtype"):
        if gx is None:
            raise TypeError(
                f"{rule_name(primitive, i)} returned None. A rule must return a cotangent; an "
                f"operand that the result does not depend on has None in place of a rule."
            )
        try:
            gx = asarray(gx)
        except ValueError:
            raise TypeError(
                f"{rule_name(primitive, i)} returned a {type(gx).__name__}, which does not make an "
                f"array."
            ) from None
    kinds = "biufc" if primitive.takes_complex else "biuf"
    if gx.dtype.kind not in kinds or value.dtype.kind not in "fc":
        raise TypeError(
            f"{rule_name(primitive, i)} returned dtype {gx.dtype} for an operand of dtype "
            f"{value.dtype}: gradients are of floating-point numbers, and of complex ones where "
            f"the entry says takes_complex=True, or analytic=True."
        )
    try:
        gx = unbroadcast(of_kind(gx, value.dtype), value.shape)
    except ValueError:
        raise ValueError(
            f"{rule_name(primitive, i)} returned a cotangent of shape {gx.shape} for an operand of "
            f"shape {value.shape}. A rule must return the operand's shape, or the shape to which "
            f"the operand was broadcast."
        ) from None
    return gx if gx.dtype == value.dtype else gx.astype(value.dtype)
