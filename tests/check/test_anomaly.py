"""The first operation that produces a NaN or an infinity is named, forward or backward."""

import pickle
import re
import threading
import warnings

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import AnomalyError, Tensor, nn
from autograd_lite.core.modes import recording


def leaf(value, **kwargs):
    return Tensor(value, requires_grad=True, **kwargs)


def rows(error):
    """Split a message into its title and the rows below."""
    title, *rest = str(error.value).split("\n")
    return title, dict(re.split(r"  +", row.strip(), maxsplit=1) for row in rest)


def test_forward_names_operation_line_values_and_variables():
    weights, shift = leaf([[0.5, 3.0]]), np.array([[1.0], [3.0]])
    gap = weights - shift
    with pytest.raises(AnomalyError) as error, al.detect_anomaly():
        np.log(gap * gap)  # The line.
    title, found = rows(error)
    assert title == "log produced 1 infinity from finite operands."
    assert re.fullmatch(
        r"test_anomaly.py:\d+: np.log\(gap \* gap\)  # The line.", found.pop("line")
    )
    assert found == {
        "result": "(2, 2) float64: 3 of 4 finite, from -1.38629 to 1.83258; 1 infinity",
        "x": "(2, 2) float64: 4 of 4 finite, from 0 to 6.25",
    }
    assert error.value.primitive is al.ops.log
    assert error.value.source.text == "np.log(gap * gap)  # The line."
    with pytest.raises(AnomalyError, match=r"\n  a = gap +\(2, 2\)") as error, al.detect_anomaly():
        gap / (gap - gap)
    assert rows(error)[0] == "divide produced 1 NaN and 3 infinities from finite operands."


def root(inner):
    kept = inner * inner
    return kept**0.25  # Its slope at 0 is infinite.


@pytest.mark.parametrize("create_graph", [False, True])
def test_backward_names_the_rule_the_line_of_the_forward_pass_and_its_variables(create_graph):
    w = leaf([0.0, 1.0, 16.0])
    with pytest.raises(AnomalyError) as error, al.detect_anomaly():
        root(w).sum().backward(create_graph=create_graph)
    title, found = rows(error)
    assert title == (
        "The gradient of power with respect to a = kept has 1 infinity, and all that it was "
        "computed from is finite."
    )
    assert found.pop("line").endswith(": return kept**0.25  # Its slope at 0 is infinite.")
    assert found == {
        "gradient of kept": "(3,) float64: 2 of 3 finite, from 0.00390625 to 0.25; 1 infinity",
        "gradient of the result": "(3,) float64: 3 of 3 finite, from 1 to 1",
        "result": "(3,) float64: 3 of 3 finite, from 0 to 4",
        "a = kept": "(3,) float64: 3 of 3 finite, from 0 to 256",
        "b": "() float64: 0.25",
    }


def test_only_the_backward_pass_inside():
    w = leaf([0.0, 1.0])
    loss = root(w).sum()
    message = "line +not known: it was computed outside detect_anomaly"
    with al.detect_anomaly(), pytest.raises(AnomalyError, match=message):
        loss.backward()


def test_an_operand_that_was_bad_before_is_named_and_not_the_operation():
    data, x = np.array([1.0, np.nan]), leaf([1.0, 2.0])
    before = x * np.array([np.inf, 1.0])
    cases = [
        (lambda: x * data, "1 NaN in b = data, a plain array or number:"),
        (lambda: before + x, "1 infinity in a = before, a result of multiply from before this"),
        (lambda: np.exp(Tensor(data, name="given")), "1 NaN in x = given, a leaf: no operation"),
        (lambda: leaf(data) * 2, "1 NaN in a, a leaf that requires a gradient: no"),
    ]
    for compute, message in cases:
        # The variables of a lambda are those of the function around it.
        with pytest.raises(AnomalyError, match=message), al.detect_anomaly():
            compute()
    product = np.sum(x * np.where(np.isnan(data), 0.0, data))
    with al.detect_anomaly():  # What does not pass a bad number on is no anomaly.
        np.where(np.array([True, False]), leaf(data), 0.0)
        product.backward()
    loss = (before * x).sum()
    with al.detect_anomaly(), pytest.raises(AnomalyError, match="was outside this block, a = bef"):
        loss.backward()


def test_gradients_that_no_operation_made():
    x = leaf([1.0, 2.0])
    with al.detect_anomaly():
        with pytest.raises(AnomalyError, match=r"had 1 NaN: it came from backward\(gradient\), or"):
            (x * 2).backward([1.0, np.nan])
        y = x * 2
        y.register_hook(lambda g: g.numpy() * np.inf)
        with pytest.raises(AnomalyError, match="arrived at the result of multiply had 2 inf"):
            y.sum().backward()
        message = "Gradients of a = x that are finite add up to 2 infinities"
        with pytest.raises(AnomalyError, match=message):
            (x * 1.0 + x * 1.0).backward([1e308, 1e308])


