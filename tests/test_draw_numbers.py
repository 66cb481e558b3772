"""How numbers are printed in pictures."""

import numpy as np
import pytest

from autograd_lite.draw.digits import is_small, number, summary, written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (np.float32(0.1), "0.1"),
        (1 / 3, "0.3333"),
        (-1369.0, "−1369"),
        (770.0625, "770.1"),
        (41.88266515825944, "41.88"),
        (0.0244754864934806, "0.02448"),
        (9.99996, "10.00"),
        (60_000, "60000"),
        (1_234_567, "1.235×10⁶"),
        (0.00012345, "1.234×10⁻⁴"),
        (1e-9, "1×10⁻⁹"),
        (5e-324, "5×10⁻³²⁴"),
        (np.finfo(float).max, "1.798×10³⁰⁸"),
        (np.finfo(np.float32).max, "3.403×10³⁸"),
        (np.nan, "nan"),
        (-np.inf, "−∞"),
        (True, "True"),
        (1 - 2j, "1−2j"),
        (2**63 - 1, "9.223×10¹⁸"),
    ],
)
def test_a_number_has_four_significant_digits_and_no_more_than_it_needs(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("array", "rows", "factor"),
    [
        ([[0.0, 1.0], [1.0, 0.0]], [["0", "1"], ["1", "0"]], ""),
        ([0.5, 0.25], [["0.50", "0.25"]], ""),
        ([9.67299303, -0.2078435], [["9.673", "−0.208"]], ""),
        ([1.0, 1e-8, -1e-9, 0.0], [["1.000", "0.000", "0.000", "0"]], ""),
        ([1e-7, -3e-7], [["1", "−3"]], "×10⁻⁷"),
        ([1.5e300, 1e-300], [["1.500", "0.000"]], "×10³⁰⁰"),
        ([np.nan, np.inf, 1.23456], [["nan", "∞", "1.235"]], ""),
        ([True, False], [["True", "False"]], ""),
    ],
)
def test_a_matrix_has_the_same_decimals_everywhere(array, rows, factor):
    assert written(np.array(array)) == (rows, factor)


def test_arrays_of_up_to_six_rows_and_columns_are_written_out():
    for small in (np.zeros(6), np.zeros((6, 6)), np.zeros((1, 1)), np.float64(1.0)):
        assert is_small(np.asarray(small))
    for other in (
        np.zeros(7),
        np.zeros((7, 1)),
        np.zeros((2, 2, 2)),
        np.zeros((0, 3)),
        np.zeros(0),
    ):
        assert not is_small(other)


def test_a_summary_tells_range_mean_and_what_is_no_number():
    assert summary(np.arange(9.0)) == [("min", "0"), ("mean", "4"), ("max", "8")]
    assert summary(np.array([1.0, np.nan, -np.inf])) == [
        ("min", "1"), ("mean", "1"), ("max", "1"), ("nan", "1 of 3"), ("±∞", "1 of 3"),
    ]  # fmt: skip
    assert summary(np.full(2, np.nan)) == [("nan", "2 of 2")]
    assert summary(np.full(10, np.float16(60_000)))[1] == ("mean", "60000")
    assert summary(np.zeros((0, 3))) == [("empty", "")]
    assert summary(np.array([True, False, True])) == [("true", "2 of 3")]
