"""A compiled step does what zero_grad, backward and step do, to rounding; results are fresh."""

import threading

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim
from autograd_lite.compile import plan
from autograd_lite.program.symbol import Symbol

numba = pytest.importorskip("numba", reason="numba is not installed: pip install '.[compile]'")

X = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
Y = np.array([[0.0], [1], [1], [0]])
BACKENDS = ("numpy", "numba")


def network(dtype=np.float64, hidden=2):
    rng = np.random.default_rng(1)
    return [
        al.Tensor(rng.uniform(-1, 1, shape).astype(dtype), requires_grad=True)
        for shape in ((3, hidden), (hidden, 1))
    ]


def loss_of(weights):
    v, w = weights

    def loss(x, y):
        return al.mse(al.sigmoid(al.sigmoid(x @ v) @ w), y, reduction="half_sum")

    return loss


def eagerly(loss, optimiser):
    def step(*data):
        optimiser.zero_grad()
        value = loss(*data)
        value.backward()
        optimiser.step()
        return value.item()

    return step


OPTIMISERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.5),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "maximize": lambda p: optim.SGD(p, lr=0.1, momentum=0.5, dampening=0.1, maximize=True),
    "adam": lambda p: optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1),
    "adamw": lambda p: optim.AdamW(p, lr=0.1),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.01),
    "groups": lambda p: optim.SGD([{"params": p[:1], "lr": 0.5}, {"params": p[1:]}], lr=0.1),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_moves_as_it_does_eagerly(name):
    ours, theirs = network(), network()
    expected = eagerly(loss_of(theirs), OPTIMISERS[name](theirs))
    step = al.compile(loss_of(ours), OPTIMISERS[name](ours), backend="numpy")
    values = [expected(X, Y) for _ in range(12)]
    losses = [*(step(X, Y) for _ in range(4)), *step.run(8, X, Y)]
    np.testing.assert_allclose(losses, values, rtol=1e-12)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_loop_in_machine_code_is_as_many_steps(name):
    ours, theirs = network(hidden=1), network(hidden=1)
    expected = eagerly(loss_of(theirs), OPTIMISERS[name](theirs))
    step = al.compile(loss_of(ours), OPTIMISERS[name](ours), backend="numba")
    x, y = X[1:3], Y[1:3]
    values = [expected(x, y) for _ in range(40)]
    losses = np.concatenate([step.run(30, x, y), [step(x, y)], step.run(9, x, y)])
    np.testing.assert_allclose(losses, values, rtol=1e-10)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-8)
    assert "def loop(" in step.source
    assert step.why.startswith("numba") or "numba" in step.why


