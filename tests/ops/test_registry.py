"""Nothing about an operation may be missing from its entry, and the entry may not contradict it."""

import warnings

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser
from oracles import FAMILIES, NUMPY_SCOPE, Case, cases, over

import autograd_lite as al
from autograd_lite import ops
from autograd_lite.core.primitive import BY_NUMPY_FUNCTION, REGISTRY, Primitive
from autograd_lite.ops.definition import DOMAINS, primitive
from autograd_lite.ops.writing import Written, write

CASES = cases()
ENTRIES = list(dict.fromkeys(case.entry for case in CASES))
PARSE = MathTextParser("path").parse


def latex(case: Case):
    written = [Written(name[0]) for name in case.names]
    return str(write(case.entry, written, case.parameters, "latex"))


def test_every_entry_of_the_package_yields_cases():
    with_scipy = {name for names in ops.WITH_SCIPY.values() for name in names}
    scipys = {entry.name for entry in ENTRIES if entry.__module__ in ops.WITH_SCIPY}
    assert scipys in (with_scipy, set())  # The latter where SciPy is not installed.
    assert {entry.name for entry in ENTRIES} - scipys == set(ops.__all__)


def test_every_operation_is_looked_for_in_its_own_family():
    for family, names in (ops.FAMILIES | ops.WITH_SCIPY).items():
        found = {entry.name for entry in ENTRIES if entry.__module__ == family}
        assert found == set(names) or (family in ops.WITH_SCIPY and not found)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entry_is_complete(entry: Primitive):
    assert entry.__doc__
    assert entry.__doc__.strip().partition("\n")[0].endswith((".", "`."))
    assert any(case.entry is entry and case.differentiable for case in CASES)
    assert set(entry.domain) == set(entry.operands)
    assert set(entry.domain.values()) <= set(DOMAINS)
    for function in entry.numpy:
        assert BY_NUMPY_FUNCTION[function] is entry
    if entry.examples:
        for shapes, parameters in entry.examples:
            assert entry.variadic or len(shapes) == len(entry.operands)
            assert set(parameters) <= set(entry.parameters)
    else:
        assert len(entry.operands) in FAMILIES
        assert set(entry.defaults) == set(entry.parameters)  # It can be called without any.


@over([c for c in CASES if c.entry.compute is not c.entry.forward])
def test_what_is_computed_in_c_is_what_forward_computes(case: Case):
    for dtype in (np.float64, np.float32):
        operands = case.operands(dtype)
        fast = case.entry.compute(*operands, **case.parameters)
        plain = case.entry.forward(*operands, **case.parameters)
        assert fast.dtype == plain.dtype
        np.testing.assert_array_equal(fast, plain)


@over(CASES)
def test_printed_python_computes_what_forward_computes(case: Case):
    operands = case.operands()
    text = case.python()
    value = eval(text, NUMPY_SCOPE | dict(zip(case.names, operands, strict=True)))
    expected = case.entry.forward(*operands, **case.parameters)
    assert np.shape(value) == np.shape(expected), text
    np.testing.assert_allclose(value, expected, rtol=1e-14, atol=1e-15, err_msg=text)


@over(CASES)
def test_latex_can_be_typeset(case: Case):
    text = latex(case)
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Fonts are not what is tested.
        PARSE(f"${text}$")


@over(CASES)
def test_latex_shows_every_operand(case: Case):
    for name in case.names:
        assert name[0] in latex(case)


def test_pickled_primitive_is_the_same_object():
    import copy
    import pickle

    for entry in ENTRIES:
        assert pickle.loads(pickle.dumps(entry)) is entry
        assert copy.deepcopy(entry) is entry


# ------------------------------------------------------------ refusals


def refused(define, forward):
    with pytest.raises(al.PrimitiveDefinitionError) as caught:
        define(forward)
    return str(caught.value)


def scale(x, factor, *, shift=0):
    """Scale and shift."""
    return x * factor + shift


