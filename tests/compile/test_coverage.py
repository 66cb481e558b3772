"""The table of what runs where is true: what it says runs does, and all else is refused."""

import random
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import ops
from autograd_lite.compile import coverage
from autograd_lite.core.primitive import REGISTRY
from autograd_lite.functional.nests import leaves_of

COMPILED = coverage.rows(on=coverage.COMPILED)
MANUAL = Path(coverage.__file__).with_name("README.md").read_text("utf-8")
CALLS = [row for row in COMPILED if "(" in row.name and "empty" not in row.name]


def programs(row):
    """Yield the function of a call in the table, its gradient if it has one, and arrays."""
    f, arrays, _ = coverage.example(coverage.public()[row.name.partition("(")[0]])
    xs = list(arrays.values())
    yield f, xs, row.value
    if row.gradient:
        by = [i for i, x in enumerate(xs) if x.dtype == float]
        yield coverage.gradient(f, by), xs, row.gradient


def drawn_from(cases, count):
    return random.Random(0).sample(cases, min(count, len(cases)))


def asked(backend, *, runs):
    return [
        (row.name, f, xs)
        for row in CALLS
        for f, xs, said in programs(row)
        if (said[backend] == "") is runs
    ]


def agree(found, expected, name):
    for a, b in zip(leaves_of(found), leaves_of(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12, err_msg=name)


def left_out():
    """What the manual says that a backend does not take, or not the gradient of."""
    (block,) = re.findall(r"```text\n(NumPy\n.*?)```", MANUAL, re.S)
    found, backend = {}, ""
    for line in re.sub(r"\n     *(?!not:|no grad)", " ", block).splitlines():
        kind, _, names = line.strip().partition(": ")
        if names:
            found[backend, "no" if kind == "not" else "value"] = set(names.split(", "))
        else:
            backend = kind
    return found


LEFT_OUT = left_out()


@pytest.fixture(autouse=True)
def _without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_what_machine_code_takes_runs_as_machine_code():
    pytest.importorskip("numba")
    cases = drawn_from(asked("numba", runs=True), 20)
    arrays = {id(x): x for _, _, xs in cases for x in xs}
    places = {key: i for i, key in enumerate(arrays)}
    calls = [(f, [places[id(x)] for x in xs]) for _, f, xs in cases]

    def all_of_them(*given):
        return [f(*(given[i] for i in positions)) for f, positions in calls]

    fast = al.compile(all_of_them, backend="numba")
    found = fast(*arrays.values())
    assert fast.why.startswith("numba"), fast.why
    for (name, f, xs), result in zip(cases, found, strict=True):
        agree(result, f(*xs), name)


def test_what_machine_code_does_not_take_is_left_to_numpy():
    for name, f, xs in drawn_from(asked("numba", runs=False), 40):
        compiled = al.compile(f, backend="auto")
        agree(compiled(*xs), f(*xs), name)
        assert not compiled.why.startswith("numba"), name


def test_what_numpy_takes_gives_the_numbers_of_eager_mode():
    for name, f, xs in drawn_from(asked("NumPy", runs=True), 60):
        agree(al.compile(f, backend="numpy")(*xs), f(*xs), name)


def test_what_numpy_does_not_take_is_refused_for_some_values():
    def refused(f, xs):
        compiled = al.compile(f, backend="numpy")
        try:
            compiled(*xs)
            compiled(*map(np.zeros_like, xs))
        except al.TraceError:
            return True
        return False

    assert [name for name, f, xs in asked("NumPy", runs=False) if not refused(f, xs)] == []


@pytest.mark.parametrize("backend", coverage.EXPORTED)
def test_what_export_takes_stands_alone_and_all_else_is_refused(backend):
    if backend == "to JAX":
        pytest.importorskip("jax").config.update("jax_enable_x64", True)
    no, value = (LEFT_OUT[backend, cell] for cell in ("no", "value"))
    chosen = drawn_from(CALLS, 5 if backend == "to JAX" else 40)
    chosen += drawn_from([row for row in CALLS if row.name.partition("(")[0] in no | value], 5)
    for row in chosen:
        name = row.name.partition("(")[0]
        for (f, xs, _), left in zip(programs(row), (no, no | value), strict=False):
            reason = coverage.runs(f, *xs, on=[backend])[backend]
            assert bool(reason) == (name in left), (row.name, reason)
            if reason:
                with pytest.raises(TypeError):
                    al.export(f, *xs, to=coverage.EXPORTED[backend])
                continue
            exported = al.export(f, *xs, to=coverage.EXPORTED[backend])
            assert "autograd_lite" not in exported.source
            agree(exported(*xs), f(*xs), row.name)


def known(names):
    """Names that this NumPy has."""
    there = {*coverage.public(), *REGISTRY}
    return {name for name in names if name in there}


def without_scipy(row):
    p = REGISTRY.get(row.name)
    return p is None or p.__module__ not in ops.WITH_SCIPY


@pytest.mark.parametrize("backend", coverage.COMPILED)
def test_the_manual_names_what_is_not_compiled(backend):
    for cell in ("no", "value"):
        names = [x for x in COMPILED if x.cell(backend) == cell and without_scipy(x)]
        found = {row.name.partition("(")[0] for row in names}
        assert found == known(LEFT_OUT.get((backend, cell), ())), (backend, cell)
    row = next(x for x in MANUAL.splitlines() if x.startswith(f"| {backend} |"))
    said = set(re.findall(r"`(np\.\w+)`", row))
    assert said <= LEFT_OUT[backend, "no"] | LEFT_OUT[backend, "value"]


def test_every_function_that_returns_arrays_is_in_the_table():
    names = {row.name.partition("(")[0] for row in COMPILED}
    functions = coverage.public()
    known = {functions[name] for name in names if name in functions}
    for row in coverage.table():
        if row.status == "differentiable" and functions[row.name] not in known:
            assert row.name in WRITING, row.name


WRITING = {"np.copyto", "np.fill_diagonal", "np.place", "np.put", "np.put_along_axis", "np.putmask"}


def test_the_table_is_printed(capsys):
    coverage.main(["np.cumsum", "np.linalg.inv"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[-1].strip() == "to NumPy"
    assert lines[1].split() == ["np.cumsum", *["yes"] * (len(lines[2].split()) - 1)]
    assert lines[-1] == "    numba: inv (float64[3, 3]): it is more than arithmetic on numbers"


def test_a_name_that_nothing_has_is_said():
    with pytest.raises(SystemExit, match="Nothing here has nosuch in its name"):
        coverage.main(["nosuch"])


@pytest.mark.parametrize("to", ["numpy", "jax"])
def test_a_choice_by_integers_is_refused_where_they_may_lie_outside(to):
    if to == "jax":
        pytest.importorskip("jax")
        with pytest.raises(TypeError, match=r"no form of np\.choose"):
            al.export(lambda i, x: np.choose(i, [x, 2 * x]), np.array([0, 1]), np.ones(2), to=to)
    exported = al.export(
        lambda m, x: np.choose(m, [x, 2 * x]), np.array([False, True]), np.ones(2), to=to
    )
    np.testing.assert_array_equal(exported(np.array([True, False]), np.ones(2)), [2.0, 1.0])