@pytest.mark.parametrize("how", ["call", "run", "bind"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_weight_of_the_loss_may_move_at_every_step(backend, how):
    def trained(compiled):
        weights, decay = network(), {"by": 1.0}
        plain = loss_of(weights)
        loss = lambda x, y: plain(x, y) + decay["by"] * np.sum(weights[0] ** 2)  # noqa: E731  (a user's)
        optimiser = optim.Adam(weights, lr=0.1)
        step = (
            al.compile(loss, optimiser, backend=backend) if compiled else eagerly(loss, optimiser)
        )
        found = []
        for decay["by"] in np.linspace(1.0, 0.0, 12).tolist():
            if compiled and how != "call":
                found += step.run(2, X, Y).tolist() if how == "run" else [step.bind(X, Y)()]
            else:
                found += [float(step(X, Y)) for _ in range(1 + (how == "run"))]
        return found

    np.testing.assert_allclose(trained(True), trained(False), rtol=1e-9)


def weight():
    return al.Tensor(1.0, requires_grad=True)


def compiled(w, backend, **settings):
    return al.compile(lambda x, y: (w * x - y) ** 2, optim.SGD([w], lr=0.01), backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_data_may_come_step_by_step(backend):
    xs, ys = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 7.0])
    w, v = weight(), weight()
    expected = eagerly(lambda x, y: (v * x - y) ** 2, optim.SGD([v], lr=0.01))
    values = [expected(xs[k % 3], ys[k % 3]) for k in range(10)]
    np.testing.assert_allclose(compiled(w, backend).run(10, xs, ys, stacked=True), values)
    np.testing.assert_allclose(w.item(), v.item())


@pytest.mark.parametrize("backend", BACKENDS)
def test_run_reports_and_stops(backend):
    seen = []
    losses = compiled(weight(), backend).run(
        1000, 2.0, 6.0, every=50, progress=lambda k, loss: seen.append(k),
        until=lambda loss: loss < 1e-9,
    )  # fmt: skip
    assert seen == list(range(50, len(losses) + 1, 50))
    assert 50 < len(losses) < 1000
    assert losses[-1] < 1e-9 < losses[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_bound_step_is_a_step(backend):
    w, v = weight(), weight()
    bound, step = compiled(w, backend).bind(2.0, 6.0), compiled(v, backend)
    for _ in range(5):
        np.testing.assert_allclose(bound(), step(2.0, 6.0))
        np.testing.assert_allclose(w.item(), v.item())
    w.data = v.data = 5.0
    np.testing.assert_allclose(bound(), step(2.0, 6.0))


@pytest.mark.parametrize("backend", BACKENDS)
def test_bound_steps_take_turns_while_parameters_are_read(backend):
    ours, theirs = network(hidden=1), network(hidden=1)
    step = al.compile(loss_of(ours), optim.SGD(ours, lr=0.5), backend=backend)
    expected = eagerly(loss_of(theirs), optim.SGD(theirs, lr=0.5))
    rows = [(X[k : k + 1], Y[k : k + 1]) for k in range(4)]
    bound = [step.bind(*row) for row in rows]
    for _ in range(3):
        for call, row in zip(bound, rows, strict=True):
            np.testing.assert_allclose(call(), expected(*row))
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a.numpy(), b.numpy())


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_recorded_before_a_step_keeps_its_values(backend):
    ours = network(hidden=1)
    step = al.compile(loss_of(ours), optim.SGD(ours, lr=0.5), backend=backend)
    x, y = X[:1], Y[:1]
    calls = [lambda: step(x, y), step.bind(x, y), lambda: step.run(3, x, y)]
    calls[0]()
    for call in calls * 2:
        before = (ours[0] * ours[0]).sum()
        old = ours[0].numpy()
        copy = old.copy()
        call()
        before.backward()
        np.testing.assert_array_equal(old, copy)
        np.testing.assert_allclose(ours[0].grad.numpy(), 2 * copy)
        ours[0].zero_grad()
        assert not np.array_equal(ours[0].numpy(), copy)


def test_modules_and_dicts_of_parameters():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 1, rng=rng))
    other = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 1, rng=rng))
    other.load_state_dict(net.state_dict())
    measure = nn.MSE()
    step = al.compile(
        lambda x, y: measure(net(x), y), optim.Adam(net.parameters(), lr=0.1), backend="numpy"
    )
    expected = eagerly(lambda x, y: measure(other(x), y), optim.Adam(other.parameters(), lr=0.1))
    np.testing.assert_allclose(
        [step(X, Y) for _ in range(9)], [expected(X, Y) for _ in range(9)], rtol=1e-10
    )
    assert step.why.splitlines()[-1] == "NumPy, as asked for"


@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_stays_float32(backend):
    ours = network(np.float32, hidden=1)
    x, y = X[:1].astype(np.float32), Y[:1].astype(np.float32)
    step = al.compile(loss_of(ours), optim.Adam(ours, lr=0.1), backend=backend)
    losses = step.run(5, x, y)
    assert losses.dtype == np.float32
    assert {p.dtype for p in ours} == {np.dtype(np.float32)}


