"""A bound step that machine code enters sees whatever has changed, like one that Python enters."""

import abc
import builtins
import gc
import importlib
import sys
import types
import weakref

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import optim

pytest.importorskip("numba")
GLOBAL = 1.0


def like_isinstance(x, kind, _real=isinstance):
    return _real(x, kind)


class Settings:
    def __init__(self):
        self.scale, self.table, self.by_name = 1.0, [1.0, 2.0], {"a": 1.0}


class Other(Settings):
    pass


class Training:
    """A step with all that it may depend on, and its twin that runs eagerly."""

    def __init__(self, make=optim.SGD, shape=(2,), dtype=float, **settings):
        rng = np.random.default_rng(0)
        self.w = w = al.Tensor(rng.normal(size=shape), requires_grad=True, dtype=dtype)
        self.frozen = frozen = al.Tensor(rng.normal(size=shape), dtype=dtype)
        self.x, self.y = rng.normal(size=(2, 2, *shape)).astype(dtype)
        self.array = rng.normal(size=shape).astype(dtype)
        self.objects, self.optimiser = Settings(), make([self.w], **{"lr": 0.01, **settings})
        k, array, objects = 1.0, self.array, self.objects

        def loss(x, y, *, by=1.0):
            e = (w * x + frozen * array - y) * k * by * GLOBAL
            total = e * objects.scale * objects.table[1] * objects.by_name["a"]
            return al.mse(total * isinstance(objects, Settings), 0 * y)

        def rebind(value):
            nonlocal k
            k = value

        self.loss, self.rebind = loss, rebind
        self.step = al.compile(loss, self.optimiser, backend="numba")

    def bound(self):
        """Return a bound step that has been entered a few times."""
        self.step(self.x, self.y)  # What is made at the first step is there.
        bound = self.step.bind(self.x, self.y)
        for _ in range(3):
            bound()
        return bound

    def eagerly(self):
        """Do a step as it is; return the loss."""
        self.optimiser.zero_grad()
        loss = self.loss(self.x, self.y)
        loss.backward()
        self.optimiser.step()
        return loss.item()


def in_python(f):
    """Return how many functions in Python a call enters."""
    entered = []
    sys.setprofile(lambda frame, event, _: entered.append(frame) if event == "call" else None)
    try:
        f()
    finally:
        sys.setprofile(None)
    return len(entered)


