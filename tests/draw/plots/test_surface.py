"""The loss around a point is the loss on the plane that is drawn; the path is where it went."""

import re

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim
from autograd_lite.draw.plots import surface
from autograd_lite.draw.plots.plane import Landscape


def bowl(a=3.0, b=-2.0):
    a, b = (al.Tensor(x, requires_grad=True, name=n) for x, n in ((a, "a"), (b, "b")))
    return a, b, lambda: (a - 1) ** 2 + 4 * (b + 1) ** 2


def trained(steps=30, lr=0.05):
    a, b, loss = bowl()
    optimiser, recorder, path = optim.SGD([a, b], lr=lr), al.Recorder(), []
    for _ in range(steps):
        value = loss()
        recorder.record(value)
        path.append((a.item(), b.item()))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    return recorder, np.array(path)


def network(steps=40):
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))
    optimiser, recorder = optim.SGD(net.parameters(), lr=0.1), al.Recorder()
    x, y = rng.normal(size=(steps, 8, 2)), rng.normal(size=(steps, 8, 1))
    for step in range(steps):
        batch, goal = x[step], y[step]
        loss = al.mse(net(al.Tensor(batch)), al.Tensor(goal))
        recorder.record(loss)
        optimiser.zero_grad()
        loss.backward()
        if step < steps - 1:
            optimiser.step()
    return net, recorder, loss, x[-1], y[-1]


def test_the_landscape_is_the_loss_at_any_point():
    net, _, loss, x, y = network()
    landscape = Landscape.of(al.Graph(loss, names={}), {})
    point = np.random.default_rng(1).normal(size=13)
    w, b, v, c = point[:6].reshape(2, 3), point[6:9], point[9:12].reshape(3, 1), point[12]
    expected = ((np.tanh(x @ w + b) @ v + c - y) ** 2).mean()
    assert landscape.loss(point) == pytest.approx(expected, rel=1e-12)
    assert landscape.labels()[:2] == ["0.weight[0, 0]", "0.weight[0, 1]"]
    before = net[0].weight.numpy().copy()
    al.draw_surface(loss)
    assert (net[0].weight.numpy() == before).all()  # Nothing is touched.


def test_two_parameters_are_the_axes_and_the_path_is_where_it_went(monkeypatch):
    recorder, path = trained()
    seen = {}
    made = surface._surface
    monkeypatch.setattr(
        surface, "_surface",
        lambda landscape, plane, *rest, **how: seen.update(plane=plane, of=landscape)
        or made(landscape, plane, *rest, **how),
    )  # fmt: skip
    plot = al.draw_surface(recorder)
    plane = seen["plane"]
    assert plane.names == ["a", "b"]
    assert np.allclose(plane.path + path[-1], path, atol=1e-12)
    assert np.allclose(plane.at(0.5, 0.25), path[-1] + [0.5, 0.25])
    assert all(low < 0 or high > 0 for low, high in plane.ends)
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="2.2"', plot.svg())
    assert len(dots) == len(path) - 2
    (left, right), (low, high) = plane.ends
    where = np.array(dots, float)
    xs = surface.LEFT + surface.SIDE * (plane.path[1:-1, 0] - left) / (right - left)
    ys = surface.SIDE * (1 - (plane.path[1:-1, 1] - low) / (high - low))
    expected = np.array([xs, ys]).T
    assert np.allclose(where[:, 0], xs, atol=0.06)
    assert np.allclose(where - where[-1], expected - expected[-1], atol=0.11)


def test_the_plane_of_a_path_holds_most_of_it_and_the_data_are_the_last_ones(monkeypatch):
    _net, recorder, loss, *_ = network()
    at_the_end = al.draw_surface(loss).lines[1]
    seen = {}
    made = surface._plane
    monkeypatch.setattr(surface, "_plane", lambda *given: seen.setdefault("plane", made(*given)))
    plot = al.draw_surface(recorder)
    plane = seen["plane"]
    graph, frames = recorder.recorded()
    landscape = Landscape.of(graph, {})
    path = np.array([landscape.point(frame.values) for frame in frames])
    moved = path - path[-1]
    sizes = np.linalg.svd(moved, compute_uv=False) ** 2
    assert plane.share == pytest.approx(sizes[:2].sum() / sizes.sum())
    assert f"{plane.share:.1%} of the path lies in this plane." in plot.lines
    assert "The data are those of step 39." in plot.lines
    assert plot.lines[1] == at_the_end
    basis = np.array(plane.directions)
    assert np.allclose(basis @ basis.T, np.eye(2))


def test_one_parameter_is_a_curve_through_its_path():
    w, recorder = al.Tensor(1.0, requires_grad=True, name="w"), al.Recorder()
    for x in (1.0, 4.0, 6.0, 7.5):
        w = al.Tensor(x, requires_grad=True, name="w")
        recorder.record((w * 5 - 42) ** 2)
    plot = al.draw_surface(recorder)
    assert "w from −0.95 to 9.45" in plot.lines[0]
    path = re.findall(r'stroke-width="1.8"[^>]* d="([^"]+)"', plot.svg())[0]
    assert path.count("L") == 3
    assert "1st direction" not in plot.svg()


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda w: 0 * w + 1e20, "100000000000000000000"),
        (lambda w: 1.7e308 * w - 0.8e308, "−5×10³⁰⁶"),
        (lambda w: 1e-320 * w, "0.2"),
        (lambda w: 3e-310 * w**2, "0"),
    ],
)
def test_a_curve_of_any_size_has_its_ticks(loss, said):
    svg = al.draw_surface(loss(al.Tensor(0.5, requires_grad=True, name="w"))).svg()
    assert f">{said}<" in svg
    assert "nan" not in svg