def test_missing_rule_is_named():
    message = refused(primitive(x=lambda g, y, x, factor, shift: g * factor), scale)
    assert message.startswith("primitive 'scale' has no rule for its operand 'factor'.")
    assert "`factor=lambda g, y, x, factor: ...`" in message
    assert "`factor=None`" in message


def test_misspelt_rule_is_named_beside_the_one_that_is_missing():
    message = refused(primitive(x=None, facto=None), scale)
    assert "has no rule for its operand 'factor', but one for 'facto', which is not" in message


def test_primitive_without_rules_is_refused_with_what_to_write():
    with pytest.raises(TypeError, match=r"Write @primitive\(x=lambda g, y, x: "):
        primitive(scale)


def test_rule_for_an_unknown_operand_is_named():
    message = refused(primitive(x=None, factor=None, shift=lambda g, y, x, factor, shift: g), scale)
    assert "has a rule for 'shift', which is not an operand of scale(x, factor, shift)" in message
    assert "Operands are the positional parameters: x, factor." in message


@pytest.mark.parametrize(
    "rule",
    [
        lambda g, x, factor, shift: g * factor,
        lambda y, g, x, factor, shift: g * factor,
        lambda g, y, x, factor: g * factor,
        lambda g, y, x, scale, shift: g * scale,
        lambda g, y, factor, x, shift: g * factor,
        lambda g, y, *x, factor, shift: g * factor,
        lambda g, y, x, shift, factor: g * factor,
        lambda g, y, **everything: g,
        lambda g, y, *, x, factor, shift: g * factor,
    ],
    ids=["no y", "y before g", "no shift", "renamed", "swapped", "starred", "shift between",
         "keywords only", "keyword-only"],
)  # fmt: skip
def test_rule_with_other_parameters_is_refused(rule):
    message = refused(primitive(x=rule, factor=None), scale)
    assert message.startswith("primitive 'scale': the rule for 'x' takes (")
    assert "but must take (g, y, x, factor, shift)" in message


def test_rule_may_gather_static_parameters():
    made = primitive(x=lambda g, y, x, factor, **_: g * factor, factor=None)(scale)
    x = al.Tensor([1.0, 2.0], requires_grad=True)
    made(x, 3.0, shift=1.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_rule_of_a_variadic_operation_must_take_them_all():
    def add_up(*arrays):
        return sum(arrays)

    message = refused(primitive(arrays=lambda g, y, arrays, i: g), add_up)
    assert "must take (g, y, *arrays, i)" in message
    assert primitive(arrays=lambda g, y, *arrays, i: g)(add_up)(1.0, 2.0) == 3.0


def test_operands_before_a_starred_one_are_refused():
    def mixed(first, *rest):
        return first + sum(rest)

    message = refused(primitive(first=None, rest=None), mixed)
    assert "either named operands or one *starred" in message


def test_forward_or_rule_that_is_no_plain_function_is_refused():
    assert "plain function" in refused(primitive(x=None), np.exp)
    assert "plain function" in refused(primitive(x=np.exp, factor=None), scale)


def test_bad_domain_is_named():
    for domain in ({"x": "Positive"}, {"shift": "positive"}):
        message = refused(primitive(x=None, factor=None, domain=domain), scale)
        ((name, kind),) = domain.items()
        assert f"domain {name}={kind!r} must map an operand (x, factor) to one of real" in message


def test_name_that_is_taken_is_refused():
    def tanh(x):
        return x

    assert refused(primitive(x=lambda g, y, x: g), tanh) == (
        "primitive 'tanh' is already defined in autograd_lite.ops.trigonometric. "
        "Give yours another name."
    )


def test_own_operation_may_be_defined_again():
    """As happens when a module is reloaded, or a notebook's cell is run a second time."""
    source = "def mine(x):\n    return {} * x\n"
    made = []
    for factor, file in ((2, "<cell 1>"), (3, "<cell 2>")):
        scope = {"__name__": "__main__"}
        exec(compile(source.format(factor), file, "exec"), scope)
        made.append(primitive(x=lambda g, y, x: g)(scope["mine"]))
    assert REGISTRY["mine"] is made[1]
