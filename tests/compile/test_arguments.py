"""A program serves the arguments that it was made for; others, however alike, get their own."""

import collections
import dataclasses
import enum
import numbers
import re
import typing

import numpy as np
import pytest

import autograd_lite as al

pytestmark = pytest.mark.filterwarnings("ignore:the matrix:PendingDeprecationWarning")
X, Y = np.array([1.0, 2.0, 3.0]), np.array([4.0, 0.5, -1.0])
FACTOR = {"by": 2.0}


class Colour(enum.Enum):
    RED = 1


class Batch(dict):
    by = 2.0


class Pair(typing.NamedTuple):
    a: object
    b: object

    def scaled(self):
        return self.a * FACTOR["by"] + self.b


class Word(str):
    by = 2.0


@dataclasses.dataclass
class Point:
    x: object
    y: object = 2.0


def in_turn(table):
    total = 0.0
    for key in table:
        total = total * table[key] + 1
    return total


def keyed(table):
    return sum(table[key] * (2 if key is True else 3) for key in table)


def by_keyword(**table):
    return in_turn(table)


def one_or_two(x, y):
    return x * 2 if x is y else x - y


HALF, LIST, TENSOR = 0.5, [X], al.Tensor(X)
MARKED = Batch(x=X)
MARKED.by = 5.0
CALLS = {
    "order of a dict": (in_turn, [{"a": X, "b": Y}], [{"b": Y, "a": X}]),
    "keys that are equal": (keyed, [{1: X}], [{True: X}]),
    "an enum as a key": (lambda d: d[Colour.RED] * 2, [{Colour.RED: X}], [{Colour.RED: Y}]),
    "a NumPy number as a key": (in_turn, [{np.float64(1): X}], [{np.float64(2): Y}]),
    "attributes of a dict": (lambda d: d["x"] * d.by, [Batch(x=X)], [MARKED]),
    "a text with attributes": (
        lambda x, s: x * getattr(s, "by", 1.0), [X, "a"], [X, Word("a")],
    ),
    "a dataclass": (lambda p: p.x * p.y, [Point(X)], [Point(Y, 3.0)]),
    "a dataclass with an array": (lambda p: p.x * p.y, [Point(X)], [Point(Y, X)]),
    "a matrix": (lambda x: x * x, [np.eye(2) + 1], [(np.eye(2) + 1).view(np.matrix)]),
    "a masked array": (np.sum, [X], [np.ma.array(X, mask=[1, 0, 0])]),
    "another named tuple": (lambda p: p.scaled(), [Pair(X, Y)], [Pair(Y, X)]),
    "two arrays, then one": (one_or_two, [X, Y], [X, X]),
    "one array, then two": (one_or_two, [X, X], [X, Y]),
    "two of three": (lambda x, y, z: one_or_two(y, z) + x, [X, Y, X], [X, Y, Y]),
    "one array in a dict": (lambda d: one_or_two(**d), [{"x": X, "y": Y}], [{"x": X, "y": X}]),
    "one Tensor twice": (one_or_two, [al.Tensor(X), TENSOR], [TENSOR, TENSOR]),
    "one Tensor as a key": (lambda x, y: x * len({x, y}), [al.Tensor(X), TENSOR], [TENSOR] * 2),
    "one list twice": (lambda x, y: x[0] * (1 + (x is y)), [[X], [X]], [LIST, LIST]),
    "one number twice": (lambda x, m, n: x * (1 + (m is n)), [X, 1, 2], [X, 1, 1]),
    "by their identities": (lambda x, y: x * (1 + (id(x) == id(y))), [X, Y], [X, X]),
    "an array that is closed over": (lambda x: x * (1 + (x is Y)), [X], [Y]),
    "a Tensor that is closed over": (lambda x: x * (1 + (TENSOR is x)), [al.Tensor(X)], [TENSOR]),
    "a default": (lambda x, n: x * (1 + (n is HALF)), [X, 2.0], [X, HALF]),
    "a list that is closed over": (lambda x: x[0] * (1 + (x is LIST)), [[X]], [LIST]),
    "a memory map's class": (lambda x: x * 2, [X], [X.view(np.memmap)]),
}  # fmt: skip


