"""An exercise: the learner derives every gradient, and is told what is right, and no more."""

from __future__ import annotations

import ast
import difflib
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.check.alignment import Aligned, as_array
from autograd_lite.check.compare import Options, compare_graph
from autograd_lite.check.finding import FOLLOWS
from autograd_lite.check.gradients import of_delta
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.check.names import is_delta, named_in, stems, with_forms
from autograd_lite.check.report import ROUNDED, SHAPE, Comparison
from autograd_lite.derive import Derivation, derive
from autograd_lite.derive.leaves import as_told
from autograd_lite.derive.math_names import identifier
from autograd_lite.derive.written_out import known_as_whole
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.repetition import in_loops
from autograd_lite.program.expression import Name, walk
from autograd_lite.tensor import Tensor

ARRAY = re.compile(r"np\.array\((\[[\[\]\d,\s-]*\])\)")
"""An array of whole numbers, written out."""

RIGHT, UPSTREAM, WRONG, OPEN = "right", "right, from what you have above", "wrong", "not yet"
TO_DIGITS = "right to the digits that you have: compute it with all of them"
ALONE = f"{WRONG}, here or above: {{}} is not given"
UNTOLD = "not to be told, before {} has its shape"


MOST_WAYS = 8
"""On which a hint follows a gradient back at once."""


@dataclass(frozen=True)
class Progress:
    """What a learner has, in the order of the backward pass: true when all of it is right.

    Attributes
    ----------
    marks : dict of str to str
        For every gradient ``right``; ``right, from what you have above`` (the mistake is in what it
        was computed from); ``wrong``, with the shapes if these differ, or with what would tell
        whether the mistake is here or above; or ``not yet``.
    comparison : Comparison or None
        What `compare` found, with the mistakes by name, for a teacher; None if nothing was given.
    deltas : dict of str to str
        What a gradient was called, where that is the delta of another value: that at ``z1`` is
        ``l1_delta``.
    """

    marks: Mapping[str, str]
    comparison: Comparison | None
    deltas: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return all(mark == RIGHT for mark in self.marks.values())

    @property
    def first_wrong(self) -> str | None:
        """The first gradient, from the loss backwards, that is wrong in itself."""
        return next((name for name, mark in self.marks.items() if mark.startswith(WRONG)), None)

    def __str__(self) -> str:
        called = [f"{x} ({self.deltas[x]})" if x in self.deltas else x for x in self.marks]
        width = max(map(len, called))
        lines = [
            f"{x.ljust(width)}  {mark}" for x, mark in zip(called, self.marks.values(), strict=True)
        ]
        done = sum(mark == RIGHT for mark in self.marks.values())
        return "\n".join([*lines, f"{done} of {len(self.marks)} right"])

    __repr__ = __str__  # What a notebook shows.


