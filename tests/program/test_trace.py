"""A function that is called on symbols becomes a program, which knows no values."""

import re

import numpy as np
import pytest
from numpy_calls import INPUTS, SCOPE, calls

import autograd_lite as al
from autograd_lite.functional.nests import leaves_of
from autograd_lite.program import cleaning
from autograd_lite.program.program import Program, fingerprint
from autograd_lite.program.refusals import TraceError
from autograd_lite.program.symbol import Call, Symbol
from autograd_lite.program.trace import Place, trace

BY_VALUE = re.compile(
    r"unique|histogram|median|quantile|percentile|select|extract|trim_zeros|piecewise|union1d"
    r"|intersect1d|setdiff1d|setxor1d|sort\(m, axis=None\)"
)
"""Calls whose result has a shape or a form that depends on values."""


def weighted(call):
    """Return the inputs of a call, and a number that depends on all of its results."""
    names = [name for name in INPUTS if re.search(rf"\b{name}\b", call)]

    def f(*arrays):
        total = 0.0
        for x in leaves_of(eval(call, {**SCOPE, **dict(zip(names, arrays, strict=True))})):
            if isinstance(x, al.Tensor) and x.dtype.kind == "f":
                total = total + (x * np.cos(np.arange(float(x.size))).reshape(x.shape)).sum()
        return total

    return f, [INPUTS[name] for name in names]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("call", [call for call in calls() if not BY_VALUE.search(call)])
