"""A learner is told what is right and never misled; a teacher gets the mistake of each."""

import csv
import inspect
import io
import pickle
import re

import numpy as np
import pytest
from char_mlp import LINES

import autograd_lite as al
from autograd_lite.check.names import named_in
from autograd_lite.practice.magic import held_against
from models.exercises import EXERCISES, character_mlp, two_two_one


def worked(values, lines, right="", wrong=""):
    assert right in lines, right
    space = {**values, "np": np, "n": 16}
    exec(lines.replace(right, wrong, 1) if right else lines, space)
    return space


@pytest.fixture(scope="module")
def character():
    return character_mlp()


def test_the_solution_of_the_character_model_is_right(character):
    task, values = character
    progress = task.check(worked(values, LINES))
    assert progress, str(progress)
    assert len(task.names) == 26


@pytest.mark.parametrize(
    ("right", "wrong", "where", "says"),
    [
        ("-1.0 / n", "-1.0", "logprobs", "summed"),
        ("dlogprobs / probs", "dlogprobs * probs", "probs", "multiplied by probs"),
        ("counts_sum**-2", "counts_sum**-1", "counts_sum", "the exponent is not made 1 less"),
        (" + np.ones_like(counts) * dcounts_sum", "", "counts", "from counts_sum is left out"),
        ("(1 - h**2)", "(1 + h**2)", "hpreact", "1 + h ** 2 stands in place of"),
        ("bngain * dhpreact", "dhpreact", "bnraw", "the factor bngain is missing"),
        ("-0.5 *", "0.5 *", "bnvar", "the sign is flipped"),
        ("(1 / (n - 1))", "(1 / n)", "bndiff2", "n = 16 stands where n - 1 = 15 belongs"),
        (" + 2 * bndiff * dbndiff2", "", "bndiff", "from bndiff2 is left out"),
        ("np.add.at(dC, Xb, demb)", "dC[Xb] += demb", "C", "several times"),
    ],
)
def test_one_mistake_is_marked_once_and_has_its_name(character, right, wrong, where, says):
    task, values = character
    progress = task.check(worked(values, LINES, right, wrong))
    marked = [name for name, mark in progress.marks.items() if mark.startswith("wrong")]
    assert marked == [where] == [progress.first_wrong]
    assert says in progress.comparison[where].diagnosis.title
    assert says not in str(progress)  # What it is, is for the learner to find.


def test_what_is_not_there_yet_is_open_and_shapes_are_said(character):
    task, values = character
    space = worked(values, LINES)
    first = task.check(dlogprobs=space["dlogprobs"])
    assert not first
    assert [mark for mark in first.marks.values() if mark != "not yet"] == ["right"]
    assert "shape is (24, 16)" in task.check(dh=space["dh"].T).marks["h"]
    assert set(task.check().marks.values()) == {"not yet"}


def test_a_name_that_is_none_is_refused_with_near_ones(character):
    task, _ = character
    with pytest.raises(KeyError, match=r"Did you mean .*logprobs"):
        task.check(dlogprob=1.0)


@pytest.mark.parametrize("make", EXERCISES.values(), ids=EXERCISES)
def test_every_gradient_has_hints_that_give_away_more_and_more(make):
    task, _ = make()
    for name in task.names:
        shape, rule, line = (task.hint(name, level) for level in (1, 2, 3))
        assert "shape" in shape
        assert rule.endswith(".")
        assert line not in rule
        assert "=" in line
    with pytest.raises(ValueError, match="level is 1, 2 or 3"):
        task.hint(name, 4)
    with pytest.raises(TypeError, match="by its name or its tensor, got 3"):
        task.hint(3)


def test_a_parameter_of_a_module_is_called_as_on_the_worksheet():
    loss = np.sum(al.nn.Sequential(al.nn.Linear(1, 1))(np.ones((2, 1))))
    task = al.exercise(loss)
    (bias,) = [name for name in task.names if name.endswith("bias")]
    blank = next(line for line in task.worksheet().split() if line.endswith("_bias"))
    assert task.check(**{blank: [2.0]}).marks[bias] == "right"
    assert task.hint(blank, 3) == task.hint(bias, 3)


