"""Handwritten digits: the 1,797 images of 8 x 8 that scikit-learn brings along.

Two networks learn three quarters of them, and are asked for the others: layers of neurons, and a
small convolutional network. Each is stopped before its end, saved, and resumed by another one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import autograd_lite as al
from autograd_lite import data, nn, optim
from models.training import Curves, Progress, Report, agreement, confusion, lines

HELD_OUT = 450
BATCH = 64


@dataclass(frozen=True)
class Images:
    """Images and what they are, to learn from and to be asked for."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]


@dataclass(frozen=True)
class Kind:
    """A network to be trained, for how long, and what it must reach."""

    title: str
    build: Callable[[np.random.Generator], nn.Module]
    epochs: int
    lr: float
    goal: float


def dense(rng: np.random.Generator) -> nn.Module:
    """Return two layers of neurons, 64-256-10."""
    f = np.float32
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 256, rng=rng, dtype=f),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Linear(256, 10, rng=rng, dtype=f),
    )


def convolutional(rng: np.random.Generator) -> nn.Module:
    """Return two convolutions, each normalised and pooled, and two layers of neurons."""
    f = np.float32
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, rng=rng, dtype=f),
        nn.BatchNorm2d(16, dtype=f),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, rng=rng, dtype=f),
        nn.BatchNorm2d(32, dtype=f),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3, rng=rng),
        nn.Linear(512, 10, rng=rng, dtype=f),
    )


KINDS = {
    "mlp": Kind("layers of neurons", dense, epochs=40, lr=4e-3, goal=0.97),
    "cnn": Kind("convolutional network", convolutional, epochs=14, lr=5e-3, goal=0.985),
}


def images() -> Images:
    """Return the images, from 0 to 1, in an order that is always the same."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    x = (found.images[order, None] / 16).astype(np.float32)
    y = found.target[order].astype(np.int64)
    return Images(x[HELD_OUT:], y[HELD_OUT:], x[:HELD_OUT], y[:HELD_OUT])


def start(kind: Kind, seed: int, steps: int) -> dict[str, Any]:
    """Return a training that has not begun: everything that it is made of."""
    rng = np.random.default_rng(seed)
    net = kind.build(rng)
    optimiser = optim.AdamW(net.parameters(), kind.lr, weight_decay=0.05)
    schedule = optim.OneCycleLR(optimiser, kind.lr, steps)
    return {"net": net, "optimiser": optimiser, "schedule": schedule, "rng": rng, "epoch": 0}


def loss_of(net: nn.Module, x: NDArray[np.float32], y: NDArray[np.int64]) -> al.Tensor:
    """Return the loss that is made small."""
    return nn.functional.cross_entropy(net(x), y, label_smoothing=0.05)


def step_of(run: dict[str, Any], compiled: bool) -> Callable[..., Any] | None:
    """Return a compiled step of a training."""
    if not compiled:
        return None
    step: Callable[..., Any] = al.compile(partial(loss_of, run["net"]), run["optimiser"])
    return step


def epoch(
    run: dict[str, Any], of: Images, curves: Curves, step: Callable[..., Any] | None = None
) -> None:
    """Learn from every image once; the last batch, which is smaller, is not for a compiled step."""
    net, losses = run["net"].train(), []
    for x, y in data.batches(of.x, of.y, BATCH, run["rng"]):
        if step is not None and len(y) == BATCH:
            losses.append(step(x, y))
        else:
            loss = loss_of(net, x, y)
            run["optimiser"].zero_grad()
            loss.backward()
            run["optimiser"].step()
            losses.append(loss.item())
        run["schedule"].step()
    run["epoch"] += 1
    curves.note_gradients(run["epoch"], net)
    right = (answers(net, of.x_test) == of.y_test).mean()
    curves.note(run["epoch"], loss=float(np.mean(losses)), accuracy=float(right))


def answers(net: nn.Module, x: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return what a network takes images for."""
    with al.no_grad():
        found: NDArray[np.int64] = net.eval()(x).numpy().argmax(axis=1)
    return found


def run(folder: Path, seed: int | None, progress: Progress, compiled: bool = False) -> list[Report]:
    """Train both networks; return what came of each."""
    of = images()
    total = sum(kind.epochs for kind in KINDS.values())
    reports, done = [], 0
    for name, kind in KINDS.items():
        reports.append(
            train(
                name, kind, of, folder, seed or 0, lambda n: progress(n, total), done,
                compiled=compiled,
            )
        )  # fmt: skip
        done += kind.epochs
    return reports


