"""Derivations print loops as loops: with the user's index, and the same numbers bit for bit."""

import itertools
import linecache
import random
import re

import numpy as np
import pytest
from printed_code import assert_both_run

import autograd_lite as al
from autograd_lite.derive.helpers import namespace


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


def body(derivation):
    """Return the lines of the code, without comments."""
    return [re.sub(r"(?<=\S) +# .*", "", line) for line in derivation.code.splitlines()]


def appended(xs, W):
    rows = []
    for k in range(5):
        z = xs[k] @ W
        rows.append(np.tanh(z))
    return np.sum(np.stack(rows) ** 2)


def test_a_list_of_the_user_s_has_its_name():
    printed = body(al.derive(appended, *draw((5, 2), (2, 2)), wrt="W"))
    assert printed[2:6] == [
        "    rows = [None] * 5",
        "    for k in range(5):",
        "        z = xs[k] @ W",
        "        rows[k] = np.tanh(z)",
    ]


def convolution(x, K, t):
    z = np.zeros((4, 4))
    for row in range(3):
        for column in range(2):
            z = z + K[row, column] * x[2 * row : 2 * row + 4, column : column + 4]
    return np.sum((np.tanh(z) - t) ** 2)


def test_a_sum_over_two_indices_is_a_nest_with_the_names_that_the_user_has():
    printed = body(al.derive(convolution, *draw((8, 5), (3, 2), (4, 4)), wrt="K"))
    assert printed[2:6] == [
        "    z = np.zeros((4, 4))",
        "    for row in range(3):",
        "        for column in range(2):",
        "            z += K[row, column] * x[2 * row:2 * row + 4, column:column + 4]",
    ]
    assert printed[-4:-1] == [
        "    for row in range(3):",
        "        for column in range(2):",
        "            d_K[row, column] = "
        "np.sum(z_delta * x[2 * row:2 * row + 4, column:column + 4])",
    ]


def recurrent(xs, h, Wx, Wh, y):
    for t in range(6):
        h = np.tanh(xs[t] @ Wx + h @ Wh)
    return np.sum((h - y) ** 2)


RECURRENT = draw((6, 2), (3,), (2, 3), (3, 3), (3,))


def test_a_recurrence_keeps_its_states_and_goes_back_over_them():
    derivation = al.derive(recurrent, *RECURRENT, wrt=["Wx", "Wh"])
    assert (
        body(derivation)
        == """\
def loss_and_gradients(xs, h, Wx, Wh, y):
    # forward
    hs = [h] + [None] * 6
    for t in range(6):
        hs[t + 1] = np.tanh(xs[t] @ Wx + hs[t] @ Wh)
    loss = np.sum((hs[6] - y) ** 2)
    # backward
    h_delta = 2 * (hs[6] - y) * (1 - hs[6] ** 2)
    d_Wh = np.outer(hs[5], h_delta)
    d_Wx = np.outer(xs[5], h_delta)
    for t in reversed(range(5)):
        h_delta = (Wh @ h_delta) * (1 - hs[t + 1] ** 2)
        d_Wh += np.outer(hs[t], h_delta)
        d_Wx += np.outer(xs[t], h_delta)
    return loss, {"Wx": d_Wx, "Wh": d_Wh}""".splitlines()
    )
    assert "for t in reversed(range(5)):" in derivation.code_with_source
    assert "h2 = np.tanh(xs[1] @ Wx + h1 @ Wh)" in [line.code for line in derivation.lines]


def test_gradients_of_the_values_of_every_round_are_kept_and_returned():
    derivation = al.derive(recurrent, *RECURRENT, wrt="all")
    assert '"h1": d_hs[1], "h2": d_hs[2]' in " ".join(derivation.code.split())
    _, gradients = derivation.function(*RECURRENT)
    steps = [RECURRENT[1]]
    for x in RECURRENT[0]:
        steps.append(np.tanh(x @ RECURRENT[2] + steps[-1] @ RECURRENT[3]))
    back = 2 * (steps[-1] - RECURRENT[4])
    for t in (5, 4, 3, 2, 1):
        back = RECURRENT[3] @ (back * (1 - steps[t + 1] ** 2))
        np.testing.assert_allclose(gradients[f"h{t}"], back, rtol=1e-12)


