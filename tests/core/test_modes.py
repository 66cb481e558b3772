"""What holds in a block: per thread, per task, after exceptions, and whatever block ends first."""

import asyncio
import contextvars
import gc
import inspect
import itertools
import threading
import weakref

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import Tensor
from autograd_lite.core.modes import Watch, recording


@pytest.fixture(autouse=True)
def _nothing_holds_before_and_after():
    warnings = np.geterr()
    assert recording.get() is True
    yield
    assert recording.get() is True
    assert np.geterr() == warnings


def records():
    """Whether an operation is recorded here, asked in both ways."""
    enabled = al.is_grad_enabled()
    assert (Tensor(1.0, requires_grad=True) * 2.0).requires_grad == enabled
    return enabled


def finds_anomalies():
    with np.errstate(divide="ignore"):
        try:
            np.log(Tensor(0.0))
        except al.AnomalyError:
            return True
    return False


# ------------------------------------------------------------ blocks that end in any order


KINDS = {"no_grad": al.no_grad, "enable_grad": al.enable_grad, "detect_anomaly": al.detect_anomaly}


@pytest.mark.parametrize("names", list(itertools.product(KINDS, repeat=3)), ids="-".join)
def test_what_holds_is_said_by_the_blocks_that_are_open(names):
    """The youngest that says whether to record, whichever of the others has ended."""
    for order in itertools.permutations(range(3)):
        blocks = [KINDS[name]() for name in names]
        for block in blocks:
            block.__enter__()
        still = list(range(3))
        for k in order:
            blocks[k].__exit__(None, None, None)
            still.remove(k)
            switches = [names[i] for i in still if names[i] != "detect_anomaly"]
            assert records() == (not switches or switches[-1] == "enable_grad")
            assert finds_anomalies() == any(names[i] == "detect_anomaly" for i in still)
        assert recording.get() is True


def test_one_block_may_be_open_several_times():
    block, other = al.no_grad(), al.enable_grad()
    with block, other, block:
        assert not records()
        block.__exit__(None, None, None)  # The youngest of the two.
        assert records()
        other.__exit__(None, None, None)
        assert not records()
        other.__enter__()
        block.__enter__()
    assert records()


def test_a_block_that_has_ended_may_end_again():
    block = al.no_grad()
    with block, al.enable_grad():
        block.__exit__(None, None, None)
        assert records()
    assert records()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, GeneratorExit])
def test_exceptions_end_a_block(kind, error):
    with pytest.raises(error), al.no_grad(), kind(), al.enable_grad():
        raise error


def test_a_watch_that_fails_ends_with_its_block():
    class Fails(Watch):
        def computed(self, result, primitive, operands, values):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Fails():
        Tensor(1.0) * 2.0
    Tensor(1.0) * 2.0


# ------------------------------------------------------------ decorated functions


@pytest.mark.parametrize("decorate", [al.no_grad(), al.no_grad])
def test_a_decorated_function_is_itself(decorate):
    @decorate
    def evaluate(depth, *, more=0):
        """Evaluate."""
        return (evaluate(depth - 1) if depth else more), records()

    assert evaluate(2) == (((0, False), False), False)
    assert (evaluate.__name__, evaluate.__doc__) == ("evaluate", "Evaluate.")
    assert list(inspect.signature(evaluate).parameters) == ["depth", "more"]
    predict = decorate(al.nn.Linear(2, 1))
    assert (predict.__name__, vars(predict).keys()) == ("Linear", {"__wrapped__"})


@pytest.mark.parametrize("what", [3, type("Model", (), {})])
def test_only_functions_are_decorated(what):
    with pytest.raises(TypeError, match=r"no_grad decorates a function, got .* `with al\.no_grad"):
        al.no_grad(what)
    with pytest.raises(TypeError, match="no_grad decorates a function, got"):
        al.no_grad()(what)


def test_a_decorated_method_gets_its_object():
    class Model:
        @al.no_grad()
        def evaluate(self):
            return self, records()

    model = Model()
    assert model.evaluate() == (model, False)