class Exercise:
    """The gradients of one computation, to be derived by hand.

    Made by `exercise`.

    Attributes
    ----------
    names : tuple of str
        Whose gradients are asked for, in the order of the backward pass.
    """

    def __init__(
        self, graph: Graph, told: Graph, nodes: list[Node], called: Mapping[str, Any]
    ) -> None:
        self._graph, self._called = told, tuple(called.items())  # Names are looked for in dicts.
        same = {id(node.tensor): node for node in told}
        self._nodes = {node.name or node.id: same[id(node.tensor)] for node in nodes}
        self._compared = graph, {node.name or node.id: node for node in nodes}
        self.names = tuple(self._nodes)
        self._known = {identifier(x): x for x in self.names} | {x: x for x in self.names}

    def __reduce__(self) -> Any:
        raise TypeError(f"{self!r} is not copied or pickled. Make it anew, with al.exercise(loss).")

    def __repr__(self) -> str:
        return f"<Exercise: gradients of {', '.join(self.names)}>"

    def check(self, given: Mapping[str, Any] | None = None, /, **more: Any) -> Progress:
        """Say which gradients are right, which are wrong, and which are not there yet.

        Each is judged by the learner's own gradients above it, so that one mistake is marked once.
        What the mistake is, is not said.

        Parameters
        ----------
        given : mapping of str to array, optional
            ``locals()``, say: the gradient of ``h`` is ``dh``, ``d_h``, ``dL_dh``, ``grad_h`` or
            ``h_grad``; ``h_delta`` may be the gradient of what ``h`` is an activation of.
        **more
            Gradients one by one.

        Returns
        -------
        Progress
            Prints as a list in the order of the backward pass.

        Raises
        ------
        KeyError
            If a keyword is not the name of a gradient; the message lists near misses.
        TypeError
            If a gradient is not an array of real numbers.
        ValueError
            If two gradients of one value differ.
        """
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(
                f"check takes locals(), a dict, or gradients by name, as "
                f"check(d_{self.names[0]}=...), got {type(given).__name__}."
            )
        found, deltas = self._found(given or {}, more)
        marks = dict.fromkeys(self.names, OPEN)
        if not found:
            return Progress(marks, None)
        graph, node_of = self._compared
        aligned: Aligned = [(node_of[n], n, g) for n, g in found.items()]
        options = Options(None, False, None, None, None, True)
        comparison = compare_graph(graph, aligned, options)
        unknown = {row.name for row in comparison if row.verdict == SHAPE}
        for row in comparison:
            above = self._above(self._nodes[row.name])
            cause = row.diagnosis
            open_above = [x for x in above if x not in found]
            if row.ok:
                marks[row.name] = RIGHT
            elif row.verdict == ROUNDED:
                marks[row.name] = TO_DIGITS
            elif cause is not None and cause.name == FOLLOWS and cause.title.startswith("follows"):
                marks[row.name] = UPSTREAM
            elif bad := [x for x in above if x in unknown]:
                unknown.add(row.name)
                marks[row.name] = UNTOLD.format(bad[0])
            elif row.verdict == SHAPE:
                shapes = f"its shape is {row.by_hand.shape}, and that of {row.name} is "
                marks[row.name] = f"{WRONG}: {shapes}{row.autodiff.shape}"
            else:
                marks[row.name] = ALONE.format(open_above[0]) if open_above else WRONG
        return Progress(marks, comparison, deltas)

    def hint(self, name: str | Tensor, level: int = 1) -> str:
        """Return a hint: the more, the higher the level.

        Parameters
        ----------
        name : str or Tensor
            The name of a tensor, or of its gradient; or the tensor.
        level : {1, 2, 3}
            1: the shape, and what it is computed from. 2: the rule in words. 3: the line.

        Raises
        ------
        KeyError
            If there is no such gradient here.
        ValueError
            If the level is another one.
        """
        node = self._nodes[self._name(name)]
        users = [x for x in self._graph.consumers(node) if x.requires_grad]
        if level not in (1, 2, 3):
            raise ValueError(f"hint: level is 1, 2 or 3, got {level!r}.")
        if level == 1:
            name = self._name(name)
            *above, last = self._above(node, asked=False) or [""]
            listed = f"{', '.join(above)} and {last}" if above else last
            uses = f"gradient{'s' * bool(above)} of {listed}"
            several = f" {name} is used in several places: what comes back from each adds up."
            return (
                f"The gradient of {name} has its shape, {node.shape}. It is computed from the "
                f"{uses if last else 'loss, whose own gradient is 1'}.{several * (len(users) > 1)}"
            )
        if level == 2:
            return self._ways_back(node)
        return self._line(node)

    def solution(self) -> str:
        """Return the derivation as code, every round of a loop by itself, as hints name it."""
        return self._derivation.unrolled_code

    @cached_property
    def _derivation(self) -> Derivation:
        output = self._graph.outputs[0].tensor
        assert output is not None
        return derive(output, wrt=self.names, names=dict(self._called))

    def worksheet(self) -> str:
        """Return the computation as NumPy code, with a blank for every gradient.

        Returns
        -------
        str
            A function like that of the solution, whose result `check` takes. What is left blank is
            None, for which it says ``not yet``.

        Examples
        --------
        >>> import numpy as np
        >>> import autograd_lite as al
        >>> X, W = np.eye(2), al.Tensor([[0.5], [-0.25]], requires_grad=True, name="W")
        >>> z = X @ W
        >>> print(al.exercise(np.sum(z**2)).worksheet())
        def loss_and_gradients(X, W):
            # forward
            z = X @ W              # (2, 1)
            loss = np.sum(z ** 2)  # ()
            # backward
            d_z = None             # (2, 1)
            d_W = None             # (2, 1)
            return locals()
        """
        return self._with_names(self._derivation.worksheet(self.names))

    def _above(self, node: Node, *, asked: bool = True) -> list[str]:
        """Return the next values on the way to the loss that are asked for, or have a name."""
        found, waiting = {}, [node]
        while waiting:
            for x in self._graph.consumers(waiting.pop(0)):
                name = x.name or x.id
                if x.requires_grad and (self._nodes.get(name) is x if asked else self._is_end(x)):
                    found[name] = x
                elif x.requires_grad:
                    waiting.append(x)
        return [name for name, x in found.items() if x is not self._graph.outputs[0]]

    def _is_end(self, node: Node) -> bool:
        """Return whether a value has a name, or is the loss."""
        return bool(node.name) or node.id == self._graph.outputs[0].id

    def _ways_back(self, node: Node) -> str:
        """Describe step by step how the next named values send the gradient back."""
        alike: dict[tuple[Any, ...], dict[tuple[str, ...], None]] = {}
        waiting: list[tuple[Node, tuple[str, ...], tuple[Any, ...]]] = [(node, (), ())]
        back = known_as_whole(self._graph, self._is_end)  # A softmax that is written out is one.
        while waiting:
            at, steps, kinds = waiting.pop(0)
            users = [x for x in back.consumers(at) if x.requires_grad]
            for user in users[: None if len(waiting) < MOST_WAYS else 1]:
                way = user, (self._in_words(user, at), *steps), (*kinds, user.primitive)
                if self._is_end(user):
                    alike.setdefault(way[2], {})[way[1]] = None
                else:
                    waiting.append(way)
        last_of = {list(found)[-1]: len(found) for found in alike.values()}
        ways = [list(way) for way in last_of]
        same = 0
        while len(ways) > 1 and len({*(tuple(way[: same + 1]) for way in ways)}) == 1:
            same += 1
        ends = [
            " Then ".join(way[same:])
            + (f" The same for each of {n - 1} more uses." if n > 1 else "")
            for way, n in zip(ways, last_of.values(), strict=True)
        ]
        last = ends[0] if len(ends) == 1 else f"The sum of: {' And of: '.join(ends)}"
        return " Then ".join([*ways[0][:same], last[0].lower() + last[1:] if same else last])

    def _in_words(self, user: Node, node: Node) -> str:
        """Describe how one operation sends the gradient back."""
        assert user.primitive is not None
        operands = [self._text(x) for x in self._graph.operands(user)]
        made = self._text(self._graph.find(user.id), whole=True)
        primitive = user.primitive
        others = [x for x, key in zip(operands, user.operands, strict=True) if key != node.id]
        if primitive is ops.matmul:
            rule = _of_product(node, user, others)
        elif len(primitive.linear) > 1 and primitive.entrywise and others:
            rule = f"a product, so multiply by the other factor, {others[0]}"
        elif primitive is ops.add:
            rule = "a sum, so what arrives comes back as it is"
        elif primitive is ops.subtract:
            how = "with a minus" if user.operands.index(node.id) == 1 else "as it is"
            rule = f"a difference, so what arrives comes back {how}"
        elif primitive is ops.multiply:
            rule = "a square, so multiply by twice what is squared"
        elif primitive is ops.divide:
            below = "multiply by minus the quotient, and divide by the divisor"
            above = f"divide by {operands[1]}"
            rule = f"a quotient, so {below if user.operands.index(node.id) == 1 else above}"
        elif primitive is ops.power and user.operands.index(node.id) == 0:
            rule = "a power, so multiply by the exponent, and by the power with one less"
        elif primitive.sentence:
            operand = self._text(node) if node.name or others else "its operand"
            rule = primitive.sentence.format(
                y=user.name or "it", x=operand, others=", ".join(others)
            )
            if primitive is ops.getitem and _picks_again(user.parameters["index"], node.shape):
                rule = f"{rule.rstrip('.')}; an entry that is picked several times gets the sum"
        elif primitive is ops.negative:
            rule = "a minus, so what arrives comes back with a minus"
        elif primitive is ops.mse:
            rest = {"mean": ", and the mean divides by the number of entries", "half_sum":
                    ", and the half in front cancels the 2"}  # fmt: skip
            rule = "the derivative of a square is twice what is squared"
            rule += rest.get(user.parameters["reduction"], "")
        elif primitive.entrywise:
            rule = f"multiply by the derivative of {primitive.name.lower()}, entry by entry"
        else:
            rule = "each entry gets the sum of derivative times gradient over all that depend on it"
        stretched = user.shape != node.shape and primitive.entrywise
        return f"{made}: {rule.rstrip('.')}{'; then sum over what was broadcast' * stretched}."

    def _text(self, node: Node, *, whole: bool = False) -> str:
        """Write a value by its name, or how it is made; index arrays by theirs."""
        return self._with_names(text_of(self._graph, node, whole=whole))

    def _with_names(self, text: str) -> str:
        """Write arrays of indices by the names that they have, and not number by number."""

        def named(found: re.Match[str]) -> str:
            index = np.array(ast.literal_eval(found[1]))
            for name, value in self._called:
                if isinstance(value, np.ndarray) and np.array_equal(value, index):
                    return name
            counted = np.array_equal(index, np.arange(index.size))
            return f"np.arange({index.size})" if counted else found[0]

        return ARRAY.sub(named, text)

    def _line(self, node: Node) -> str:
        """Return the line of the derivation, after the lines without names that it needs."""
        name, derivation = node.name or node.id, self._derivation
        line_of = {line.name: line for line in derivation.lines}
        wanted = derivation.gradients[name]
        of = line_of[wanted].of if wanted in line_of else None
        own = of is not None and of.tensor is node.tensor
        known = {line.name for line in derivation.forward if line.node and line.node.name}
        alone = own or of is None or not of.name  # It has no name but this.
        known |= {*derivation.gradients.values()} - ({wanted} if alone else set())
        needed: set[Name] = set()
        waiting = {wanted} & line_of.keys() - known
        while waiting:
            needed |= waiting
            used = {x.name for k in waiting for x in walk((line_of[k].expression,)) if x.name}
            waiting = used & line_of.keys() - known - needed
        lines = [line.code for line in derivation.lines if line.name in needed]
        return self._with_names("\n".join([*lines, *([] if own else [f"d_{name} = {wanted}"])]))

    def _name(self, name: str | Tensor) -> str:
        if isinstance(name, Tensor):
            name = self._graph.find(name).label
        if not isinstance(name, str):
            raise TypeError(f"A gradient is asked for by its name or its tensor, got {name!r}.")
        for stem in (name, *stems(name)):
            if stem in self._known:
                return self._known[stem]
        near = difflib.get_close_matches(name, [*self.names, *(f"d_{n}" for n in self.names)])
        meant = f" Did you mean {', '.join(near)}?" if near else ""
        raise KeyError(
            f"{name!r} is not a gradient of this exercise.{meant} There are: "
            f"{', '.join(self.names)}."
        )

    def _found(
        self, given: Mapping[str, Any], more: Mapping[str, Any]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        """Return what was given, by the name of the tensor, in the order of the backward pass.

        Also, for what was given as the delta of another tensor, that.
        """
        named = bool(given) and all(key in self._nodes for key in given)  # {"h": dh}, no locals().
        keys = {key: self._name(key) for key in more}
        known = self._known
        for key in given:
            stem = key if named else next((known[x] for x in stems(key) if x in known), None)
            if stem is not None and (named or key not in self._nodes):
                keys.setdefault(key, stem)
        arrays = {
            key: as_array(value, stem, "check")
            for key, stem in keys.items()
            if (value := {**given, **more}[key]) is not None and not callable(value)
            and value is not self._nodes[stem].tensor
        }  # fmt: skip
        found: dict[str, NDArray[Any]] = {}
        called: dict[str, str] = {}
        own = {keys[key] for key in arrays if not is_delta(key)}
        for key in sorted(arrays, key=is_delta):
            node = self._nodes[keys[key]]
            if is_delta(key) and key not in self._nodes:
                node = of_delta(self._graph, node, arrays[key], own)
            name = node.name or node.id
            if name not in self._nodes:
                continue  # The delta of a sum that has no name is not asked for.
            if name in found and not np.array_equal(found[name], arrays[key]):
                raise ValueError(
                    f"check: {called[name]} and {key} are both the gradient of {name}, and differ. "
                    f"Leave one of them out."
                )
            found[name], called[name] = arrays[key], key
        deltas = {x: key for x, key in called.items() if is_delta(key) and keys[key] != x}
        return {x: found[x] for x in self.names if x in found}, deltas


def _of_product(node: Node, user: Node, others: list[str]) -> str:
    """Describe how a matrix product sends the gradient back."""
    if not user.shape:
        return f"a dot product, so multiply {others[0]} by what arrives"
    if len(node.shape) == 2 and len(user.shape) == 1:
        pair = ("g[i]", f"{others[0]}[j]"), (f"{others[0]}[i]", "g[j]")
        by = " times ".join(pair[user.operands.index(node.id)])
        return f"a product with a vector, so of g, which arrives, entry [i, j] gets {by}"
    side = f"from the side on which {others[0]} stands"
    return f"a matrix product, so multiply by the transpose of {others[0]}, {side}"


def _picks_again(index: Any, shape: tuple[int, ...]) -> bool:
    """Return whether an index names an entry several times."""
    picked = np.arange(math.prod(shape)).reshape(shape)[index]
    return bool(np.unique(picked).size < picked.size)


def exercise(loss: Tensor, wrt: Tensor | str | Iterable[Tensor | str] = "all") -> Exercise:
    """Make an exercise of a computation: the learner derives its gradients by hand.

    Parameters
    ----------
    loss : Tensor with one entry
        What is differentiated.
    wrt : "all", Tensor, str, or iterable of Tensor or str
        Whose gradients are asked for: by default of every tensor that has a name, parameters and
        inner ones alike. Names are those of the caller's variables, or `Tensor.name`.

    Returns
    -------
    Exercise
        ``check(locals())`` says what is right; ``hint(name, level)`` helps.

    Raises
    ------
    ValueError
        If `loss` has several entries or requires no gradient, or nothing that it is computed from
        has a name.
    KeyError
        If a name is not one of a tensor of the computation.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> X, y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0], [0.0]])
    >>> W = al.Tensor([[0.5], [-0.25]], requires_grad=True, name="W")
    >>> z = X @ W
    >>> p = al.sigmoid(z)
    >>> task = al.exercise(al.mse(p, y, reduction="half_sum"))
    >>> dp = p.numpy() - y
    >>> dz = dp * p.numpy()
    >>> print(task.check(dp=dp, dz=dz, dW=X.T @ dz))
    p  right
    z  wrong
    W  right, from what you have above
    1 of 3 right
    >>> print(task.hint("dz"))
    The gradient of z has its shape, (2, 1). It is computed from the gradient of p.
    """
    if not isinstance(loss, Tensor) or loss.size != 1 or not loss.requires_grad:
        raise ValueError(
            f"exercise needs a loss with a single entry that depends on a tensor with "
            f"requires_grad=True, got {loss!r}. Compute it, and pass the Tensor."
        )
    called = named_in(sys._getframe(1))
    names = with_forms(called)
    graph = Graph(loss, names)
    named = [x for x in graph if x.requires_grad and x.name and x is not graph.outputs[0]]
    asked = {x.id for x in named if not np.iscomplexobj(x.value)}
    nodes = sorted((x for x in graph if x.id in asked), key=lambda x: -_completed(graph, x))
    if not (isinstance(wrt, str) and wrt == "all"):
        wanted = [graph.find(x).id for x in ([wrt] if isinstance(wrt, str | Tensor) else wrt)]
        nodes = [node for node in nodes if node.id in wanted]
    if not nodes:
        raise ValueError("exercise found no tensor with a name: give names with name=.")
    return Exercise(graph, as_told(graph, names, in_loops(graph)), nodes, called)


def _completed(graph: Graph, node: Node) -> float:
    """Return when a gradient is complete, on the way back: a parameter's, after its first use."""
    position = {x.id: i for i, x in enumerate(graph)}
    if node.primitive is not None:
        return position[node.id]
    return min(position[x.id] for x in graph.consumers(node)) - 0.5
