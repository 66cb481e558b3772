"""An entry is all there is to say: every form and every sentence comes from it, and it is true."""

import ast
import string
from pathlib import Path

import numpy as np
import pytest
from oracles import Case, cases, over

import autograd_lite as al
from autograd_lite.core.notation import SIGN, Choice, Form, Notation, call
from autograd_lite.core.primitive import REGISTRY
from autograd_lite.derive.helpers import definition, is_called
from autograd_lite.draw.page.story import Story
from autograd_lite.graph.cotangents import cotangents
from autograd_lite.ops.writing import COMPUTING, Written, literal, write

CASES = cases()
ENTRIES = list(dict.fromkeys(case.entry for case in CASES))
STYLES = ("python", "latex", "text", "picture")


# ------------------------------------------------------------ an operation of one's own


def turned(x):
    """Read from the last to the first."""
    return x[::-1]


@al.primitive(
    x=lambda g, y, x, times: backwards(g, times=times),
    notation=Notation(
        python=Form("backwards({operands}{parameters})"),
        latex=Form(r"\overleftarrow{{{x:loose}}}"),
        text=Form("←{x:tight}", SIGN),
        picture=Form("⇠{x:tight}", SIGN),
        short=Form("{x}[::-1]"),
    ),
    domain={"x": "positive"},
    analytic=True,
    linear=("x",),
    packed=True,
    sentence="{y} is {x} from its end, and so is its gradient.",
    simplify=(lambda e: e.operands[0].operands[0] if is_twice(e) else None,),
    examples=(((3,), {}), ((4,), {"times": 2})),
)
def backwards(x, *, times: int = 1):
    for _ in range(times):
        x = turned(x)
    return x


def is_twice(e):
    (x,) = e.operands
    return x.operation is backwards and e.parameters == x.parameters


@al.primitive(
    x=lambda g, y, x: g[0],
    notation=call("lifted", text="{x}↑"),
    linear=("x",),
    stretches=True,
)
def lifted(x):
    return x[None]


@al.primitive(
    a=lambda g, y, a, b: g * lifted(b),
    b=lambda g, y, a, b: (g * a).sum(axis=0),
    entrywise=True,
    linear=("a", "b"),
)
def rows_times(a, b):
    return a * b


def leaf(name, *values):
    return al.Tensor(np.array(values), requires_grad=True, name=name)


def weighted(**parameters):
    x, w = leaf("x", 1.0, 2.0, 3.0), leaf("w", 0.5, 0.25, 4.0)
    y = backwards(x, **parameters)
    y.name = "y"
    return (y * w).sum()


def test_its_python_is_short_where_no_parameter_is_in_the_way():
    assert "y = x[::-1]" in al.derive(weighted(), names={}).code
    assert "y = backwards(x, times=3)" in al.derive(weighted(times=3), names={}).code


def test_its_source_is_printed_and_runs_on_numpy_alone():
    loss = weighted(times=3)
    derivation = al.derive(loss, names={})
    assert "def backwards(x, *, times=1):\n    for _ in range(times):" in derivation.code
    scope = {"np": np}
    exec(derivation.code, scope)
    value, gradients = scope["loss_and_gradients"](**derivation.arguments)
    assert value == loss.item()
    assert gradients["x"].tolist() == [4.0, 0.25, 0.5]


def test_its_latex_and_its_text_are_in_the_derivation():
    derivation = al.derive(weighted(), names={})
    assert r"y &= \overleftarrow{x}" in derivation.latex
    assert derivation.text.splitlines()[:2] == ["y = ←x", "loss = Σ y ⊙ w"]
    # A parameter that a form does not show is shown by a call.
    derivation = al.derive(weighted(times=3), names={})
    assert r"y &= \mathrm{backwards}\left(x,\ \mathrm{times} = 3\right)" in derivation.latex
    assert "y = backwards(x, times=3)" in derivation.text


def test_its_form_for_pictures_is_in_the_box():
    assert "y = ⇠x " in str(al.draw(weighted(), names={}))
    assert "y = backwards(x, times=3) " in str(al.draw(weighted(times=3), names={}))


def test_its_sentence_is_on_the_page():
    scene = al.draw(weighted(), names={}).scene
    captions = [step["caption"] for step in Story(scene, cotangents(scene.graph)).steps]
    assert "Backward: y is x from its end, and so is its gradient." in captions


def test_a_sentence_may_name_the_other_operands():
    x, w = leaf("x", 1.0, 2.0), leaf("w", 3.0, 4.0)
    y = x @ w
    y.name = "y"
    scene = al.draw(y, names={}).scene
    captions = [step["caption"] for step in Story(scene, cotangents(scene.graph)).steps]
    assert any("x reaches y through w, so the gradient" in caption for caption in captions)