def stacked(xs, W):
    return np.sum(np.stack([np.tanh(xs[i] @ W) for i in range(5)]) ** 2)


def test_a_list_of_what_every_round_made_is_the_list():
    printed = body(al.derive(stacked, *draw((5, 2), (2, 2)), wrt="W"))
    assert printed[2:6] == [
        "    v1s = [None] * 5",
        "    for i in range(5):",
        "        v1s[i] = np.tanh(xs[i] @ W)",
        "    v6 = np.stack(v1s)",
    ]


def channels(x, W, t):
    rows = []
    for c in range(2):
        z = np.zeros((2, 2))
        for d in range(3):
            for i in range(2):
                for j in range(2):
                    z = z + W[c, d, i, j] * x[d, i : i + 2, j : j + 2]
        rows.append(np.tanh(z))
    return np.sum((np.stack(rows) - t) ** 2)


def test_an_array_may_be_written_to_in_several_loops_with_the_innermost_indices():
    printed = body(al.derive(channels, *draw((3, 3, 3), (2, 3, 2, 2), (2, 2, 2)), wrt="W"))
    nest = [
        "    for d in range(3):",
        "        for i in range(2):",
        "            for j in range(2):",
    ]
    assert [line for line in printed if "for " in line] == nest * 3
    assert "d_W[1, d, i, j] = np.sum(z_delta * x[d, i:i + 2, j:j + 2])" in printed[-2]


def product(A, B):
    table = al.Tensor(np.zeros((4, 4)))
    for i in range(4):
        for j in range(4):
            for k in range(3):
                table[i, j] += A[i, k] * B[k, j]
    return np.sum(table**2)


def test_an_entry_that_is_added_to_in_place_is_written_once():
    printed = body(al.derive(product, *draw((4, 3), (3, 4)), wrt="B"))
    assert printed[2:6] == [
        "    table = np.zeros((4, 4))",
        "    for i in range(4):",
        "        for j in range(4):",
        "            table[i, j] = A[i, 0] * B[0, j] + A[i, 1] * B[1, j] + A[i, 2] * B[2, j]",
    ]


def test_zeros_that_a_record_fills_are_no_argument():
    a, b = draw((2, 3), (3, 2))
    w = al.Tensor(b, requires_grad=True)
    table = al.Tensor(np.zeros((2, 2)))
    for i in range(2):
        for j in range(2):
            for k in range(3):
                table[i, j] += a[i, k] * w[k, j]
    derivation = al.derive(np.sum(table**2))
    assert "input" not in derivation.code
    assert "table = np.zeros((2, 2))" in derivation.code


def overwritten(x):
    t = al.Tensor(np.ones(4))
    t[1] = x[0]
    t[-3] = t[1] * x[1] + t[0]
    t[2] += t[1] * t[2]
    before = t * x
    t[1] = t[2]
    t[np.array([0, 1])] *= 2.0
    t[3] = t[1]
    return np.sum(before) + np.sum(t * t) + t[3]


def overwritten_rows(x):
    t = al.Tensor(np.zeros((3, 2)))
    t[0] = x[:2]
    t[0] = t[0] * x[2] + t[1]
    t[1, 0] = t[0, 1] * x[3]
    t[1:] = t[:2] * x[0]
    t[1, 1] += t[2, 0]
    return t[1, 1] * np.sum(t[1])


@pytest.mark.parametrize("f", [overwritten, overwritten_rows])
def test_what_is_read_of_an_array_is_what_it_holds_by_then(f):
    assert_both_run(f, {"x": draw(4)[0]})


def mixed(xs, h0, W, U):
    h = h0
    for t in range(5):
        z = 1 / (1 + np.exp(-(xs[t] @ W)))
        h = z * np.tanh(h @ U) + (1 - z) * h
    return np.sum(h**2)