def test_a_hint_is_asked_for_by_the_tensor_too():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    task = al.exercise(np.sum(w**2))
    assert task.hint(w, 3) == task.hint("w", 3)
    with pytest.raises(TypeError, match="grade needs an exercise, got a Tensor"):
        al.grade(w, {})


def test_grades_list_the_first_mistake_of_each_and_count_them():
    task, values = two_two_one()
    v = values
    dp = 2 * (v["p"] - v["target"])
    do = dp * v["p"] * (1 - v["p"])

    def raises():
        raise ZeroDivisionError("none")

    grades = al.grade(task, {"a": {"dp": dp, "do": do}, "b": {"dp": -dp}, "c": raises})
    assert [mark.first_wrong for mark in grades.marks] == ["", "p", ""]
    assert re.search(r"^a +2/8 +not given: b2, W2, h, z, b1, W1$", str(grades), re.MULTILINE)
    rounded = al.grade(task, {"r": {"dp": np.round(dp, 2)}}).marks[0]
    assert rounded.mistake.startswith("right to the digits")
    assert grades.histogram == {"sign flipped": 1, "an error": 1}
    rows = list(csv.DictReader(io.StringIO(grades.to_csv())))
    assert [row["who"] for row in rows] == ["a", "b", "c"]
    assert rows[2]["mistake"] == "ZeroDivisionError: none"
    page = grades.to_html()
    assert page.count("<tr>") == 4 + 2
    assert "sign flipped" in page


def test_a_table_cannot_smuggle_a_formula_or_markup():
    task, _ = two_two_one()
    grades = al.grade(task, {"=cmd()": {}, "<b>": {}})
    assert "\n'=cmd()" in grades.to_csv()
    assert "<b>" not in grades.to_html()


def test_the_magic_compares_or_checks():
    w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = np.sum(w**2)
    task = al.exercise(loss)
    space = {"loss": loss, "task": task, "dw": 2 * w.numpy(), "w": w}
    registered = {}

    class Shell:
        user_ns = space

        def register_magic_function(self, function, magic_kind, magic_name):
            registered[magic_name] = function

    al.load_ipython_extension(Shell())  # What %load_ext autograd_lite calls.
    assert registered["backprop"]("loss")
    assert registered["backprop"](" task ")
    with pytest.raises(NameError, match="no variable 'los'"):
        held_against("los", space)
    with pytest.raises(TypeError, match="a loss or an exercise"):
        held_against("dw", space)


def test_an_exercise_needs_a_loss_and_names():
    w = al.Tensor(1.0, requires_grad=True, name="w")
    with pytest.raises(TypeError, match=r"Make it anew, with al\.exercise"):
        pickle.dumps(al.exercise(w * w))
    with pytest.raises(ValueError, match="a single entry"):
        al.exercise(al.Tensor([1.0, 2.0], requires_grad=True))