def test_without_a_path_the_most_curved_directions_are_those_of_the_hessian():
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    hessian = turn @ np.diag([50.0, -20.0, 3.0, 1.0]) @ turn.T
    w = al.Tensor(np.ones(4), requires_grad=True)
    loss = w @ hessian @ w / 2
    landscape = Landscape.of(al.Graph(loss, names={}), {})
    found = landscape.curved(landscape.start, 2)
    for vector, expected in zip(found, turn.T, strict=False):
        assert abs(vector @ expected) == pytest.approx(1, abs=1e-4)


def test_directions_that_are_given_are_taken():
    net, _, loss, x, y = network()
    plot = al.draw_surface(
        loss, directions=({net[0].weight: np.ones((2, 3))}, {"2.bias": 1.0}), span=2.0
    )
    assert "1st direction from −2 to 2, 2nd direction from −2 to 2" in plot.lines[0]
    w = net[0].weight.numpy()

    def at(i, j):
        u, v = (4 * (k + 0.5) / surface.CELLS - 2 for k in (i, j))
        out = np.tanh(x @ (w + u) + net[0].bias.numpy()) @ net[2].weight.numpy()
        return ((out + net[2].bias.numpy() + v - y) ** 2).mean()

    values = [at(i, j) for i in range(surface.CELLS) for j in range(surface.CELLS)]
    for text, value in zip(plot.lines[2].split(": ")[1].split(" to "),
                           (min(values), max(values)), strict=True):  # fmt: skip
        assert float(text) == pytest.approx(value, rel=1e-3)


def test_lines_of_a_level_are_where_the_loss_has_it():
    xs = np.linspace(-1, 1, 40)
    table = xs[None] ** 2 + xs[:, None] ** 2
    for pieces in (surface._crossings(table, 0.5),):
        ends = np.array(pieces).reshape(-1, 2) / 39 * 2 - 1
        assert len(ends) > 100
        assert np.allclose((ends**2).sum(axis=1), 0.5, atol=0.01)
    table[20, 20] = np.nan
    assert np.isfinite(np.array(surface._crossings(table, 0.001))).all()


def test_a_loss_that_overflows_is_drawn_as_not_finite():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    svg = al.draw_surface(np.exp(w * 1.0).sum(), span=2000.0).svg()
    assert "<title>not finite</title>" in svg


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"directions": ({"z": 1.0}, {"a": 1.0})}, ValueError, "'z' is not a parameter.* a, b"),
        ({"directions": ({"a": 1.0}, {"a": 2.0})}, ValueError, "the same line, or one is 0"),
        ({"directions": ({"a": [1.0, 2.0]}, {"b": 1.0})}, ValueError, r"its shape, \(\); got \(2,"),
        ({"directions": (1.0, 2.0)}, TypeError, "a mapping of parameters.*got float"),
        ({"directions": {"a": 1.0}}, ValueError, "a pair"),
        ({"span": 0}, ValueError, "span is a positive number; got 0"),
        ({"theme": "blue"}, ValueError, "theme is one of"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, error, message):
    _, _, loss = bowl()
    with pytest.raises(error, match=message):
        al.draw_surface(loss(), **arguments)


def test_what_has_no_surface_is_refused():
    with pytest.raises(TypeError, match="needs a loss"):
        al.draw_surface(nn.Linear(1, 1))
    with pytest.raises(ValueError, match="one entry"):
        al.draw_surface(al.Tensor([1.0, 2.0], requires_grad=True) * 2)
    with pytest.raises(ValueError, match="nothing that requires"):
        al.draw_surface(al.Tensor(1.0))
    with pytest.raises(ValueError, match="nothing was recorded"):
        al.draw_surface(al.Recorder())


def test_of_a_large_computation_fewer_points_are_computed_and_the_picture_says_so(monkeypatch):
    w = al.Tensor(np.ones(600_000), requires_grad=True, name="w")
    count = 0
    at = Landscape.loss

    def counted(self, point):
        nonlocal count
        count += 1
        return at(self, point)

    monkeypatch.setattr(Landscape, "loss", counted)
    drawing = al.draw_surface((w * w).mean())
    assert count < 500
    assert "So large a computation is drawn from 18 × 18 points." in str(drawing)


def test_the_numbers_of_a_scale_differ_from_each_other():
    a = al.Tensor([3.0, 2.0], requires_grad=True, name="a")
    loss = 4 + (a * a).sum() / 10_000
    svg = al.draw_surface(loss).svg()
    texts = re.findall(r">(4\.\d+)<", svg)
    assert len(texts) >= 5
    assert len(set(texts)) == len(texts)