def test_the_last_round_is_no_other_for_want_of_a_gradient_that_nobody_asked_for():
    derivation = al.derive(mixed, *draw((5, 2), (3,), (2, 3), (3, 3)), wrt=["W", "U"])
    loop = next(i for i, x in enumerate(body(derivation)) if "reversed(range(5))" in x)
    assert all(x.startswith(" " * 8) for x in body(derivation)[loop + 1 : -1])
    assert "h0" not in derivation.gradients
    assert "d_h0" not in derivation.unrolled_code
    assert "∂L/∂h₀" not in derivation.text


def diffused(u0, alpha):
    u = u0
    for _ in range(4):
        u = u + alpha * (np.roll(u, 1) - 2 * u)
    return np.sum(u**2)


def test_a_loop_writes_over_no_argument_that_has_another_name():
    printed = body(al.derive(diffused, *draw(4, ()), wrt="alpha"))
    assert "    u = u0" in printed
    assert not any(re.match(" +u0 = ", x) for x in printed)


def ranked(v, M, d):
    for _ in range(6):
        v = d * (v @ M) + (1 - d) / len(v)
    return -np.sum(v * np.log(v))


def spring(x, rest):
    energy = 0.0
    for i in range(len(x) - 1):
        d = x[i + 1] - x[i] - rest
        energy += d**3
    return energy


def halves(q, p, k):
    for _ in range(6):
        p = p - 0.05 * k * q
        q = q + 0.1 * p
        p = p - 0.05 * k * q
    return np.sum(q**2)


@pytest.mark.parametrize(
    ("f", "shapes", "said", "not_said"),
    [
        (ranked, (3, (3, 3), ()), "d_d -= np.mean(", "d_d = np.sum("),
        (spring, (9, ()), "d_x[i] = d_deltas[i - 1] - d_deltas[i]", "d_deltas[0]\n    d_x[1]"),
        (halves, (2, 2, ()), "- 2 * p_deltas[i + 1] * v1", "* v1 - "),
    ],
)
def test_a_sum_in_rounds_is_written_as_a_person_does(f, shapes, said, not_said):
    values = [np.abs(x) for x in draw(*shapes)]
    code = al.derive(f, *values).code.partition("# backward")[2]
    assert said in code
    assert not_said not in code
    assert_both_run(f, dict(zip(f.__code__.co_varnames, values, strict=False)))


def labelled(xs, ys, W, U, V):
    h, loss = np.zeros(3), 0
    for t in range(5):
        h = np.tanh(xs[t] @ W + h @ U)
        e = np.exp(h @ V)
        loss = loss - np.sum(ys[t] * np.log(e / np.sum(e)))
    return loss


def test_rows_of_labels_that_add_up_to_one_give_the_difference_from_them():
    xs, *weights = draw((5, 2), (2, 3), (3, 3), (3, 4))
    derivation = al.derive(labelled, xs, np.eye(4)[[0, 3, 1, 1, 2]], *weights, wrt=["W", "U", "V"])
    assert "where ys adds up to 1 along axis 1, as here" in derivation.code
    assert "        e_delta = v2s[t] - ys[t]" in derivation.code
    with pytest.raises(ValueError, match="adds up to 1"):
        derivation.function(xs, np.ones((5, 4)), *weights)


def polynomial(x, c):
    return (c[0] + c[1] * x + c[2] * x**2 + c[3] * x**3 + c[4] * x**4) ** 2


def three_steps(x, w):
    for _ in range(3):
        x = np.tanh(x * w)
    return np.sum(x**2)


@pytest.mark.parametrize(("f", "given"), [(polynomial, [2.0, np.ones(5)]),
                                          (three_steps, [np.ones(2), 0.5])])  # fmt: skip
def test_what_is_short_or_was_written_out_stays_as_it_is(f, given):
    assert "for " not in al.derive(f, *given).code


def test_a_loop_is_found_where_no_source_can_be_read():
    space = {}
    exec("def f(x):\n    for _ in range(4):\n        x = x * x\n    return x", space)
    derivation = al.derive(space["f"], 1.5)
    assert "for i in range(4):" in derivation.code
    assert derivation.function(1.5) == (1.5**16, {"x": 16 * 1.5**15})


