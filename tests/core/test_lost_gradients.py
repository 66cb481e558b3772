"""A gradient is lost only by name: `item`, `numpy`, `tolist`, `detach`, text, comparisons.

Everything else that would take the bare value of a tensor that requires a gradient raises, whoever
asks for it, and whether or not the source of the caller can be read.
"""

import array
import cmath
import copy
import functools
import math
import operator
import pickle
import re
import struct
import subprocess
import sys

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import GradientError, Tensor

WAYS_OUT = (
    r"cannot carry the gradient of tensor 'w'\. Write t\.(item|numpy)\(\) for the value alone\. "
    r"To keep the gradient, write (np\.exp\(t\) for math\.exp|np\.stack).* a = al\.Tensor\(a\) "
    r"before a\[i\] = t"
)

NUMBERS = {
    "float": float,
    "int": int,
    "complex": complex,
    "round": round,
    "round to digits": lambda w: round(w, 2),
    "math": math.exp,
    "trunc": math.trunc,
    "cmath": cmath.exp,
    "map": lambda w: list(map(math.exp, [w])),
    "partial": lambda w: functools.partial(math.exp)(w),
    "method caller": lambda w: operator.methodcaller("__float__")(w),
    "two at once": lambda w: math.hypot(w, w * 2.0),
    "sum": lambda w: math.fsum([w, w]),
    "array.array": lambda w: array.array("d", [w]),
    "fill": lambda w: np.zeros(2).fill(w),
    "fill of integers": lambda w: np.zeros(2, int).fill(w),
    "entry": lambda w: operator.setitem(np.zeros(2), 0, w),
    "fromiter": lambda w: np.fromiter((w for _ in range(2)), float),
}
ARRAYS = {
    "asarray": np.asarray,
    "array": np.array,
    "require": np.require,
    "list": lambda w: np.array([w, w]),
    "mixed list": lambda w: np.array([w, 1.0]),
    "entries": lambda w: operator.setitem(np.zeros(2), slice(None), w),
    "positions": lambda w: operator.setitem(np.zeros(2), [0, 1], w),
    "put": lambda w: np.zeros(2).put(0, w),
    "full": lambda w: np.full(3, w),
    "float64": np.float64,
    "float32": np.float32,
    "dot": lambda w: np.ones(1).dot(w),
    "polynomial": lambda w: np.polynomial.Polynomial([w]),
    "testing": lambda w: np.testing.assert_allclose(w, 2.0),
}
HIDDEN = {"struct": lambda w: struct.pack("d", w)}  # It drops the error, and raises one of its own.
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a list": lambda w: copy.deepcopy([w]),
    "pickle": lambda w: pickle.loads(pickle.dumps(w)),
}


def each(*tables):
    return [pytest.param(take, id=name) for table in tables for name, take in table.items()]


def refused(take, w):
    """Return the refusal, also where NumPy puts an error of its own in front of it."""
    with pytest.raises((GradientError, ValueError)) as caught:
        take(w)
    error = caught.value if isinstance(caught.value, GradientError) else caught.value.__cause__
    assert isinstance(error, GradientError), repr(caught.value)
    return str(error)


@pytest.mark.parametrize("kind", ["leaf", "result", "view"])
@pytest.mark.parametrize("take", each(NUMBERS, ARRAYS))
def test_a_bare_value_is_refused_and_the_way_out_is_named(take, kind):
    leaf = Tensor([2.0, 3.0], requires_grad=True)
    w = Tensor(2.0, requires_grad=True) if kind == "leaf" else leaf[0]
    if kind == "result":
        w = w * 1.0
    w.name = "w"
    message = refused(take, w)
    assert message.startswith(("A Python number", "A NumPy array"))
    assert re.search(WAYS_OUT, message), message


@pytest.mark.parametrize("take", each(NUMBERS, ARRAYS, HIDDEN))
def test_a_value_without_a_gradient_is_given(take):
    for w in (Tensor(2.0), Tensor(2.0, requires_grad=True).detach()):
        take(w)
    with al.no_grad():
        take(Tensor(2.0, requires_grad=True) * 1.0)


