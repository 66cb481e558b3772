"""The checkers are checked: every oracle rejects every kind of wrong rule.

A rule counts as broken in a case only if its gradient there really differs from the right one:
where the gradient is empty or exactly 0, scaling it changes nothing, and neither does permuting
equal numbers. Those are the only omissions, and no operand of any operation is left with nothing
but such cases.
"""

import numpy as np
from oracles import ORACLES, Case, cases, each_operand, gradient_of, over

from autograd_lite.core.backward import fit
from autograd_lite.core.primitive import Primitive

CASES = cases()


BREAKAGES = {
    "doubled": lambda g: g * 2,
    "halved": lambda g: g * 0.5,
    "times 777": lambda g: g * 777,
    "off by one part in a thousand": lambda g: g * 1.001,
    "negated": lambda g: -g,
    "zeroed": lambda g: g * 0,
    "permuted": lambda g: g.reshape(-1)[np.roll(np.arange(g.size), 1)].reshape(g.shape),
    "transposed": lambda g: g.swapaxes(0, 1) if g.ndim == 2 and g.shape[0] == g.shape[1] else g,
}


def with_broken_rule(case, i, breakage):
    """A copy of an operation whose rule for operand `i` is broken; it is not registered."""
    rules = [case.entry.rules[k] for k in range(len(case.shapes))]
    right = rules[i]

    def broken(g, y, *operands, **parameters):
        gx = right(g, y, *operands, **parameters)
        return breakage(fit(gx, operands[i], case.entry, i))

    rules[i] = broken
    copy = object.__new__(Primitive)
    vars(copy).update(vars(case.entry))
    for name in {*Primitive.__slots__} - {"__dict__", "__weakref__"}:
        setattr(copy, name, getattr(case.entry, name))
    copy.rules = rules
    return copy


def breakages_that_show(case, i):
    """Those that change the gradient in this case at all."""
    return case.once(("breakages that show", i), lambda: _breakages_that_show(case, i))


def _breakages_that_show(case, i):
    right = gradient_of(case.entry, case, i, case.operands(), case.cotangent())
    return {
        name: breakage
        for name, breakage in BREAKAGES.items()
        if not np.allclose(breakage(right), right, rtol=1e-6, atol=1e-12)
    }


@over(each_operand(CASES))
def test_broken_rule_is_rejected(case: Case, i):
    oracles = {name: oracle for name, oracle in ORACLES.items() if oracle.applies(case)}
    for broken, breakage in breakages_that_show(case, i).items():
        copy = with_broken_rule(case, i, breakage)
        for name, oracle in oracles.items():
            assert not oracle.agrees(copy, case, i), (broken, name)


@over(each_operand(CASES))
def test_copy_with_an_unbroken_rule_is_accepted(case: Case, i):
    """So it is the breakage that is rejected, not the copy."""
    assert ORACLES["central"].agrees(with_broken_rule(case, i, lambda g: g), case, i)


def test_no_operand_has_only_cases_in_which_breakage_does_not_show():
    shown: dict[tuple[str, int], set[str]] = {}
    for case in CASES:
        for i in case.differentiable:
            shown.setdefault((case.entry.name, i), set()).update(breakages_that_show(case, i))
    always = {"doubled", "halved", "times 777", "negated", "zeroed", "permuted"}
    constant = {("imag", 0), ("angle", 0)}  # Of real numbers.
    lacking = {k: always - names for k, names in shown.items() if always - names}
    lacking = {key: names for key, names in lacking.items() if key not in constant}
    assert not lacking