def test_it_simplifies_itself_and_lets_numbers_out():
    x, w = leaf("x", 1.0, 2.0, 3.0), leaf("w", 0.5, 0.25, 4.0)
    twice = (backwards(backwards(x)) * w).sum()
    assert al.derive(twice, wrt=["x"], names={}).text.splitlines()[-1] == "∂L/∂x = w"
    scaled = (backwards(x) * (3.0 * w)).sum()
    assert al.derive(scaled, wrt=["x"], names={}).text.splitlines()[-1] == "∂L/∂x = 3 ←w"


def test_what_broadcasting_does_by_itself_goes_without_saying():
    a, b = al.Tensor(np.ones((2, 3)), requires_grad=True, name="a"), leaf("b", 1.0, 2.0, 3.0)
    loss = (rows_times(a, b) ** 2).sum()
    derivation = al.derive(loss, wrt=["a"], names={})
    assert "lifted" not in derivation.code
    assert (
        derivation.evaluate()["a"].tolist()
        == al.grad(lambda a: ((a * b) ** 2).sum())(a.detach()).tolist()
    )


def test_what_is_packed_is_shared_by_nobody():
    y = backwards(leaf("x", 1.0, 2.0, 3.0))
    part = y[:2]
    part += 10.0
    assert y.tolist() == [3.0, 2.0, 1.0]


def test_a_misspelt_field_and_an_unknown_operand_are_named():
    with pytest.raises(al.PrimitiveDefinitionError, match="rule for 'entry_wise', which is not an"):
        al.primitive(x=lambda g, y, x: g, entry_wise=True)(lambda_of("x"))
    with pytest.raises(al.PrimitiveDefinitionError, match="linear names 'z', which is not an oper"):
        al.primitive(x=lambda g, y, x: g, linear=("z",))(lambda_of("x"))


def lambda_of(name):
    def nameless(x):
        return x

    assert nameless.__code__.co_varnames == (name,)
    return nameless


# ------------------------------------------------------------ every entry of the package


def written(case: Case, style):
    return write(case.entry, [Written(x) for x in case.names], case.parameters, style).text


@over(CASES)
def test_every_form_shows_every_operand_and_balances_its_brackets(case: Case):
    for style in STYLES:
        text = written(case, style)
        assert all(name in text for name in case.names), text
        assert all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}")), text
        if style != "python":
            assert "np." not in text


@over(CASES)
def test_no_form_is_silent_about_a_parameter(case: Case):
    """Two sets of parameters that give other results are not written alike."""
    for name, default in case.entry.defaults.items():
        if name in COMPUTING or literal(case.parameters[name]) == literal(default):
            continue
        for style in STYLES:
            said = written(case, style)
            plain = write(
                case.entry,
                [Written(x) for x in case.names],
                case.parameters | {name: default},
                style,
            ).text
            assert said != plain, (name, said)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_templates_name_only_what_there_is(entry):
    notations = entry.notation
    known = {*entry.operands, *entry.parameters, "operands", "parameters"}
    for notation in notations.table.values() if isinstance(notations, Choice) else [notations]:
        for style in (*STYLES, "short"):
            form = getattr(notation, style)
            if form is not None:
                names = {name for _, name, _, _ in string.Formatter().parse(form.template) if name}
                assert names <= known | ({"below"} if style == "latex" else set())


@over(CASES)
def test_linear_names_just_the_operands_in_which_it_is_linear(case: Case):
    operands, y = case.operands(), case.forward(case.operands())
    for i, name in enumerate(case.names):
        said = (case.entry.operands[0] if case.entry.variadic else name) in case.entry.linear
        others = [x for x in CASES if x.entry is case.entry]
        if said:
            scaled = [*operands[:i], -2.0 * operands[i], *operands[i + 1 :]]
            np.testing.assert_allclose(case.forward(scaled), -2.0 * y, rtol=1e-12, atol=1e-12)
        elif case is others[0]:
            assert not all(_is_linear(other, i) for other in others), name