@pytest.mark.parametrize(
    "transform", [al.grad, al.jacobian, al.hessian, lambda f: al.grad(al.grad(f))]
)
@pytest.mark.parametrize("take", each(NUMBERS, ARRAYS, COPIES, HIDDEN))
def test_transforms_refuse_it_as_what_it_is(take, transform):
    """Never as an error that NumPy put in front of it, and never as a derivative of 0."""

    def f(w):
        take(w)
        return w * w

    with pytest.raises(GradientError):
        transform(f)(3.0)


@pytest.mark.parametrize("twin_of", each(COPIES))
def test_copies_of_results_are_refused(twin_of):
    w = Tensor([1.0, 2.0], requires_grad=True)
    y = w * 2.0
    y.name = "y"
    twin_of(w)
    with pytest.raises(
        GradientError,
        match=r"A copy or a pickle of tensor 'y' would be detached from its gradient\. Write "
        r"t\.copy\(\) for a copy that is recorded, t\.detach\(\) for the value alone\.",
    ):
        twin_of(y)
    twin_of(y.detach())
    with al.no_grad():
        twin = twin_of(y)
    twin = twin[0] if isinstance(twin, list) else twin
    assert (twin.tolist(), twin.is_leaf, twin.requires_grad) == ([2.0, 4.0], True, False)


PROGRAM = """
import math
import autograd_lite as al

def f(t):
    return {code} * t

try:
    print("lost:", al.grad(f)(1.0))
except al.GradientError as error:
    print("refused:", error)
"""
CODE = ["math.exp(t)", "list(map(math.exp, [t]))[0]", "float(t)"]


@pytest.mark.parametrize("how", ["file", "-c", "standard input", "exec"])
def test_whether_the_source_can_be_read_makes_no_difference(how, tmp_path):
    program = "\n".join(PROGRAM.format(code=code) for code in CODE)
    given = None
    if how == "file":
        path = tmp_path / "program.py"
        path.write_text(program, "utf-8")
        arguments = [str(path)]
    elif how == "-c":
        arguments = ["-c", program]
    elif how == "standard input":
        arguments, given = ["-"], program
    else:
        arguments = ["-c", f"exec(compile({program!r}, '<gone>', 'exec'), {{}})"]
    run = subprocess.run(
        [sys.executable, *arguments], input=given, capture_output=True, text=True, check=True
    )
    lines = run.stdout.splitlines()
    assert len(lines) == len(CODE)
    for line in lines:
        assert line.startswith("refused: A Python number cannot carry the gradient"), line


