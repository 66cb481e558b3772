"""What a function reads in some roundabout way is seen when it changes, or keeps it as it is."""

import abc
import builtins
import collections
import contextvars
import ctypes
import datetime
import decimal
import fractions
import functools
import importlib
import inspect
import math
import numbers
import operator
import sys
import types
import typing
import weakref

import numpy as np
import pytest

import autograd_lite as al

X = np.array([1.0, 2.0, 3.0])
NAME, TEXT, TO, OWN = "SCALE", "{0.scale}", {"a": 2.0}, 2.0
CASES = {}


class Holder:
    def __init__(self):
        self.scale = 2.0


class Noted(dict):
    by = 2.0

    def doubled(self):
        return self.by * 2


class Pair(typing.NamedTuple):
    a: float

    def scaled(self):
        return self.a * TO["a"]


class Rate(float):
    pass


class Slotted:
    __slots__ = ("scale",)


class Called:
    table: typing.ClassVar = {"a": 2.0}

    def __call__(self, x):
        return x * 2

    def __class_getitem__(cls, key):
        return cls.table[key]


def case(make):
    CASES[make.__name__] = make
    return make


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    """Make the modules that a program of several files has: one, and one in a package."""
    one, package, inner = map(types.ModuleType, ("stale_one", "stale_pack", "stale_pack.inner"))
    one.SCALE = inner.SCALE = 2.0
    package.inner = inner
    for module in (one, package, inner):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return one, inner


def one():
    return sys.modules["stale_one"]


def sets(holder, name, value=9.0):
    return lambda patch: patch.setattr(holder, name, value, raising=False)


def puts(holder, key, value=9.0):
    return lambda patch: patch.setitem(holder, key, value)


@case
def a_module_in_a_cell():
    module = one()
    return lambda x: x * module.SCALE, sets(module, "SCALE")


@case
def a_module_in_an_attribute():
    holder = Holder()
    holder.module = one()
    return lambda x: x * holder.module.SCALE, sets(one(), "SCALE")


@case
def an_import_inside():
    def f(x):
        import stale_one as module

        return x * module.SCALE

    return f, sets(one(), "SCALE")


@case
def an_import_from_a_package_inside():
    def f(x):
        from stale_pack.inner import SCALE

        return x * SCALE

    return f, sets(sys.modules["stale_pack.inner"], "SCALE")


@case
def a_module_of_a_package():
    package = sys.modules["stale_pack"]
    return lambda x: x * package.inner.SCALE, sets(package.inner, "SCALE")


@case
def its_own_module_in_an_attribute():
    holder = Holder()
    holder.module = sys.modules[__name__]
    return lambda x: x * holder.module.OWN, puts(globals(), "OWN")


@case
def its_own_module_by_its_name():
    return lambda x: x * sys.modules[__name__].OWN, puts(globals(), "OWN")


@case
def its_own_module_under_another_name():
    mods = sys.modules
    return lambda x: x * mods[__name__].OWN, puts(globals(), "OWN")


@case
def its_own_module_in_a_cell():
    module = sys.modules[__name__]
    return lambda x: x * module.OWN, puts(globals(), "OWN")


@case
def a_computed_name_in_a_module():
    module = one()
    return lambda x: x * getattr(module, NAME), sets(module, "SCALE")


@case
def a_new_name_in_a_module():
    module = one()
    return lambda x: x * getattr(module, "NEW", 2.0), sets(module, "NEW")


@case
def a_module_by_its_name():
    return lambda x: x * sys.modules["stale_one"].SCALE, sets(one(), "SCALE")


@case
def a_module_that_is_looked_up():
    return lambda x: x * importlib.import_module("stale_one").SCALE, sets(one(), "SCALE")


@case
def its_own_module_that_is_looked_up():
    return lambda x: x * inspect.getmodule(Holder).OWN, puts(globals(), "OWN")


@case
def a_computed_name_of_its_own_module():
    return lambda x: x * puts.__globals__["".join(["O", "WN"])], puts(globals(), "OWN")


@case
def a_name_that_hides_a_builtin():
    return lambda x: x * sum([1.0, 1.0]), puts(globals(), "sum", lambda _: 9.0)


@case
def a_name_that_was_not_there():
    def f(x):
        try:
            return x * NOT_YET
        except NameError:
            return x * 2

    return f, puts(globals(), "NOT_YET")


@case
def a_cell_that_was_empty():
    def f(x):
        try:
            return x * later
        except NameError:
            return x * 2

    def change(_):
        nonlocal later
        later = 9.0

    later = 1.0
    del later
    return f, change


@case
def a_slot_that_was_empty():
    held = Slotted()
    return lambda x: x * getattr(held, "scale", 2.0), sets(held, "scale")