def equal(a, b):
    assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype)
    np.testing.assert_allclose(a, b)


@pytest.mark.parametrize("name", CALLS)
def test_arguments_that_are_almost_alike(name):
    f, first, then = CALLS[name]
    fast = al.compile(f)
    for args in [*[first] * 5, *[then] * 2, first]:
        equal(fast(*args), f(*args))


@pytest.mark.parametrize("x", [X, X[0], 1.5])
def test_what_an_argument_is_may_be_asked(x):
    def f(x):
        kinds = [isinstance(x, kind) for kind in (np.ndarray, np.generic, float, numbers.Real)]
        match x:
            case np.ndarray():
                kinds.append(True)
        return x * np.flatnonzero(kinds)[0] + sum(kinds)

    fast = al.compile(f, backend="numpy")
    for _ in range(3):
        equal(fast(x), f(x))
    equal(al.export(f, x, to="numpy")(x), f(x))


@pytest.mark.parametrize("how", ["call", "bind", "export"])
def test_what_tracing_alone_would_answer_otherwise_is_refused(how):
    w = al.Tensor(2.0, requires_grad=True)

    def loss(x):
        return np.sum(w * x) if type(x) is np.ndarray else w

    step = al.compile(loss, al.optim.SGD([w], lr=0.1))
    if how == "export":
        with pytest.raises(al.StaleError, match="tracing it gives something else"):
            al.export(step, X, to="numpy")
    else:
        value = step(X) if how == "call" else step.bind(X)()
        assert value == 12.0
        assert "tracing it gives something else than calling it" in step.why
    with pytest.raises(al.TraceError, match=r"by type\(x\), write"):
        al.compile(lambda x: x * (type(x) is np.ndarray), backend="numpy")(X)


def test_a_function_that_compares_others_than_its_arguments_is_compiled():
    def f(x, act=np.tanh, n=1):
        return act(x) * n if act is np.tanh and x is not None else x

    fast = al.compile(f, backend="numpy")
    for _ in range(3):
        equal(fast(X, n=1), f(X))


def test_order_of_keyword_arguments():
    fast = al.compile(by_keyword, backend="numpy")
    for given in [*[{"a": X, "b": Y}] * 5, *[{"b": Y, "a": X}] * 2]:
        equal(fast(**given), by_keyword(**given))


def test_what_a_method_of_an_argument_reads(monkeypatch):
    fast = al.compile(lambda p: p.scaled(), backend="numpy")
    for _ in range(5):
        fast(Pair(X, Y))
    monkeypatch.setitem(FACTOR, "by", 9.0)
    equal(fast(Pair(X, Y)), Pair(X, Y).scaled())


def test_a_constant_of_a_class_with_arithmetic_of_its_own():
    for kind in (np.matrix, np.ma.MaskedArray):
        other = np.eye(3).view(kind)
        for f in (lambda x, other=other: x * other, lambda x, kind=kind: x * np.eye(3).view(kind)):
            fast, x = al.compile(f), np.ones((3, 3))
            np.testing.assert_array_equal(np.asarray(fast(x)), np.asarray(f(x)))
            assert type(fast(x)) is type(f(x))


