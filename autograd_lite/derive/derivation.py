"""A derivation as an object: formulas, code that runs, proofs."""

from __future__ import annotations

import json
import linecache
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_lite import ops
from autograd_lite.derive import markup
from autograd_lite.derive.helpers import helpers, namespace
from autograd_lite.derive.layout import AT, INDENT, LONGEST_LINE, WIDEST, listed, step
from autograd_lite.derive.lengths import Length, Sizes, UnfitError
from autograd_lite.derive.lines import Line, replaced
from autograd_lite.derive.loop_code import LoopCode
from autograd_lite.derive.loop_formulas import LoopFormulas, Row, rows_of
from autograd_lite.derive.math_names import gradient, identifier
from autograd_lite.derive.proof import Proof, prove
from autograd_lite.derive.round_names import UnevenError
from autograd_lite.derive.rounding import Rounding, compare_rounding
from autograd_lite.derive.rounds import Printed
from autograd_lite.derive.writer import Steps
from autograd_lite.derive.writing import NAME, Form, write
from autograd_lite.functional.nests import leaves_of
from autograd_lite.program.expression import Expression, Given, Name, walk

LONGEST_FORMULA = 10_000  # Parts, at about four characters each.

UNTIES = "    # where nothing ties, as here: equal values would share the derivative"
DIVIDES = "    # where no divisor is 0, as here"
SUMS = "    # where {} adds up to 1 along axis {}, as here"
"""Comments on special cases that a derivation leaves out because its values have none of them."""

FORWARD, BACKWARD = Printed("# forward"), Printed("# backward")

UNNAMED = "{}: computed outside of the record, so anew with other values"
"""What is said of arrays that have no name."""