def _is_linear(case: Case, i):
    if i >= len(case.shapes) or case.operands()[i].dtype == bool:
        return False
    operands = list(case.operands())
    operands[i] = -2.0 * operands[i]
    try:
        with np.errstate(all="ignore"):
            scaled = case.forward(operands)
    except np.linalg.LinAlgError:
        return False
    return np.allclose(scaled, -2.0 * case.forward(case.operands()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entrywise_is_said_just_where_it_is_true(entry):
    mine = [case for case in CASES if case.entry is entry]
    assert entry.entrywise == all(map(_is_entrywise, mine))


def _is_entrywise(case: Case):
    """Change one entry of one operand, and see what changes."""
    operands = [np.array(x) for x in case.operands()]
    y = case.forward(operands)
    try:
        shape = np.broadcast_shapes(*case.shapes)
    except ValueError:
        return False
    if np.shape(y) != shape:
        return False
    for i, x in enumerate(operands):
        for index in list(np.ndindex(x.shape))[:3]:
            changed, here = x.copy(), np.zeros(x.shape, bool)
            changed[index] = ~changed[index] if x.dtype == bool else changed[index] * 1.001
            here[index] = True
            other = case.forward([*operands[:i], changed, *operands[i + 1 :]])
            differs = np.asarray(other != y)
            if (differs & ~np.broadcast_to(here, shape)).any():
                return False
    return True


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.entrywise], ids=lambda e: e.name)
def test_bends_is_said_just_where_the_derivative_jumps(entry):
    assert any(_jumps(case) for case in CASES if case.entry is entry) == entry.bends


def _jumps(case: Case):
    """Return whether the slope is another on either side of 0, or of a second operand."""
    at = np.zeros(()) if len(case.names) == 1 else np.array(0.7)
    if len(case.names) > 2 or case.operands()[0].dtype == bool:
        return False
    others = [at] * (len(case.names) - 1)

    def y(x):
        return case.forward([np.array(x), *others])

    h = 1e-6
    with np.errstate(all="ignore"):
        right, left = (y(at + h) - y(at)) / h, (y(at) - y(at - h)) / h
    smooth = not np.isfinite([right, left]).all() or np.abs([right, left]).max() > 1e3
    return not smooth and bool(np.abs(right - left) > 1e-3)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_what_only_shapes_or_stretches_keeps_all_entries(entry):
    for case in CASES:
        if case.entry is not entry:
            continue
        (x,), y = case.operands()[:1], case.forward(case.operands())
        if entry.only_shapes:
            assert np.array_equal(np.ravel(y), np.ravel(x))
        if entry.stretches:
            assert set(np.ravel(y)) <= set(np.ravel(x))


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.sentence], ids=lambda entry: entry.name)
def test_sentences_name_the_operand_and_the_result(entry):
    said = entry.sentence.format(x="X", y="Y", others="OTHERS")
    assert "X" in said
    assert "Y" in said
    assert said.endswith(".")


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if is_called(e)], ids=lambda entry: entry.name
)
def test_the_printed_source_computes_what_forward_computes(entry):
    scope = {"np": np}
    source = definition(entry)
    assert "Any" not in source
    assert "\n@" not in f"\n{source}"  # A decorator; inside, it is a product.
    exec(source, scope)
    for case in CASES:
        if case.entry is entry:
            value = scope[entry.name](*case.operands(), **case.parameters)
            assert np.array_equal(value, case.forward(case.operands()))


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.formula], ids=lambda entry: entry.name)
def test_a_formula_computes_what_forward_computes(entry):
    for case in CASES:
        if case.entry is entry:
            found = entry.formula(*case.operands(), **case.parameters)
            np.testing.assert_array_equal(found, case.forward(case.operands()))


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.machine], ids=lambda entry: entry.name)
def test_code_for_machines_names_every_operand(entry):
    fields = {name for _, name, _, _ in string.Formatter().parse(entry.machine) if name}
    assert fields - {"zero"} == {str(i) for i in range(len(entry.operands))}


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.at], ids=lambda entry: entry.name)
def test_what_is_done_at_an_index_is_what_the_entry_says(entry):
    x, v = np.arange(4.0), np.array([0.5, 7.0, 8.0])
    index = np.array([3, 0, 3])
    operands, others = {
        "reads": ([x], {}), "adds": ([v], {"shape": (4,)}), "writes": ([x, v], {}),
    }[entry.at]  # fmt: skip
    expected = {"reads": [3, 0, 3], "adds": [7, 0, 0, 8.5], "writes": [7, 1, 2, 8]}[entry.at]
    assert entry(*operands, index=index, **others).tolist() == expected


@pytest.mark.parametrize("folder", ["compile", "program"])
def test_no_operation_is_compared_by_its_name(folder):
    for file in (Path(al.__file__).parent / folder).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Compare):
                texts = [x.value for x in ast.walk(node) if isinstance(x, ast.Constant)]
                words = {x for x in texts if isinstance(x, str)} - {
                    "where"
                }  # A keyword of NumPy's.
                assert words.isdisjoint(REGISTRY), (file.name, node.lineno)


def test_no_table_of_operations_is_left_but_the_algebra_over_several():
    from autograd_lite.program.expression import REWRITES

    assert REWRITES.keys() - {None} <= set(REGISTRY.values())
    assert len(REWRITES) <= 10
