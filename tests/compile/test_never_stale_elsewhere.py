"""What a compiled function reads elsewhere is watched, or keeps it from being compiled."""

import array
import collections
import dataclasses
import datetime
import functools
import os
import time
from pathlib import Path

import numpy as np
import pytest
from stale import Settings, X, both, same

import autograd_lite as al
from autograd_lite import nn


class Slots:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 2.0


@dataclasses.dataclass(slots=True)
class Record:
    scale: float = 2.0


class Called:
    scale = 2.0
    inner = Settings()

    def __call__(self, x):
        return np.sum(x * self.inner.scale)

    @classmethod
    def of_the_class(cls, x):
        return np.sum(x * cls.scale)

    @staticmethod
    def of_none(x):
        return np.sum(x * Called.scale)

    @property
    def doubled(self):
        return Called.scale * 2


def by_default(x, scale=2.0, *, shift=1.0):
    return np.sum(x * scale + shift)


SLOTS, RECORD, CALLED = Slots(), Record(), Called()


ELSEWHERE = {
    "slots": (lambda x: np.sum(x * SLOTS.scale), SLOTS, "scale", 5.0),
    "slots of a dataclass": (lambda x: np.sum(x * RECORD.scale), RECORD, "scale", 5.0),
    "a class attribute": (lambda x: np.sum(x * Called.scale), Called, "scale", 5.0),
    "in a class method": (lambda x: Called.of_the_class(x), Called, "scale", 5.0),
    "in a static method": (lambda x: CALLED.of_none(x), Called, "scale", 5.0),
    "in a property": (lambda x: np.sum(x * CALLED.doubled), Called, "scale", 5.0),
    "in __call__": (lambda x: CALLED(x), Called.inner, "scale", 5.0),
    "a default": (by_default, by_default, "__defaults__", (5.0,)),
    "a default by keyword": (by_default, by_default, "__kwdefaults__", {"shift": 5.0}),
    "minus zero": (lambda x: np.copysign(x, SLOTS.scale * 0), SLOTS, "scale", -2.0),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_kept_elsewhere(name, monkeypatch):
    f, holder, key, value = ELSEWHERE[name]
    fast = both(f)
    fast(X)  # The next three calls have no eager one beside them.
    monkeypatch.setattr(holder, key, value)
    same(fast, f, X)


UNSEEN = {
    "deque": (collections.deque([2.0, 3.0]), lambda held: held.appendleft(5.0)),
    "set": ({2.0}, lambda held: held.add(5.0)),
    "bytearray": (bytearray(b"ab"), lambda held: held.append(9)),
    "array": (array.array("d", [2.0]), lambda held: held.append(5.0)),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_may_change_unseen_is_not_compiled(name):
    held, change = UNSEEN[name]

    def f(x):
        return np.sum(x) * sum(held)

    fast = al.compile(f)
    for _ in range(4):
        same(fast, f, X)
    change(held)
    same(fast, f, X)
    assert "held is of type" in fast.why


def test_what_reads_anything_is_not_compiled(monkeypatch):
    def from_the_environment(x):
        return np.sum(x) * float(os.environ["SCALE_OF_A_TEST"])

    def from_globals(x):
        return np.sum(x) * globals()["FACTOR"]

    monkeypatch.setenv("SCALE_OF_A_TEST", "2")
    for f, name in ((from_the_environment, "environ"), (from_globals, "globals")):
        fast = al.compile(f)
        for _ in range(4):
            same(fast, f, X)
        monkeypatch.setenv("SCALE_OF_A_TEST", "5")
        monkeypatch.setitem(globals(), "FACTOR", 7.0)
        same(fast, f, X)
        assert f"uses {name}, which may read anything" in fast.why


class Trainer:
    """With a method that speaks and tells the time, which the step does not call."""

    rate = 2.0

    def __init__(self, name="factor"):
        self.name, self.factor = name, 5.0
        self.recent, self.file, self.began = collections.deque(), iter(()), time.time()

    def by_a_name(self, x):
        return x * getattr(self, self.name)

    def made_anew(self, x):
        return x * type(self)().factor

    def step(self, values):
        return {"input": np.sum(self.open(values["input"])) * self.eval()}

    def open(self, x):
        return x * self.rate

    def eval(self):
        return 3.0

    def run(self, x):
        began = time.perf_counter()
        print(self.step(x), time.perf_counter() - began)


class Speaking(Trainer):
    def open(self, x):
        print("opened")
        return super().open(x)


class Overridden(nn.Linear):
    def forward(self, x):
        print("forward")
        return super().forward(x)


def test_only_what_a_step_can_reach_by_name_keeps_it_from_being_compiled(monkeypatch):
    trainer, x = Trainer(), {"input": X}
    fast = al.compile(trainer.step, backend="numpy")
    for _ in range(4):
        assert fast(x)["input"] == trainer.step(x)["input"]
    assert "not compiled" not in fast.why
    monkeypatch.setattr(Trainer, "open", lambda self, x: x * 7)
    assert fast(x)["input"] == trainer.step(x)["input"]
    trainer.recent.append(3.0)
    trainer.began = 0.0
    assert fast(x)["input"] == trainer.step(x)["input"]
    for reached in (trainer.by_a_name, trainer.made_anew):
        with pytest.raises(al.TraceError, match="which every step moves on"):
            al.compile(reached, backend="numpy")(X)
    net = Overridden(2, 1)
    for f, given in ((Speaking().step, x), (lambda x: np.sum(net(x)), np.ones((3, 2)))):
        with pytest.raises(al.TraceError, match="calls print, which every step should do"):
            al.compile(f, backend="numpy")(given)


class Named:
    pass  # What makes it does not name its attribute.


class Placed:
    __match_args__ = ("factor",)


def by_keyword(x, held=Named()):  # noqa: B008  (what it holds is to be changed)
    match held:
        case Named(factor=f):
            return np.sum(x) * f


def by_position(x, held=Placed()):  # noqa: B008  (what it holds is to be changed)
    match held:
        case Placed(f):
            return np.sum(x) * f


class Looking(type):
    def __getattr__(cls, name):
        return cls.held.factor


class Looked(metaclass=Looking):
    held = Named()


def by_a_class_of_classes(x, held=Looked.held):
    del held  # The class has it, too.
    return np.sum(x) * Looked.anything


@pytest.mark.parametrize("f", [by_keyword, by_position, by_a_class_of_classes])
def test_what_is_read_by_no_name_in_the_code_is_seen(f):
    fast, held = al.compile(f, backend="numpy"), f.__defaults__[0]
    for held.factor in (2.0, 2.0, 3.0, 7.0):
        same(fast, f, X)


def two(x):
    return np.sum(x * 2)


def three(x):
    return np.sum(x * 3)


class Base:
    scale = 2.0


class Derived(Base):
    pass


def multiplied(f):
    @functools.wraps(f)
    def wrapper(x):
        return f(x) * multiplied.by

    return wrapper


def in_turn(table):
    def f(x):
        for key in table:
            x = x * table[key] + 1
        return x

    return f


TABLE, ORDERED = {"a": 2.0, "b": 3.0}, collections.OrderedDict(a=2.0, b=3.0)


BY_TYPE = {float: 2.0}


DERIVED = Derived()


BETWEEN = {
    "order of a dict": (in_turn(TABLE), lambda: TABLE.update(a=TABLE.pop("a"))),
    "order of an OrderedDict": (in_turn(ORDERED), lambda: ORDERED.move_to_end("a")),
    "code of a function": (lambda x: two(x), lambda: setattr(two, "__code__", three.__code__)),
    "attribute of a base": (lambda x: x * DERIVED.scale, lambda: setattr(Base, "scale", 7.0)),
    "new in a class": (lambda x: x * DERIVED.scale, lambda: setattr(Derived, "scale", 8.0)),
    "under a type": (lambda x: x * BY_TYPE[float], lambda: BY_TYPE.update({float: 5.0})),
    "of a decorator": (multiplied(lambda x: x), lambda: setattr(multiplied, "by", 3.0)),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_what_changes_between_two_steps_beside_eager(name):
    f, change = BETWEEN[name]
    multiplied.by = 2.0
    fast = both(f)
    fast(X)  # The next three calls have no eager one beside them.
    before = f(X)
    change()
    assert not np.array_equal(f(X), before)
    same(fast, f, X)
    assert "traced again" in fast.why


def test_order_of_a_dict_that_the_function_itself_changes():
    table = {"a": 2.0, "b": 3.0}

    def f(x):
        table["a"] = table.pop("a")
        return in_turn(table)(x)

    fast = al.compile(f)
    for _ in range(4):
        expected = in_turn({"b": 3.0, "a": 2.0})(X)
        np.testing.assert_allclose(fast(X), expected)
    assert "not compiled: it changes table" in fast.why


def by_the_clock(x):
    return x * int(time.time())


def by_an_import(x):
    from time import time

    return x * int(time())


def by_a_date(x):
    return x * datetime.date.today().year


def by_the_error_state(x):
    return x * (2 if np.geterr()["divide"] == "warn" else 3)


@pytest.mark.parametrize("f", [by_the_clock, by_an_import, by_a_date])
def test_what_tells_the_time_is_not_compiled(f):
    fast = al.compile(f)
    fast(X)
    assert "tells the time" in fast.why
    with pytest.raises(TypeError, match="tells the time"):
        al.compile(f, backend="numpy")(X)


def test_what_reads_the_state_of_a_library_is_not_compiled():
    fast = al.compile(by_the_error_state)
    for divide in ("warn", "ignore", "warn"):
        with np.errstate(divide=divide):
            same(fast, by_the_error_state, X)
    assert "uses geterr" in fast.why


def test_what_only_pretends_to_have_attributes_is_not_looked_into():
    class Foreign:
        __dict__ = 3

    foreign = Foreign()
    f = al.compile(lambda x: x * 2.0 if foreign else x)
    assert f(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]


def keeper():
    """An object whose class nothing else has."""
    made = type("Keeper", (), {"n": 0})()
    made.x = [1.0, 2.0, 3.0, 4.0, 5.0]
    return made


def adds_an_attribute(keeper, x):
    keeper.m = getattr(keeper, "m", 0) + 1
    return x * keeper.m


def counts_in_its_class(keeper, x):
    type(keeper).n += 1
    return x * keeper.n


def adds_to_its_class(keeper, x):
    type(keeper).m = getattr(keeper, "m", 0) + 1
    return x * keeper.m


def takes_the_last(keeper, x):
    return x * keeper.x.pop()


def puts_first(keeper, x):
    keeper.x.insert(0, len(keeper.x))
    return x * keeper.x[0]


@pytest.mark.parametrize(
    "f", [adds_an_attribute, counts_in_its_class, adds_to_its_class, takes_the_last, puts_first]
)
def test_a_trace_leaves_nothing_in_objects_classes_and_lists(f):
    once = functools.partial(f, keeper())
    fast = al.compile(functools.partial(f, keeper()))
    for _ in range(3):
        same(fast, once, X)
    assert fast.why.startswith("not compiled: it changes")


def test_a_function_of_cython_among_what_is_closed_over():
    make = np.random.default_rng
    fast = al.compile(lambda x: x * 2.0 if make else x, backend="numpy")
    same(fast, lambda x: x * 2.0, X)


@pytest.mark.parametrize("how", ["np.load", "a partial", "its Path", "a Path", "os.path.getsize"])
def test_what_files_hold_is_read_at_every_call(how, tmp_path):
    path = tmp_path / "numbers.npy"
    read = functools.partial(np.load, path)
    f = {
        "a partial": lambda x: np.sum(x) * read()[0],
        "np.load": lambda x: np.sum(x) * np.load(path)[0],
        "its Path": lambda x: np.sum(x) * path.read_bytes()[-1],
        "a Path": lambda x: np.sum(x) * Path(str(path)).read_bytes()[-1],
        "os.path.getsize": lambda x: np.sum(x) * os.path.getsize(str(path)),
    }[how]
    fast = al.compile(f)
    for numbers in ([1.0], [1.0], [1.0], [2.0, 3.0]):
        np.save(path, numbers)
        assert fast(np.ones(2)) == f(np.ones(2))
    assert "may change" in fast.why


def test_a_path_that_is_not_read_is_no_reason(tmp_path):
    settings = {"folder": tmp_path, "scale": 2.0}
    fast = al.compile(lambda x: np.sum(x) * settings["scale"], backend="numpy")
    assert fast(np.ones(2)) == 4
