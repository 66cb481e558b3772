"""A training step is never stale: parameters, optimisers, modules, random numbers that change."""

import copy

import numpy as np
import pytest
from stale import X, same

import autograd_lite as al
from autograd_lite import nn, optim


def dropping(seed=0, p=0.5):
    """Return a small network with dropout, its loss, and the generator that it draws from."""
    rng = np.random.default_rng(seed)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Dropout(p, rng=rng), nn.Linear(4, 1, rng=rng))
    return net, lambda x: (net(x) ** 2).mean(), rng


def test_dropout_whose_generator_or_probability_is_replaced():
    net, loss, _ = dropping()
    fast = al.compile(loss, optim.SGD(net.parameters(), lr=0.0), backend="numpy")
    x = np.ones((5, 3))
    for seed, p in [(1, 0.5), (2, 0.5), (2, 0.1), (3, 0.0), (4, 0.5)]:
        net[1].p, found = p, []
        for step in (fast, loss):
            net[1].rng = np.random.default_rng(seed)
            found.append([step(x).item() for _ in range(4)])
        np.testing.assert_allclose(*found, rtol=1e-12)


def test_dropout_draws_once_where_a_result_has_another_shape_than_it_had():
    def made():
        net, _, rng = dropping()
        return lambda x: np.sum(np.unique(x)) * (net(x).detach() ** 2).mean().data, rng

    (loss, rng), (same_loss, same_rng) = made(), made()
    fast = al.compile(loss)
    for x in (X, X, X, np.ones_like(X), X):
        np.testing.assert_allclose(fast(x), same_loss(x), rtol=1e-12)
        assert rng.bit_generator.state == same_rng.bit_generator.state
    assert "np.unique" in fast.why or "unique gave shape" in fast.why


def step_of(w, optimiser, backend="numpy"):
    return al.compile(lambda x, y: ((w * x - y) ** 2).sum(), optimiser, backend=backend)


def twin(w):
    return al.Tensor(w.numpy(), requires_grad=True)


def eager_value(w, lr, x, y):
    """Do a step by hand."""
    error = w.numpy() * x - y
    return np.sum(error**2), w.numpy() - lr * 2 * error * x


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_learning_rate_value_and_state_of_parameters(backend):
    w = al.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    optimiser = optim.SGD([w], lr=0.1)
    step = step_of(w, optimiser, backend)
    changes = [
        lambda: None,
        lambda: setattr(optimiser, "lr", 0.01),
        lambda: setattr(w, "data", np.array([5.0, 6.0, 7.0])),
        lambda: optimiser.param_groups[0].update(lr=0.02),
        lambda: optimiser.load_state_dict(optim.SGD([twin(w)], lr=0.05).state_dict()),
        lambda: optimiser.param_groups[0].update(weight_decay=0.0, maximize=False),
    ]
    for change in changes:
        change()
        for call in (lambda: step(X, X), lambda: step.run(1, X, X)[0], step.bind(X, X)):
            value, after = eager_value(w, optimiser.lr, X, X)
            np.testing.assert_allclose(call(), value)
            np.testing.assert_allclose(w.numpy(), after)


def test_settings_that_decide_what_is_computed():
    w = al.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    optimiser = optim.SGD([w], lr=0.1)
    step = step_of(w, optimiser)
    for _ in range(3):
        step(X, X)
    optimiser.param_groups[0]["weight_decay"] = 0.5
    v = twin(w)
    other = optim.SGD([v], lr=0.1, weight_decay=0.5)
    for _ in range(3):
        step(X, X)
        other.zero_grad()
        ((v * X - X) ** 2).sum().backward()
        other.step()
        np.testing.assert_allclose(w.numpy(), v.numpy())