OPTIMISERS = {
    "SGD": (optim.SGD, {}),
    "momentum": (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "Adam": (optim.Adam, {}),
}


@pytest.mark.parametrize(
    ("name", "dtype", "shape"),
    [
        ("SGD", float, ()), ("SGD", np.float32, (2,)), ("momentum", float, (2,)),
        ("Adam", float, (2,)), ("Adam", np.float32, ()),
    ],
)  # fmt: skip
def test_machine_code_enters_and_gives_what_eager_gives(name, dtype, shape):
    make, settings = OPTIMISERS[name]
    training, twin = (Training(make, shape, dtype, **settings) for _ in range(2))
    bound = training.bound()
    assert isinstance(bound, types.BuiltinFunctionType)
    for _ in range(4):
        twin.eagerly()
    for k in range(6):
        for one in (training, twin):
            one.x += 0.1  # What is in the arrays is read at every call.
            one.optimiser.lr = 0.01 + 0.01 * k
            if k == 3:
                one.w.data = one.w.numpy() + 1
        value = bound()
        assert (type(value), value.dtype) == (training.w.dtype.type, dtype)
        np.testing.assert_allclose(value, twin.eagerly(), rtol=1e-5)
        np.testing.assert_allclose(training.w.numpy(), twin.w.numpy(), rtol=1e-5)
        assert training.w.grad is None
    bound()
    assert in_python(bound) == 0


UNNOTICED = {
    "a value that is held": lambda t: t.held.append(t.w.numpy()),
    "a gradient": lambda t: setattr(t.w, "grad", np.ones(2)),
    "an equal number": lambda t: t.rebind(float("1.0")),
    "the order of attributes": lambda t: vars(t.objects).update(scale=vars(t.objects).pop("scale")),
    "a learning rate": lambda t: setattr(t.optimiser, "lr", 0.03),
    "a parameter": lambda t: setattr(t.w, "data", t.w.numpy() * 2),
    "data of a constant": lambda t: setattr(t.frozen, "data", t.frozen.numpy() * 2),
    "another step": lambda t: t.step(t.x, t.y),
    "a loop": lambda t: t.step.run(3, t.x, t.y),
}
STEPS = {"another step": 1, "a loop": 3}
NOTICED = {
    "a cell": lambda t: t.rebind(2.0),
    "an attribute": lambda t: setattr(t.objects, "scale", 2.0),
    "an attribute deleted": lambda t: delattr(t.objects, "scale"),
    "a new list": lambda t: setattr(t.objects, "table", [1.0, 2.0]),
    "an entry of a list": lambda t: t.objects.table.__setitem__(0, 5.0),
    "a longer list": lambda t: t.objects.table.append(1.0),
    "a shorter list": lambda t: t.objects.table.pop(),
    "an entry of a dict": lambda t: t.objects.by_name.update(a=2.0),
    "a dict with more": lambda t: t.objects.by_name.update(b=2.0),
    "an empty dict": lambda t: t.objects.by_name.clear(),
    "a default": lambda t: t.loss.__kwdefaults__.update(by=2.0),
    "other defaults": lambda t: setattr(t.loss, "__kwdefaults__", {"by": 2.0}),
    "code": lambda t: setattr(t.loss, "__code__", t.loss.__code__.replace(co_name="other")),
    "an array that was closed over": lambda t: t.array.__setitem__(1, 7.0),
    "its shape": lambda t: setattr(t.array, "shape", (2, 1)),
    "its dtype": lambda t: setattr(t.array, "dtype", np.int64),
    "its length": lambda t: t.array.resize((1,), refcheck=False),
    "the shape of what is bound": lambda t: setattr(t.x, "shape", (4, 1)),
    "the dtype of what is bound": lambda t: setattr(t.x, "dtype", np.int64),
    "all attributes": lambda t: setattr(t.objects, "__dict__", {**vars(t.objects)}),
    "a class": lambda t: setattr(t.objects, "__class__", Other),
    "attributes of a function": lambda t: setattr(t.loss, "__dict__", {"by": 2.0}),
    "its last bit": lambda t: t.array.view(np.uint8).__setitem__(8, 1),
    "a setting": lambda t: t.optimiser.param_groups[0].update(weight_decay=0.1),
    "a setting that is new": lambda t: t.optimiser.param_groups[0].update(other=0.1),
    "another list of groups": lambda t: setattr(t.optimiser, "param_groups", []),
    "a frozen parameter": lambda t: setattr(t.w, "requires_grad", False),
    "a learning rate of another type": lambda t: setattr(t.optimiser, "lr", np.float64(0.03)),
    "a hook": lambda t: t.w.register_hook(lambda g: g * 2),
    "a builtin": lambda t: t.patch.setattr(builtins, "isinstance", like_isinstance),
    "a class that is registered": lambda t: abc.ABCMeta("A", (), {}).register(Settings),
}


@pytest.mark.parametrize("change", UNNOTICED)
def test_what_a_bound_step_goes_on_with(change):
    training, twin = Training(), Training()
    bound = training.bound()
    for _ in range(4):
        twin.eagerly()
    for one in (training, twin):
        one.held = []
    UNNOTICED[change](training)
    if change in STEPS:
        for _ in range(STEPS[change]):
            twin.eagerly()
    else:
        UNNOTICED[change](twin)
    held = [(x, x.copy()) for x in training.held]
    for _ in range(3):
        np.testing.assert_allclose(bound(), twin.eagerly())
        np.testing.assert_allclose(training.w.numpy(), twin.w.numpy())
    for x, before in held:
        np.testing.assert_array_equal(x, before)


@pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")
@pytest.mark.parametrize("change", NOTICED)
def test_what_a_bound_step_refuses_to_go_on_with(change, monkeypatch):
    training = Training()
    bound = training.bound()
    assert in_python(bound) == 0
    before, training.patch = training.w.tolist(), monkeypatch
    NOTICED[change](training)
    for _ in range(2):
        with pytest.raises(al.StaleError, match="has changed since bind"):
            bound()
    assert training.w.tolist() == before


@pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")
@pytest.mark.parametrize("name", ["w", "frozen"])
@pytest.mark.parametrize(("part", "value"), [("shape", (2, 1)), ("dtype", np.int64)])
def test_a_tensor_whose_array_is_another_kind_of_array(name, part, value):
    training = Training()
    bound = training.bound()
    setattr(getattr(training, name)._array, part, value)
    with pytest.raises(al.StaleError, match="has changed since bind"):
        bound()


def test_a_bound_step_in_a_cycle_is_freed():
    training = Training()
    training.objects.more = more = []
    bound = training.bound()
    assert isinstance(bound, types.BuiltinFunctionType)
    more.append(bound)
    gone = weakref.ref(training.frozen)
    del training, bound, more
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("kind", [list, dict])
def test_code_of_the_user_that_looks_things_up_stays_in_python(kind):
    class Own(kind):
        def __getitem__(self, key):
            return super().__getitem__(key)

        def __len__(self):
            return super().__len__()

    own = Own({0: 2.0} if kind is dict else [2.0])
    w = al.Tensor(2.0, requires_grad=True)
    step = al.compile(lambda x: w * x * own[0], optim.SGD([w], lr=0.0), backend="numba")
    step(1.0)
    bound = step.bind(1.0)
    assert isinstance(bound, types.FunctionType)
    assert bound() == 4.0
    own[0] = 3.0
    with pytest.raises(al.StaleError, match="has changed since bind"):
        bound()


def test_a_global_that_changes_and_comes_back(monkeypatch):
    bound = Training().bound()
    with monkeypatch.context() as m:
        m.setitem(globals(), "GLOBAL", 2.0)
        with pytest.raises(al.StaleError, match="GLOBAL has changed since bind"):
            bound()
    assert in_python(bound) == 0
    monkeypatch.delitem(globals(), "GLOBAL")
    with pytest.raises(al.StaleError, match="GLOBAL has changed since bind"):
        bound()


class Own(optim.SGD):
    """An optimiser of the user's."""

    by = 1.0

    def __init__(self, params, **settings):
        super().__init__(params, **settings)
        self.factor = 1.0

    def step(self):
        for p in self.params:
            p.grad = p.grad * (self.factor * self.by)
        super().step()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    ("on", "name", "value"),
    [
        (False, "factor", 5.0), (False, "by", 5.0), (True, "by", 5.0),
        (False, "step", lambda: None), (False, "__class__", optim.SGD),
    ],
)  # fmt: skip
def test_an_optimiser_of_the_users(on, name, value, backend, monkeypatch):
    w, x = al.Tensor([2.0, 3.0], requires_grad=True), np.array([1.0, 2.0])
    optimiser = Own([w], lr=0.01)
    optimiser.factor = 3.0
    step = al.compile(lambda x: np.sum(w * x), optimiser, backend=backend)
    bound = step.bind(x)
    for call in (bound, lambda: step(x), bound):
        call()
    if backend == "numba":
        assert in_python(bound) == 0
    w.data = [2.0, 3.0]
    monkeypatch.setattr(type(optimiser) if on else optimiser, name, value)
    with pytest.raises(al.StaleError, match="has changed since bind"):
        bound()
    step(x)
    gone = {"step": 0.0, "__class__": 1.0}.get(name, 5.0 * (3.0 if name == "by" else 1.0))
    np.testing.assert_allclose(w.numpy(), [2.0 - 0.01 * gone, 3.0 - 0.02 * gone])