def test_what_requires_no_gradient_is_seen_too():
    with al.detect_anomaly():
        with pytest.raises(AnomalyError, match="log produced"):
            np.log(Tensor(0.0))
        with pytest.raises(AnomalyError, match="log produced"), al.no_grad():
            np.log(leaf(0.0))
        with al.no_grad(), al.enable_grad(), pytest.raises(AnomalyError, match="log produced"):
            np.log(leaf(0.0))


def test_infinities_may_be_allowed():
    scores, allowed = leaf([1.0, 2.0]), np.array([True, False])
    with al.detect_anomaly(inf=False):
        al.softmax(np.where(allowed, scores, -np.inf)).sum().backward()
        infinite = scores / 0.0
        with pytest.raises(AnomalyError, match="subtract produced 2 NaN"):
            infinite - infinite
    with al.detect_anomaly(), pytest.raises(AnomalyError, match="1 infinity in b, a plain"):
        np.where(allowed, scores, -np.inf)


def test_numbers_that_a_rule_masks_are_no_anomaly():
    def inner(x):
        return np.where(x > 0, x, 0.0)

    masking = al.Primitive(
        inner, {"x": lambda g, y, x: np.where(x == 0, 0.0, g * np.log(np.abs(x)))}
    )
    for create_graph in (False, True):
        x = leaf([0.0, 1.0])
        with al.detect_anomaly():
            masking(x).sum().backward(create_graph=create_graph)
        np.testing.assert_array_equal(x.grad, [0.0, 0.0])


def test_integers_and_complex_numbers_and_empty_arrays():
    with al.detect_anomaly():
        assert (Tensor([1, 2]) + 1).tolist() == [2, 3]
        assert (leaf(np.ones((0, 3))) * 2).shape == (0, 3)
        with pytest.raises(AnomalyError, match=r"result +\(1,\) complex128: 0 of 1 finite; 1 NaN"):
            Tensor([1j]) * np.nan


def test_parameters_of_modules_have_their_paths():
    net = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
    net[0].weight.data = [[1e308], [1e308]]
    with pytest.raises(AnomalyError, match=r"\n  b = 0.weight +\(2, 1\)"), al.detect_anomaly():
        net(np.ones((3, 2)))


def test_operations_of_ones_own_and_variadic_ones():
    @al.primitive(x=lambda g, y, x: g / (x - x))
    def broken(x):
        return x * 1.0

    x = leaf([1.0])
    with al.detect_anomaly():
        with pytest.raises(AnomalyError, match="gradient of broken with respect to x has 1 in"):
            broken(x).sum().backward()
        with pytest.raises(AnomalyError, match=r"1 NaN in arrays\[1\], a plain array"):
            np.concatenate([x, np.array([np.nan])])


def test_decorator_and_state_after_exceptions():
    before = np.geterr()

    @al.detect_anomaly(inf=False)
    def compute(depth):
        if depth:
            return compute(depth - 1)
        assert np.geterr()["divide"] == "ignore"
        return np.sqrt(leaf(-1.0)) if depth == 0 else None

    with pytest.raises(AnomalyError, match="sqrt produced 1 NaN"):
        compute(3)
    assert np.geterr() == before
    assert recording.get() is True
    with pytest.warns(RuntimeWarning, match="invalid value"):
        np.sqrt(leaf(-1.0))


def test_other_threads_are_left_alone():
    found = []

    def other():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(np.log(leaf(0.0)).item())

    with al.detect_anomaly():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found == [-np.inf]


def test_it_works_beside_record_source():
    for outer, inner in [
        (al.record_source, al.detect_anomaly),
        (al.detect_anomaly, al.record_source),
    ]:
        with outer(), inner():
            w = leaf(0.0, name="w")
            y = w * 2
            z = y**0.5
            with pytest.raises(AnomalyError, match=r"test_anomaly.py:\d+: z = y\*\*0.5"):
                z.backward()
        assert al.Graph(y, names={}).find(y).source.text == "y = w * 2"


def test_the_error_can_be_pickled():
    with pytest.raises(AnomalyError) as error, al.detect_anomaly():
        np.log(leaf(0.0))
    twin = pickle.loads(pickle.dumps(error.value))
    assert str(twin) == str(error.value)
    assert twin.source == error.value.source