def test_the_error_is_shown_under_the_name_that_users_catch_it_by():
    program = (
        "import math, autograd_lite as al\nmath.exp(al.Tensor(1.0, requires_grad=True, name='w'))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    last = run.stderr.splitlines()[-1]
    assert last.startswith(
        "autograd_lite.GradientError: A Python number cannot carry the gradient of tensor 'w'. "
        "Write t.item() for the value alone. "
    )


@pytest.mark.parametrize(
    "kind", [al.GradientError, al.AnomalyError], ids=lambda kind: kind.__name__
)
def test_errors_survive_pickling(kind):
    assert kind.__module__ == "autograd_lite"
    more = () if kind is al.GradientError else (al.sigmoid, None)
    twin = pickle.loads(pickle.dumps(kind("message", *more)))
    assert type(twin) is kind
    assert str(twin) == "message"
    assert getattr(twin, "primitive", al.sigmoid) is al.sigmoid


def test_what_is_refused_changes_nothing():
    w, buffer = Tensor([1.0, 2.0], requires_grad=True), np.zeros(2)
    for write in (
        lambda: operator.setitem(buffer, 0, w[0]),
        lambda: operator.setitem(buffer, slice(None), w),
        lambda: buffer.fill(w[1]),
    ):
        refused(lambda _, write=write: write(), w)
    assert buffer.tolist() == [0.0, 0.0]


# ------------------------------------------------------------ what is given up by name


def test_values_are_given_by_name():
    w = Tensor([1.0, 2.0], requires_grad=True)
    t = w * 1.0
    assert (t[1].item(), t.item(0), t.tolist(), t.numpy().sum()) == (
        2.0, 1.0, [1.0, 2.0], 3.0,
    )  # fmt: skip
    assert math.exp(t[0].item()) == math.exp(t[0].detach()) == math.e
    assert np.array([t.detach(), t.detach()]).tolist() == [[1.0, 2.0]] * 2
    assert (f"{t[1]:.1f}", f"{t}", str(t[0]), repr(t)) == (
        "2.0", "[1. 2.]", "1.0", "Tensor([1., 2.], from=multiply)",
    )  # fmt: skip


def test_questions_are_answered():
    w = Tensor([1.0, 2.0], requires_grad=True)
    t = w * 1.0
    assert not np.isnan(t).any()
    assert np.isfinite(t).all()
    assert np.allclose(t, [1.0, 2.0])
    assert bool(t[0] > 0.5)
    assert t[0]
    assert (t == [1.0, 2.0]).all()
    assert (max(t).item(), sorted(t)[0].item(), 2.0 in t) == (2.0, 1.0, True)
    assert t[0] == pytest.approx(1.0)
    assert (np.argmax(t), np.sign(t).tolist(), np.floor(t).tolist()) == (1, [1.0, 1.0], [1.0, 2.0])


# ------------------------------------------------------------ arrays of Tensors


def test_array_of_tensors_keeps_their_gradients():
    def f(x):
        return al.array([[x[0] * x[1], 1.0], (x[1] ** 2, np.float64(2.0))])

    x = np.array([2.0, 3.0])
    np.testing.assert_array_equal(f(x), [[6.0, 1.0], [9.0, 2.0]])
    assert isinstance(f(x), np.ndarray)
    np.testing.assert_array_equal(
        al.jacobian(f)(x), [[[3.0, 2.0], [0.0, 0.0]], [[0.0, 6.0], [0.0, 0.0]]]
    )
    t = Tensor(x, requires_grad=True)
    like = np.array([t[0], 5.0], like=t)
    assert like.requires_grad
    assert al.array([t, t], dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match=r"parts of one shape in a list, got \(\), \(2,\)"):
        al.array([t[0], t])


# ------------------------------------------------------------ attributes


def public(kind):
    return [name for name in dir(kind) if not name.startswith("_")]


@pytest.mark.parametrize("name", public(Tensor))
def test_every_attribute_that_is_listed_can_be_read(name):
    x = Tensor([[1.0, 2.0]], requires_grad=True)
    results = (x * 2.0, (x * 2.0)[:1])
    for t in results:
        t.retain_grad()
    for t in (Tensor([[1]]), x, *results):
        getattr(t, name)
        assert name in dir(t)


LACKING = sorted(set(public(np.ndarray)) - set(public(Tensor)))


@pytest.mark.parametrize("name", ["nonexistent", "exp", *LACKING])
def test_any_other_attribute_is_missing_as_usual(name):
    def f(t):
        getattr(t, name)  # Inside a transform, t is of a class of its own.

    assert not hasattr(Tensor(1.0), name)
    for use in (f, al.grad(f)):
        with pytest.raises(AttributeError, match=rf"object has no attribute '{name}'") as caught:
            use(Tensor([1.0, 2.0], requires_grad=True))
        assert caught.value.name == name
        assert isinstance(caught.value.obj, Tensor)


def test_what_is_written_instead_of_methods_that_change_an_array_works():
    values, t = np.array([[3.0, 1.0], [2.0, 7.0]]), Tensor([[3.0, 1.0], [2.0, 7.0]]) * 1.0
    values.sort()
    t[...] = np.sort(t)
    assert t.tolist() == values.tolist()
    values.put([0, 3], [5.0, 6.0])
    t.reshape(-1)[[0, 3]] = [5.0, 6.0]
    assert t.tolist() == values.tolist()
    values.partition(1, axis=-1)
    t[...] = np.partition(t, 1)
    assert t.tolist() == values.tolist()
    values.fill(2.0)
    t[...] = 2.0
    assert t.tolist() == values.tolist()
    assert np.imag(t).tolist() == values.imag.tolist()