def many(x, a):
    for _ in range(400):
        x = np.sin(x * a)
    return np.sum(x)


def test_a_loop_may_have_many_rounds():
    assert len(al.derive(many, np.ones(2), 0.9, wrt=["x", "a"]).code.splitlines()) < 25


def test_a_parameter_that_is_bound_again_is_meant_by_its_name():
    _, gradients = al.derive(three_steps, np.ones(2), 0.5, wrt="x").function(np.ones(2), 0.5)
    np.testing.assert_allclose(gradients["x"], al.grad(three_steps)(np.ones(2), 0.5))


def gated(xs, W):
    h = np.zeros(2)
    for x in xs:
        i = 1 / (1 + np.exp(-(x @ W)))
        h = h + i * np.tanh(x)
    return np.sum(h**2)


def test_an_index_has_no_name_that_a_value_has():
    xs, start = draw((6, 2), (2, 2))
    w = al.Tensor(start, requires_grad=True, name="W")
    for derivation in (
        al.derive(gated, xs, start, wrt="W"),
        al.derive(gated(xs, w), names={"xs": xs}),
    ):
        _, gradients = derivation.function(**derivation.arguments)
        assert "    for " in derivation.code
        np.testing.assert_allclose(gradients["W"], al.grad(gated, argnums=1)(xs, start), rtol=1e-12)


def shifted(xs, a):  # Terms of the sum have different shapes.
    total = a
    for i in range(5):
        total = total + np.sum(xs[i] * a[:2])
    return np.sum(total * total)


def picked(x, w):
    h = w
    for k in reversed(range(6)):
        h = np.concatenate([h[1:], x[k : k + 1]]) * w
    return np.sum(h)


@pytest.mark.parametrize(("f", "shapes"), [
    (recurrent, [x.shape for x in RECURRENT]), (convolution, [(8, 5), (3, 2), (4, 4)]),
    (shifted, [(5, 2), (3,)]), (picked, [(6,), (3,)]), (stacked, [(5, 2), (2, 2)]),
    (channels, [(3, 3, 3), (2, 3, 2, 2), (2, 2, 2)]),
])  # fmt: skip
def test_the_gradients_are_those_of_autodiff(f, shapes):
    names = f.__code__.co_varnames[: f.__code__.co_argcount]
    assert_both_run(f, dict(zip(names, draw(*shapes), strict=True)))


STEPS = (
    "h = np.tanh({x} @ W + h @ U + b)", "h = h + {x} * {s}", "h = np.sin(h) * {s} + {x}",
    "z = {x} @ W; h = h * (1 - z) + z * np.tanh(h)", "h = np.maximum(h @ U, 0) + {x}",
    "h = np.concatenate([h[1:], {x}[:1]])", "c = 0.9 * c + h * {x}; h = np.tanh(c) * {s}",
    "h, c = c + {x}, np.tanh(h @ W)", "total = total + np.sum((h - b) ** 2)",
    "kept.append(h * {s})",
    "for k in range(2): h = h + W[k, 0] * X[k] * {s}",
)  # fmt: skip
ROUNDS = ("range(6)", "range(1, 6)", "range(2, 8)", "reversed(range(6))", "range(0, 8, 2)")


@pytest.mark.parametrize("seed", range(40))
def test_random_loops_give_what_their_lines_give(seed):
    rng = random.Random(seed)
    x = rng.choice(["X[t]", "X[t + 1]", "X[-1 - t]"])
    s = rng.choice(["s[t]", "0.5", "t", "s[8 - t]"])
    steps = [step.format(x=x, s=s) for step in rng.sample(STEPS, rng.randint(1, 4))]
    if all("h = " not in step for step in steps):
        steps.append(STEPS[0].format(x=x, s=s))
    lines = [
        "h, c, total, kept = b, np.zeros(2), 0.0, [b]", f"for t in {rng.choice(ROUNDS)}:",
        *("    " + part for step in steps
          for part in (step.split("; ") if "for" not in step else [step])),
        "return np.sum(h**2) + total + np.sum(np.stack(kept) ** 2)",
    ]  # fmt: skip
    source = "def f(X, W, U, b, s):\n    " + "\n    ".join(lines) + "\n"
    file = f"<random loop {seed}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space = {"np": np}
    exec(compile(source, file, "exec"), space)
    derivation = al.derive(space["f"], *draw((10, 2), (2, 2), (2, 2), (2,), (10,)))
    loss, gradients = derivation.function(**derivation.arguments)
    line_by_line = namespace(derivation.lines) | derivation.arguments
    for line in derivation.lines:
        exec(line.code, line_by_line)
    assert np.array_equal(loss, line_by_line[derivation.lines[len(derivation.forward) - 1].name])
    for name, line in derivation.gradients.items():
        assert np.array_equal(gradients[name], line_by_line[line]), derivation.code


