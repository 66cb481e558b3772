"""Characters of English: the manual of the language that comes with Python, letter by letter.

A network of layers guesses the next character from those before it. It has a batch normalisation,
and every gradient on the way through it is derived by hand, from the loss back to the table of
characters: the exercise by which many learn backpropagation. Then a recurrent network learns the
same text, and writes.
"""

from __future__ import annotations

import time
from pathlib import Path
from pydoc_data import topics
from typing import Any

import numpy as np
from numpy.typing import NDArray

import autograd_lite as al
from autograd_lite import Tensor, nn, optim
from models.training import Curves, Progress, Report, lines

CONTEXT, TABLE, HIDDEN = 6, 10, 64
STEPS, BATCH, LENGTH = 350, 32, 40
MLP_STEPS = 600
Arrays = dict[str, NDArray[Any]]


def text() -> str:
    """Return the text, in small letters, with a blank in place of several."""
    whole = " ".join(topics.topics[name] for name in sorted(topics.topics))
    return "".join(c for c in " ".join(whole.split()).lower() if c.isascii())[:200_000]


class Guess(nn.Module):
    """Two layers with a batch normalisation between, written out, so that each part has a name."""

    def __init__(self, characters: int, rng: np.random.Generator) -> None:
        self.C = _leaf("C", rng.normal(size=(characters, TABLE)))
        scale = (5 / 3) / np.sqrt(CONTEXT * TABLE)
        self.W1 = _leaf("W1", rng.normal(size=(CONTEXT * TABLE, HIDDEN)) * scale)
        self.b1 = _leaf("b1", rng.normal(size=HIDDEN) * 0.1)
        self.gain = _leaf("gain", 1 + rng.normal(size=(1, HIDDEN)) * 0.1)
        self.shift = _leaf("shift", rng.normal(size=(1, HIDDEN)) * 0.1)
        self.W2 = _leaf("W2", rng.normal(size=(HIDDEN, characters)) * 0.1)
        self.b2 = _leaf("b2", rng.normal(size=characters) * 0.1)

    def forward(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return everything on the way to the loss, by name."""
        n = len(x)
        t: dict[str, Any] = {}
        t["emb"] = self.C[x]
        t["joined"] = t["emb"].reshape(n, -1)
        t["before"] = t["joined"] @ self.W1 + self.b1
        t["mean"] = t["before"].sum(axis=0, keepdims=True) / n
        t["centred"] = t["before"] - t["mean"]
        t["squares"] = t["centred"] ** 2
        t["variance"] = t["squares"].sum(axis=0, keepdims=True) / (n - 1)
        t["inverse"] = (t["variance"] + 1e-5) ** -0.5
        t["normal"] = t["centred"] * t["inverse"]
        t["act"] = self.gain * t["normal"] + self.shift
        t["h"] = np.tanh(t["act"])
        t["scores"] = t["h"] @ self.W2 + self.b2
        t["top"] = t["scores"].max(axis=1, keepdims=True)
        t["lower"] = t["scores"] - t["top"]
        t["counts"] = np.exp(t["lower"])
        t["total"] = t["counts"].sum(axis=1, keepdims=True)
        t["one_over"] = t["total"] ** -1
        t["probs"] = t["counts"] * t["one_over"]
        t["logs"] = np.log(t["probs"])
        t["loss"] = -t["logs"][np.arange(n), y].mean()
        for name, tensor in t.items():
            tensor.name = name
        return t


def _leaf(name: str, values: NDArray[Any]) -> Tensor:
    return Tensor(values, requires_grad=True, name=name)


def by_hand(w: Arrays, t: Arrays, x: NDArray[np.int64], y: NDArray[np.int64]) -> Arrays:
    """Derive all gradients, step by step backwards."""
    n, d = len(x), {}
    d["logs"] = np.zeros_like(t["logs"])
    d["logs"][np.arange(n), y] = -1 / n
    d["probs"] = d["logs"] / t["probs"]
    d["one_over"] = (d["probs"] * t["counts"]).sum(axis=1, keepdims=True)
    d["total"] = -d["one_over"] / t["total"] ** 2
    d["counts"] = d["probs"] * t["one_over"] + d["total"]
    d["lower"] = d["counts"] * t["counts"]
    d["top"] = -d["lower"].sum(axis=1, keepdims=True)
    d["scores"] = d["lower"] + d["top"] * (t["scores"] == t["top"])
    d["h"] = d["scores"] @ w["W2"].T
    d["W2"] = t["h"].T @ d["scores"]
    d["b2"] = d["scores"].sum(axis=0)
    d["act"] = d["h"] * (1 - t["h"] ** 2)
    d["gain"] = (d["act"] * t["normal"]).sum(axis=0, keepdims=True)
    d["shift"] = d["act"].sum(axis=0, keepdims=True)
    d["normal"] = d["act"] * w["gain"]
    d["inverse"] = (d["normal"] * t["centred"]).sum(axis=0, keepdims=True)
    d["variance"] = -0.5 * (t["variance"] + 1e-5) ** -1.5 * d["inverse"]
    d["squares"] = np.ones_like(t["squares"]) * d["variance"] / (n - 1)
    d["centred"] = d["normal"] * t["inverse"] + 2 * t["centred"] * d["squares"]
    d["mean"] = -d["centred"].sum(axis=0, keepdims=True)
    d["before"] = d["centred"] + np.ones_like(t["before"]) * d["mean"] / n
    d["joined"] = d["before"] @ w["W1"].T
    d["W1"] = t["joined"].T @ d["before"]
    d["b1"] = d["before"].sum(axis=0)
    d["emb"] = d["joined"].reshape(t["emb"].shape)
    d["C"] = np.zeros_like(w["C"])
    np.add.at(d["C"], x, d["emb"])
    return d


class Writer(nn.Module):
    """A recurrent network that says what may come next, after every character."""

    def __init__(self, characters: int, rng: np.random.Generator) -> None:
        f = np.float32
        self.table = nn.Embedding(characters, 32, rng=rng, dtype=f)
        self.memory = nn.GRU(32, 128, batch_first=True, rng=rng, dtype=f)
        self.out = nn.Linear(128, characters, rng=rng, dtype=f)

    def forward(self, x: NDArray[np.int64], h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the scores of the next character after each, and the state."""
        states, last = self.memory(self.table(x), h)
        return self.out(states), last


class Clipped(optim.Adam):
    """Adam on gradients whose size is at most 1."""

    def step(self) -> None:
        """Bound the gradients, then move the parameters."""
        optim.clip_grad_norm_(self.params, 1.0)
        super().step()


def run(folder: Path, seed: int | None, progress: Progress, compiled: bool = False) -> list[Report]:
    """Compare the gradients by hand, train both networks, and let one write."""
    rng = np.random.default_rng(seed or 0)
    whole = text()
    letters = sorted(set(whole))
    codes = np.array([letters.index(c) for c in whole])
    total = MLP_STEPS + STEPS
    return [
        guess(codes, len(letters), rng, lambda n: progress(n, total), compiled),
        write(codes, letters, rng, folder, lambda n: progress(MLP_STEPS + n, total), compiled),
    ]


def guess(
    codes: NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
    progress: Any,
    compiled: bool = False,
) -> Report:
    """Hold every gradient of the layers against those by hand, at the start and at the end."""
    began, curves, net = time.perf_counter(), Curves(), Guess(count, rng)
    optimiser = optim.Adam(net.parameters(), 0.01)
    fast = al.compile(lambda x, y: net(x, y)["loss"], optimiser)
    report = Report(
        "text-mlp",
        "Text: layers with a batch normalisation",
        f"It guesses a character from the {CONTEXT} before it. Each of the gradients on the way is "
        f"derived by hand and compared: those of 19 intermediate results, and of 7 parameters.",
    )
    for step in range(MLP_STEPS):
        at = rng.integers(CONTEXT, len(codes), BATCH)
        x, y = codes[at[:, None] + np.arange(-CONTEXT, 0)], codes[at]
        if compiled and step % 20 and step < MLP_STEPS - 1:
            fast(x, y)
            continue
        t = net(x, y)
        optimiser.zero_grad()
        t["loss"].backward()
        if step in (0, MLP_STEPS - 1):
            w = {p.name or "": p.numpy() for p in net.parameters()}
            values = {name: tensor.numpy() for name, tensor in t.items()}
            hand = by_hand(w, values, x, y)
            compared = al.compare(t["loss"], hand)
            agree = sum(row.ok for row in compared)
            report.check(
                f"gradients by hand, step {step + 1}",
                f"{agree} of {len(hand)} agree",
                bool(compared),
            )
            report.texts[f"By hand and by autodiff, step {step + 1}"] = str(compared)
        optimiser.step()
        if step % 20 == 0 or step == MLP_STEPS - 1:
            curves.note(step, loss=t["loss"].item())
            curves.note_gradients(step, net)
            progress(step + 1)
    first, last = curves.values["loss"][0][1], np.mean([v for _, v in curves.values["loss"][-5:]])
    report.check("the loss", f"from {first:.2f} to {last:.2f}", bool(last < 0.75 * first))
    report.figures = {
        "loss": lines(curves.values, "step", "loss"),
        "gradient flow": lines(curves.flow, "step", "size of the gradient", logarithmic=True),
    }
    report.seconds = time.perf_counter() - began
    return report


def write(
    codes: NDArray[np.int64],
    letters: list[str],
    rng: np.random.Generator,
    folder: Path,
    progress: Any,
    compiled: bool = False,
) -> Report:
    """Train the recurrent network, save it, and let the one that is loaded write."""
    began, curves, net = time.perf_counter(), Curves(), Writer(len(letters), rng)
    optimiser = Clipped(net.parameters(), 4e-3)
    schedule = optim.CosineAnnealingLR(optimiser, STEPS, 2e-4)
    report = Report(
        "text-gru",
        "Text: a recurrent network that writes",
        f"A GRU reads {LENGTH} characters at a time, and says after each what may come next. After "
        f"{STEPS} steps it writes by itself, from the blank on.",
    )
    report.texts["The network"] = repr(net)

    def loss_of(rows: NDArray[np.int64]) -> Tensor:
        scores, _ = net(rows[:, :-1])
        return nn.functional.cross_entropy(
            scores.reshape(-1, len(letters)), rows[:, 1:].reshape(-1)
        )

    fast = al.compile(loss_of, optimiser)
    for step in range(STEPS):
        at = rng.integers(0, len(codes) - LENGTH - 1, BATCH)
        rows = codes[at[:, None] + np.arange(LENGTH + 1)]
        if compiled and step % 10 and step < STEPS - 1:
            fast(rows)
            schedule.step()
            continue
        loss = loss_of(rows)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 10 == 0 or step == STEPS - 1:
            curves.note(step, loss=loss.item())
            curves.note_gradients(step, net)
            progress(step + 1)
    last = float(np.mean([v for _, v in curves.values["loss"][-5:]]))
    report.check(
        "bits a character needs", f"{last / np.log(2):.2f}, at most 3", last < 3 * np.log(2)
    )
    report.files = [al.save({"net": net, "letters": "".join(letters)}, folder / "text-gru.npz")]
    other = Writer(len(letters), rng)
    loaded = al.load(report.files[0], into={"net": other})
    first, second = (spoken(one, loaded["letters"], 7) for one in (net, other))
    said = "the same text" if first == second else "another text"
    report.check("saved and loaded, it writes", said, first == second)
    report.texts["What it writes"] = first
    report.figures = {
        "loss": lines(curves.values, "step", "loss"),
        "gradient flow": lines(curves.flow, "step", "size of the gradient", logarithmic=True),
    }
    report.seconds = time.perf_counter() - began
    return report


def spoken(net: Writer, letters: str, seed: int, length: int = 480, warmth: float = 0.7) -> str:
    """Let a network write: draw a character, and read it."""
    rng, code, state, written = np.random.default_rng(seed), letters.index(" "), None, ""
    with al.no_grad():
        while len(written) < length:
            scores, state = net(np.array([[code]]), state)
            p = al.softmax(scores[0, -1] / warmth).numpy().astype(float)
            code = int(rng.choice(len(letters), p=p / p.sum()))
            written += letters[code]
    return "\n".join(written[i : i + 80] for i in range(0, length, 80))
