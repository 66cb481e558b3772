"""Operations from outside: what is wrong with an entry, or with what it returns, is named."""

import math
import re

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import PrimitiveDefinitionError, Tensor


def leaf(value):
    return Tensor(value, requires_grad=True)


def keep(g, y, x):
    return g


# ------------------------------------------------------------ the entry


def test_a_rule_that_is_missing_or_for_nothing():
    with pytest.raises(PrimitiveDefinitionError, match=r"'both' has no rule for its operand 'b'"):

        @al.primitive(a=lambda g, y, a, b: g)
        def both(a, b):
            return a + b

    with pytest.raises(PrimitiveDefinitionError, match=r"has a rule for 'z', which is not an oper"):

        @al.primitive(x=keep, z=keep)
        def one(x):
            return x


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"domain": "positive"}, r"got domain='positive'\. Write domain=\{'x': 'positive'\}"),
        ({"notation": "f({x})"}, r"got notation='f\(\{x\}\)'\. Write notation=call\('f'\)"),
        ({"machine": "{x}"}, r"got 'machine', a field of the operations of this package alone"),
    ],
)
def test_a_field_of_another_kind_or_of_the_package_alone(fields, message):
    with pytest.raises(PrimitiveDefinitionError, match=message):

        @al.primitive(x=keep, **fields)
        def one(x):
            return x


@pytest.mark.parametrize(
    "rule",
    [
        lambda g, x: g,
        lambda y, g, x: g,
        lambda g, y, a: g,
        lambda g, y, x, more: g,
        lambda g, y, x, *, axis: g,
    ],
)
def test_a_rule_with_another_signature(rule):
    message = r"primitive 'one': the rule for 'x' takes \(.*\), but must take \(g, y, x\)"
    with pytest.raises(PrimitiveDefinitionError, match=message):

        @al.primitive(x=rule)
        def one(x):
            return x

    with pytest.raises(PrimitiveDefinitionError, match="must be a plain function, got <ufunc 'sin"):

        @al.primitive(x=np.sin)
        def other(x):
            return x


def test_a_forward_function_that_cannot_be_one():
    with pytest.raises(PrimitiveDefinitionError, match=r"an operand cannot have a default, and"):

        @al.primitive(x=lambda g, y, x, k: g, k=None)
        def scaled(x, k=2.0):
            return x * k

    with pytest.raises(PrimitiveDefinitionError, match=r"\*\* is not allowed\. Static parameters"):

        @al.primitive(x=keep)
        def open_ended(x, **options):
            return x

    with pytest.raises(PrimitiveDefinitionError, match="'<lambda>' needs a name that Python allow"):
        al.primitive(x=keep)(lambda x: x)
    with pytest.raises(PrimitiveDefinitionError, match="must be a plain function, whose signature"):
        al.primitive(x=keep)(np.sin)


# ------------------------------------------------------------ the forward pass