@pytest.mark.parametrize("backend", BACKENDS)
def test_parameters_of_two_types_have_one_learning_rate(backend):
    def moved(compiled):
        v, w = network(np.float32)[0], network(hidden=3)[0]
        optimiser = optim.SGD([v, w], lr=0.1)
        loss = lambda x: ((x @ w) ** 2).sum() + ((x @ v.astype(float)) ** 2).sum()  # noqa: E731
        step = (
            al.compile(loss, optimiser, backend=backend) if compiled else eagerly(loss, optimiser)
        )
        for optimiser.lr in (0.1, 0.1, 0.02, 0.02):
            step(X)
        return [*v.numpy().ravel(), *w.numpy().ravel()]

    np.testing.assert_allclose(moved(True), moved(False), rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_of_arrays_and_nests(backend):
    def f(p, x):
        return np.sum(np.tanh(p["w"] * x + p["b"][0]))

    both = al.value_and_grad(f)
    fast = al.compile(both, backend=backend)
    p = {"w": np.array([1.0, -2.0]), "b": [np.array(0.5)]}
    for x in (np.array([1.0, 2.0]), np.array([0.0, -1.0]), np.array([3.0, 1.0])):
        value, gradient = fast(p, x)
        expected, slope = both(p, x)
        np.testing.assert_allclose(value, expected)
        np.testing.assert_allclose(gradient["w"], slope["w"])
        np.testing.assert_allclose(gradient["b"][0], slope["b"][0])


def test_results_are_new_arrays():
    double = al.compile(lambda x: [x, x.T, 2 * x], backend="numpy")
    x = np.ones((2, 2))
    first = double(x)
    for part in (*first, *double(x)):
        part += 1.0
    assert x.tolist() == [[1, 1], [1, 1]]
    np.testing.assert_array_equal(first[2], np.full((2, 2), 3.0))


def test_it_is_a_decorator():
    @al.compile
    def cube(x):
        """Third power."""
        return x * x * x

    assert cube.__name__ == "cube"
    assert cube.__doc__ == "Third power."
    assert cube(np.array([2.0])).tolist() == [8.0]


def test_bad_input_gets_the_error_that_eager_gives():
    ours = network()
    step = al.compile(loss_of(ours), optim.SGD(ours, lr=0.5), backend="numpy")
    step(X, Y)
    with pytest.raises(ValueError, match=r"matmul needs .* got a: \(4, 2\) and b: \(3, 2\)"):
        step(X[:, :2], Y)
    np.testing.assert_allclose(step(X, Y), loss_of(network())(X, Y).item(), rtol=0.2)


def test_read_only_and_transposed_arrays_are_data_too():
    ours, x, y = network(hidden=1), X[:2].copy(), Y[:2]
    step = al.compile(loss_of(ours), optim.SGD(ours, lr=0.0), backend="numba")
    locked, turned = x.copy(), np.asfortranarray(x)
    locked.flags.writeable = False
    values = [step(x, y), step(locked, y), step(turned, y), *step.run(3, locked, y)]
    np.testing.assert_allclose(values, values[0])


def test_threads_share_a_step():
    f = al.compile(al.grad(lambda x: np.sum(np.sin(x) * x)), backend="numpy")
    xs = [np.full(2000, float(k)) for k in range(8)]
    expected = [al.grad(lambda x: np.sum(np.sin(x) * x))(x) for x in xs]
    f(xs[0])
    wrong = []

    def work(x, want):
        wrong.extend(x[0] for _ in range(20) if not np.allclose(f(x), want))

    threads = [threading.Thread(target=work, args=pair) for pair in zip(xs, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_without_numba_it_says_what_would_be_faster(monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules["autograd_lite.compile.compiled"], "available", lambda: False)
    f = al.compile(lambda x: x * 2)
    f(np.ones(2))
    assert "pip install 'autograd_lite[compile]'" in f.why


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"f": 3.0}, "needs a function, got a float"),
        ({"f": abs, "backend": "c"}, "needs a backend among"),
        ({"f": abs, "optimiser": 3}, "needs an optimiser, got a int"),
    ],
)
def test_wrong_arguments_are_refused(given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        al.compile(**given)


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_a_step_has_no_gradient_towards_its_data(backend):
    w = al.Tensor(np.ones(3), requires_grad=True)
    step = al.compile(lambda x: np.sum(x * w), al.optim.SGD([w], lr=0.1), backend=backend)
    with pytest.raises(TypeError, match=r"Write al\.grad\(loss\)"):
        al.grad(step)(np.ones(3))
    assert (w.numpy() == 1).all()


def test_stacks_of_different_lengths_are_refused():
    w = al.Tensor(np.zeros(3), requires_grad=True)
    step = al.compile(lambda x, y: al.mse(x @ w, y), al.optim.SGD([w], lr=0.1), backend="numpy")
    x, y = np.ones((5, 6, 3)), np.ones((3, 6))
    with pytest.raises(
        ValueError, match=r"one length.* 0 of shape \(5, 6, 3\), .*1 of shape \(3, "
    ):
        step.run(4, x, y, stacked=True)
    with pytest.raises(ValueError, match=r"one length.* 0 of shape \(0, 6, 3\)"):
        step.run(4, x[:0], y[:0], stacked=True)
    with pytest.raises(TypeError, match=r"got a list of them as argument 0.*call step\(x\)"):
        step.run(4, [x[0], x[1, :2]], y, stacked=True)
    with pytest.raises(ValueError, match="0 or more, got -1"):
        step.run(-1, x[0], y[0])
    assert not w.numpy().any()


def test_what_cannot_be_traced_runs_as_it_is_and_says_why(monkeypatch):
    monkeypatch.setattr(Symbol, "astype", lambda *_: 1 / 0)
    w = al.Tensor(np.zeros(3), requires_grad=True)
    x, y = np.ones((4, 3)), np.array([1.0, 2.0, 3.0, 4.0])

    def loss(x, y):
        return al.mse(x.astype(float) @ w, y)

    step = al.compile(loss, al.optim.SGD([w], lr=0.1))
    losses = [step(x, y) for _ in range(10)]
    assert losses[0] == 7.5
    assert losses[-1] < 7.5
    assert "tracing it raises ZeroDivisionError: division by zero" in step.why
    with pytest.raises(al.TraceError, match="tracing it raises ZeroDivisionError"):
        al.compile(loss, al.optim.SGD([w], lr=0.1), backend="numpy")(x, y)
    assert "traced again" not in step.why


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("how", ["call", "run", "bind"])
def test_a_step_leaves_no_gradient_behind(backend, how):
    w = al.Tensor(np.ones(3), requires_grad=True)
    x = np.ones(3)
    step = al.compile(lambda x: np.sum(w * x) ** 2, al.optim.SGD([w], lr=0.01), backend=backend)
    step(x)
    bound = step.bind(x)
    for _ in range(4):
        np.sum(w * w).backward()
        {"call": lambda: step(x), "run": lambda: step.run(3, x), "bind": bound}[how]()
        assert w.grad is None


def test_number_of_steps_is_named_where_it_is_missing():
    w = al.Tensor(1.0, requires_grad=True)
    step = al.compile(lambda x: (w * x) ** 2, optim.SGD([w], lr=0.1), backend="numpy")
    with pytest.raises(TypeError, match=r"run needs n, a number of steps, got a ndarray of shape"):
        step.run(np.ones(3), np.ones(3))
    for name in ("progress", "until"):
        with pytest.raises(TypeError, match=f"run needs {name}, a function, got 3"):
            step.run(2, 1.0, **{name: 3})
    with pytest.raises(TypeError, match=r"run needs every, a number of steps, got a float 0.5"):
        step.run(3, 2.0, every=0.5)
    with pytest.raises(ValueError, match="run needs every, a number of steps, of 1 or more, got 0"):
        step.run(3, 2.0, every=0)
    with pytest.raises(ValueError, match="run needs n, a number of steps, of 0 or more, got -1"):
        step.run(-1, 2.0)


def test_why_speaks_of_the_first_step_of_an_optimiser_that_keeps_arrays():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    step = al.compile(lambda x: np.sum((w * x) ** 2), optim.AdamW([w]), backend="numpy")
    assert step.why == "It has not been called yet."
    step(2.0)
    assert "The first step ran as it is" in step.why
    step(2.0)
    assert step.why == "NumPy, as asked for"


def test_reasons_name_what_is_not_compiled_and_end_in_one_full_stop():
    def filled(x):
        y = np.zeros(2)
        y[0] = x[0]
        return y

    with pytest.raises(al.TraceError, match=r"[^.]\.$"):
        al.compile(filled, backend="numpy")(np.ones(2))
    ways = {
        r"begin with a = np\.zeros": lambda x: np.zeros(2).__setitem__(np.argmax(x), 1.0),
        r"np\.max\(x\) and np\.sort\(x\) for max": lambda x: max(x),
        r"Use np\.where": al.grad(lambda x: np.sum(np.piecewise(x, [x > 0], [abs]))),
    }
    for way, asking in ways.items():
        with pytest.raises(al.TraceError, match=way):
            al.compile(asking, backend="numpy")(np.ones(2))
    fast = al.compile(filled)
    np.testing.assert_array_equal(fast(np.ones(2)), [1.0, 0.0])
    assert "test_steps.py" in fast.why
    assert "y[0] = x[0]" in fast.why
    assert not fast.why.endswith(".")


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_derivative_at_a_number(backend):
    f = al.value_and_grad(lambda x: x * 1)
    fast = al.compile(f, backend=backend)
    for x in (1.5, 2.5):
        assert fast(x) == f(x)
        assert [type(y) for y in fast(x)] == [type(y) for y in f(x)]


@pytest.mark.parametrize("backend", ["numpy", "auto"])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"reduction": "sum"}])
def test_labels_of_minibatches_are_arguments_of_one_program(options, backend):
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(20, 6, 3)), rng.integers(0, 4, size=(20, 6))
    losses = []
    for compiled in (True, False):
        net = nn.Linear(3, 4, rng=np.random.default_rng(1))
        optimiser = optim.SGD(net.parameters(), lr=0.1)

        def loss(x, t, net=net):
            return nn.CrossEntropyLoss(**options)(net(x), t)

        if compiled:
            step = al.compile(loss, optimiser, backend=backend)
            losses.append([step(x, t) for x, t in zip(images, labels, strict=True)])
            assert step.why.startswith("numba" if backend == "auto" else "NumPy")
            assert "traced again" not in step.why
            before = net.weight.numpy()
            with pytest.raises(ValueError, match="labels from 0 to 3 for 4 classes, got 9 at 2"):
                step(images[0], np.where(np.arange(6) == 2, 9, labels[0]))
            np.testing.assert_array_equal(net.weight.numpy(), before)
            ignored = np.where(np.arange(6) == 2, -100, labels[0])
            expected = loss(images[0], ignored).item()
            np.testing.assert_allclose(step(images[0], ignored), expected)
            continue
        losses.append([])
        for x, t in zip(images, labels, strict=True):
            optimiser.zero_grad()
            value = loss(x, t)
            value.backward()
            optimiser.step()
            losses[-1].append(value.item())
    np.testing.assert_allclose(*losses)


