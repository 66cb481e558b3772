"""Nobody gets a stale result: each way to change what a function computes is tried."""

import ctypes
import dataclasses
import itertools

import numpy as np
import pytest
from stale import Settings, X, both, same

import autograd_lite as al
from autograd_lite import optim

FACTOR = 2.0


class Tripled(Settings):
    factor = 3.0


def scaled(x):
    return np.sum(x * FACTOR)


def test_shape_dtype_and_structure_of_arguments():
    def f(x, *rest):
        return np.sum(x, axis=0) * len(rest)

    fast = al.compile(f, backend="numpy")
    for args in ((X,), (X, 1.0), (X.reshape(1, 3),), (X.astype(np.float32),), (X[:0],), (X, 1, 2)):
        assert np.asarray(fast(*args)).dtype == np.asarray(f(*args)).dtype
        same(fast, f, *args)


def test_closed_over_number():
    k = 1.0

    def f(x):
        return x * k

    fast = both(f)
    k = 5.0
    same(fast, f, X)


def test_global_number(monkeypatch):
    fast = both(scaled)
    monkeypatch.setitem(globals(), "FACTOR", 7.0)
    same(fast, scaled, X)


def test_attribute_and_list_of_an_object():
    settings = Settings()

    def f(x):
        return x * settings.scale + settings.table[-1]

    fast = both(f)
    settings.scale = 3.0
    same(fast, f, X)
    settings.table[1] = 9.0
    same(fast, f, X)
    settings.table.append(11.0)
    same(fast, f, X)


def test_tensor_that_is_returned_as_it_is():
    w = al.Tensor(np.ones(3))
    fast = al.compile(lambda x: (w, x * 2), backend="numpy")
    for _ in range(4):
        fast(X)
    w.data = np.full(3, 7.0)
    np.testing.assert_array_equal(fast(X)[0], w.numpy())


def test_closed_over_array_written_to_and_replaced():
    a = np.array([1.0, 2.0, 3.0])

    def f(x):
        return x * a

    fast = both(f)
    a[1] = 10.0
    same(fast, f, X)
    a = np.zeros(3)
    same(fast, f, X)


@pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")
@pytest.mark.parametrize(("part", "value"), [("shape", (3, 1)), ("dtype", np.int64)])
def test_closed_over_array_of_another_shape_or_dtype(part, value):
    a = np.array([1.0, 2.0, 3.0])

    def f(x):
        return np.sum(x * a)

    fast = both(f)
    setattr(a, part, value)
    same(fast, f, X)


@pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")
@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_parameter_of_another_shape(backend):
    w = al.Tensor(X, requires_grad=True)

    def f(x):
        return np.sum(w * x)

    fast = al.compile(f, optim.SGD([w], lr=0.0), backend=backend)
    for _ in range(3):
        fast(X)
    w._array.shape = (3, 1)
    assert fast(X) == f(X).item() == X.sum() ** 2


@pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")
def test_bound_array_of_another_shape():
    w, x = al.Tensor(X, requires_grad=True), X.copy()
    bound = al.compile(lambda x: np.sum(w * x), optim.SGD([w], lr=0.0), backend="numpy").bind(x)
    bound()
    x.shape = (3, 1)
    with pytest.raises(al.StaleError, match="has changed since bind"):
        bound()


@pytest.mark.parametrize(
    "change",
    [
        lambda x, inner: setattr(x, "__dict__", {"scale": 7.0, "table": [1.0, 3.0]}),
        lambda x, inner: setattr(x, "__class__", Tripled),
        lambda x, inner: setattr(inner, "__dict__", {"by": 5.0}),
    ],
    ids=["attributes", "class", "attributes of a function"],
)
def test_all_at_once(change):
    settings = Settings()

    def inner(x):
        return x * inner.by

    def f(x):
        return inner(x) * settings.scale * getattr(type(settings), "factor", 1.0)

    inner.by = 2.0
    fast = both(f)
    change(settings, inner)
    same(fast, f, X)


