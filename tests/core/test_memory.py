"""Nothing needs the garbage collector: with it switched off, a dropped graph is freed at once."""

import gc
import os
import platform
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import Tensor
from autograd_lite.numpy_api import memory


def leaf(value):
    return Tensor(value, requires_grad=True)


class Inner:
    """Weak references to what a computation made, to be checked with the collector off."""

    def __enter__(self):
        gc.disable()
        self.references = []
        return self

    def __exit__(self, *exception):
        gc.enable()

    def build(self, x):
        inner = np.tanh(x * 2.0)
        loss = (inner * inner + x).sum()
        self.references += [weakref.ref(inner), weakref.ref(loss)]
        return loss

    def all_gone(self):
        return all(reference() is None for reference in self.references)


@pytest.mark.parametrize("backward", [False, True])
def test_graph_is_freed_at_once(backward):
    x = leaf([1.0, 2.0])
    with Inner() as inner:
        loss = inner.build(x)
        if backward:
            loss.backward()
            loss.backward()
        del loss
        assert inner.all_gone()


def test_what_was_changed_in_place_is_freed_at_once():
    """``t[1] = 2 * t[0]`` would be a cycle, if the product held `t` and not what it was."""
    x = leaf([1.0, 2.0, 4.0])
    with Inner() as inner:
        t = x * 2.0
        t[1:] += t[:-1]
        t *= np.sum(t * x)
        for i in range(3):
            t[i] = t[i - 1] * t[i - 2]
            inner.references.append(weakref.ref(t))
        loss = inner.build(t)
        loss.backward()
        del t, loss
        assert inner.all_gone()


def test_recorded_sweep_is_freed_at_once():
    x = leaf([1.0, 2.0])
    with Inner() as inner:
        loss = inner.build(x)
        loss.backward(create_graph=True)
        inner.references.append(weakref.ref(x.grad))
        loss = (x.grad * x.grad).sum()
        x.zero_grad()  # A leaf and a gradient that depends on it hold each other.
        loss.backward()
        del loss
        assert inner.all_gone()


def test_graph_is_freed_at_once_after_a_failed_sweep():
    x = leaf([1.0, 2.0])
    with Inner() as inner:
        loss = inner.build(x)
        x.register_hook(lambda g: 1 / 0)
        try:
            loss.backward()
        except ZeroDivisionError:
            pass
        else:
            pytest.fail("the hook was not called")
        try:
            loss + Tensor([1.0, 2.0, 3.0]) + x
        except ValueError:
            pass
        else:
            pytest.fail("the shapes do broadcast")
        del loss
        assert inner.all_gone()


@pytest.mark.parametrize(
    "use",
    [
        lambda f, x: al.grad(f)(x),
        lambda f, x: al.value_and_grad(f)({"a": x}),
        lambda f, x: al.vjp(f, x)[1](1.0),
        lambda f, x: al.jvp(f, (x,), (x,)),
        lambda f, x: al.jacobian(f)(x),
        lambda f, x: al.hessian(f)(x),
        lambda f, x: al.hvp(f, (x,), (x,)),
        lambda f, x: al.grad(f)(leaf(x)),
        lambda f, x: al.checkpoint(f)(leaf(x)).backward(),
    ],
    ids=["grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp", "linked",
         "checkpoint"],
)  # fmt: skip
def test_transforms_are_freed_at_once(use):
    with Inner() as inner:

        def f(x):
            return inner.build(x["a"] if isinstance(x, dict) else x)

        use(f, np.array([1.0, 2.0]))
        assert len(inner.references) >= 2
        assert inner.all_gone()


def test_graph_is_freed_at_once_after_an_anomaly():
    x = leaf([0.0, 2.0])
    with Inner() as inner:
        try:
            with al.detect_anomaly():
                (inner.build(x) * np.log(x)).sum().backward()
        except al.AnomalyError:
            pass
        else:
            pytest.fail("nobody saw the infinity")
        assert inner.all_gone()


def test_bytes_per_node():
    """What a recorded operation takes beyond its data, as the benchmarks weigh it."""
    n, y = 2_000, leaf(np.ones(4))
    size = y.numpy().__sizeof__()
    tracemalloc.start()
    try:
        for _ in range(n):
            y = y * 1.0
        taken = tracemalloc.get_traced_memory()[0] / n - size
    finally:
        tracemalloc.stop()
    assert taken <= 400


def test_cotangents_are_dropped_during_the_sweep():
    alive, most = weakref.WeakSet(), 0
    x = y = leaf(np.ones(1000))
    for _ in range(50):
        y = y * 1.0

        def count(g):
            nonlocal most
            alive.add(g)
            most = max(most, len(alive))

        y.register_hook(count)
    y.sum().backward()
    assert x.grad is not None
    assert most <= 2


ARRAYS_AGAIN = """
import resource
import numpy as np
{first}
def arrays():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    made = [np.ones(10**6) for _ in range(12)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
arrays()
print(arrays())
"""


def pages_asked_for_again(first, **environment):
    run = subprocess.run(
        [sys.executable, "-c", ARRAYS_AGAIN.format(first=first)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_used_again_unless_somebody_has_decided_about_it():
    ours = pages_asked_for_again("import autograd_lite")
    assert 4 * ours < pages_asked_for_again("")
    assert 4 * ours < pages_asked_for_again("import autograd_lite", MALLOC_TRIM_THRESHOLD_="9999")
    assert 4 * ours < pages_asked_for_again("import autograd_lite", **{memory.SWITCH: "0"})
    assert pages_asked_for_again("import autograd_lite", **{memory.SWITCH: "1"}) < 4 * ours + 1000


def test_the_manual_names_the_switch():
    manual = Path(memory.__file__).with_name("README.md").read_text("utf-8")
    for text in (manual, memory.keep_freed_memory.__doc__):
        assert f"{memory.SWITCH}=0" in text