def chain(name):
    """Return a loss of three parameters, one of which has that name, and the optimiser."""
    rng = np.random.default_rng(0)
    w, b, c = (
        al.Tensor(rng.normal(size=shape), requires_grad=True, name=called)
        for shape, called in [((2, 2), "W"), (2, name), ((2, 1), "c")]
    )

    def loss(x):
        h = np.tanh(x @ w + b)
        h = np.tanh(h * b + 0.5)
        return np.sum((h @ c) ** 2) / 3

    return loss, al.optim.SGD([w, b, c], 0.01)


NAMES = [
    "b0", "b1", "b2", "c0", "c1", "n", "k", "np", "add", "where", "values", "k1", "rows1", "given1",
    "out0", "row_v1", "own_b1", "lr", "step", "x0", "v1", "w_v1", "lambda", "None", "p0", "a b", "",
]  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_may_have_any_name(name, backend):
    x = np.random.default_rng(1).normal(size=(2, 2))
    loss, optimiser = chain(name)
    expected = []
    for _ in range(6):
        optimiser.zero_grad()
        value = loss(x)
        value.backward()
        optimiser.step()
        expected.append(value.item())
    step = al.compile(*chain(name), backend=backend)
    found = [*(step(x) for _ in range(3)), *step.run(3, x)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_step_of_a_method_of_the_object_that_has_it():
    class Training:
        def __init__(self):
            self.w = al.Tensor(np.ones(3), requires_grad=True)
            self.step = al.compile(self.loss, optim.SGD([self.w], lr=0.1), backend="numpy")

        def loss(self, x):
            return np.sum((self.w * x - 1) ** 2)

    training = Training()
    values = [training.step(np.arange(3.0)) for _ in range(6)]
    np.testing.assert_allclose(values[:3], [2.0, 1.04, 1.0016])
    assert training.step.why == "NumPy, as asked for"


def test_a_loss_without_parameters_is_named_as_what_it_is():
    optimiser = optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.1)
    step = al.compile(lambda x: np.sum(x), optimiser, backend="numpy")
    with pytest.raises(TypeError, match="depends on the parameters, got a float64"):
        step(np.ones(2))


def test_an_error_of_one_call_is_no_reason_for_another():
    w = al.Tensor(np.ones(3), requires_grad=True)
    step = al.compile(lambda x: np.sum(x @ w), al.optim.SGD([w], lr=0.1))
    with pytest.raises(ValueError, match="matmul needs"):
        step(np.ones((2, 2)))
    step.bind(np.ones((2, 3)))()
    assert "not compiled" not in step.why
    assert step.source


def test_a_loop_that_machine_code_does_not_do_is_looked_for_once(monkeypatch):
    looked_for = []
    written = plan.loop_source
    monkeypatch.setattr(
        plan, "loop_source", lambda *x, **more: (looked_for.append(x), written(*x, **more))[1]
    )
    w = al.Tensor(np.eye(3), requires_grad=True)
    step = al.compile(lambda: np.sum(np.linalg.inv(w)), optim.SGD([w], lr=0.1))
    for _ in range(3):
        step.run(2)
    assert len(looked_for) == 1
    assert "a loop of calls, since machine code does not do inv" in step.why