def test_array_of_objects_is_refused():
    a = np.array([Settings()], object)
    with pytest.raises(TypeError, match="a is an array of objects, whose changes are not seen"):
        al.compile(lambda x: x * a[0].scale, backend="numpy")(X)


def inverse_or_nothing(x, k):
    try:
        return np.linalg.inv(x * np.eye(2))
    except np.linalg.LinAlgError:
        return 0 * x


def entry_or_first(x, k):
    try:
        return x[k]
    except IndexError:
        return 7 * x[0]


@pytest.mark.parametrize("f", [inverse_or_nothing, entry_or_first])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_errors_that_the_function_itself_catches(f, backend):
    compiled = al.compile(f, backend=backend)
    for scale, k in [(1, 0), (0, 5), (2, 1), (3, 0), (4, 1), (5, 1), (0, 4), (2, 0)]:
        x = scale * np.array([1.0, 2.0])
        np.testing.assert_allclose(compiled(x, k), f(x, k))


def branch_or_other(x, k):
    try:
        return 2 * x if x[0] > 0 else 3 * x
    except Exception:  # noqa: BLE001  (as users do)
        return 5 * x


@pytest.mark.parametrize("f", [branch_or_other, inverse_or_nothing, entry_or_first])
def test_an_error_that_is_caught_where_the_function_is_traced(f):
    compiled = al.compile(f)
    for x, k in [(np.zeros(2), 9), (np.zeros(2), 9), (np.ones(2), 0)]:
        np.testing.assert_allclose(compiled(x, k), f(x, k))
    assert "it catches an error, which other values might not raise" in compiled.why


def nothing_where_it_raises(x):
    with np.errstate(divide="raise"):
        try:
            return 1 / x
        except FloatingPointError:
            return 0 * x


def nothing_where_it_calls(x):
    hits = []
    with np.errstate(divide="call", call=lambda *_: hits.append(1)):
        y = 1 / x
    return 0 * x if hits else y


@pytest.mark.parametrize("f", [nothing_where_it_raises, nothing_where_it_calls])
def test_what_notices_errors_of_floating_point_runs_as_it_is(f):
    compiled = al.compile(f)
    for x in (np.ones(2), np.ones(2), np.zeros(2)):
        np.testing.assert_array_equal(compiled(x), f(x))
    assert "np.errstate" in compiled.why


@pytest.mark.parametrize(
    "asks", [lambda x: len({*x}), lambda x: len(repr(x)), lambda x: f"{x!a}" < "b"]
)
def test_what_depends_on_a_hash_or_a_text_runs_as_it_is(asks):
    compiled = al.compile(lambda x: asks(x[:2] * x[0]) * x)
    for x in (np.zeros(3), np.zeros(3), np.array([1.25, 1.0, 2.0])):
        np.testing.assert_array_equal(compiled(x), asks(x[:2] * x[0]) * x)
    assert "knows no values" in compiled.why


