"""How numbers are printed in pictures: digits, miniatures of arrays, gradients as sums."""

import re

import numpy as np
import pygraphviz
import pytest
from drawn import boxes_by_title, texts_of

import autograd_lite as al
from autograd_lite.draw.digits import is_small, number, summary, written
from autograd_lite.draw.miniatures import BARS, MOST_COLUMNS, MOST_ROWS, TALLEST, miniature
from autograd_lite.draw.style import INK, MISSING, NEGATIVE, POSITIVE, ZERO


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
        ([1.5e300, 1e-300], [["1.5×10³⁰⁰", "1×10⁻³⁰⁰"]], ""),
        ([3.0, 1e8], [["3", "1×10⁸"]], ""),
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


# ------------------------------------------------------------------ miniatures


def fills(html):
    return re.findall(r'BGCOLOR="(#\w{6})"', html)


def test_a_matrix_is_a_heat_map_blue_below_zero_and_orange_above():
    array = np.zeros((8, 8))
    array[0, 0], array[7, 7] = -4.0, 4.0
    colours = fills(miniature(array, INK).html)
    colours, scale = colours[:64], colours[64:]
    assert (scale[0], scale[-1]) == (NEGATIVE, POSITIVE)
    assert (colours[0], colours[1], colours[-1]) == (NEGATIVE, ZERO, POSITIVE)
    half = fills(miniature(array / 2 + np.eye(8)[::-1] * 4, INK).html)
    assert half[0] != NEGATIVE  # Both sides have one scale: -2 is half as far from 0 as 4.


def test_a_heat_map_of_many_entries_shows_means_and_what_is_not_finite():
    array = np.ones((2000, 200))
    array[:1000] = np.nan
    block = miniature(array, INK)
    colours = np.array(fills(block.html)[: MOST_ROWS * MOST_COLUMNS])
    colours = colours.reshape(MOST_ROWS, MOST_COLUMNS)
    assert set(colours[:5].ravel()) == {MISSING}
    assert set(colours[5:].ravel()) == {POSITIVE}
    assert "mean of 200×13" in block.html
    assert block.width == 6 * MOST_COLUMNS


def test_means_that_would_hide_both_signs_are_shown_apart():
    array = np.tile([[1.0], [-1.0]], (1000, 200))
    block = miniature(array, INK)
    assert set(fills(block.html)[: 2 * MOST_ROWS * MOST_COLUMNS]) == {POSITIVE, NEGATIVE}
    assert "+ | −" in block.html


@pytest.mark.parametrize(
    ("array", "first", "last"),
    [
        (np.arange(64.0).reshape(8, 8), ZERO, POSITIVE),
        (-np.arange(64.0).reshape(8, 8), ZERO, NEGATIVE),
        (np.full((8, 8), 3), POSITIVE, POSITIVE),
        (np.full((8, 8), -5), NEGATIVE, NEGATIVE),
        (np.zeros((8, 8)), ZERO, ZERO),
    ],
    ids=["above", "below", "constant", "constant below", "zeros"],
)
def test_colour_means_sign_and_size(array, first, last):
    colours = fills(miniature(array, INK).html)[:64]
    assert {colours[0], colours[-1]} == {first, last}


def heights(html):
    return [int(h) for h in re.findall(rf'HEIGHT="(\d+)" BGCOLOR="{INK}"', html)]


def test_any_other_array_is_a_histogram():
    array = np.concatenate([np.zeros(30), np.ones(10)])
    assert heights(miniature(array, INK).html) == [TALLEST, TALLEST // 3]
    assert len(heights(miniature(np.arange(1600.0).reshape(10, 10, 16), INK).html)) == BARS
    assert heights(miniature(np.array([-1.7e308] * 9 + [1.7e308]), INK).html)[0] == TALLEST


@pytest.mark.parametrize("array", [np.array([True] * 9), np.full(9, np.nan), np.array([1j] * 9)])
def test_what_has_no_order_has_no_miniature(array):
    assert miniature(array, INK) is None


def test_miniatures_can_be_left_out_and_large_pictures_have_none():
    w = al.Tensor(np.ones((20, 20)), requires_grad=True, name="w")
    assert "map: orange" in al.draw(w.sum()).source
    assert "map: orange" not in al.draw(w.sum(), show=("shape", "value")).source
    y = w
    for _ in range(70):
        y = y + w
    assert "map: orange" not in al.draw(y, roll=False, max_nodes=400).source


# ------------------------------------------------------------------ gradients that are sums


def test_contributions_that_meet_at_a_fan_out_are_a_sum():
    x = al.Tensor(2.0, requires_grad=True)
    a, b = x * 3, x + 1
    y = a * b - x**2
    y.backward()
    drawing = al.draw(y)
    box = boxes_by_title(drawing)["x"]
    assert box.texts[-2:] == ["11", "= 9 + 6 − 4"]
    graph = pygraphviz.AGraph(string=drawing.source)
    labels = {
        str(e[1]): "".join(texts_of(e.attr["label"])) for e in graph.edges() if e.attr["label"]
    }
    names = {node.id: drawing.scene.names.get(node.id, node.label) for node in drawing.scene.graph}
    assert {names[end]: text for end, text in labels.items()} == {
        "a": "+9",
        "b": "+6",
        "power": "−4",
    }
    assert "of a value that is used more than once" in drawing.source


def test_arrays_are_sums_on_the_arrows():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    ((w * 3).sum() + (w**2).sum()).backward()
    box = boxes_by_title(al.draw((w * 3).sum() + (w**2).sum()))["w"]
    assert box.texts[-3:] == ["5", "7", "sum of 2 contributions"]


def test_a_gradient_that_is_no_such_sum_is_not_called_one():
    x = al.Tensor(2.0, requires_grad=True)
    y = x * x + x
    y.backward()
    assert boxes_by_title(al.draw(y))["x"].texts[-1] == "= 2 + 2 + 1"
    y.backward()
    assert boxes_by_title(al.draw(y))["x"].texts[-2:] == ["10", "sum of 2 backward passes"]
    many = sum(x * float(i) for i in range(6))
    x.zero_grad()
    many.backward()
    assert boxes_by_title(al.draw(many))["x"].texts[-1] == "sum of 6 contributions"
