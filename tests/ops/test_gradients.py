"""Every rule of every operation against derivatives that were found without it."""

import numpy as np
from oracles import HIPS_LACKS, ORACLES, Case, cases, each_operand, over

from autograd_lite import Tensor

CASES = cases()


def where(name):
    return each_operand([case for case in CASES if ORACLES[name].applies(case)])


@over(where("central"))
def test_gradient_is_what_central_differences_find(case: Case, i):
    ORACLES["central"].check(case.entry, case, i)


@over(where("complex"))
def test_gradient_is_what_the_complex_step_finds_to_13_digits(case: Case, i):
    ORACLES["complex"].check(case.entry, case, i)


@over(where("hips"))
def test_gradient_is_what_hips_autograd_finds(case: Case, i):
    ORACLES["hips"].check(case.entry, case, i)


@over(where("float32"))
def test_float32_operand_gets_a_float32_gradient_of_float32_accuracy(case: Case, i):
    ORACLES["float32"].check(case.entry, case, i)


@over(where("second"))
def test_second_derivatives_are_what_nested_differences_find(case: Case, i):
    ORACLES["second"].check(case.entry, case, i)


@over(where("second-bare"))
def test_second_derivatives_beside_bare_arrays(case: Case, i):
    ORACLES["second-bare"].check(case.entry, case, i)


@over(CASES)
def test_recording_changes_neither_value_nor_dtype(case: Case):
    for dtype in (np.float64, np.float32):
        operands = case.operands(dtype)
        plain = case.entry.forward(*operands, **case.parameters)
        recorded = case.entry(
            *(Tensor(x, requires_grad=i in case.differentiable) for i, x in enumerate(operands)),
            **case.given,
        )
        assert isinstance(recorded, Tensor)
        assert recorded.dtype == plain.dtype
        np.testing.assert_array_equal(recorded.numpy(), plain)


def test_float32_results_stay_float32():
    # The parameter of one says the dtype; the others are in double precision, as np.interp is.
    exceptions = ("astype", "interp")
    for case in CASES:
        if not case.entry.name.startswith(exceptions):
            y = case.forward(case.operands(np.float32))
            assert y.dtype == np.float32, case


def test_what_hips_lacks_is_in_the_registry():
    assert {case.entry.name for case in CASES} >= set(HIPS_LACKS)