class Derivation(Steps):
    """The forward pass and every gradient, step by step.

    Attributes
    ----------
    forward, backward : tuple of Line
        The steps, in the order of computation.
    gradients : dict of str to str
        For every tensor asked for, by the user's name, the line that has its gradient.
    arguments : dict of str to array
        What the computation starts from, by name, with the values that were recorded.
    graph : Graph
        The computation that was derived.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle is made of: all but what is made when it is asked for."""
        made = {k for k, x in vars(Derivation).items() if isinstance(x, cached_property)}
        return {k: x for k, x in vars(self).items() if k not in made}

    @cached_property
    def code(self) -> str:
        """A function in plain NumPy that computes the loss and its gradients."""
        return self._code(_shape_and_place)

    @cached_property
    def unrolled_code(self) -> str:
        """The same with every round of a loop by itself, in the names that `lines` have.

        Examples
        --------
        >>> import autograd_lite as al
        >>> def doubled(x):
        ...     for _ in range(4):
        ...         x = x * x
        ...     return x
        >>> derivation = al.derive(doubled, 1.5)
        >>> "v2 = v1 * v1" in derivation.code, "v2 = v1 * v1" in derivation.unrolled_code
        (False, True)
        """
        return self._code(_shape_and_place, rolled=False)

    @cached_property
    def code_with_source(self) -> str:
        """The same, with the line of your code that each step comes from beside it.

        It is known for functions that `derive` has called, and for what was computed under
        `record_source`.
        """

        def comment(line: Line) -> str:
            shape, source = str(line.expression.shape), line.source
            return f"{shape:8} {source}  {source.text}" if source else shape

        return self._code(comment)

    @cached_property
    def _own_loops(self) -> LoopCode:
        return self._rolled(self.lines)

    @cached_property
    def _loops(self) -> LoopCode:
        """Loops in the lines and, where they get whole rounds by it, in a line more."""
        own = self._own_loops
        starts = {x for loop in own.loops for x in loop.initial.values()}
        made = {x.name: x for x in self.graph if x.primitive is None}
        made |= {line.name: line.node for line in self.forward if line.node is not None}
        begun = {made[x].id for x in starts if x in made and made[x].requires_grad}
        asked = {node.id for node in self._wrt}
        more = tuple(x for x in self.graph if x.id in begun - asked)
        wrt = *self._wrt, *more
        steps = Steps(self.graph, wrt, self._writer, **self._how) if more else self
        lines = list(steps.lines)
        for node, name in zip(wrt, steps.gradients.values(), strict=True):
            if node.id in begun:  # It comes where it can be known, as in other rounds.
                line = lines.pop(next(i for i, x in enumerate(lines) if x.name == name))
                used = {x.name for x in walk((line.expression,))}
                known = [i for i, x in enumerate(lines) if x.name in used]
                start = max((len(self.forward) - 1, *known)) + 1
                ends = (i for i, x in enumerate(lines) if i >= start and x.name.kind == "gradient")
                lines.insert(next(ends, len(lines)), line)
        moved = [x.name for x in lines] != [x.name for x in self.lines]
        if not moved or len(steps.forward) != len(self.forward):
            return own
        whole = self._rolled(lines)
        alone = [len(x.lines) - len(x.places) for x in (whole, own)]
        return whole if alone[0] < alone[1] else own

    def _rolled(self, lines: Sequence[Line], rolled: bool = True) -> LoopCode:
        results = self._loss, *self.gradients.values()
        return LoopCode(lines, len(self.forward), self.arguments, results, rolled=rolled)

    sizes: Sizes | None = None
    """What it is at other lengths."""

    def measure(self, sizes: Sizes | None) -> None:
        """Write lengths by the names that the code gives them, from now on.

        It raises an UnfitError if something else differs, too.
        """
        vars(self).pop("code", None)
        self.sizes, self.lengths = None, {}
        if sizes is not None:
            if any(x.remarks != self.remarks for x in sizes.pair.values()):
                raise UnfitError
            # It would keep itself alive.
            sizes.pair = {i: None if x is self else x for i, x in sizes.pair.items()}
            _, lengths = sizes.merged(self, lambda derivation: derivation._statements)
            self.sizes, self.lengths = sizes, {name: x.at[0] for name, x in lengths}

    def _code(self, comment: Callable[[Line], str], rolled: bool = True) -> str:
        """Write the function, with a comment behind every step."""
        usual = comment is _shape_and_place and rolled
        printed, lengths = self._sized(
            lambda x: x._statements if usual else x._said(comment, rolled)
        )
        steps = [x for x in printed if isinstance(x, Printed)]
        loss, *gradients = (x for x in printed if isinstance(x, str))
        end = listed(f"    {loss}, {{", gradients, "}")
        return self._function(self.lines, steps, lengths, end, self.remarks)

    @cached_property
    def _statements(self) -> list[Printed | str]:
        return self._said(_shape_and_place)

    def _said(self, comment: Callable[[Line], str], rolled: bool = True) -> list[Printed | str]:
        """Return the statements, what is returned, and the gradients in it."""
        loops = self._loops if rolled else self._rolled(self.lines, rolled=False)
        first, comments = loops.forward, list(map(comment, loops.lines))
        return [
            *loops.printed(0, first, comments),
            BACKWARD,
            *loops.printed(first, len(comments), comments),
            f"return {loops.name(self._loss)}",
            *(
                f"{json.dumps(name, ensure_ascii=False)}: {loops.name(line)}"
                for name, line in self.gradients.items()
            ),
        ]

    @property
    def remarks(self) -> list[str]:
        """Comments on what the code does not provide for."""
        remarks = [
            text for text, holds in ((UNTIES, self._unties), (DIVIDES, self._divides)) if holds
        ]
        return [*remarks, *(SUMS.format(*item) for item in self._sums.items())]

    def _sized(
        self, said: Callable[[Derivation], list[Any]], form: Form = "python"
    ) -> tuple[list[Any], list[tuple[str, Length]]]:
        """Return what a derivation says, with names for lengths if they are known, and these."""
        if self.sizes is not None:
            with suppress(UnfitError, ValueError):  # Or it is too long there.
                return self.sizes.merged(self, said, form)
        return said(self), []

    def worksheet(self, names: Sequence[str] = ()) -> str:
        """Return the computation as code, with a blank, None, for every gradient.

        What it returns is what `Exercise.check` takes.

        Parameters
        ----------
        names : sequence of str
            The gradients in the order of the blanks; by default what is computed last comes first.

        Examples
        --------
        >>> import numpy as np
        >>> import autograd_lite as al
        >>> X, w = np.eye(2), al.Tensor([[0.5], [-0.25]], requires_grad=True, name="w")
        >>> z = X @ w
        >>> print(al.derive(np.sum(z**2), wrt="all").worksheet())
        def loss_and_gradients(X, w):
            # forward
            z = X @ w              # (2, 1)
            loss = np.sum(z ** 2)  # ()
            # backward
            d_z = None             # (2, 1)
            d_w = None             # (2, 1)
            return locals()
        """
        order = [node.id for node in self.graph]
        back = sorted(self._wrt, key=lambda node: order.index(node.id), reverse=True)
        if names:
            back = [self.graph.find(name) for name in names]
        called = (identifier(node.name or node.id) for node in back)
        blanks = [
            Printed(f"d_{name} = None", str(node.shape))
            for name, node in zip(called, back, strict=True)
        ]
        steps, lengths = self._sized(
            lambda derivation: [
                Printed(code, "" if i else str(line.expression.shape))
                for line in derivation.forward
                for i, code in enumerate(line.code.split("\n"))
            ]
        )
        end = ["    return locals()"]
        return self._function(self.forward, [*steps, BACKWARD, *blanks], lengths, end, [])

    def _function(
        self, lines: Sequence[Line], steps: list[Printed], lengths: list[tuple[str, Length]],
        end: list[str], remarks: list[str],
    ) -> str:  # fmt: skip
        """Write the function, given its statements.

        `lines` are those whose operations may need a helper above it.
        """
        known = (Printed(f"{name} = {x.written('python')}") for name, x in lengths)
        steps = [FORWARD, *known, *steps]
        sizes = [len(x.code) + x.depth * len(INDENT) for x in steps if x.comment]
        width = max((size for size in sizes if size <= WIDEST), default=0)
        return "\n".join(
            [
                *helpers(lines),
                *listed("def loss_and_gradients(", self.arguments, "):"),
                *remarks,
                *self._remark(),
                *(line for x in steps for line in step(x.code, x.comment, width, 1 + x.depth)),
                *end,
            ]
        )

    def _remark(self) -> list[str]:
        """Return the comment that lists the arguments without a name."""
        if not self._unnamed:
            return []
        return textwrap.wrap(
            UNNAMED.format(", ".join(self._unnamed)), LONGEST_LINE,
            initial_indent="    # ", subsequent_indent="    # ",
        )  # fmt: skip

    @cached_property
    def latex(self) -> str:
        """All steps as one aligned display of LaTeX; of a loop, one for each line of its body."""
        return markup.latex(self._rows("latex"))

    @cached_property
    def text(self) -> str:
        """All steps as plain text: ``∂L/∂w = Xᵀ δz``; of a loop, one for each line of its body.

        Examples
        --------
        >>> import numpy as np
        >>> import autograd_lite as al
        >>> def last(h, W):
        ...     for t in range(4):
        ...         h = np.tanh(W @ h)
        ...     return np.sum(h)
        >>> print(al.derive(last, np.ones(2), np.eye(2), wrt="W").text)
        hs[0] = h
        hs[t + 1] = tanh(W hs[t])  (t = 0, …, 3)
        loss = Σ hs[4]
        δhs[4] = 1 − hs[4]²
        δhs[t] = (Wᵀ δhs[t + 1]) ⊙ (1 − hs[t]²)  (t = 3, 2, 1)
        ∂L/∂W = Σ_{t=1…4} δhs[t] hs[t − 1]ᵀ
        """
        return markup.text(self._rows("text"))

    def _rows(self, form: Form) -> tuple[Row, ...]:
        """Return all steps as formulas."""
        rows, lengths = self._sized(lambda derivation: derivation._rows_here(form), form)
        known = (Row(NAME[form](Name(x)), "=", length.written(form)) for x, length in lengths)
        return *known, *rows

    def _rows_here(self, form: Form) -> list[Row]:
        """Return them with lengths as numbers."""
        for loops in (self._loops, self._own_loops):
            with suppress(UnevenError):
                return list(LoopFormulas(loops, self.arguments, form).rows())
        return list(rows_of(self.lines, form))

    @cached_property
    def mathml(self) -> str:
        """All steps as one ``<math>`` element for a web page (needs latex2mathml).

        Raises
        ------
        ModuleNotFoundError
            Without latex2mathml, which the extra ``mathml`` installs.
        """
        return markup.mathml(self._rows("latex"))

    def formula(self, name: str | None = None, form: Form = "text") -> str:
        """Write a gradient in one line: only what you have named stays a name.

        Parameters
        ----------
        name : str, optional
            Of the tensor, as in `gradients`; may be left out if there is one only.
        form : {"text", "latex", "python"}

        Raises
        ------
        ValueError
            If the line would have more than 10,000 parts, as that of a long loop has.

        Examples
        --------
        >>> import numpy as np
        >>> import autograd_lite as al
        >>> X, y = al.Tensor(np.ones((4, 3)), name="X"), al.Tensor(np.ones(4), name="y")
        >>> w = al.Tensor(np.ones(3), requires_grad=True)
        >>> print(al.derive(((al.sigmoid(X @ w) - y) ** 2).sum()).formula("w"))
        ∂L/∂w = 2 Xᵀ ((σ(X w) − y) ⊙ σ(X w) ⊙ (1 − σ(X w)))
        """
        name = self._only(name, "formula")
        return str(self._sized(lambda derivation: [derivation._formula(name, form)], form)[0][0])

    def _formula(self, name: str, form: Form) -> str:
        wanted, sizes, meanings = self.gradients[name], dict[str, int](), dict[str, Expression]()
        own = [line for line in self.lines if line.node is None or line.node.name is None]
        for line in own:
            size: dict[int, int] = {}
            for x in walk((line.expression,)):
                size[x.number] = sizes.get(x.name or "") or 1 + sum(
                    size[part.number] for part in x.parts
                )
            sizes[line.name] = size[line.expression.number]
        if sizes[wanted] > LONGEST_FORMULA:
            raise ValueError(
                f"The gradient of {name} in one line has {sizes[wanted]:,} parts, more than "
                f"{LONGEST_FORMULA:,}: what is used several times is written out each time. "
                f"Print the derivation, which has a line for it."
            )
        for line in own:
            if sizes[line.name] <= sizes[wanted]:
                used = {x.number: meanings[x.name] for x in walk((line.expression,))
                        if x.name in meanings}  # fmt: skip
                meanings[line.name] = replaced(line.expression, used, simplify=line.node is None)
        # A gradient that is another line by another name: ∂L/∂b = δz.
        left = wanted if wanted.kind == "gradient" else gradient(Name(name))
        return f"{NAME[form](left)} = {write(meanings[wanted], form)}"

    @cached_property
    def function(self) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """The function that `code` defines: it takes `arguments`, and its tracebacks show lines.

        It returns the loss and the gradients by name, for other values, as fast as its code. A
        length may be another where the code has it by name; where numbers may stand for lengths,
        others raise a ValueError. It provides for ties and divisors of 0 where the code, as its
        comment says, does not. What a recorded loss computed outside of its record, as a
        comparison, is an argument too; in a function that was derived, it is computed anew, and
        what it holds need not be passed.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(3.0, requires_grad=True)
        >>> loss, gradients = al.derive(w * w).function(5.0)
        >>> float(loss), float(gradients["w"])
        (25.0, 10.0)
        """
        run = self._exactly() if self._unties or self._divides else self
        filename = f"<derivation {id(self):#x}>"
        code, picked = run.code, _picked(run.forward)
        if picked:
            body, end = run.unrolled_code.rsplit("\n    return ", 1)
            counts = ", ".join(f"{mask!r}: {mask}" for mask in picked)
            code = f"{body}\n    _check_counts({{{counts}}})\n    return {end}"
        linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
        names: dict[str, Any] = {"_check_counts": partial(_check_counts, picked)}
        exec(compile(code, filename, "exec"), names)
        names |= namespace(run.lines)  # An operation of yours may need more than its source.
        given = ", ".join(self.arguments)
        passed = self._how["order"] or self.arguments
        known = (x if x in passed else f"{x}=_known[{x!r}]" for x in self.arguments)
        fits = []
        for x, value in self.arguments.items():
            n = [y if isinstance(y, int) else y.written() for y in run._shape(x)]
            shape = f"({', '.join(map(str, n))},)"
            fits.append(f"{x}.shape == {shape}" if np.ndim(value) else f"type({x}) in _numbers")
        fits += [f"_close({x}.sum({axis}), 1)" for x, axis in self._sums.items()]
        fits += [f"_equal({x}, _asked[{x!r}])" for x in self.arguments if x in self._asked]
        # To bind a signature takes longer than all the arithmetic of a neuron.
        checked = f"""\
def loss_and_gradients({", ".join(known)}):
    try:
        _fits = {" and ".join(fits)}
    except (AttributeError, IndexError, TypeError):
        _fits = False
    if not _fits:
        {given}, = _refuse({given})  # An array without axes passes.
    return _derived({given})
"""
        space = {
            "_derived": names["loss_and_gradients"],
            "_refuse": run._refuse,
            "_equal": np.array_equal,
            "_close": np.allclose,
            "_numbers": (np.float64, float, int),
            "_asked": self._asked,
            "_known": self.arguments,
        }
        exec(checked, space)
        function: Callable[..., tuple[Any, dict[str, Any]]] = space["loss_and_gradients"]
        function.__doc__ = f"Return the loss and its gradients by {', '.join(self.gradients)}."
        return function

    def _exactly(self) -> Derivation:
        """Return the same with what rules provide for ties and divisors of 0."""
        made = self.of(self.graph, exact=True, most=math.inf)
        if self.sizes is not None:
            pair = {i: made if x is None else x._exactly() for i, x in self.sizes.pair.items()}
            with suppress(UnfitError):
                made.measure(self.sizes.of(pair))
        return made

    def _shape(self, name: str) -> Sequence[int | Length]:
        """Return the lengths of an argument: numbers, and those that are free."""
        known = np.shape(self.arguments[name])
        return known if self.sizes is None else self.sizes.shape(name, known)

    def _refuse(self, *values: ArrayLike) -> list[ArrayLike]:
        """Raise an error where the derivation does not hold; lists and numbers are arrays, too."""
        arrays = dict(zip(self.arguments, map(np.asarray, values), strict=True))
        for name, value in arrays.items():
            shape = tuple(n if isinstance(n, int) else n.now(arrays[n.of].shape)
                          for n in self._shape(name))  # fmt: skip
            if value.shape != shape:
                raise ValueError(
                    f"This derivation is for {name} of shape {shape}, got {value.shape}. Derive it "
                    f"anew for other sizes: they may stand in the code as numbers."
                )
            if name in self._sums and not np.allclose(np.sum(value, axis=self._sums[name]), 1):
                raise ValueError(
                    f"This derivation is for {name} that adds up to 1 along axis "
                    f"{self._sums[name]}, as rows of labels do. Derive it anew for other values."
                )
            if name in self._asked and not np.array_equal(value, self._asked[name]):
                raise ValueError(
                    f"This derivation is for the {name} that the function was derived at, since "
                    f"it asked for its value. Derive it anew for another one."
                )
        return [np.asarray(x) if isinstance(x, list | tuple) else x for x in values]

    def evaluate(self) -> dict[str, NDArray[Any]]:
        """Run the function on the recorded values; return the gradients."""
        _, gradients = self.function(**self.arguments)
        return {name: np.asarray(value) for name, value in gradients.items()}

    @cached_property
    def rounding(self) -> Rounding:
        """How the numbers of the code and those of autodiff differ in their last digits.

        The code is run on the recorded values. What is simplified is rounded at other places, and
        so is what NumPy computes in one expression; the line where that begins is named.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(0.3, requires_grad=True)
        >>> print(al.derive(al.sigmoid(w) ** 2).rounding)
        w: as autodiff, to the last bit
        """
        return compare_rounding(self)

    def prove(
        self,
        by_hand: Mapping[str, Any] | Callable[..., Any] | None = None,
        *,
        time_limit: float = 60.0,
        **formulas: str,
    ) -> list[Proof]:
        """Decide as algebra whether formulas by hand are the gradients (needs SymPy).

        Numbers come first: what they refute needs no algebra, and what they do not is proved.

        Parameters
        ----------
        by_hand : mapping or callable, optional
            Formulas by the name of the tensor; or a function that returns NumPy results by
            these names, called with symbols for the values that its parameters are called after
            (or, if it takes ``**values``, for all).
        time_limit : float
            Seconds that algebra may take. What is not decided by then is said in the result.
        **formulas : str
            For a tensor, by its name, the formula as NumPy code, in the names of the derivation.
            It may be an inner tensor, too, whose gradient is then derived.

        Returns
        -------
        list of Proof
            True where the formula is proved; else with the ratio or the difference.

        Raises
        ------
        KeyError, NameError, ValueError
            If a name is not known, or a shape does not fit.
        ModuleNotFoundError
            Without SymPy, which the extra ``symbolic`` installs.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> delta = 5 * w - 42
        >>> error = delta**2
        >>> print(al.derive(error).prove(w="delta * 5")[0])
        w: by hand = 1/2 × gradient
        """
        where = "".join(f", where {x} adds up to 1 along axis {i}" for x, i in self._sums.items())
        found = prove(self, by_hand, formulas, time_limit)
        return [replace(x, reason=x.reason + where) if x.equal else x for x in found]

    def equals(self, formula: str, of: str | None = None) -> Proof:
        """Decide whether a formula by hand is the gradient; see `prove`.

        Parameters
        ----------
        formula : str
            NumPy code, in the names of the derivation.
        of : str, optional
            The tensor; may be left out if there is one gradient only.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> bool(al.derive((5 * w - 42) ** 2).equals("2 * (5 * w - 42) * 5"))
        True
        """
        return self.prove({self._only(of, "equals"): formula})[0]

    def _only(self, name: str | None, who: str) -> str:
        """Return a name that was given, or that of the only gradient."""
        if name is None and len(self.gradients) == 1:
            return next(iter(self.gradients))
        if name not in self.gradients:
            raise KeyError(
                f"{who} needs the name of a gradient, got {name!r}; there are "
                f"{', '.join(self.gradients)}."
            )
        return name

    def __str__(self) -> str:
        return self.code

    def __repr__(self) -> str:
        gradients = ", ".join(self.gradients)
        return f"<Derivation of {self._loss} by {gradients}: {self.rounding.summary}>"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"

    def _repr_html_(self) -> str:
        since = self.rounding.since
        note = f"; first rounded otherwise: {since.name}" if since else ""
        about = f"{self.rounding.summary}{note}"
        try:
            return markup.table(self._rows("latex"), self.forward, about, "latex")
        except ModuleNotFoundError:
            return markup.table(self._rows("text"), self.forward, about, "text")


def _shape_and_place(line: Line) -> str:
    """Return the comment behind a line: the shape, and what a delta is the gradient at."""
    shape = str(line.expression.shape)
    return shape if line.at is None else f"{shape}{AT}{write(line.at, 'python')}"


def _picked(lines: Sequence[Line]) -> dict[str, int]:
    """Return how many entries every mask picks."""
    parts = (e for line in lines for e in walk((line.expression,)) if e.operation is ops.getitem)
    masks = (x for e in parts for x in leaves_of(e.parameters) if isinstance(x, Given))
    return {write(x.expression, "python"): int(x.expression.value.sum())
            for x in masks if x.dtype == bool}  # fmt: skip


def _check_counts(picked: Mapping[str, int], masks: Mapping[str, NDArray[Any]]) -> None:
    """Raise an error where masks pick more or fewer entries than when it was derived."""
    for name, mask in masks.items():
        if np.count_nonzero(mask) != picked[name]:
            raise ValueError(
                f"This derivation is for a mask {name} that picks {picked[name]} entries, got one "
                f"that picks {np.count_nonzero(mask)}. Derive it anew for another number of "
                f"entries: it may stand in the code."
            )
