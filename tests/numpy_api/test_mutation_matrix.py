"""Every way to change a tensor or an array, at every time, on every kind of tensor.

Each cell is right (what was computed before keeps its gradients, what is computed afterwards has
those of the same program without assignments) or an error that leaves everything as it was.
"""

import operator
from types import SimpleNamespace

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import GradientError, Tensor
from autograd_lite.numpy_api import values_of

START = np.array([[0.5, -0.9], [1.3, 0.7]])

KINDS = {
    "leaf": lambda x: Tensor(x.data),
    "parameter": lambda x: x,
    "inner": lambda x: x * 1.5,
    "slice of inner": lambda x: (x * 1.5)[1:],
    "transpose of inner": lambda x: (x * 1.5).T,
    "reshape of inner": lambda x: (x * 1.5).reshape(1, 4),
    "slice of parameter": lambda x: x[1:],
    "transpose of parameter": lambda x: x.T,
    "reshape of parameter": lambda x: x.reshape(4, 1),
    "slice of leaf": lambda x: Tensor(x.data)[1:],
}
TIMES = ("before backward", "after backward", "inside no_grad")


def world(kind):
    """Return a tensor of a kind, and what the losses below are computed from."""
    start = START.copy()
    x = Tensor(start, requires_grad=True)
    t = KINDS[kind](x)
    n = t.shape[-1]
    base = np.linspace(0.5, 2.0, 2 * t.size)
    return SimpleNamespace(
        start=start,
        x=x,
        t=t,
        w=Tensor(np.linspace(0.3, 1.2, t.size).reshape(t.shape), requires_grad=True),
        captured=np.linspace(1.0, 2.0, t.size).reshape(t.shape),
        base=base,
        view=base[::2].reshape(t.shape),
        other=np.linspace(1.5, 2.5, t.size).reshape(t.shape),
        square=np.eye(n) + np.arange(n * n).reshape(n, n) / 10,
        first=np.arange(t.size).reshape(t.shape) < t.size // t.shape[0],
        mask=np.arange(t.size).reshape(t.shape) % 3 == 0,
    )


def loss(e):
    return np.sum(np.sin(e.t * e.captured * e.w) + e.t**2 * e.view * e.w)


def gradients(e):
    found = [np.zeros(p.shape) if p.grad is None else p.grad.numpy() for p in (e.x, e.w)]
    e.x.zero_grad()
    e.w.zero_grad()
    return found


def close(got, expected):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


def value(e):
    return (e.w * 0.5).sum()


def assign(e):
    e.t[0] = value(e)


def assign_where(e):
    e.t[e.mask] = value(e)


def add(e):
    e.t += e.other * e.w


def subtract(e):
    e.t -= e.other * e.w


def multiply(e):
    e.t *= e.other * e.w


def divide(e):
    e.t /= e.other * e.w


def power(e):
    e.t **= 2


def product(e):
    e.t @= e.square


def floor_divide(e):
    e.t //= 2


def remainder(e):
    e.t %= 2


def conjoin(e):
    e.t &= 1


def disjoin(e):
    e.t |= 1


def exclude(e):
    e.t ^= 1


def shift_left(e):
    e.t <<= 1


def shift_right(e):
    e.t >>= 1


def write_data(e):
    e.t.data[...] = 7.0


def write_numpy(e):
    e.t.numpy()[...] = 7.0


def out_tensor(e):
    np.add(e.other, e.other, out=e.t)


def out_data(e):
    np.add(e.other, e.other, out=e.t.data)


def array_plus_tensor(e):
    e.captured += e.t


def out_array_of_tensor(e):
    np.add(e.t, 1.0, out=e.captured)


def set_data(e):
    e.t.data = e.other


def step(e):
    e.t.grad = e.other
    al.optim.SGD([e.t], lr=0.5).step()
    e.t.grad = None


def write_captured(e):
    e.captured[...] = 9.0


def write_captured_by_out(e):
    np.add(e.other, e.other, out=e.captured)


def write_view(e):
    e.view[...] = 9.0


def write_base(e):
    e.base *= 3.0


def write_start(e):
    e.start[...] = 9.0