def test_one_block_decorates_many_functions_that_call_each_other():
    block = al.no_grad()

    @block
    def inner():
        return records()

    @al.enable_grad()
    def between():
        return inner(), records()

    @block
    def outer():
        return between(), records()

    assert outer() == ((False, True), False)


# ------------------------------------------------------------ generators


def test_a_generator_holds_it_while_it_runs_and_not_in_between():
    @al.no_grad()
    def generate(n):
        for _ in range(n):
            yield records()

    found = []
    for inside in generate(3):
        found.append((inside, records()))
        with al.no_grad():
            assert not records()
    assert found == [(False, True)] * 3


def test_two_generators_in_turn():
    @al.no_grad()
    def off():
        while True:
            yield records()

    @al.enable_grad()
    def on():
        while True:
            yield records()

    with al.no_grad():
        found = [pair for _, pair in zip(range(3), zip(off(), on(), strict=True), strict=False)]
        assert not records()
    assert found == [(False, True)] * 3


def test_what_is_sent_to_a_generator_arrives_and_what_it_returns_comes_back():
    @al.no_grad()
    def add_up():
        total = 0
        while (given := (yield total)) is not None:
            total += given
        return total, records()

    def outer():
        return (yield from add_up()), records()

    generator = outer()
    assert [next(generator), generator.send(2), generator.send(3)] == [0, 2, 5]
    assert records()
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == ((5, False), True)


def test_what_is_thrown_into_a_generator_arrives_inside_the_block():
    @al.no_grad()
    def catches():
        try:
            yield "first"
        except KeyError as error:
            yield error.args[0], records()
        yield "last"

    generator = catches()
    assert next(generator) == "first"
    assert generator.throw(KeyError("k")) == ("k", False)
    assert records()
    assert list(generator) == ["last"]

    generator = catches()
    next(generator)
    with pytest.raises(ZeroDivisionError):
        generator.throw(ZeroDivisionError)
    assert list(generator) == []


@pytest.mark.parametrize("end", ["close", "forget", "error"])
def test_a_generator_that_ends_early_cleans_up_inside_the_block(end):
    found = []

    @al.no_grad()
    def generate():
        try:
            yield
            raise KeyError
        finally:
            found.append(records())

    generator = generate()
    next(generator)
    if end == "close":
        generator.close()
    elif end == "forget":
        del generator
    else:
        with pytest.raises(KeyError):
            next(generator)
    assert found == [False]
    assert records()


def test_a_generator_that_was_never_started_never_ran():
    @al.no_grad()
    def generate():
        pytest.fail("it ran")
        yield

    generate().close()
    with pytest.raises(TypeError, match="positional argument"):
        generate(1)  # At once, as of any function.


def test_a_generator_that_was_thrown_at_is_freed_at_once():
    class ThrownError(Exception):
        pass

    @al.no_grad()
    def generate():
        yield

    gc.disable()
    try:
        generator, error = generate(), ThrownError()
        gone = weakref.ref(error)
        next(generator)
        try:
            generator.throw(error)
        except ThrownError:
            pass
        else:
            pytest.fail("it was caught")
        del generator, error
        assert gone() is None
    finally:
        gc.enable()


def test_a_generator_goes_on_in_another_thread():
    @al.no_grad()
    def generate():
        yield records()
        yield records()

    generator, found = generate(), []
    found.append(next(generator))
    thread = threading.Thread(target=lambda: found.extend([next(generator), records()]))
    thread.start()
    thread.join()
    assert found == [False, False, True]


def test_an_undecorated_generator_gives_back_what_it_took():
    def holds():
        with al.no_grad():
            yield

    first, second = holds(), holds()
    next(first), next(second)
    assert not records()
    first.close()
    assert not records()
    second.close()
    assert records()


# ------------------------------------------------------------ coroutines and tasks