def test_tensors_beside_those_of_the_optimiser_get_no_gradient():
    w, v = (al.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    step = al.compile(lambda x: np.sum((w * v - x) ** 2), al.optim.SGD([w], lr=0.1))
    for k in range(5):
        step(np.ones(2) * k)
        assert v.grad is w.grad is None


@pytest.mark.parametrize("name", ["tobytes()", "view(int)", "partition(1)", "flat[0]"])
def test_what_arrays_have_and_programs_have_not(name):
    f = eval(f"lambda x: x.copy().{name} and None", {"np": np})
    with pytest.raises(al.TraceError, match=rf"needs one .*: {name.split('(')[0].split('[')[0]}\."):
        al.compile(f, backend="numpy")(np.ones(2))


def test_rounding_by_pythons_round():
    compiled = al.compile(lambda x: round(x[0], 1) + np.array(round(x[1], 2)), backend="numpy")
    assert compiled(np.array([0.26, 1.237])) == pytest.approx(1.54)


def test_function_that_the_function_calls():
    def inner(x):
        return x + 1

    def f(x):
        return inner(x) * 2

    fast = both(f)

    def inner(x):  # noqa: F811  (that is what is tried)
        return x - 1

    same(fast, f, X)


def test_attribute_of_a_class():
    class Model:
        scale = 2.0

        def __call__(self, x):
            return x * self.scale

    model = Model()
    fast = both(lambda x: model(x))
    Model.scale = 5.0
    same(fast, model, X)


def test_argument_whose_value_decides():
    def f(x, n):
        for _ in range(int(n)):
            x = x * 2
        return x

    fast = al.compile(f, backend="numpy")
    for n in (1, 2, 3, 1, 5):
        same(fast, f, X, n)


def test_random_numbers_run_as_they_are():
    def noisy(seed):
        rng = np.random.default_rng(seed)
        return lambda x: x + rng.normal(size=3)

    fast, f = al.compile(noisy(0)), noisy(0)
    for _ in range(5):
        same(fast, f, X)
    assert "random numbers" in fast.why


def test_iterator_counter_and_list_run_as_they_are():
    def moving():
        numbers, log, state = itertools.count(), [], {"n": 0}

        def f(x, kind):
            if kind == "iterator":
                return x * next(numbers)
            if kind == "list":
                log.append(1)
                return x * len(log)
            state["n"] += 1
            return x * state["n"]

        return f

    for kind in ("iterator", "list", "counter"):
        fast, f = al.compile(moving()), moving()
        for _ in range(5):
            same(fast, f, X, kind)
        assert fast.why.startswith("not compiled")


def test_print_is_printed_every_time(capsys):
    def f(x):
        print("here")
        return x * 2

    fast = al.compile(f)
    for _ in range(4):
        fast(X)
    assert capsys.readouterr().out == "here\n" * 4


def unseen(value):
    """Return a number of C's, and a function that knows nothing of it but where it lies."""
    number = ctypes.c_double(value)
    address = ctypes.addressof(number)
    return number, lambda: ctypes.c_double.from_address(address).value


def test_what_cannot_be_seen_is_found_by_a_step_beside_eager():
    hidden, read = unseen(1.0)
    fast = both(lambda x: x * read())
    hidden.value = 3.0
    with pytest.raises(al.StaleError, match="something else than the function itself"):
        [fast(X) for _ in range(8)]
    np.testing.assert_array_equal(fast(X), X * 3)


@pytest.mark.parametrize("backend", ["numpy", "auto"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_what_is_left_of_terms_that_cancel_is_rounding(make, dtype, backend):
    rng = np.random.default_rng(1)
    x, (hidden, read) = rng.normal(size=(7, 7)).astype(dtype), unseen(1.0)
    w = al.Tensor(rng.normal(size=7), dtype=dtype, requires_grad=True)
    y = x @ w.numpy()

    def loss(x):
        return al.mse((x * read()) @ w, y)

    step = al.compile(loss, make([w], lr=1e-3), backend=backend)
    for _ in range(20):
        assert step(x) < 1e-5
    hidden.value += float(np.finfo(dtype).eps) ** 0.5  # A loss that is small, but is not rounding.
    with pytest.raises(al.StaleError, match="something else than the function itself"):
        [step(x) for _ in range(16)]


def test_what_differs_by_a_little_more_than_rounding_is_refused():
    hidden, read = unseen(0.0)
    fast = both(lambda x: (x + 1e6) - (1e6 + read()) - x)
    hidden.value = 1e-7  # Rounding is 1e-10 here.
    with pytest.raises(al.StaleError, match="something else than the function itself"):
        [fast(X) for _ in range(8)]


def picked(x):
    y = x * 1
    y[y > 0] *= 3
    return np.sum(y)


SHAPED_BY_VALUES = {
    "a mask of a Tensor": al.grad(picked),
    "extract": lambda x: np.extract(x > 0, x),
    "unique": np.unique,
    "trim_zeros": lambda x: np.trim_zeros(np.where(x > 0, x, 0)),
}


@pytest.mark.parametrize("name", SHAPED_BY_VALUES)
def test_what_has_another_shape_for_other_values_runs_as_it_is(name):
    f = SHAPED_BY_VALUES[name]
    fast = al.compile(f)
    for x in (X, [1.0, -2.0, 1.0], [3.0, 3.0, 3.0], [1.0, 2.0, -1.0], X):
        same(fast, f, np.array(x))
    assert "its shape depends on values, so it cannot be compiled" in fast.why


def test_branch_on_a_value_runs_as_it_is():
    def f(x):
        return x if x.sum() > 0 else -x

    fast = al.compile(f)
    for x in (X, -X, X):
        same(fast, f, x)
    assert "knows no values" in fast.why
    with pytest.raises(TypeError, match="cannot be compiled"):
        al.compile(f, backend="numpy")(X)


@pytest.mark.parametrize("backend", ["auto", "numpy"])
@pytest.mark.parametrize("kept", ["dict", "list", "attribute", "cell"])
def test_a_number_that_moves_becomes_an_input(kept, backend):
    table, row, settings, weight = {}, [1.0], Settings(), 1.0
    by = {
        "dict": lambda: table["by"],
        "list": lambda: row[0],
        "attribute": lambda: settings.scale,
        "cell": lambda: weight,
    }[kept]

    def moved(f, values):
        nonlocal weight
        weight = table["by"] = row[0] = settings.scale = 2.0
        fast = al.compile(f, backend=backend)
        for value in values:
            weight = table["by"] = row[0] = settings.scale = value
            same(fast, f, X)
        return fast

    many = np.linspace(1.0, 0.1, 12).tolist()
    for f in (lambda x: x * by(), lambda x: x if by() > 0.5 else -x, lambda x: 1.0 / by() + x):
        assert "not compiled" not in moved(f, many).why
    fast = moved(f, [1.0, 0.9, 0.8])
    weight = table["by"] = row[0] = settings.scale = 0.0
    with pytest.raises(ZeroDivisionError):
        fast(X)
    moved(lambda x: x * float(f"{by():.1f}"), many[:4])
    assert "not compiled" not in moved(lambda x: x * by(), range(12)).why
    moved(lambda x: np.resize(x, by()) + np.ones(by()), range(1, 6))


@pytest.mark.parametrize("transform", [al.grad, al.jacobian, al.hessian, al.checkpoint])
@pytest.mark.parametrize("inside", [False, True])
def test_what_a_transform_closes_over(transform, inside):
    power = [2.0]
    g = transform(lambda x: np.sum(x ** power[0]))
    fast = both((lambda x: g(x)) if inside else g)
    power[0] = 3.0
    same(fast, g, X)
    assert "power[0]" in fast.why


@pytest.mark.parametrize("alone", [{"__array_ufunc__": None}, {"__array_priority__": 1}])
@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_an_object_that_computes_for_itself(alone, backend):
    times = type("Times", (), {"__rmul__": lambda self, x: self.by * x, **alone})()
    times.by = 2.0
    fast = al.compile(lambda x: x * times, backend=backend)
    for times.by in (2.0, 3.0):
        np.testing.assert_array_equal(fast(X), times.by * X)


def test_what_reads_a_gradient_or_a_flag_is_not_stale():
    w, a = al.Tensor([1.0, 2.0], requires_grad=True, name="w"), np.ones(2)
    f = lambda x: x if w.grad is None else x * w.grad.numpy()  # noqa: E731  (as users write it)
    g = lambda x: x * a * (2 if a.flags.writeable else 3)  # noqa: E731  (as users write it)
    fast = al.compile(f), al.compile(g, backend="numpy")
    for _ in range(2):
        same(fast[0], f, a)
        same(fast[1], g, a)
        (w * w).sum().backward()
        a.flags.writeable = False
    same(al.compile(f), f, a)
    same(al.compile(lambda x: al.grad(lambda v: (v * w).sum().detach() * v[0])(x), backend="numpy"),
         lambda x: al.grad(lambda v: (v * w).sum().detach() * v[0])(x), a)  # fmt: skip


def test_shape_that_depends_on_values_of_what_is_used_for_its_shape_only():
    w = al.Tensor(np.ones(4), requires_grad=True)

    def loss(x):
        return np.sum(w[: np.unique(x).size] ** 2)

    step, x = al.compile(loss, optim.SGD([w], lr=0.0)), np.array([1.0, 2.0, 3.0])
    bound = step.bind(x)
    assert [step(x) for _ in range(5)] == [3.0] * 5
    assert bound() == 3.0
    x[1:] = 1.0
    assert bound() == 1.0
    assert step(x) == 1.0


def test_calls_that_differ_in_the_middle_of_a_large_array():
    a, b = np.arange(3000.0), np.arange(3000.0)
    b[1500] = 1500.5

    def f(x):
        return np.searchsorted(a, x) + np.searchsorted(b, x)

    same(al.compile(f), f, np.array([1500.2, 3.0]))


def test_gradients_that_the_function_itself_adds_to():
    w = al.Tensor(np.ones(2), requires_grad=True)

    def f(x):
        np.sum(w * x).backward()
        return 2 * x

    compiled = al.compile(f)
    for calls in (1, 2, 3):
        np.testing.assert_array_equal(compiled(np.array([1.0, 3.0])), [2.0, 6.0])
        np.testing.assert_array_equal(w.grad.numpy(), [calls, 3.0 * calls])
    assert "changes the gradient" in compiled.why


@dataclasses.dataclass
class Batch:
    x: object


def changed_tensor(t):
    t += 1.0
    return t * 1.0


def gradient_by_hand(t):
    t.requires_grad = True
    (t * t).sum().backward()
    return t.grad


def changed_attribute(batch):
    batch.x = batch.x * 2.0
    return batch.x


def nested_entry(d):
    d["a"]["c"] = d["a"]["b"] * 2.0
    return d["a"]["c"]


ARGUMENTS = {
    "a tensor": (changed_tensor, lambda: al.Tensor(X)),
    "a tensor's gradient": (gradient_by_hand, lambda: al.Tensor(X)),
    "a dataclass": (changed_attribute, lambda: Batch(X)),
    "a dict in a dict": (nested_entry, lambda: {"a": {"b": X}}),
    "a dict": (lambda d: d.pop("a") * 2.0, lambda: {"a": X, "b": X}),
    "a list": (lambda xs: xs.append(X) or xs[0] * len(xs), lambda: [X]),
    "the order of a list": (lambda xs: xs.reverse() or xs[0] * 2.0, lambda: [X, X + 1]),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_argument_that_is_changed_is_changed_once_a_call(name):
    f, make = ARGUMENTS[name]
    with pytest.raises(al.TraceError, match=r"it changes an argument.*\. Change a copy"):
        al.compile(f, backend="numpy")(make())
    fast, ours, theirs = al.compile(f), make(), make()
    for _ in range(1 if "dict" in name else 3):
        np.testing.assert_array_equal(np.asarray(fast(ours)), np.asarray(f(theirs)))
    assert repr(ours) == repr(theirs)


def test_a_named_backend_refuses_at_every_call_and_takes_what_it_can():
    fast = al.compile(lambda x, n: -x if n and x.sum() > 0 else x * 2.0, backend="numpy")
    for _ in range(10):
        with pytest.raises(al.TraceError, match="knows no values"):
            fast(X, 1)
        np.testing.assert_array_equal(fast(X, 0), X * 2.0)


@pytest.mark.parametrize("backend", ["numpy", "numba", "auto"])
def test_a_constant(backend):
    fast = al.compile(lambda flag: np.exp(flag) * np.ones(2), backend=backend)
    for flag in (True, False, True):
        assert repr(fast(flag)) == repr(np.exp(flag) * np.ones(2))


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_terms_that_overflow_are_not_stale():
    x = np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, 2.0]]) * 1e300
    fast = al.compile(lambda x: x @ x.T, backend="numba")
    for _ in range(4):
        assert not np.isfinite(fast(x)).any()