# ---------------------------------------------------------------- formulas


def test_a_recurrence_is_written_with_an_index_and_its_gradients_as_sums():
    derivation = al.derive(recurrent, *RECURRENT, wrt=["Wx", "Wh"])
    assert derivation.text.splitlines() == [
        "hs[0] = h",
        "hs[t + 1] = tanh(xs[t] Wx + hs[t] Wh)  (t = 0, …, 5)",
        "loss = Σ (hs[6] − y)²",
        "δhs[6] = 2 (hs[6] − y) ⊙ (1 − hs[6]²)",
        "δhs[t] = (Wh δhs[t + 1]) ⊙ (1 − hs[t]²)  (t = 5, …, 1)",
        "∂L/∂Wh = Σ_{t=0…5} hs[t] δhs[t + 1]ᵀ",
        "∂L/∂Wx = Σ_{t=0…5} xs[t] δhs[t + 1]ᵀ",
    ]
    assert derivation.latex.splitlines()[-2].replace(r"\mathrm{hs}", "H") == (
        r"\frac{\partial L}{\partial \mathrm{Wx}} &= "
        r"\sum_{t=0}^{5} {\mathrm{xs}}_{t} {\delta_{H_{t + 1}}}^\top"
    )


def test_what_is_bound_before_a_loop_has_the_index_before():
    def f(xs, U):
        h = np.tanh(xs[0])
        for t in range(1, 6):
            h = np.tanh(xs[t] + U @ h)
        return np.sum(h**2)

    written = al.derive(f, *draw((6, 2), (2, 2)), wrt="U").text.splitlines()
    assert written[:2] == [
        "h[0] = tanh(xs[0])",
        "h[t] = tanh(xs[t] + U h[t − 1])  (t = 1, …, 5)",
    ]


def test_an_index_is_never_what_another_name_is_written_with():
    def f(x0, v):
        x = 2 * x0
        for t in range(5):
            x = np.sin(x) + v[t]
        return np.sum(x)

    derivation = al.derive(f, *draw((3,), (5,)), wrt="x0")
    assert derivation.text.startswith("xs[0] = 2 x₀\nxs[t + 1] = sin(xs[t]) + v[t]  (t = 0, …, 4)")


def test_what_a_loop_starts_from_is_not_written_as_an_argument_is():
    def f(h0, W):
        h = h0
        for _ in range(4):
            h = np.tanh(W @ h)
        return np.sum(h)

    derivation = al.derive(f, *draw((2,), (2, 2)), wrt="W")
    assert r"\mathrm{hs}_{0} &= h_{0}" in derivation.latex


def test_what_a_loop_starts_from_is_not_taken_for_another_argument():
    def f(h1, h_1, W):
        h = h_1
        for _ in range(4):
            h = np.tanh(W @ h)
        return np.sum(h * h1)

    derivation = al.derive(f, *draw((2,), (2,), (2, 2)), wrt=["h1", "h_1"])
    assert derivation.text.startswith("hs[0] = h_1\n")
    assert "∂L/∂h₁ = hs[4]" in derivation.text


def test_a_gradient_that_a_loop_has_made_is_named():
    def f(h, v):
        for t in range(5):
            h = h * v[t]
        return np.sum(h)

    written = al.derive(f, *draw((3,), (5,)), wrt="h").text.splitlines()
    assert any(line.startswith("∂L/∂h = ") for line in written)