@case
def a_function_of_numpy():
    return lambda x: np.linalg.norm(np.tanh(x)), sets(np.linalg, "norm", np.sum)


@case
def a_constant_of_a_library():
    return lambda x: x * math.tau, sets(math, "tau", 3.0)


@case
def a_function_of_this_package():
    return lambda x: al.sigmoid(x), sets(al, "sigmoid", np.sin)


@case
def a_class_without_a_module():
    known = {}
    text = "class A:\n  scale = 2.0\n  def __call__(self, x): return x * self.scale"
    exec(f"{text}\na = A()\ndef f(x): return a(x)", known)
    return known["f"], sets(known["A"], "scale")


@case
def a_special_method():
    called = Called()
    return lambda x: called(x), sets(Called, "__call__", lambda _, x: x * 9)


@case
def an_index_of_a_class():
    return lambda x: x * Called["a"], puts(Called.table, "a")


@case
def the_bases_of_a_class():
    class Base:
        scale = 2.0

    class Other:
        scale = 9.0

    class Third(Base, Holder):
        pass

    third = Third()
    del third.scale
    change = functools.partial(setattr, Third, "__bases__", (Other, Holder))
    return lambda x: x * third.scale, lambda _: change()


@case
def a_context_variable():
    variable = contextvars.ContextVar("variable", default=2.0)
    return lambda x: x * variable.get(), lambda _: variable.set(9.0)


@case
def a_weak_reference():
    held = Holder()
    refer = weakref.ref(held)
    return lambda x: x * refer().scale, lambda patch, held=held: patch.setattr(held, "scale", 9.0)


@case
def a_cache():
    table = [2.0]

    @functools.lru_cache
    def look():
        return table[0]

    def change(_):
        table[0] = 9.0
        look.cache_clear()

    return lambda x: x * look(), change


@case
def a_view_of_a_mapping():
    table = {"a": 2.0}
    shown = types.MappingProxyType(table)
    return lambda x: x * shown["a"], puts(table, "a")


@case
def a_view_of_values():
    table = {"a": 2.0}
    values = table.values()
    return lambda x: x * sum(values), puts(table, "a")


@case
def a_method_of_a_dict():
    table = {"a": 2.0}
    get = table.get
    return lambda x: x * get("a"), puts(table, "a")


@case
def a_special_method_of_a_list():
    held = [2.0]
    count = held.__len__
    return lambda x: x * count(), lambda _: held.append(9.0)


@case
def what_a_partial_is_given():
    given = functools.partial(lambda x, scale: x * scale, scale=2.0)
    return lambda x: given(x), puts(given.keywords, "scale")


@case
def an_attribute_by_partial():
    held = Holder()
    get = functools.partial(getattr, held, "scale")
    return lambda x: x * get(), sets(held, "scale")


@case
def an_attribute_by_getter():
    held, get = Holder(), operator.attrgetter("scale")
    return lambda x: x * get(held), sets(held, "scale")


@case
def a_method_by_caller():
    held, call = Noted(), operator.methodcaller("doubled")
    return lambda x: x * call(held), sets(Noted, "doubled", lambda _: 9.0)


@case
def an_attribute_in_a_format():
    held = Holder()
    return lambda x: x * float(TEXT.format(held)), sets(held, "scale")


@case
def an_attribute_of_a_dict():
    held = Noted()
    return lambda x: x * held.doubled(), sets(held, "by")


@case
def an_attribute_of_a_number():
    rate = Rate(2.0)
    rate.by = 2.0
    return lambda x: x * rate.by, sets(rate, "by")


@case
def a_method_of_a_named_tuple():
    pair = Pair(2.0)
    return lambda x: x * pair.scaled(), puts(TO, "a")


@case
def an_attribute_of_a_tensor():
    class Marked(al.Tensor):
        def scaled(self, x):
            return x * Marked.by

    Marked.by = 2.0
    marked = Marked(X)
    return lambda x: marked.scaled(x), sets(Marked, "by")


@case
def the_name_of_a_tensor():
    t = al.Tensor(X, name="t")
    return lambda x: x * len(t.name), sets(t, "name", "longer")


@case
def memory_of_c():
    numbers = (ctypes.c_double * 2)(1.0, 2.0)
    return lambda x: x * numbers[0], lambda _: numbers.__setitem__(0, 9.0)


@case
def a_number_of_c():
    number = ctypes.c_double(2.0)
    return lambda x: x * number.value, sets(number, "value")


@case
def the_precision_of_decimal_numbers():
    def change(monkeypatch):
        monkeypatch.setattr(decimal.getcontext(), "prec", 9)

    return lambda x: x * decimal.getcontext().prec, change