RECORDED = {  # In place, and the same without.
    assign: lambda e: np.where(e.first, value(e), e.t),
    assign_where: lambda e: np.where(e.mask, value(e), e.t),
    add: lambda e: e.t + e.other * e.w,
    subtract: lambda e: e.t - e.other * e.w,
    multiply: lambda e: e.t * (e.other * e.w),
    divide: lambda e: e.t / (e.other * e.w),
    power: lambda e: e.t**2,
    floor_divide: lambda e: Tensor(e.t // 2),
    remainder: lambda e: e.t % 2,
    product: lambda e: e.t @ e.square,
    out_tensor: lambda e: Tensor(e.other + e.other),
}
REFUSED = {
    conjoin: TypeError,
    disjoin: TypeError,
    exclude: TypeError,
    shift_left: TypeError,
    shift_right: TypeError,
    write_data: ValueError,
    write_numpy: ValueError,
    out_data: ValueError,
    array_plus_tensor: TypeError,
    out_array_of_tensor: TypeError,
}
OF_LEAVES = {set_data: lambda e: e.other, step: lambda e: e.t.data - 0.5 * e.other}
INTO_ARRAYS = (array_plus_tensor, out_array_of_tensor)  # Of constants: no gradient is lost.
OF_ARRAYS = (write_captured, write_captured_by_out, write_view, write_base, write_start)


def refusal(mutation, time, kind, t):
    """Return the kind of error that a cell must be, or None."""
    if mutation in INTO_ARRAYS and kind.endswith("leaf"):
        return None
    if mutation in REFUSED:
        return REFUSED[mutation]
    if mutation in OF_LEAVES:
        if mutation is step:
            return None if t.is_leaf and t.requires_grad else ValueError
        return None if t.is_leaf else GradientError
    if mutation in RECORDED:
        inside = time == "inside no_grad"
        if t.is_leaf and t.requires_grad and not inside:
            return GradientError  # It would no longer be the leaf that gets the gradient.
        if not t.is_leaf and inside and not kind.endswith("of parameter"):
            return GradientError
        if kind.endswith("of parameter") and not inside:
            return GradientError  # The parameter would change with it.
    return None


def without_assignment(kind, mutation, time):
    """Compute what the cell computes last, in a program that changes nothing in place."""
    e = world(kind)
    if mutation in RECORDED and time != "inside no_grad":
        e.t = RECORDED[mutation](e)
    elif mutation in RECORDED or mutation in OF_LEAVES:
        with al.no_grad():
            new = (RECORDED | OF_LEAVES)[mutation](e)
        if kind.endswith("of parameter"):
            whole = np.array(e.x.data)
            KINDS[kind](whole)[...] = values_of(new)
            e.x = Tensor(whole, requires_grad=True)
            e.t = KINDS[kind](e.x)
            loss(e).backward()
            return e
        new = Tensor(values_of(new), requires_grad=e.t.requires_grad)
        if e.t is e.x:
            e.x = new
        e.t = new
    else:
        mutation(e)
    loss(e).backward()
    return e


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize(
    "mutation", [*RECORDED, *REFUSED, *OF_LEAVES, *OF_ARRAYS], ids=lambda f: f.__name__
)
def test_cell(mutation, time, kind):
    plain = world(kind)
    loss(plain).backward()
    once = gradients(plain)

    grad_mode = al.no_grad if time == "inside no_grad" else al.enable_grad
    e = world(kind)
    same, earlier = e.t, loss(e)
    if time == "after backward":
        earlier.backward()
        close(gradients(e), once)
    before = {name: np.array(values_of(x)) for name, x in vars(e).items() if x is not None}

    expected = refusal(mutation, time, kind, e.t)
    if expected is not None:
        with pytest.raises(expected) as error, grad_mode():
            mutation(e)
        assert len(str(error.value)) > 20
        for name, x in vars(e).items():
            np.testing.assert_array_equal(values_of(x), before[name])
        e.t.grad = None
    else:
        with grad_mode():
            mutation(e)
    assert e.t is same
    assert al.is_grad_enabled()

    earlier.backward()
    close(gradients(e), once)

    if expected is None:
        functional = without_assignment(kind, mutation, time)
        np.testing.assert_allclose(e.t.numpy(), functional.t.numpy(), rtol=1e-14)
        loss(e).backward()
        close(gradients(e), gradients(functional))
    else:
        loss(e).backward()
        close(gradients(e), once)
    for array in (e.start, e.captured, e.base, e.view, e.other, e.mask, e.square):
        assert array.flags.writeable
    if mutation not in (*OF_ARRAYS, *INTO_ARRAYS):
        for name in ("start", "captured", "base", "view", "other", "mask", "square"):
            np.testing.assert_array_equal(getattr(e, name), before[name])


VIEWS = {
    "slice": lambda t: t[1:],
    "row": lambda t: t[0],
    "transpose": lambda t: t.T,
    "reshape": lambda t: t.reshape(-1),
    "flip": np.flip,
    "part": lambda t: np.split(t, 2)[1],
    "view of a view": lambda t: t.T[1:].reshape(-1),
}
WRITES = {
    "t += u": lambda t: operator.iadd(t, 1.0),
    "t *= u": lambda t: operator.imul(t, 3.0),
    "t[i] = v": lambda t: operator.setitem(t, 0, 1.0),
    "t[mask] = v": lambda t: operator.setitem(t, t > 0, 1.0),
}
OWNERS = {
    "parameter": lambda: Tensor(START, requires_grad=True),
    "inner": lambda: Tensor(START, requires_grad=True) * 2.0,
    "constant": lambda: Tensor(START),
    "constant result": lambda: Tensor(START) * 2.0,
}


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_write_to_a_view_is_one_to_what_it_was_taken_from(view, write, owner):
    t = OWNERS[owner]()
    part, array = VIEWS[view](t), t.numpy().copy()
    if owner == "parameter":
        with pytest.raises(GradientError, match=r"through a view on a tensor of shape .*, a leaf"):
            WRITES[write](part)
        np.testing.assert_array_equal(t.numpy(), array)
    with al.no_grad() if owner == "parameter" else al.enable_grad():
        for x, taken in ((array, VIEWS[view](array)), (t, part)):
            WRITES[write](taken)
            WRITES[write](VIEWS[view](x))  # As in t[0][0] = 1.
    np.testing.assert_array_equal(t.numpy(), array)
    np.testing.assert_array_equal(part.numpy(), VIEWS[view](array))
    assert not np.array_equal(array, START)
    copied = part.copy()
    before = t.numpy().copy()
    with al.no_grad():
        copied = copied.detach()
        WRITES[write](copied)
    np.testing.assert_array_equal(t.numpy(), before)


@pytest.mark.parametrize("take", [lambda t: np.broadcast_to(t, (3, 2, 2)), np.diagonal])
def test_what_numpy_makes_read_only_is_not_written_to(take):
    t = Tensor(START) * 2.0
    part = take(t)
    with pytest.raises(ValueError, match=r"stretched, or is a diagonal.*copy"):
        part[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        take(START)[0] = 1.0
    t[0, 0] = 9.0
    assert part[0].numpy().flat[0] == 9.0


@pytest.mark.parametrize(
    "make",
    [
        np.zeros_like,
        lambda x: np.einsum("ij,jk->ki", x.data, Tensor(START)),
        np.copy,
        Tensor.detach,
    ],
)
def test_constants_that_parts_were_taken_of_may_be_written_to(make):
    x = Tensor(START, requires_grad=True)
    t = make(x * 2.0)
    first = np.sum(t[1:] * x)
    t[1:] += x[:1]
    t[0] = x[1] + t[1]
    (first + np.sum(t)).backward()
    assert x.grad is not None
    with al.no_grad():
        part = (x * 2.0)[0]
        part += 1.0
        kept = x * 2.0
        part = kept.T[0]
        part += 1.0
        np.testing.assert_array_equal(kept, START * 2.0 + [[1.0, 0.0], [1.0, 0.0]])


@pytest.mark.parametrize("owner", [owner for owner in OWNERS if owner != "parameter"])
def test_a_part_that_is_put_back_is_no_view(owner):
    """Python makes of ``t[i] += u`` that it takes the part, adds to it, and puts it back."""
    t, array = OWNERS[owner](), np.array(OWNERS[owner]().data)
    holder = SimpleNamespace(t=t)
    for x in (t, array):
        x[0] += 1.0
        x[:, 1:] *= x[:, :1]

    holder.t += 1.0
    array += 1.0
    np.testing.assert_array_equal(t.numpy(), array)


def test_a_part_that_is_put_back_is_written_once():
    t = Tensor(START, requires_grad=True) * 2.0
    t[0] += 1.0
    t.sum().backward()
    operations = [node.primitive.name for node in al.Graph(t, names={}).nodes if node.primitive]
    assert operations == ["multiply", "getitem", "add", "assign"]


def test_a_view_in_a_container_is_a_view():
    t, array = Tensor(START, requires_grad=True) * 2.0, START * 2.0
    for x in (t, array):
        by_name, by_number = {"top": x[0]}, [x[0]]
        by_name["top"] += 1.0
        by_number[0] *= 2.0
        by_name["all"] = x
        by_name["all"] += 1.0
        by_name["all"][0] -= 1.0
        np.testing.assert_array_equal(*map(values_of, (by_number[0], by_name["top"])))
    np.testing.assert_array_equal(t.numpy(), array)


def test_what_numpy_copies_may_be_written_to():
    x = Tensor(START, requires_grad=True)
    t = x * 2.0
    for copied in (t.flatten(), t[[0, 1]], t[t > 0], +t, t.detach(), t[0].detach(), np.copy(t[0]),
                   *np.meshgrid(t[0], t[1], sparse=True)):  # fmt: skip
        copied[0] = 7.0
        copied += 1.0
    np.testing.assert_array_equal(t.numpy(), START * 2.0)
    (x.T + t.T).backward(np.ones((2, 2)))
    x.grad *= 0.5
    x.grad[0] = 1.0
    assert x.grad.tolist() == [[1.0, 1.0], [1.5, 1.5]]
