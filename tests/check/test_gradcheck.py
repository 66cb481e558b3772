"""gradcheck accepts what is right, in every form, and catches everything that is wrong."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.check import check_grads
from autograd_lite.check.faults import GRADIENT_FAULTS, faults

RNG = np.random.default_rng(4)
MATRIX, VECTOR = RNG.normal(size=(3, 4)), RNG.normal(size=4)


def test_selftest_catches_every_fault():
    caught = al.gradcheck.selftest()
    assert set(caught) == set(faults())
    assert all(message.startswith("gradcheck: the ") for message in caught.values())


def test_selftest_fails_when_a_fault_slips_through(monkeypatch):
    monkeypatch.setitem(GRADIENT_FAULTS, "none", lambda g: g)
    with pytest.raises(AssertionError, match="did not catch: softmax, none, product, none"):
        al.gradcheck.selftest()


def test_the_alias_is_the_same():
    assert check_grads is al.gradcheck


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (np.sum, MATRIX),
        (lambda x: x.T @ x, MATRIX),
        (lambda x, v: al.relu(x @ v), [MATRIX, VECTOR]),
        (lambda x: np.sqrt(np.sum(x * x)), VECTOR),
        (np.abs, [np.array([1e-5, -0.3, 2e-4])]),
        (lambda x: np.where(x > 0, x**2, np.sin(x)), VECTOR),
        (lambda x: x[::-1] * np.arange(4), VECTOR),
        (lambda x: 1e6 * np.exp(x), VECTOR),
        (lambda x: 1e-6 * np.exp(x), VECTOR),
        (lambda x: np.zeros(3), VECTOR),
        (np.exp, 0.3),
        (np.exp, al.Tensor([0.3, 0.4])),
        (np.exp, [np.float32(0.3)]),
        (lambda a, b: np.concatenate([a, b * a]), [VECTOR, VECTOR.astype(np.float32)]),
    ],
)
@pytest.mark.parametrize("modes", [("rev", "fwd"), ("rev",), ["fwd"]])
@pytest.mark.filterwarnings("ignore:The result of .* does not depend")
def test_right_derivatives_pass(f, inputs, modes):
    assert al.gradcheck(f, inputs, modes=modes)


def test_steep_functions_pass_to_the_second_order():
    assert al.gradcheck(lambda x: np.tanh(3 * x) / (1 + x**2), VECTOR, order=2)
    assert al.gradcheck(lambda x: np.log(x), [np.array([0.01, 1.0, 50.0])], order=2)


class Net(nn.Module):
    def __init__(self, factor=1.0):
        rng = np.random.default_rng(1)
        self.layers = [nn.Linear(4, 3, rng=rng), nn.Tanh(), {"last": nn.Linear(3, 2, rng=rng)}]
        self.scale = al.Tensor([0.5, 2.0], requires_grad=True)
        self.factor = factor

    def forward(self, x):
        first, activation, rest = self.layers
        y = rest["last"](activation(first(x))) * self.scale
        if y.requires_grad:
            y.register_hook(lambda g: g * self.factor)
        return y


def test_modules_are_checked_by_their_parameters_too():
    net = Net()
    before = net.state_dict()
    assert al.gradcheck(net, MATRIX)
    assert al.gradcheck(net, MATRIX, order=2, draws=1)
    parameters = net.parameters()
    assert all(p.requires_grad and p.grad is None for p in parameters)
    for path, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[path])
    with pytest.raises(al.GradcheckError, match=r"by (input 0|parameter layers\.0\.weight)"):
        al.gradcheck(Net(1.01), MATRIX)


def test_a_module_gets_its_parameters_back_after_an_error():
    net = Net()
    own = net.parameters()
    with pytest.raises(ValueError, match="matmul"):
        al.gradcheck(net, np.ones(7))
    assert all(a is b for a, b in zip(net.parameters(), own, strict=True))


def test_the_message_names_both_sides_and_the_worst_entry():
    def wrong(x):
        if x.requires_grad:
            x = x * 1.0
            x.register_hook(lambda g: g * np.array([1.0, 1.0, 1.0, 3.0]))
        return np.sin(x)

    with pytest.raises(al.GradcheckError) as caught:
        al.gradcheck(wrong, VECTOR, modes=["rev"])
    message = str(caught.value)
    assert "first derivative by input 0 of shape (4,) is wrong in 1 of 4 entries" in message
    assert "worst at (3,)" in message
    assert "by the rules" in message
    assert "by complex step (ratio 3)" in message
    with pytest.raises(al.GradcheckError, match="along a direction of all inputs, forwards, is"):
        al.gradcheck(wrong, VECTOR, modes=["fwd"])


def test_what_is_analytic_is_held_to_more_digits():
    slightly = lambda g: g * (1 + 1e-7)  # noqa: E731  (a rule, as entries have it)

    def wrong(x):
        if x.requires_grad:
            x = x * 1.0
            x.register_hook(slightly)
        return np.sin(x)

    assert not al.gradcheck(wrong, VECTOR, raise_exception=False)
    assert al.gradcheck(wrong, VECTOR, rtol=1e-6)


def test_the_step_and_the_tolerance_can_be_given():
    assert al.gradcheck(np.exp, VECTOR, eps=1e-4)
    with pytest.raises(al.GradcheckError, match="by central differences"):
        al.gradcheck(np.exp, VECTOR, eps=0.5, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (VECTOR, {"modes": ("reverse",)}, r"modes among rev, fwd, got \('reverse',\)"),
        (VECTOR, {"modes": ()}, "modes among"),
        ([], {}, "nothing to check: 0 inputs"),
        (np.ones(0), {}, "1 inputs without a single entry"),
        (VECTOR, {"order": 0}, "gradcheck needs order of 1 or more, got 0"),
        (VECTOR, {"draws": 0}, "gradcheck needs draws of 1 or more, got 0"),
        (VECTOR, {"eps": 0.0}, "gradcheck needs an eps of more than 0"),
        (VECTOR, {"rtol": -1}, "gradcheck needs an rtol of 0 or more"),
    ],
)
def test_checking_nothing_is_an_error_not_a_pass(inputs, options, message):
    with pytest.raises(ValueError, match=message):
        al.gradcheck(np.exp, inputs, **options)


def test_the_inputs_of_the_caller_are_neither_changed_nor_locked():
    x = VECTOR.copy()
    al.gradcheck(lambda x: x * x, x, order=2)
    np.testing.assert_array_equal(x, VECTOR)
    x[0] = 1.0


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x: (x, {"twice": [x * 2, np.sum(x)]}), VECTOR),
        (lambda d: d["w"][d["i"]] * d["n"][1], {"w": VECTOR, "i": np.array([2]), "n": ("a", 2.0)}),
        (lambda x: np.linalg.eigh(x + x.T), MATRIX[:, :3]),
        (lambda x, pair: pair[0] * x + pair[1], [VECTOR, (2.0, VECTOR)]),
        (lambda x: x * x, [[1.0, 2.0]]),
        (lambda x: (np.sum(x), np.argmax(x.numpy())), VECTOR),
    ],
)  # fmt: skip
def test_arguments_and_results_may_be_nested(f, inputs):
    assert al.gradcheck(f, inputs, order=2, draws=1)


def test_the_message_says_where_in_a_nest():
    def wrong(d):
        b = d["b"] * 1.0
        if b.requires_grad:
            b.register_hook(lambda g: g * 2)
        return {"sum": d["a"] + b}

    with pytest.raises(al.GradcheckError, match=r"by input 0\['b'\] of shape \(4,\)"):
        al.gradcheck(wrong, {"a": VECTOR, "b": VECTOR}, modes=["rev"])


def test_tensors_from_outside_are_constants_and_stay_as_they_are():
    w = al.Tensor(VECTOR, requires_grad=True)
    calls = []
    w.register_hook(calls.append)
    late = np.tanh(w)
    assert al.gradcheck(lambda x: (x * w * late, w), VECTOR, order=2)
    assert w.grad is None
    assert not calls


def hooked(function, factor):
    """Return a function whose rule is wrong by a factor."""

    def wrong(x):
        if x.requires_grad:
            x = x * 1.0
            x.register_hook(lambda g: g * factor)
        return function(x)

    return wrong


@pytest.mark.parametrize("size", [1e-200, 1e-9, 1e9, 1e200])
@pytest.mark.parametrize("square", [np.square, lambda x: np.abs(x) ** 2], ids=["exact", "rounded"])
def test_tolerances_follow_the_size_of_what_is_compared(size, square):
    assert al.gradcheck(lambda x: size * square(x), VECTOR)
    for modes in (["rev"], ["fwd"]):
        wrong = hooked(lambda x: size * square(x), 1.0001)
        assert not al.gradcheck(wrong, VECTOR, modes=modes, raise_exception=False)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.log, 1e-7),
        (np.log, 1e-30),
        (lambda x: np.log(np.abs(x)), np.array([1e-7, 3.0])),
        (np.sqrt, 1e-7),
        (np.arccos, 0.9999999),
        (lambda x: np.arccos(np.abs(x)), np.array([0.9999999, 0.1])),
        (np.square, 1e10),
        (lambda x: np.abs(x) ** 2, np.array([1e10, 1e-10])),
        (lambda x: 1e8 + x**2, 0.5),
        (lambda x: 1e8 + np.abs(x) ** 2, 0.5),
        (np.linalg.norm, 1e-12 * VECTOR),
        (lambda x: np.sum(al.softmax(x)), VECTOR),
        (lambda x: np.sum(al.softmax(1e8 * x)), 1e-8 * VECTOR),
        (al.softmax, np.array([0.0, -512.0])),  # 1e-223, which differences cannot see.
        (lambda x: x * 0.1 + x * 0.2 - x * 0.3, VECTOR),
        (lambda x: np.abs(x) * 0.1 + np.abs(x) * 0.2 - np.abs(x) * 0.3, VECTOR),
    ],
)
def test_no_right_rule_is_accused(f, x):
    assert al.gradcheck(f, [x])


NEAR = np.array([1e-9, -1e-9, 1.0])


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.abs, NEAR),
        (al.relu, NEAR),
        (lambda x: np.clip(x, 0, 1), np.array([1e-9, 0.5, 1 - 1e-9])),
        (lambda x: np.maximum(x, 1.0), 1 + NEAR),
        (np.max, np.array([1, 1 + 1e-9, 0.5])),
        (np.arccos, np.array([1 - 1e-9, 0.5])),
        (np.linalg.norm, 1e-20 * VECTOR),
        (np.linalg.inv, np.array([[1, 1], [1, 1 + 1e-9]])),
        (lambda x: np.linalg.eigvalsh((x + x.T) / 2), np.diag([1, 1 + 1e-10, 2.0])),
    ],
)
def test_a_kink_or_a_pole_near_by_is_no_error_and_hides_none(f, x):
    assert al.gradcheck(f, [x])
    assert not al.gradcheck(hooked(f, 1.5), [x], raise_exception=False)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.reciprocal, np.array([1e-8, 1.0])),
        (lambda x: np.tanh(1e6 * x), np.array([1e-7, 0.5, 1e-9])),
        (lambda x: np.arctan2(x, x[::-1]), np.array([1e-6, -2.0])),
        (np.abs, NEAR),
        (np.linalg.inv, np.array([[1, 1], [1, 1 + 1e-6]])),
    ],
)
def test_what_is_steep_passes_to_the_second_order(f, x):
    assert al.gradcheck(f, [x], order=2)


def test_values_with_few_digits_hide_no_error():
    def few(x):
        return (np.abs(x) + 1e8) - 1e8

    assert al.gradcheck(few, [np.array([1.0, 0.3])])
    assert not al.gradcheck(hooked(few, 1.5), [np.array([1.0, 0.3])], raise_exception=False)


def test_what_values_cannot_tell_is_not_passed():
    with pytest.raises(al.GradcheckError, match="It cannot be told, though: so large are the val"):
        al.gradcheck(lambda x: 1e16 + np.abs(x), 0.5)


def test_a_kink_is_called_a_kink():
    with pytest.raises(
        al.GradcheckError, match=r"has a kink, and no derivative, at \(1,\): 0 to th"
    ):
        al.gradcheck(al.relu, [np.array([1.0, 0.0])])
    with pytest.raises(al.GradcheckError, match="forwards, has a kink"):
        al.gradcheck(al.relu, [np.array([1.0, 0.0])], modes=["fwd"])
    with pytest.raises(
        al.GradcheckError, match=r"is where the function ends at \(0,\): nan to the"
    ):
        al.gradcheck(np.sqrt, [np.array([0.0, 1.0])])
    with pytest.raises(al.GradcheckError, match="is wrong in 4 of 4 entries"):
        al.gradcheck(hooked(al.relu, 1.5), np.abs(VECTOR))


def test_large_inputs_are_sampled_and_the_result_says_so():
    x = RNG.normal(size=(300, 300))
    checked = al.gradcheck(lambda x: x * x, x, draws=1)
    few, size = checked.sampled["input 0"]
    assert few < size == x.size
    assert repr(checked) == (
        f"True (drawn at random: {few:,} of 90,000 entries of input 0; the rest along directions)"
    )
    one_entry = np.ones(x.shape)
    one_entry[17, 200] = 1.5
    with pytest.raises(
        al.GradcheckError, match="along a direction of all inputs, backwards, is wr"
    ):
        al.gradcheck(hooked(lambda x: x * x, one_entry), x, modes=["rev"])


def test_the_result_is_true_or_false_with_a_reason():
    right = al.gradcheck(np.exp, VECTOR)
    wrong = al.gradcheck(hooked(np.exp, 2.0), VECTOR, raise_exception=False)
    assert right == True  # noqa: E712  (what it says of itself)
    assert (repr(right), right.message, right.sampled) == ("True", "", {})
    assert (repr(wrong), bool(wrong)) == ("False", False)
    assert "is wrong in 4 of 4 entries" in wrong.message


F = np.asfortranarray([[0.5, -1.2, 2.3], [1.7, 0.4, -0.6]])


def written_through_a_view(x):
    y = x * 1
    y.reshape(-1)[0] = 100.0  # A copy here, since it lies in columns.
    return np.sum(y)


@pytest.mark.parametrize("f", [lambda x: x.ravel("K") ** 2, written_through_a_view])
def test_a_function_may_look_at_the_layout_of_the_input(f):
    for x in (F, np.ascontiguousarray(F)):
        assert al.gradcheck(f, [x])


def test_what_is_none_in_a_result_is_passed_over():
    assert al.gradcheck(lambda x: {"a": None, "b": x * 2}, [np.ones(3)])


@pytest.mark.parametrize("of", [lambda layer: layer, lambda layer: lambda x: 2 * layer(x)])
def test_running_means_are_what_they_were(of):
    layer = al.nn.BatchNorm1d(3)
    layer(np.arange(12.0).reshape(4, 3))
    before = {path: x.copy() for path, x in layer.state_dict().items()}
    assert al.gradcheck(of(layer), np.random.default_rng(0).normal(size=(5, 3)))
    for path, x in layer.state_dict().items():
        np.testing.assert_array_equal(x, before[path])


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_function_that_computes_in_a_coarser_type_is_held_to_what_that_can_tell(dtype):
    x = np.array([[0.3, -1.2], [0.7, 2.0]])

    @al.primitive(x=lambda g, y, x: g * np.cos(x) * 1.5)
    def off(x):
        return np.sin(x)

    assert al.gradcheck(lambda x: np.sin(x.astype(dtype)) * x, x, order=2)
    wrong = al.gradcheck(lambda x: off(x.astype(dtype)), x, raise_exception=False)
    assert not wrong
    assert "coarser type than float64" in wrong.message
    constant = np.ones((2, 2), dtype)  # Data is as exact as it is.
    exact = al.gradcheck(lambda x: off(x * constant), x, raise_exception=False)
    assert "coarser" not in exact.message


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: np.arctanh(x), "itself is nan there, in 1 of 2 entries of a result, first at"),
        (lambda x: x / 0, "itself is inf there, in 2 of 2 entries"),
        (lambda x: np.sum(np.log(0 * x)), "itself is -inf there"),
        (lambda x: np.abs(x - 3) ** 0.5, r"the function ends at \(1,\)|kink|wrong in 1 of 2"),
    ],
)
def test_where_a_function_or_its_derivative_is_not_finite_nothing_is_right(f, message):
    with np.errstate(all="ignore"), pytest.raises(al.GradcheckError, match=message):
        al.gradcheck(f, [np.array([0.5, 3.0])])


@pytest.mark.parametrize("result", [None, "a", {"a": None}, ()])
def test_a_result_without_numbers_is_named(result):
    with pytest.raises(TypeError, match="must return numbers, got"):
        al.gradcheck(lambda x: result, [1.0])


def test_inputs_are_one_sequence():
    with pytest.raises(TypeError, match=r"Write gradcheck\(f, \[x, y\]\)"):
        al.gradcheck(lambda x, y: x * y, 1.0, 2.0)


def test_one_input_is_written_into_what_another_one_gives():
    def f(x, w):
        t = 2 * x
        t[0] = w * t[1]
        return np.sum(t**3)

    assert al.gradcheck(f, [VECTOR, 2.0])


def test_a_wrong_rule_of_tiny_numbers_is_wrong():
    @al.primitive(x=lambda g, y, x: 2 * g * y)
    def tiny(x):
        return np.exp(x - 70)

    with pytest.raises(al.GradcheckError, match="ratio 2"):
        al.gradcheck(lambda x: np.sum(tiny(x)), (np.array([0.3, 0.7]),))


def test_what_is_left_of_1_less_the_square_of_a_saturated_tanh_is_no_wrong_rule():
    for seed in range(4):
        x = np.random.default_rng(seed).normal(size=4)
        assert al.gradcheck(lambda x: np.sum(np.tanh(x * 30)), (x,))


def test_a_rule_that_compares_rounds_nothing_off_by_choosing_otherwise():
    """If it did, all that a maximum passes on would be in doubt, and a warning would be raised."""
    x = np.array([0.3, -1.2, 0.8])
    assert al.gradcheck(lambda x: np.max(x) + np.sum(x * 0.1 + x * 0.2 - x * 0.3), (x,))
    assert al.gradcheck(lambda x: np.max(x) * 1e-30 + np.sum(np.tanh(x * 30)), (x,))
