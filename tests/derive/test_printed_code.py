"""The printed code runs by itself, and gives autodiff's numbers: every entry, and programs."""

import numpy as np
from oracles import cases, over, real_of
from printed_code import assert_both_run

import autograd_lite as al


def total(out):
    """One number in which every entry of every result counts."""
    if isinstance(out, tuple | list):
        return sum(map(total, out))
    return np.sum(np.sin(real_of(out))) if np.iscomplexobj(out) else np.sum(np.sin(out * 1.0))


@over(cases())
def test_the_code_of_an_entry_runs(case):
    names = [f"x{i}" for i in range(len(case.operands()))]
    given = dict(zip(names, case.operands(), strict=True))
    fixed = {name: x for name, x in given.items() if x.dtype.kind != "f"}

    def f(*xs):
        now = fixed | dict(zip(drawn, xs, strict=True))
        return total(case.entry(*(now[name] for name in names), **case.parameters))

    drawn = {name: x for name, x in given.items() if name not in fixed}
    space = {"f": f}
    exec(f"def g({', '.join(drawn)}):\n    return f({', '.join(drawn)})", space)
    assert_both_run(space["g"], drawn)


def test_the_code_of_an_own_operation_of_one_line_runs():
    @al.primitive(x=lambda g, y, x: g * 3 * x**2)
    def cubed(x): return x**3  # fmt: skip

    x = np.array([1.5, -0.5])
    assert_both_run(lambda x: np.sum(cubed(x)), {"x": x})
    assert str(al.derive(lambda x: np.sum(cubed(x)), x)).count("def cubed") == 1


def test_the_code_of_a_determinant_runs_at_a_singular_matrix_and_at_a_complex_one():
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    assert_both_run(lambda a: 3 * np.linalg.det(a), {"a": singular})
    assert_both_run(lambda a: 3 * np.linalg.det(a), {"a": np.zeros((3, 3))})
    a, b = np.random.default_rng(0).normal(size=(2, 3, 3))
    assert_both_run(lambda a, b: np.abs(np.linalg.det(a + 1j * b)) ** 2, {"a": a, "b": b})


def test_the_code_of_a_choice_between_whole_numbers_has_a_gradient_of_floats():
    x = np.array([1.0, -1.0, 2.0])
    assert_both_run(lambda x: np.sum(np.where(x > 0, x, 0)), {"x": x})
    assert_both_run(lambda x: np.max(np.where(x > 0, x, -np.inf)), {"x": x})


def test_a_sum_that_starts_at_zero_and_adds_a_negative_number_reads_as_by_hand():
    def f(x):
        total = 0.0
        for _ in range(2):
            total = total + np.sum(x * x) + -0.25
        return total

    x = np.array([1.0, 2.0])
    assert_both_run(f, {"x": x})
    assert "0 +" not in str(al.derive(f, x))
    assert "+ -" not in str(al.derive(f, x))


def test_all_tensors_with_a_name_or_one_by_its_name():
    def f(X, W1, W2):
        h = np.tanh(X @ W1)
        z = h @ W2
        return np.sum(z**2)

    rng = np.random.default_rng(0)
    given = [rng.normal(size=shape) for shape in ((3, 2), (2, 4), (4, 1))]
    every = al.derive(f, *given, wrt="all")
    assert set(every.gradients) == {"X", "W1", "W2", "h", "z"}
    _, found = every.function(*given)
    h = np.tanh(given[0] @ given[1])
    np.testing.assert_allclose(found["h"], 2 * (h @ given[2]) @ given[2].T)
    assert list(al.derive(f, *given, wrt="W1").gradients) == ["W1"]