def test_bound_steps_in_turn_share_what_they_write_into():
    training, twin = Training(), Training()
    steps = [training.step.bind(training.x, training.y), training.step.bind(training.y, training.x)]
    for k in range(6):
        np.testing.assert_allclose(steps[k % 2](), twin.eagerly())
        np.testing.assert_allclose(training.w.numpy(), twin.w.numpy())
        twin.x, twin.y = twin.y, twin.x
        if k > 2:
            assert in_python(lambda: None) == 1


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    "made",
    [lambda x: x.T, lambda x: x[:, ::-1], al.Tensor, lambda x: al.Tensor(x[0, 0])],
    ids=["transposed", "reversed", "tensor", "number"],
)
def test_what_is_bound_is_read_at_every_call(made, backend):
    w = al.Tensor(2.0, requires_grad=True)
    x = np.arange(9.0).reshape(3, 3)
    given = made(x)
    bound = al.compile(
        lambda x: np.sum((w * x) ** 2), optim.SGD([w], lr=0.0), backend=backend
    ).bind(given)
    for _ in range(3):
        if isinstance(given, al.Tensor):
            given.data = given.numpy() + 1
        else:
            x += 1
        np.testing.assert_allclose(bound(), np.sum((2 * np.asarray(given)) ** 2))


def test_a_bound_step_ends_with_what_holds_it():
    training = Training()
    gone = weakref.ref(training.frozen)
    bound = training.bound()
    copies = [training.step.bind(training.x, training.y) for _ in range(10)]
    del training
    gc.collect()
    assert gone() is not None
    bound()
    del bound, copies
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float32])
def test_data_of_any_dtype(dtype):
    w = al.Tensor([2.0, 3.0], requires_grad=True)
    x = np.array([1, 0], dtype)
    bound = al.compile(lambda x: np.sum(w * x), optim.SGD([w], lr=0.0), backend="numba").bind(x)
    bound()
    x[:] = 1
    assert bound() == 5.0
    assert in_python(bound) == 0


def test_where_machine_code_cannot_see_python_does(monkeypatch):
    native = importlib.import_module("autograd_lite.compile.native")

    monkeypatch.setattr(native, "usable", lambda: False)
    training, twin = Training(), Training()
    bound = training.bound()
    for _ in range(4):
        twin.eagerly()
    np.testing.assert_allclose(bound(), twin.eagerly())
    assert in_python(bound) > 0


@pytest.mark.parametrize(
    "change",
    [
        "a cell",
        "an attribute",
        "an entry of a list",
        "an entry of a dict",
        "a default",
        "a setting",
    ],
)
def test_a_step_that_is_called_often_looks_in_machine_code(change, monkeypatch):
    monkeypatch.setattr(importlib.import_module("autograd_lite.compile.plan"), "MANY", 4)
    training, twin = Training(), Training()

    def both():
        value = training.step(training.x, training.y)
        np.testing.assert_allclose(value, twin.eagerly())
        np.testing.assert_allclose(training.w.numpy(), twin.w.numpy())

    for _ in range(9):
        both()
    training.array[0] = twin.array[0] = 2.0
    both()
    for one in (training, twin):
        NOTICED[change](one)
    for _ in range(9):
        both()
    assert "traced again: array" in training.step.why