def test_value_and_gradient_of_a_program_are_those_of_the_function(call):
    f, arrays = weighted(call)
    both = al.value_and_grad(f, tuple(range(len(arrays))))
    if not isinstance(f(*map(al.Tensor, arrays)), al.Tensor):
        pytest.skip("it has no derivative")
    expected = leaves_of(both(*arrays))
    program = trace(both, *arrays).program
    other = [x + 0.0 for x in arrays]
    for want, got in zip(expected, program(*other), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
        assert np.shape(got) == np.shape(want)


def test_program_serves_other_values_than_those_it_was_traced_with():
    f = al.value_and_grad(lambda x: np.sum(np.where(x > 0, x * x, np.prod(x))))
    program = trace(f, np.array([1.0, 2.0, 3.0])).program
    for x in ([-1.0, 0.0, 2.0], [0.0, 0.0, -1.0], [5.0, -2.0, 1.0]):
        for want, got in zip(f(np.array(x)), program(np.array(x)), strict=True):
            np.testing.assert_allclose(got, want)


def test_second_order_is_a_program_too():
    f = al.hessian(lambda x: np.sum(np.tanh(x) * x))
    x = np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(trace(f, np.ones(3)).program(x)[0], f(x))


def branches(x):
    return x if x.sum() > 0 else -x


def converts(x):
    return np.sum(x) * float(x[0])


def indexes(x):
    return x[int(x[0])]


def takes_an_array(x):
    return np.array([x, 2 * x])


def prints(x):
    return len(f"{x}") * x


@pytest.mark.parametrize("f", [branches, converts, indexes, takes_an_array, prints])
def test_whoever_needs_a_value_gets_an_error_that_names_the_line(f):
    with pytest.raises(TraceError, match=r"knows no values.*test_trace\.py:\d+: return"):
        trace(f, np.array([1.0, 2.0]))


def test_a_tensor_without_values_can_be_shown(capsys):
    def f(x):
        print(repr(x * 2))
        return np.sum(x * 2)

    al.derive(f, np.array([1.0, 2.0]))
    assert "Tensor(<v0: float64[2]>, from=multiply)\n" in capsys.readouterr().out


def test_input_may_be_asked_for_if_that_is_noted():
    traced = trace(lambda x, n: x * int(n), np.ones(2), 3, may_ask=True)
    assert [v.name for v in traced.asked] == ["x1"]
    assert list(traced.asked.values()) == ["value"]


def test_tensors_are_inputs_and_are_as_they_were_afterwards():
    w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
    before = w.numpy()
    traced = trace(lambda x: (w * x).sum(), np.ones(2), places=[Place(w)])
    assert [v.name for v in traced.program.inputs] == ["x0", "w"]
    assert w.numpy() is before
    assert w.grad is None


def test_tensors_are_as_they_were_after_an_error_too():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ZeroDivisionError):
        trace(lambda: (w * w).sum() / (1 // 0), places=[Place(w)])
    assert w.tolist() == [1.0, 2.0]


def test_writes_are_part_of_the_program():
    def f(x):
        t = al.Tensor(np.zeros(3))
        t[0] = x[1]
        t[1:] += x[0] * 2
        return np.sum(t * x)

    x = np.array([1.0, -2.0, 3.0])
    both = al.value_and_grad(f)
    for want, got in zip(both(x), trace(both, np.ones(3)).program(x), strict=True):
        np.testing.assert_allclose(got, want)


def test_symbol_that_outlives_its_trace_is_refused():
    kept = []
    trace(lambda x: kept.append(x) or x * 2, np.ones(2))
    assert isinstance(kept[0], Symbol)
    with pytest.raises(TraceError, match="outside of that trace"):
        kept[0] + 1


def test_float32_stays_float32():
    f = al.value_and_grad(lambda x: al.mse(al.sigmoid(2 * x + 1), np.ones(3, np.float32)))
    program = trace(f, np.ones(3, np.float32)).program
    assert {s.result.dtype for s in program.statements} == {np.dtype(np.float32)}


def test_what_occurs_twice_is_computed_once():
    program = trace(lambda x: np.exp(x) * np.exp(x) + np.exp(x) * 1.0, np.ones(2)).program
    assert [s.name for s in program.statements] == ["exp", "multiply", "add"]


def test_a_constant_is_kept_once_however_often_a_view_is_taken_of_it():
    a = np.arange(6.0).reshape(2, 3)
    traced = trace(lambda x, y: (x @ a.T) @ (y @ a.T), np.ones(3), np.ones(3))
    first, second, _ = (s.operands[1] for s in traced.program.statements)
    assert first is second
    a[:] = 0
    np.testing.assert_array_equal(first, [[0, 3], [1, 4], [2, 5]])


def test_what_nothing_needs_is_dropped_and_what_is_known_is_computed():
    def f(x):
        np.sin(x)
        return x + np.sum(np.ones(3) * 2)

    assert [s.name for s in trace(f, np.ones(2)).program.statements] == ["add"]


def test_traces_of_one_function_are_the_same_program():
    f = al.grad(lambda x: np.sum(al.softmax(x) * np.arange(3.0)))
    first, second = (trace(f, np.ones(3)).program for _ in range(2))
    assert isinstance(first, Program)
    assert fingerprint(first) == fingerprint(second)
    assert str(first) == str(second)


def through_a_row(x):
    y = x * 1
    r = y[0]
    r *= 2
    return np.sum(y)


def through_each_row(x):
    y = x * 1
    for r in y:
        r *= r[0]
    return np.sum(y)


def through_a_list(x):
    y = x * 1
    rows = [y[0], y[1]]
    rows[0] *= rows[1]
    return np.sum(y * y)


@pytest.mark.parametrize("f", [through_a_row, through_each_row, through_a_list])
def test_writes_through_a_view_that_still_has_a_name_in_the_end(f):
    x = np.arange(1.0, 7.0).reshape(2, 3)
    expected = al.grad(f)(x)
    np.testing.assert_allclose(trace(al.grad(f), np.ones((2, 3))).program(x)[0], expected)
    names = {"np": np}
    exec(str(al.derive(f, np.ones((2, 3)))), names)
    _, gradients = names["loss_and_gradients"](x)
    np.testing.assert_allclose(gradients["x"], expected)


def test_view_of_what_was_written_to_later_is_returned():
    w = al.Tensor(np.ones(3))

    def f(x):
        y = w * x
        r = y[:2]
        y *= 2
        return r

    program = trace(f, np.ones(3), places=[Place(w)]).program
    np.testing.assert_array_equal(program(np.array([1.0, 2.0, 3.0]), np.ones(3))[0], [2.0, 4.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: -(a * b) + a * -b,
        lambda a, b: a * -b + -(a * b),
        lambda a, b: -(a * b) - -b * a,
    ],
)
def test_the_same_product_with_a_minus_is_computed_once(f):
    program = trace(f, np.ones(3), np.ones(3)).program
    assert [s.name for s in program.statements if s.name == "multiply"] == ["multiply"]
    values = np.array([0.0, 1e300, -2.0]), np.array([3.0, -1.0, 0.1])
    np.testing.assert_array_equal(program(*values)[0], f(*values))


def test_another_sign_is_another_product():
    def f(a, b):
        return -(a * b) - 2 * (a * b) + b * -b + a * -a

    program = trace(f, np.ones(3), np.ones(3)).program
    assert [s.name for s in program.statements].count("multiply") == 4
    values = np.array([1.0, 2.0, 3.0]), np.array([5.0, 7.0, -11.0])
    np.testing.assert_array_equal(program(*values)[0], f(*values))


def test_data_that_is_too_large_to_compute_with_beforehand_is_turned_as_it_is(monkeypatch):
    monkeypatch.setattr(cleaning, "FOLDED", 10)
    x, w = np.random.default_rng(0).normal(size=(20, 3)), np.arange(3.0)

    def loss(w):
        return np.sum(np.tanh(x @ w) * -x[:, 0]) + np.sum((-x.T.T) @ w)

    value, slope = al.compile(al.value_and_grad(loss), backend="numpy")(w)
    np.testing.assert_allclose(value, loss(w), rtol=1e-12)
    np.testing.assert_allclose(slope, al.grad(loss)(w), rtol=1e-12)


def test_arithmetic_with_much_closed_over_data_is_left_to_numpy_at_once():
    x = np.random.default_rng(0).normal(size=(5000, 3))
    step = al.compile(al.value_and_grad(lambda w: np.sum(np.tanh(x @ w))))
    value, _ = step(np.arange(3.0))
    assert value == pytest.approx(np.sum(np.tanh(x @ np.arange(3.0))))
    assert "matmul (float64[5000]): more than 4000 numbers" in step.why


def test_statements_of_a_backward_pass_have_the_line_that_they_go_back_from():
    def f(x):
        y = np.tanh(x)
        return np.sum(np.exp(y))

    statements = trace(al.grad(f), np.ones(2)).program.statements
    first = f.__code__.co_firstlineno
    assert {s.source for s in statements} == {f"test_trace.py:{first + k}" for k in (1, 2)}


def test_a_call_is_written_out_whatever_its_constants_and_keys_are():
    class Key:
        pass

    keys = [Key(), np.float64(2), np.inf, "it's\n"]
    for key in keys:
        nest = (([Symbol, slice(None), ...], np.nan, np.dtype(float)), {"axis": {key: Symbol}})
        call = Call(lambda *args, **kwargs: str((args, kwargs)), nest, None, ())
        assert call(1, 2) == str((([1, slice(None), ...], np.nan, np.dtype(float)),
                                  {"axis": {key: 2}}))  # fmt: skip