def test_an_exercise_asks_for_what_it_is_told_to_and_says_what():
    w, v = (al.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    loss = np.sum(np.tanh(w) * v)
    assert repr(al.exercise(loss, wrt=w)) == "<Exercise: gradients of w>"
    assert al.exercise(loss, wrt=["v", w]).names == al.exercise(loss).names == ("v", "w")


def test_hints_name_the_arrays_of_indices_and_go_back_to_a_value_with_a_name():
    task, _ = character_mlp()
    for name in task.names:
        for level in (1, 2, 3):
            assert "array(" not in task.hint(name, level)
    assert "np.add.at(d_C, Xb, d_emb)" in task.hint("C", 3)
    assert "multiply by the other factor, 0.0625. Then" in task.hint("hprebn", 2)


def test_an_entry_of_a_list_has_a_blank_that_check_takes():
    w = al.Tensor([0.5, -1.0], requires_grad=True, name="w")
    hs = [np.tanh(w[i]) for i in range(2)]
    task = al.exercise(hs[0] * hs[1])
    assert "    d_hs_0 = None" in task.worksheet()
    assert "hs[0]  right" in str(task.check({"d_hs_0": hs[1].item()}))


def test_a_worksheet_runs_and_its_blanks_are_not_there_yet():
    task, values = character_mlp()
    space = {"np": np}
    exec(task.worksheet(), space)
    worksheet = space["loss_and_gradients"]
    names = inspect.signature(worksheet).parameters
    space = worksheet(**{name: values[name] for name in names})
    np.testing.assert_allclose(space["probs"], values["probs"])
    progress = task.check(space)
    assert set(progress.marks.values()) == {"not yet"}
    assert {f"d_{name}" for name in task.names} <= set(space)


def test_a_table_says_what_was_not_given_and_which_shape_is_wrong_and_leaves_cells_empty():
    w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
    task = al.exercise(np.sum(w**2))
    grades = al.grade(task, {"right": {"dw": [2.0, 4.0]}, "nobody": {}, "long": {"dw": np.ones(3)}})
    right, nobody, long = grades.to_csv().splitlines()[1:]
    assert right.endswith(",,,")
    assert nobody.endswith("not given: w")
    assert long.endswith('w,shape,"its shape is (3,), and that of w is (2,)"')
    assert repr(grades) == str(grades)  # In a notebook.
    assert repr(task.check()) == "w  not yet\n0 of 1 right"


def test_hints_say_the_rule_of_each_path_and_what_is_picked_twice():
    task, _ = character_mlp()
    assert task.hint("bndiff").count("the gradients of bndiff2 and bnraw") == 1
    assert task.hint("bndiff", 2).startswith("The sum of: bndiff ** 2: a power, so multiply by")
    assert " And of: bndiff * bnvar_inv: a product" in task.hint("bndiff", 2)
    assert "an entry that is picked several times gets the sum" in task.hint("C", 2)
    assert "several times" not in task.hint("logprobs", 2)  # One entry of each row.
    assert "a difference, so what arrives comes back with a minus" in task.hint("bnmeani", 2)
    assert "logit_maxes is the largest of entries of logits" in task.hint("logits", 2)


def test_a_hint_goes_back_on_every_path_and_says_the_line_that_has_no_name():
    x, target = np.ones((2, 3)), np.zeros((2, 3))
    z = al.Tensor(x, requires_grad=True, name="z")
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    task = al.exercise(np.sum((p - target) ** 2) / 3)
    assert "z gets the gradient of p, less its mean weighted by softmax(z)" in task.hint(z, 2)
    assert "np.sum((p - target) ** 2) / 3: a quotient, so divide by 3. Then" in task.hint(p, 2)
    ratio = al.exercise(np.sum(z / (1 + z**2)), wrt="z").hint(z, 2)
    assert "a quotient, so divide by 1 + z ** 2. And of: " in ratio
    assert "a quotient, so multiply by minus the quotient" in ratio
    code = task.solution()
    assert all(line in code for line in task.hint(p, 3).split("\n"))


@pytest.mark.parametrize("name", EXERCISES)
def test_a_worksheet_runs_on_the_values_that_come_with_it(name):
    task, values = EXERCISES[name]()
    space = {"np": np}
    exec(task.worksheet(), space)
    asked = inspect.signature(space["loss_and_gradients"]).parameters
    progress = task.check(space["loss_and_gradients"](**{x: values[x] for x in asked}))
    assert set(progress.marks.values()) == {"not yet"}


@pytest.mark.parametrize("f", [np.cumsum, np.linalg.inv, al.softmax, al.log_softmax, al.logsumexp])
def test_a_hint_says_entry_by_entry_only_where_entries_stay_apart(f):
    w = al.Tensor([[1.0, 2.0], [0.0, 3.0]], requires_grad=True, name="w")
    assert "entry by entry" not in al.exercise(np.sum(f(w) ** 2)).hint("w", 2)
    assert "entry by entry" in al.exercise(np.sum(np.tanh(w))).hint("w", 2)


def test_a_hint_at_a_squared_error_says_its_rule():
    task, _ = EXERCISES["eleven-lines"]()
    assert "twice what is squared, and the half in front cancels the 2" in task.hint("l2", 2)


@pytest.fixture
def eleven():
    task, v = EXERCISES["eleven-lines"]()
    l2_delta = (v["l2"] - v["y"]) * v["l2"] * (1 - v["l2"])
    return task, v, l2_delta


def test_a_delta_is_that_of_the_article_and_says_whose_gradient_it_is(eleven):
    task, v, l2_delta = eleven
    l1_delta = (l2_delta @ v["syn1"].T) * v["l1"] * (1 - v["l1"])
    progress = task.check({"l2_delta": l2_delta, "l1_delta": l1_delta, **v})
    assert [x for x, mark in progress.marks.items() if mark == "right"] == ["z2", "z1"]
    assert "z2 (l2_delta)  right" in str(progress)
    assert task.check(l2_delta=v["l2"] - v["y"]).marks["l2"] == "right"
    assert task.check(l2_delta=l2_delta * v["l2"]).marks["z2"].startswith("wrong")


def test_a_gradient_alone_is_not_blamed_for_what_is_above(eleven):
    task, v, l2_delta = eleven
    wrong = v["l1"].T @ (l2_delta / v["l2"])
    assert task.check(d_syn1=wrong).marks["syn1"] == "wrong, here or above: z2 is not given"
    assert task.check(d_syn1=wrong, d_z2=l2_delta).marks["syn1"] == "wrong"


def test_what_is_computed_from_a_wrong_shape_is_not_blamed_for_it(eleven):
    task, v, l2_delta = eleven
    column = l2_delta * v["syn1"][0]  # It should be l2_delta @ syn1.T.
    below = column * v["l1"] * (1 - v["l1"])
    marks = task.check(d_l1=column, d_z1=below, d_syn0=v["x"].T @ below).marks
    assert marks["l1"].startswith("wrong: its shape is (4, 1)")
    assert marks["z1"] == marks["syn0"] == "right, from what you have above"
    row = (v["l2"] - v["y"])[:, 0]
    marks = task.check(d_l2=row, d_z2=row * v["l2"]).marks
    assert marks["z2"] == "not to be told, before l2 has its shape"


def test_what_a_learner_gives_is_understood_or_refused(eleven):
    task, v, l2_delta = eleven
    d_l2 = v["l2"] - v["y"]
    assert task.check({"l2": d_l2}).marks["l2"] == "right"
    assert task.check(v).comparison is None
    assert task.check({"dL_dl2": d_l2, "dloss_dz2": l2_delta}).marks["z2"] == "right"
    with pytest.raises(ValueError, match="dl2 and d_l2 are both the gradient of l2, and differ"):
        task.check({"dl2": d_l2, "d_l2": -d_l2})
    with pytest.raises(TypeError, match=r"as check\(d_l2=...\), got ndarray"):
        task.check(d_l2)
    with pytest.raises(TypeError, match="check: the gradient of l2 by hand is 'x'"):
        task.check(d_l2="x")


def test_a_line_comes_with_those_that_it_needs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    w = al.Tensor(rng.normal(size=(3, 2)), requires_grad=True, name="w")
    p = al.sigmoid(x @ w)
    task = al.exercise(al.mse(p, y))
    space = {"np": np, "x": x, "y": y, "w": w.numpy(), "p": p.numpy()}
    for name in task.names:
        exec(task.hint(name, 3), space)
    assert task.check(space)
    assert task.hint("w", 3).splitlines() == [
        "p_delta = d_p * (p * (1 - p))",
        "d_w = x.T @ p_delta",
    ]


@pytest.mark.parametrize("name", EXERCISES)
def test_the_lines_of_all_hints_are_a_right_solution(name):
    task, values = EXERCISES[name]()
    space = {"np": np, **values}
    for gradient in task.names:
        exec(task.hint(gradient, 3), space)
    assert task.check(space)


def test_a_product_with_a_vector_has_its_rule():
    task, _ = two_two_one()
    assert "entry [i, j] gets h[i] times g[j]" in task.hint("W2", 2)
    assert "the transpose of W2, from the side on which W2 stands" in task.hint("h", 2)


def test_a_loop_has_its_values_by_number_and_its_rows_by_name():
    rng = np.random.default_rng(0)
    xs, start = rng.normal(size=(4, 2)), rng.normal(size=3)
    wx, wh = (
        al.Tensor(rng.normal(size=s), requires_grad=True, name=n)
        for n, s in (("wx", (2, 3)), ("wh", (3, 3)))
    )
    h = start
    for x in xs:
        h = np.tanh(x @ wx + h @ wh)
    task = al.exercise(np.sum(h**2))
    assert task.names == ("h", "wh", "wx")
    assert "the gradients of h1, h2, h3 and h" in task.hint("wh")
    assert "h3 @ wh: a product with a vector" in task.hint("wh", 2)
    assert "v1" not in task.solution()
    space = {"np": np, "xs": xs, "start": start, "wx": wx.numpy(), "wh": wh.numpy()}
    exec(task.solution().replace("return loss,", "return locals(),"), space)
    arguments = inspect.signature(space["loss_and_gradients"]).parameters
    space |= space["loss_and_gradients"](*(space[name] for name in arguments))[0]
    assert task.check(space)
    exec(task.hint("wx", 3), space)
    assert task.check(space)


def test_what_all_paths_share_is_said_once():
    w = al.Tensor([0.5, 0.7], requires_grad=True, name="w")
    rule = al.exercise(-np.mean(np.log(w) + w * np.array([2.0, 3.0]))).hint("w", 2)
    assert rule.count("np.mean") == 2
    assert ". Then the sum of: " in rule


def test_a_delta_that_derive_names_after_a_product_is_told_from_the_gradient_of_the_product():
    rng = np.random.default_rng(0)
    a, b, w = (al.Tensor(rng.normal(size=s), requires_grad=True) for s in (4, 4, (4, 4)))
    g = np.tanh(a @ w)
    h = al.sigmoid(g) * (b * g)
    loss = np.sum((h + h[::-1] * g) ** 2)
    printed = str(al.derive(loss, wrt="all"))
    assert "h_delta = d_h * v1" in printed
    names: dict = {"np": np}
    exec(printed.replace("return loss, {", "return locals(), {"), names)
    found = names["loss_and_gradients"](a.data, b.data, w.data)[0]
    by_hand = {key: found[key] for key in found if key.startswith("d_") or key.endswith("_delta")}
    assert set(al.exercise(loss).check(by_hand).marks.values()) == {"right"}
    assert al.compare(loss, by_hand)
    with pytest.raises(ValueError, match="d_h and h_delta are both the gradient of h, and differ"):
        al.exercise(loss).check({**by_hand, "h_delta": 2 * by_hand["h_delta"]})


def test_a_hint_says_once_what_is_the_same_at_every_step_of_a_loop():
    rng = np.random.default_rng(0)
    w, u = (al.Tensor(rng.normal(size=s), requires_grad=True, name=n) for n, s in
            (("w", (3, 4)), ("u", (4, 4))))  # fmt: skip
    h, states = np.zeros((2, 4)), []
    for x in rng.normal(size=(8, 2, 3)):
        h = np.tanh(x @ w + h @ u)
        states.append(h)
    task = al.exercise(np.sum(h**2))
    for name in "wu":
        hint = task.hint(name, 2)
        assert hint.count("a matrix product") == 1
        assert hint.endswith("The same for each of 7 more uses.")
        assert len(hint) < 500
    one = al.exercise(np.sum(np.tanh(w) * w))
    assert "The same" not in one.hint("w", 2)


def test_an_exercise_that_is_made_again_gives_no_names_to_what_the_last_one_was_about():
    for _ in range(3):
        w = al.Tensor(np.ones((2, 2)), requires_grad=True)
        task = al.exercise(np.sum(np.tanh(w) ** 2))
        assert {*named_in(inspect.currentframe())} == {"w"}
    assert "w" in task.names