def test_a_nest_has_all_its_indices_and_no_zeros_where_every_entry_is_written():
    written = al.derive(convolution, *draw((8, 5), (3, 2), (4, 4)), wrt="K").text.splitlines()
    part = "x[2row:2row + 4, column:column + 4]"
    assert written[0] == f"z = Σ_{{row=0…2, column=0…1}} K[row, column] {part}"
    assert written[-1] == (f"∂L/∂K[row, column] = Σ δz ⊙ {part}  (row = 0, 1, 2; column = 0, 1)")
    assert not any(line.endswith("= 𝟎") for line in written)


def test_several_terms_of_a_round_are_summed_together():
    def f(xs, W):
        total = 0.0
        for t in range(5):
            total = total + np.sum(np.sin(xs[t] @ W)) - np.sum(xs[t] @ W)
        return total

    written = al.derive(f, *draw((5, 2), (2,)), wrt="W").text.splitlines()
    assert written[:2] == [
        "v₁[t] = xs[t] · W  (t = 0, …, 4)",
        "total = Σ_{t=0…4} ((Σ sin(v₁[t])) − (Σ v₁[t]))",
    ]


BODIES = (
    "h = np.tanh(xs[t] @ W + h @ W)",
    "h = h + xs[t + 1] * np.sin(h)",
    "h = h * (xs[2 * t] - b)",
    "z = xs[9 - t] @ W\n        h = np.tanh(z) - b * h",
)


def with_number(formula, index, number):
    """Return a formula with a number in the place of an index."""
    grown = rf"(?<![\w.])(?:\d+ [+−] )?\d*{index}(?: [+−] \d+)?(?!\w)"
    code = re.compile(r"(\d)([a-z])")

    def value(found):
        return str(eval(code.sub(r"\1*\2", found[0].replace("−", "-")), {index: number}))

    return re.sub(grown, value, formula)


def bare(formula):
    """Return a formula without what its values are called: all are a, but for the arguments."""
    return re.sub(r"\b(?:h|z|v)s?[₀-₉]*(?:\[\d+\])?(?!\w)", "a", formula)


@pytest.mark.parametrize("seed", range(8))
def test_every_round_that_formulas_stand_for_is_a_line_of_the_derivation(seed):
    """With the numbers of each round put in, the formulas are the lines, in other names."""
    chosen = random.Random(seed).sample(BODIES, 2)
    body = "".join(f"        {line}\n" for line in chosen)
    source = f"def f(xs, W, b):\n    h = np.cos(b)\n    for t in range(5):\n{body}"
    space = {"np": np}
    exec(f"{source}    return np.sum(h ** 2)\n", space)
    derivation = al.derive(space["f"], *draw((11, 2), (2, 2), (2,)), wrt="b")
    rows = itertools.takewhile(lambda x: "loss" not in x, derivation.text.splitlines())
    found = []
    for formula, _, where in (row.partition("  (") for row in rows):
        if where:
            index, first, last = re.fullmatch(r"(\w+) = (\d+), .*?(\d+)\)", where).groups()
            low, high = sorted((int(first), int(last)))
            numbers = range(low, high + 1)
            found += [with_number(formula, index, k) for k in numbers]
        elif not re.fullmatch(r"\S+ = \w+", formula):  # What a loop starts from.
            found.append(formula)
    assert any("  (" in row for row in derivation.text.splitlines())
    lines = [line.text for line in derivation.forward[:-1]]
    assert sorted(map(bare, found)) == sorted(map(bare, lines))


def windowed(x, W):
    rows = []
    for i in range(2):
        for j in range(3):
            product = np.tensordot(x[i : i + 2, j : j + 2], W, axes=2)  # It reshapes W.
            rows.append(product)
    return np.sum(np.tanh(np.stack(rows)))


def test_what_every_round_uses_is_before_the_loop_and_in_no_round():
    derivation = al.derive(windowed, *draw((3, 4), (2, 2)))
    printed = body(derivation)
    assert printed[2].startswith("    v1 = W.reshape(")
    assert printed[5:7] == ["    for i in range(2):", "        for j in range(3):"]
