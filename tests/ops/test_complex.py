"""Complex numbers between real leaves and a real result: right for every entry, or refused."""

import warnings

import numpy as np
import pytest
from oracles import Case, cases, each_operand, over, slope

import autograd_lite as al
from autograd_lite import ops

# Tolerances are for differences beside poles: what is forgotten, a conjugate, shows in digit one.
CASES = cases()
TAKING = [case for case in CASES if case.entry.takes_complex and case.entry is not ops.rfft]


def computed(case, operands):
    return case.entry.forward(*operands, **case.parameters)


def drawn(case, purpose):
    """Operands with an imaginary part, but for truth values."""
    real = case.operands()
    turned = [
        x if x.dtype == bool else x + 1j * case.rng(f"{purpose} {k}").uniform(0.2, 0.8, x.shape)
        for k, x in enumerate(real)
    ]
    return [np.asarray(x) for x in turned]


def loss_of(case, operands, weights, function):
    """A real number from complex operands, each made of two real arrays in one."""

    def loss(parts):
        made = [
            x if part is None else part[0] + 1j * part[1]
            for x, part in zip(operands, parts, strict=True)
        ]
        return np.sum(np.real(function(*made) * weights))

    return loss


def started(case):
    operands = drawn(case, "complex")
    y = np.asarray(computed(case, operands))
    rng = case.rng("weights")
    weights = rng.uniform(0.5, 1.5, y.shape) + 1j * rng.uniform(0.5, 1.5, y.shape)
    parts = [np.stack([x.real, x.imag]) if x.dtype.kind == "c" else None for x in operands]
    plain = loss_of(case, operands, weights, lambda *given: computed(case, given))
    ours = loss_of(case, operands, weights, lambda *given: case.entry(*given, **case.given))
    return parts, plain, ours


def along(loss, parts, i, direction):
    """Derivative of a function of plain arrays in one direction."""
    return slope(lambda h: loss([*parts[:i], parts[i] + h * direction, *parts[i + 1 :]]))


def which(made):
    return [(case, i) for case, i in each_operand(made) if case.domains[i] != "boolean"]


@pytest.mark.filterwarnings("ignore:Casting complex values to real discards")
@over(which(TAKING))
def test_derivatives_of_both_orders_are_what_differences_find(case: Case, i):
    parts, plain, ours = started(case)
    if not parts[i].size:
        return

    def f(x):
        return ours([*parts[:i], x, *parts[i + 1 :]])

    rng = case.rng("directions")
    first, second = (rng.uniform(0.5, 1.5, parts[i].shape) for _ in range(2))
    want = along(plain, parts, i, first)
    got = np.sum(al.grad(f)(parts[i]) * first)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    forward = al.jvp(f, (parts[i],), (first,))[1]
    np.testing.assert_allclose(forward, want, rtol=1e-4, atol=1e-5)
    (curved,) = al.hvp(f, (parts[i],), (first,))
    want = along(lambda parts: along(plain, parts, i, first), parts, i, second)
    np.testing.assert_allclose(np.sum(curved * second), want, rtol=1e-3, atol=1e-3)


@over(which(TAKING))
def test_a_real_operand_beside_complex_ones_gets_a_real_gradient(case: Case, i):
    if len(case.shapes) < 2:
        return
    operands = drawn(case, "complex")
    operands[i] = case.operands()[i]
    try:
        weights = np.full(np.shape(computed(case, operands)), 1 - 2j)
    except TypeError:  # Complex numbers are not written into real ones.
        return

    def real(x):
        y = case.entry(*operands[:i], x, *operands[i + 1 :], **case.given)
        return np.sum(np.real(y * weights))

    gradient = al.grad(real)(operands[i])
    assert gradient.dtype == float
    direction = case.rng("direction").uniform(0.5, 1.5, np.shape(gradient))
    want = slope(lambda h: real(operands[i] + h * direction))
    np.testing.assert_allclose(np.sum(gradient * direction), want, rtol=1e-4, atol=1e-5)


@over([c for c in CASES if not c.entry.takes_complex])
def test_what_has_no_rule_for_complex_operands_is_refused_at_the_call(case: Case):
    for i in case.differentiable:
        leaf = al.Tensor(case.operands()[i], requires_grad=True)
        operands = [leaf * (1 + 0.5j) if k == i else x for k, x in enumerate(case.operands())]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises((TypeError, ValueError)):
                case.entry(*operands, **case.given)