def test_tasks_do_not_see_each_others_blocks():
    async def switched_off(entered, asked):
        with al.no_grad():
            entered.set()
            await asked.wait()
            assert not records()
        assert records()

    async def other(entered, asked):
        await entered.wait()
        assert records()
        with al.detect_anomaly(), al.no_grad():
            asked.set()
            await asyncio.sleep(0)
            with al.enable_grad():
                await asyncio.sleep(0)
                assert records()
            assert not records()

    async def main():
        entered, asked = asyncio.Event(), asyncio.Event()
        await asyncio.gather(switched_off(entered, asked), other(entered, asked))
        assert records()

    asyncio.run(main())


def test_a_task_starts_with_what_holds_where_it_was_made():
    async def look():
        return records()

    async def main():
        with al.no_grad():
            task = asyncio.ensure_future(look())
        assert records()
        return await task, await look()

    assert asyncio.run(main()) == (False, True)


def test_a_decorated_coroutine_holds_it_over_its_waits():
    @al.no_grad()
    async def evaluate(started, go_on):
        started.set()
        await go_on.wait()
        return records()

    async def main():
        started, go_on = asyncio.Event(), asyncio.Event()
        task = asyncio.ensure_future(evaluate(started, go_on))
        await started.wait()
        assert records()
        go_on.set()
        return await task

    assert inspect.iscoroutinefunction(evaluate)
    assert asyncio.run(main()) is False


def test_a_cancelled_coroutine_cleans_up_inside_the_block():
    found = []

    @al.no_grad()
    async def waits():
        try:
            await asyncio.sleep(60)
        finally:
            found.append(records())

    async def main():
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert records()

    asyncio.run(main())
    assert found == [False]


def test_a_decorated_asynchronous_generator_holds_it_while_it_runs_and_not_in_between():
    closed = []

    @al.no_grad()
    async def generate(n):
        try:
            for _ in range(n):
                await asyncio.sleep(0)
                given = yield records()
                assert given is None or not records()
        finally:
            await asyncio.sleep(0)
            closed.append(records())

    async def main():
        found = [(inside, records()) async for inside in generate(2)]
        generator = generate(3)
        await anext(generator)
        assert records()
        await generator.asend("given")
        await generator.aclose()
        generator = generate(3)
        await anext(generator)
        with pytest.raises(KeyError):
            await generator.athrow(KeyError)
        assert records()
        async for _ in generate(3):
            break
        await asyncio.sleep(0.01)  # The event loop finishes what is left of it.
        return found

    assert asyncio.run(main()) == [(False, True)] * 2
    assert closed == [False] * 4


# ------------------------------------------------------------ threads and contexts


def test_threads_start_with_nothing():
    found = []
    with al.no_grad():
        thread = threading.Thread(target=lambda: found.append(records()))
        thread.start()
        thread.join()
        assert not records()
    assert found == [True]


def test_a_copied_context_keeps_what_held_and_gives_nothing_back():
    def enters():
        assert not records()
        al.enable_grad().__enter__()
        return records()

    with al.no_grad():
        context = contextvars.copy_context()
    assert records()
    assert context.run(records) is False
    assert context.run(enters) is True
    assert records()
    assert context.run(records) is True


def test_a_block_that_ends_in_another_context_changes_nothing_there():
    for kind in KINDS.values():
        block = kind()
        contextvars.Context().run(block.__enter__)
        with al.no_grad():
            block.__exit__(None, None, None)
            assert not records()
        assert records()


def test_a_backward_pass_in_one_thread_is_not_seen_by_a_watch_in_another():
    seen, inside, done = [], threading.Event(), threading.Event()

    class Sees(Watch):
        def passed(self, node, i, g, gx, total):
            seen.append(node)

    def looks_on():
        with Sees():
            inside.set()
            assert done.wait(10)

    thread = threading.Thread(target=looks_on)
    thread.start()
    assert inside.wait(10)
    (Tensor(2.0, requires_grad=True) * 2.0).backward()
    done.set()
    thread.join()
    assert seen == []