@pytest.mark.parametrize(
    ("returned", "what"),
    [
        ([1.0, 2.0], "a list"),
        ((np.ones(2),), "a tuple"),
        (None, "None"),
        ("text", "a str"),
        ({1: 2}, "a dict"),
        (np.array(["a"]), "an array of dtype <U1"),
        (np.array([None]), "an array of dtype object"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_a_forward_function_that_returns_no_array_of_numbers(returned, what):
    @al.primitive(x=keep)
    def odd(x):
        return returned

    for x in (leaf([1.0, 2.0]), Tensor([1.0, 2.0]), np.array([1.0, 2.0])):
        message = f"odd: its forward function returned {what}. It must return one array of numbers"
        with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
            odd(x)


def test_a_forward_function_that_uses_a_tensor_it_is_not_given():
    w = leaf([2.0, 3.0])

    @al.primitive(x=keep)
    def hidden(x):
        return x * w

    with pytest.raises(
        TypeError, match="returned a Tensor: it uses one that it is not given, whic"
    ):
        hidden(leaf([1.0, 2.0]))


def test_python_numbers_are_numbers():
    @al.primitive(x=lambda g, y, x: g * math.cos(x))
    def sine(x):
        return math.sin(x)

    x = leaf(0.5)
    y = sine(x)
    assert y.shape == ()
    assert y.dtype == np.float64
    (y * y).backward()
    assert x.grad.item() == pytest.approx(math.sin(1.0))
    assert sine(0.5) == math.sin(0.5)


def test_a_buffer_that_is_used_again_changes_nothing_that_was_recorded():
    buffer, sent = np.zeros(2), np.zeros(2)

    def fill(g, y, x):
        np.multiply(g, 3.0, out=sent)
        return sent

    @al.primitive(x=fill)
    def thrice(x):
        np.multiply(x, 3.0, out=buffer)
        return buffer[:]

    x = leaf([1.0, 2.0])
    first = thrice(x)
    second = thrice(first)
    assert first.tolist() == [3.0, 6.0]
    assert second.tolist() == [9.0, 18.0]
    first.sum().backward()
    thrice(leaf([5.0, 6.0])).sum().backward(np.array(7.0))
    assert x.grad.tolist() == [3.0, 3.0]
    mine = np.ones(2)
    al.primitive(x=keep)(same)(mine)[:] = 5.0
    assert mine.tolist() == [1.0, 1.0]  # The result is the caller's own.


def same(x):
    return x


def test_an_error_in_a_forward_function_says_which_operation_it_was():
    @al.primitive(x=keep)
    def failing(x):
        return x.reshape(7)

    with pytest.raises(ValueError, match=r"^failing got x: \(\): cannot reshape"):
        failing(leaf(1.0))
    with pytest.raises(TypeError, match=r"^failing got x: \(\): .*takes 1 positional argument but"):
        failing(leaf(1.0), leaf(2.0))


# ------------------------------------------------------------ the rules


def test_an_error_in_a_rule_says_which_one_it_was():
    @al.primitive(a=lambda g, y, a, b: g, b=lambda g, y, a, b: g / 0 if b.ndim else 1 / 0)
    def total(a, b):
        return a + b

    for create_graph in (False, True):
        with pytest.raises(ZeroDivisionError) as error:
            total(leaf(1.0), leaf(2.0)).backward(create_graph=create_graph)
        note = "This was the rule of <primitive total> for b, in a backward pass."
        assert error.value.__notes__ == [note]
    loss = total(leaf(1.0), leaf(2.0))
    for look, where in (
        (lambda: al.Graph(loss).backward(), "a backward pass"),
        (lambda: al.Recorder().record(loss), "a backward pass"),
        (lambda: al.derive(loss), "a derivation"),
    ):
        with pytest.raises(ZeroDivisionError) as error:
            look()
        note = f"This was the rule of <primitive total> for b, in {where}."
        assert error.value.__notes__ == [note]

    @al.primitive(xs=lambda g, y, *xs, i: [g][i])
    def added(*xs):
        return sum(xs)

    with pytest.raises(IndexError) as error:
        added(leaf(1.0), leaf(2.0)).backward()
    assert error.value.__notes__ == [
        "This was the rule of <primitive added> for xs[1], in a backward pass."
    ]


@pytest.mark.parametrize(
    ("returned", "kind", "message"),
    [
        (None, TypeError, "the rule of <primitive odd> for x returned None. A rule must return a"),
        (np.ones(3), ValueError, r"for x returned a cotangent of shape \(3,\) for an operand of s"),
        (np.ones((2, 1)), ValueError, r"for x returned a cotangent of shape \(2, 1\)"),
        (np.ones(2) * 1j, TypeError, "for x returned dtype complex128 for an operand of dtype flo"),
        (np.array(["a", "b"]), TypeError, "for x returned dtype <U1 for an operand of dtype float"),
        (np.array([None, 1]), TypeError, "for x returned dtype object"),
        ("text", TypeError, "for x returned dtype <U4"),
        ([np.ones(2), None], TypeError, "for x returned a list, which does not make an array"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_a_rule_cannot_return(returned, kind, message):
    @al.primitive(x=lambda g, y, x: returned)
    def odd(x):
        return x * 1.0

    for create_graph in (False, True):
        x = leaf([1.0, 2.0])
        with pytest.raises(kind, match=message):
            odd(x).sum().backward(create_graph=create_graph)
        assert x.grad is None


def test_a_rule_in_other_precision_gives_a_gradient_in_that_of_the_operand():
    @al.primitive(x=lambda g, y, x: np.asarray(g, dtype=np.float64) * 2)
    def doubled(x):
        return x * 2

    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    doubled(x).sum().backward()
    assert x.grad.dtype == np.float32


def test_it_gets_everything_that_ours_have():
    @al.primitive(x=lambda g, y, x, rate: g * rate * y * (1 - y))
    def logistic(x, *, rate=1.0):
        """A sigmoid of its own."""
        return 1 / (1 + np.exp(-rate * x))

    def f(x):
        return logistic(x, rate=2.0)

    assert al.gradcheck(f, [np.array([0.3, -1.0])], order=2)
    y = f(0.3)
    assert al.hessian(f)(0.3) == pytest.approx(4 * y * (1 - y) * (1 - 2 * y))
    x = leaf([0.3, 1.0])
    loss = f(x).sum()
    loss.backward()
    assert "logistic(x, rate=2" in str(al.draw(loss))
    derivation = al.derive(loss)
    assert "v1 = logistic(x, rate=2.0)" in str(derivation)
    assert "d_x = 2 * v1 * (1 - v1)" in str(derivation)
    np.testing.assert_allclose(derivation.evaluate()["x"], x.grad, rtol=1e-14)
    assert al.compare(loss, {"x": 2 * f(x.data) * (1 - f(x.data))})