def train(
    name: str,
    kind: Kind,
    of: Images,
    folder: Path,
    seed: int,
    progress: Callable[[int], None],
    done: int,
    *,
    compiled: bool = False,
) -> Report:
    """Train one network, save it on the way, and let another one go on from there."""
    began, curves = time.perf_counter(), Curves()
    steps = kind.epochs * -(-len(of.y) // BATCH)
    report = Report(
        f"digits-{name}",
        f"Digits: {kind.title}",
        f"It learns {len(of.y):,} images of handwritten digits, {kind.epochs} times each in a new "
        f"order, and is asked for {HELD_OUT} that it has not seen.",
    )
    going = start(kind, seed, steps)
    report.texts["The network"] = repr(going["net"])
    compared = compare_last_layer(going["net"].eval(), of)
    report.texts["The last layer's gradients by hand"] = str(compared)
    report.check(
        "last layer's gradients by hand", "agree" if compared else "differ", bool(compared)
    )
    file = folder / f"digits-{name}.npz"
    step, taken_by = step_of(going, compiled), []
    while going["epoch"] < kind.epochs:
        started = time.perf_counter()
        epoch(going, of, curves, step)
        taken_by.append(time.perf_counter() - started)
        progress(done + going["epoch"])
        if going["epoch"] == kind.epochs - 2:
            al.save(going, file)
    other = start(kind, seed + 1, steps)
    other["epoch"] = al.load(file, into=other)["epoch"]
    step = step_of(other, compiled)
    while other["epoch"] < kind.epochs:
        epoch(other, of, Curves(), step)
    states = [one["net"].state_dict() for one in (going, other)]
    same = all(np.array_equal(states[0][path], states[1][path]) for path in states[0])
    said = "the same, to the last bit" if same else "another network"
    report.check("saved two epochs before the end, and resumed", said, same)

    if compiled:
        eager, plain = start(kind, seed, steps), Curves()
        started = time.perf_counter()
        epoch(eager, of, plain)
        part = float(np.median(taken_by)) / (time.perf_counter() - started)
        report.check(*agreement(curves, plain, part))
    taken = answers(going["net"], of.x_test)
    right = float((taken == of.y_test).mean())
    goal = f"{right:.2%} of {HELD_OUT}, at least {kind.goal:.1%}"
    report.check("right on images not seen", goal, right >= kind.goal)
    table = np.zeros((10, 10), int)
    np.add.at(table, (of.y_test, taken), 1)
    report.figures = {
        "loss": lines({"loss": curves.values["loss"]}, "epoch", "loss", logarithmic=True),
        "accuracy": lines({"held out": curves.values["accuracy"]}, "epoch", "part that is right"),
        "confusion": confusion(table, [str(i) for i in range(10)]),
        "gradient flow": lines(curves.flow, "epoch", "size of the gradient", logarithmic=True),
    }
    graph = folder / f"digits-{name}.svg"
    net = going["net"].train()
    loss = nn.functional.cross_entropy(net(of.x[:BATCH]), of.y[:BATCH])
    report.figures["gradient sizes"] = al.draw_gradients(loss, title="At the end, for one batch")
    first = next(layer for layer in net if isinstance(layer, nn.Linear | nn.Conv2d))
    report.figures["first layer as images"] = al.draw_weights(first)
    loss = nn.functional.cross_entropy(net(of.x[:4]), of.y[:4])
    report.files = [file, al.draw(loss, depth=1, legend=False).save(graph)]
    report.seconds = time.perf_counter() - began
    return report


def compare_last_layer(net: Any, of: Images) -> al.Comparison:
    """Hold the gradients of scores, weight and bias against those that a person derives."""
    x, y = of.x[:32], of.y[:32]
    hidden = al.Tensor(x)
    for layer in list(net)[:-1]:
        hidden = layer(hidden)
    hidden.name = "hidden"
    scores = net[len(net) - 1](hidden)
    scores.name = "scores"
    loss = nn.functional.cross_entropy(scores, y)
    e = np.exp(scores.numpy() - scores.numpy().max(axis=1, keepdims=True))
    delta = (e / e.sum(axis=1, keepdims=True) - np.eye(10, dtype=np.float32)[y]) / len(y)
    last = net[len(net) - 1]
    return al.compare(
        loss,
        {
            "scores": delta,
            last.weight: hidden.numpy().T @ delta,
            last.bias: delta.sum(axis=0),
            "hidden": delta @ last.weight.numpy().T,
        },
    )