def test_module_that_is_switched_loaded_and_frozen():
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(3, 2, rng=rng), nn.Dropout(0.5, rng=rng), nn.Linear(2, 1, rng=rng)
    )
    net.eval()
    optimiser = optim.SGD(net.parameters(), lr=0.0)
    step = al.compile(lambda x: (net(x) ** 2).mean(), optimiser)
    x = rng.normal(size=(5, 3))
    for _ in range(3):
        np.testing.assert_allclose(step(x), (net(x) ** 2).mean().item())
    net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()})
    np.testing.assert_allclose(step(x), (net(x) ** 2).mean().item())
    net[0].weight.requires_grad = False
    np.testing.assert_allclose(step(x), (net(x) ** 2).mean().item())
    net.train()
    assert len({float(step(x)) for _ in range(4)}) > 1


def test_evaluation_between_epochs_leaves_the_program_as_it_is():
    net, x = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), np.eye(3)
    step = al.compile(lambda x: (net(x) ** 2).mean(), optim.SGD(net.parameters(), lr=0.1))
    for _ in range(3):
        step(x)
        net.eval()(x)
        net.train()
    assert "traced again" not in step.why


def test_module_that_has_not_been_called_before():
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    for module in (net, copy.deepcopy(net)):
        fast = al.compile(lambda x, module=module: module(x).detach().data, backend="numpy")
        same(fast, lambda x, module=module: module(x).numpy(), X)


def test_bound_step_whose_surroundings_change_says_so():
    w, k = al.Tensor(1.0, requires_grad=True), 1.0

    def loss(x):
        return (w * x * k) ** 2

    bound = al.compile(loss, optim.SGD([w], lr=0.01), backend="numba").bind(2.0)
    bound()
    k = 3.0
    with pytest.raises(al.StaleError, match="k has changed since bind"):
        bound()
    assert k == 3.0