@case
def what_a_library_has_not_had():
    def change(monkeypatch):
        monkeypatch.setattr(np, "doubled", lambda x: x * 2.0, raising=False)

    return lambda x: np.doubled(x) if hasattr(np, "doubled") else x, change


@case
def a_record():
    record = np.zeros(1, [("a", float)])[0]
    return lambda x: x + record["a"], lambda _: record.__setitem__("a", 9.0)


@case
def an_object_in_a_frozen_set():
    held = Holder()
    objects = frozenset([held])
    return lambda x: x * sum(one.scale for one in objects), sets(held, "scale")


@case
def an_object_that_is_a_key():
    held = Holder()
    table = collections.OrderedDict({held: 1.0})
    return lambda x: x * sum(key.scale for key in table), sets(held, "scale")


@case
def a_builtin():
    return lambda x: x * divmod(7, 2)[0], sets(builtins, "divmod", lambda a, b: (9, 0))


@case
def a_builtin_that_was_not_there():
    def f(x):
        try:
            return x * NOT_A_BUILTIN
        except NameError:
            return x * 2

    return f, sets(builtins, "NOT_A_BUILTIN")


@case
def a_class_that_is_registered():
    abstract = abc.ABCMeta("abstract", (), {})
    return lambda x: x * (2 + isinstance(NAME, abstract)), lambda _: abstract.register(str)


@case
def a_class_that_a_pattern_names():
    held = Holder()

    def f(x):
        match held:
            case numbers.Number():
                return x * 9
        return x * 2

    return f, lambda _: numbers.Number.register(Holder)


@case
def a_slot_of_a_library():
    held = fractions.Fraction(1, 2)
    return lambda x: x * float(held), sets(held, "_numerator", 9)


@case
def an_attribute_of_a_decimal_number():
    class Marked(decimal.Decimal):
        by = 2.0

    held = Marked("1.5")
    return lambda x: x * held.by, sets(held, "by")


@case
def the_zone_of_a_time():
    class Zone(datetime.tzinfo):
        hours = 2

        def utcoffset(self, _, delta=datetime.timedelta):
            return delta(hours=self.hours)

    held = datetime.datetime(2020, 1, 1, tzinfo=Zone())
    return lambda x: x * held.utcoffset().seconds, sets(held.tzinfo, "hours", 9)


@case
def what_answers_for_every_attribute():
    class Any:
        def __getattribute__(self, name):
            return TO["a"]

    held = Any()
    return lambda x: x * held.anything, puts(TO, "a")


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_in_a_roundabout_way_is_never_stale(name, monkeypatch):
    f, change = CASES[name]()
    fast = al.compile(f)
    for _ in range(5):
        np.testing.assert_allclose(fast(X), f(X))
    before = f(X)
    change(monkeypatch)
    assert not np.array_equal(f(X), before)
    for _ in range(2):  # Neither is one of those that are compared with eager mode.
        np.testing.assert_allclose(fast(X), f(X))


SEEN = [
    name
    for name in CASES
    if name.startswith(("a_module_", "an_import", "a_name", "a_fun", "a_buil", "a_class_that"))
]
SEEN = [name for name in SEEN if name not in ("a_module_by_its_name", "a_module_that_is_looked_up")]


@pytest.mark.parametrize("name", SEEN)
def test_what_can_be_compared_is_compiled(name):
    f, _ = CASES[name]()
    np.testing.assert_allclose(al.compile(f, backend="numpy")(X), f(X))


def test_a_variable_that_is_called_like_an_attribute_may_change(monkeypatch):
    holder = Holder()
    holder.OWN = 3.0
    fast = al.compile(lambda x: np.sum(x * holder.OWN), backend="numpy")
    for k in range(3):
        monkeypatch.setitem(globals(), "OWN", [k])
        assert fast(X) == 18
    assert fast.why == "NumPy, as asked for"


def test_what_an_object_has_that_a_step_does_not_use_may_be_anything():
    held = Holder()
    held.lock, held.seen, held.variable = object(), {1}, contextvars.ContextVar("variable")
    fast = al.compile(lambda x: x * held.scale, backend="numpy")
    held.seen.add(2)
    np.testing.assert_allclose(fast(X), X * 2)


def test_a_module_is_not_undone_that_a_trace_was_first_to_import(monkeypatch, tmp_path):
    (tmp_path / "stale_first.py").write_text("SCALE = 2.0\n")
    monkeypatch.syspath_prepend(tmp_path)

    def f(x):
        import stale_first

        return x * stale_first.SCALE

    fast = al.compile(f, backend="numpy")
    try:
        for _ in range(4):
            np.testing.assert_allclose(fast(X), X * 2)
        sys.modules["stale_first"].SCALE = 3.0
        np.testing.assert_allclose(fast(X), X * 3)
    finally:
        sys.modules.pop("stale_first", None)