NUMBERS = {
    "a product": (lambda x, n: x * (n * n), [3, 2**40, 10**18]),
    "a sum": (lambda x, n: x * (n + 1), [3, 2**63 - 1, 2**63]),
    "a quotient": (lambda x, n: x * (1 / n), [3.0, 0.0]),
    "a whole quotient": (lambda x, n: x * (7 // n), [3, 2, 0]),
    "a rest": (lambda x, n: x * (n % 3), [5, -5, 5]),
    "a root": (lambda x, n: x * n**0.5, [3.0, -3.0]),
    "a power": (lambda x, n: x * n**400.0, [1.1, 1e10]),
    "a power of a number": (lambda x, n: x * 2**n, [3, -3, 70]),
    "bits": (lambda x, n: x * (n & 5), [3, 7]),
    "a size": (lambda x, n: x * abs(n), [-3, 4]),
}


@pytest.mark.parametrize("backend", ["auto", "numpy"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_pythons_stay_pythons(name, dtype, backend):
    f, numbers = NUMBERS[name]
    fast, x = al.compile(f, backend=backend), X.astype(dtype)
    for n in [*[numbers[0]] * 4, *numbers[1:]]:
        try:
            expected = f(x, n)
        except ArithmeticError as error:
            with pytest.raises(type(error)):
                fast(x, n)
        else:
            equal(fast(x, n), expected)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_comparisons_of_pythons_numbers_are_pythons(backend):
    fast = al.compile(
        lambda x, n: (n > 2, n == 2.5, x * (n <= 2), np.where(n > 2, x, -x)), backend=backend
    )
    for n in (3, 2, 2.5, 1.5):
        more, equal_to, product, chosen = fast(X, n)
        assert (more, equal_to) == (n > 2, n == 2.5)
        assert type(more) is type(equal_to) is bool
        equal(product, X * (n <= 2))
        equal(chosen, X if n > 2 else -X)


HALF, LIST = np.ones(2, np.float32), [1.0, 2.0]
KINDS = {
    "a covariance of one row": (np.cov, X),
    "no axes are left": (lambda x: np.squeeze(x[:1]), X),
    "no axes are made": (lambda x: (np.where(x > 1, x, 0.0), np.zeros_like(x)), 2.0),
    "a gradient where there are nan": (al.grad(np.nansum), np.float64(2.0)),
    "a NumPy bool": (
        lambda x: (np.equal(x, 2.0), np.isnan(x), np.logical_and(x > 1, x > 2)),
        2.0,
    ),
    "a NumPy number": (
        lambda x: (np.add(x, 1.0), np.add(x, 1.0) * HALF, np.square(x) * HALF),
        2.0,
    ),
    "a Python number": (lambda x: (x + 1.0, (x + 1.0) * HALF, np.real(x)), 2.0),
    "an array of a number": (lambda x: (np.ravel(x), np.atleast_2d(x), np.median(x)), 2.0),
    "a gradient of an array of a number": (al.grad(lambda x: np.sum(np.ravel(x))), 2.0),
    "an operation on a number": (lambda x: (al.sigmoid(x), al.relu(x) * HALF), 2.0),
    "a list times an integer": (lambda n: ([X, 1.0] * n, n * (X,), "ab" * n), 2),
    "a list times a NumPy integer": (lambda n: [1.0, 2.0] * n, np.int64(2)),
    "a list plus a number of NumPy's": (lambda x: LIST + x, np.float64(2.0)),
    "a list times an array": (lambda x: ([[1.0], [2.0]] * x, [x, x] * x), X),
    "a list of numbers times an array": (lambda x: [x, x, x] * X, 2.0),
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", KINDS)
def test_a_result_is_of_the_kind_that_eager_mode_gives(name, backend):
    f, x = KINDS[name]
    fast = al.compile(f, backend=backend)
    for _ in range(3):
        assert repr(fast(x)) == repr(f(x))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_list_of_numbers_is_an_array_where_tensors_meet_it(backend):
    w = al.Tensor([[1.0], [2.0]], requires_grad=True)
    step = al.compile(lambda x: np.sum(x @ w), al.optim.SGD([w], lr=0.0), backend=backend)
    gradient = al.compile(al.grad(lambda x, y: np.sum(al.Tensor([y, 2.0]) * x)), backend=backend)
    for k in range(3):
        assert step([[1.0, 2.0 * k], [3.0, 4.0]]) == 12.0 + 4.0 * k
        np.testing.assert_array_equal(gradient(np.ones(2), 1.0 + k), [1.0 + k, 2.0])


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: [1.0] * x, 2.0),
        (lambda x: [1.0] * x, np.float64(2.0)),
        (lambda x: LIST + x, 2),
        (lambda x: x + "a", 2.0),
        (lambda x: sum(range(x)), 2.5),
        (lambda x: X[x], 2.0),
        (lambda x: x[0] + len(x), 2.0),
        (lambda x: x + None, X),
        (lambda x: {x: 1}, X),
        (lambda x: x.append(1.0), X),
    ],
)  # fmt: skip
def test_an_error_is_that_of_eager_mode(f, x):
    with pytest.raises((TypeError, LookupError, AttributeError)) as expected:
        f(x)
    for backend in ("numpy", "numba", "auto"):
        with pytest.raises(expected.type, match=f"^{re.escape(str(expected.value))}$"):
            al.compile(f, backend=backend)(x)


def test_a_list_that_numpy_makes_an_array_of_objects_is_refused():
    with pytest.raises(al.TraceError, match="knows no values"):
        al.compile(lambda x: np.argmax(x, axis=1), backend="numpy")(np.stack([X, X]).tolist())


def test_a_named_tuple_of_dicts():
    kind = collections.namedtuple("kind", "table")
    fast = al.compile(lambda p: in_turn(p.table), backend="numpy")
    for table in [{"a": X, "b": Y}, {"b": Y, "a": X}]:
        equal(fast(kind(table)), in_turn(table))


@pytest.mark.parametrize("how", ["call", "run"])
def test_an_optimiser_that_forgets_what_it_kept_of_one_parameter(how):
    def training():
        w, b = (al.Tensor(x, requires_grad=True) for x in (np.ones(3), 0.5))
        optimiser = al.optim.Adam([w, b], lr=0.1)
        return w, optimiser, al.compile(lambda x: (np.sum(w * x) + b - 1) ** 2, optimiser)

    (w, optimiser, step), (v, eager, other) = training(), training()
    for k in range(9):
        if k == 5:
            del optimiser.state[w], eager.state[v]
        loss = step(X) if how == "call" else step.run(1, X)[0]
        eager.zero_grad()
        expected = other._f(X)
        expected.backward()
        eager.step()
        np.testing.assert_allclose(loss, expected.item())
        np.testing.assert_allclose(w.numpy(), v.numpy())


def halved(x, n):
    while n > 1:
        x, n = x * 2.0, n // 2
    return x * n


DECIDE = {
    "is it zero": (lambda x, n: x if n == 0 else x * n, [0, 3, 0, 2, -1]),
    "a sign": (lambda x, t: np.minimum(x, t) if t < 0 else x * t, [0.5, -1.5, 2.0, -0.5]),
    "of NumPy": (lambda x, n: x if n == 0 else x * n, [np.int64(2), np.int64(0), np.int64(1)]),
    "an array": (lambda x, n: x if n > 1 else -x, [np.array(2.0), np.array(0.0), np.array(3.0)]),
    "a loop": (halved, [8, 1, 5, 9, 0]),
    "an end": (lambda x, n: x[:n], [2, 1, 2, 0]),
    "an end of an axis": (lambda x, n: x[None, n:] * x[n], [1, 0, 2]),
    "a computed end": (lambda x, n: x[-n:] * sum(x[k + 1] for k in range(n - 1)), [1, 2, 1]),
    "two of them": (lambda x, n: x[: n[0] * n[1]] + np.ones(n[0] * n[1]), [(2, 1), (1, 1)]),
    "both": (lambda x, n: x[: n if n > 1 else 1] ** 2, [2, 1, 0, 3]),
    "two": (lambda x, n: x * n[0] if n[0] > n[1] else x - n[1], [(2, 1), (1, 2), (2.5, 3), (3, 1)]),
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", DECIDE)
def test_a_number_that_is_an_argument_may_decide(name, backend):
    if backend == "numba":
        pytest.importorskip("numba")
    f, numbers = DECIDE[name]
    fast = al.compile(f, backend=backend)
    for n in numbers:
        np.testing.assert_array_equal(fast(X, n), f(X, n), strict=True)


@pytest.mark.parametrize("x", [1.0, -0.9])
def test_numbers_that_decide_are_asked_at_each_step(x):
    def trained(make):
        w = al.Tensor(0.5, requires_grad=True)
        loss = lambda x: (w * x if w > 0.3 * x else w - 2.0 * x) ** 2  # noqa: E731  (as users write a loss)
        return make(loss, al.optim.SGD([w], lr=0.2), w)

    def eagerly(loss, optimiser, w):
        found = []
        for _ in range(8):
            optimiser.zero_grad()
            value = loss(x)
            value.backward()
            optimiser.step()
            found.append(value.item())
        return found

    fast = trained(lambda loss, optimiser, _: al.compile(loss, optimiser).run(8, x))
    np.testing.assert_allclose(fast, trained(eagerly), rtol=1e-12)


def test_a_bare_array_that_is_indexed_says_what_to_write():
    table, rows = np.arange(3.0), np.array([2, 0])
    with pytest.raises(al.TraceError, match=r"An array that a\[i\] picks from, pass"):
        al.compile(lambda x, rows: x * table[rows[0]], backend="numpy")(X, rows)
    kept = al.Tensor(table)
    fast = al.compile(lambda x, rows, a: x * a[rows[0]] - kept[rows[0]].data, backend="numpy")
    np.testing.assert_array_equal(fast(X, rows, table), X * 2.0 - 2.0)


def test_a_loss_that_is_asked_for_names_the_line():
    w = al.Tensor(0.5, requires_grad=True)
    step = al.compile(lambda x: w * x / (w * x).item(), al.optim.SGD([w], lr=0.1), backend="numpy")
    with pytest.raises(al.TraceError, match=r"test_arguments.py:\d+.*item\(\)"):
        step(2.0)


@pytest.mark.parametrize("to", ["numpy", "jax"])
def test_what_is_exported_does_not_decide(to):
    if to == "jax":
        pytest.importorskip("jax")
    with pytest.raises(al.TraceError, match="plain argument"):
        al.export(DECIDE["is it zero"][0], X, 0, to=to)


LISTS = {
    "sum": (lambda x, y: np.sum([x, y]), 1.5, 2.5),
    "sum of integers": (lambda x, y: np.sum([x, y, 3]), 1, 2),
    "sum without axes": (lambda x, y: np.sum([x, y]), np.array(1.5), np.array(2.5)),
    "integers": (lambda x: np.array([x[1], 3, x[0]]), np.array([1, 2])),
    "integers and floats": (lambda x: np.array([x[1], 0.5]), np.array([1, 2])),
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_numbers_is_what_numpy_makes_of_it(name, backend):
    if backend == "numba":
        pytest.importorskip("numba")
    f, *xs = LISTS[name]
    got, expected = al.compile(f, backend=backend)(*xs), f(*xs)
    assert type(got) is type(expected)
    np.testing.assert_array_equal(got, expected, strict=True)


def test_a_list_whose_largest_number_is_asked_for_says_what_to_write():
    with pytest.raises(al.TraceError, match=r"write al\.array"):
        al.compile(lambda x, y: np.max([x, y]), backend="numpy")(1.0, 2.0)
    largest = al.compile(lambda x, y: np.max(al.array([x, y])), backend="numpy")
    assert largest(1.0, 2.0) == 2.0


def test_what_is_not_compiled_gives_arrays_as_well():
    net = al.nn.Linear(3, 2)

    def predict(x):
        calls.append(x.shape)
        return {"y": net(x), "n": len(calls)}

    calls = []
    loud, x = al.compile(al.no_grad()(predict)), np.ones((4, 3))
    for k in range(3):
        found = loud(x)
        assert "not compiled" in loud.why
        assert type(found["y"]) is np.ndarray
        assert found["y"].flags.writeable
        np.testing.assert_array_equal(found["y"], net(x).numpy())
        assert found["n"] == k + 1
    step = al.compile(lambda: (calls.append(0), np.sum(net.weight))[1], al.optim.SGD([net.weight]))
    assert isinstance(step(), np.float64)
    assert "not compiled" in step.why
    kept = al.compile(predict)(x)["y"]
    assert kept.requires_grad  # As an array it would lose its gradient.


@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_a_method_is_compiled_for_each_object(backend):
    class Scaled:
        def __init__(self, by):
            self.by = by

        @al.compile(backend=backend)
        def total(self, x):
            return np.sum(x * self.by)

        @al.compile(backend=backend)
        @staticmethod
        def plain(x):
            return np.sum(x)

        loud = al.compile(np.exp, backend=backend)  # Not bound, as np.exp is not.

    class Other:
        total = al.compile(Scaled(4.0).total, backend=backend)  # Bound, and not once more.

    two, three = Scaled(2.0), Scaled(3.0)
    assert [two.plain(X), Other().total(X)] == [6, 24]
    assert [two.total(X), three.total(X)] == [12, 18]
    two.by = 5.0
    assert two.total(X) == 30
    np.testing.assert_allclose(two.loud(X), np.exp(X))