def test_error_inside_leaves_everything_as_it_was():
    w = al.Tensor([1.0, 2.0, 3.0], requires_grad=True)

    def loss(x):
        if x.shape == (2,):
            raise KeyError("two")
        return (w * x).sum()

    step = al.compile(loss, optim.Adam([w], lr=0.1))
    step(X)
    before = w.tolist()
    for _ in range(9):
        with pytest.raises(KeyError, match="two"):
            step(X[:2])
    assert w.tolist() == before
    step(X)
    assert w.tolist() != before
    assert "not compiled" not in step.why


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_optimiser_whose_state_is_cleared(backend):
    def training():
        w = al.Tensor(np.ones(3), requires_grad=True)
        return (lambda x: np.sum((w * x - 1) ** 2)), optim.Adam([w], lr=0.1)

    loss, optimiser = training()
    step = al.compile(loss, optimiser, backend=backend)
    eager_loss, eager = training()
    for k in range(12):
        if k in (5, 9):
            optimiser.state.clear()
            eager.state.clear()
        eager.zero_grad()
        expected = eager_loss(X)
        expected.backward()
        eager.step()
        np.testing.assert_allclose(step(X), expected.item(), rtol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_labels_that_change_under_a_bound_step(backend):
    w = al.Tensor(np.eye(3), requires_grad=True)

    def loss(x, y):
        return al.nn.functional.cross_entropy(x @ w, y)

    x, y = np.eye(3), np.array([0, 1, 2])
    bound = al.compile(loss, optim.SGD([w], lr=0.1), backend=backend).bind(x, y)
    y[0] = 2
    expected = loss(x, y).item()
    np.testing.assert_allclose(bound(), expected)
    y[0] = -1
    with pytest.raises(al.StaleError, match="Bind again"):
        bound()


def test_run_over_stacked_arguments_whose_values_decide():
    w = al.Tensor(2.0, requires_grad=True)

    def loss(x, n):
        return w * x**2 if n > 1 else w * x

    step = al.compile(loss, optim.SGD([w], lr=0.0))
    values = step.run(4, np.full(4, 3.0), np.array([1, 1, 1, 2]), stacked=True)
    assert values.tolist() == [6.0, 6.0, 6.0, 18.0]


def test_the_defaults_of_an_optimiser_count_where_they_are_read():
    w = al.Tensor(1.0, requires_grad=True)
    optimiser = al.optim.SGD([w], lr=0.0)
    step = al.compile(lambda: w * optimiser.defaults["momentum"], optimiser, backend="numpy")
    assert [step(), step()] == [0.0, 0.0]
    optimiser.defaults["momentum"] = 3.0
    assert step() == 3.0


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_a_call_that_fails_draws_as_often_as_the_function(backend):
    def made():
        drop = al.nn.Dropout(0.5, rng=np.random.default_rng(0))
        return lambda x, m: np.linalg.inv(m) @ drop(x)

    plain, compiled = made(), al.compile(made(), backend=backend)
    for m in (np.eye(9), 2 * np.eye(9), np.zeros((9, 9)), np.eye(9), 3 * np.eye(9)):
        if not m.any():
            for f in (plain, compiled):
                with pytest.raises(np.linalg.LinAlgError):
                    f(np.ones(9), m)
        else:
            np.testing.assert_array_equal(compiled(np.ones(9), m), plain(np.ones(9), m))


def test_a_step_is_not_told_to_be_a_step():
    w, log = al.Tensor(X, requires_grad=True), []
    step = al.compile(lambda x: log.append(1) or (w * x).sum(), optim.SGD([w], lr=0.1))
    step(X)
    assert step.why == (
        "not compiled: it changes log, which every call would have to do; do that outside, or keep "
        "it in a Tensor"
    )


def test_a_first_step_leaves_nothing_in_an_optimiser():
    class Counting(optim.SGD):
        n = 0

        def step(self):
            self.n += 1
            super().step()

    w = al.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    optimiser = Counting([w], lr=0.1, momentum=0.9)
    al.compile(lambda x: (w * x).sum(), optimiser)(X)
    assert optimiser.n == 1


def test_arguments_of_many_shapes_run_as_few_programs_and_else_as_they_are(monkeypatch):
    def steps(make):
        w = al.Tensor([1.0, 2.0], requires_grad=True)
        loss = lambda x: ((x @ w) ** 2).mean()  # noqa: E731
        step = make(loss, optim.SGD([w], lr=0.01))
        return step, [float(step(np.full((n, 2), n / 4))) for n in [*range(1, 12)] * 4]

    def eager(loss, optimiser):
        def step(x):
            optimiser.zero_grad()
            value = loss(x)
            value.backward()
            optimiser.step()
            return value.item()

        return step

    step, losses = steps(al.compile)
    np.testing.assert_allclose(losses, steps(eager)[1])
    assert "ever more shapes in little time" in step.why
    assert step.why.endswith("Pad them to a few shapes")
    monkeypatch.setattr(step, "_eagerly", lambda *_: "as it is")
    found = [step(np.ones((n, 2))) for n in range(1, 12)]
    assert found[8:] == ["as it is"] * 3
    assert "as it is" not in found[:8]


def test_hook_that_is_registered_later():
    w = al.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    step = al.compile(lambda x, y: ((w * x - y) ** 2).sum(), optim.SGD([w], lr=0.1))
    step(X, 0 * X)
    seen = []
    handle = w.register_hook(lambda g: seen.append(g.tolist()))
    step(X, 0 * X)
    assert len(seen) == 1
    assert "w has a hook" in step.why
    handle.remove()
    loss = lambda x, y: ((w * x - y) ** 2).sum()  # noqa: E731  (as users write a loss)
    step = al.compile(loss, optim.SGD([w], lr=0.1), backend="numpy")
    assert step(X, 0 * X) > step(X, 0 * X)
    assert "again" not in step.why
    handle = w.register_hook(lambda g: 0 * g)
    with pytest.raises(al.TraceError, match="w has a hook"):
        step(X, 0 * X)
