"""What every article network has in common: train it twice, by autodiff and by hand, and compare.

Nothing here knows a formula. An `Experiment` brings the network, the data, the article's
derivation and the numbers that the article prints; `run` holds them against each other.
"""

from __future__ import annotations

import inspect
import itertools
import textwrap
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from autograd_lite import (
    Comparison,
    Graph,
    Recorder,
    Tensor,
    compare,
    compile,
    derive,
    nn,
    no_grad,
    optim,
)
from autograd_lite.compile import Step
from autograd_lite.derive import Derivation, Proof

Arrays = dict[str, NDArray[Any]]
Sample = tuple[Tensor, Tensor]

ULPS = 16
"""How far the weights by autodiff and by hand may ever be apart, in units in the last place.

They round in another order, 60,000 times. Processors differ in how `exp` rounds: 10 is the most
that was seen.
"""

ULPS_OTHER_SEED = 2**20
"""The same for any start: from some, training amplifies the last digit a hundred thousand times."""


GAP = 1e-12
"""How far a loss of a compiled step may be from that of eager mode, by its size."""

TINY = 1e-20
"""The least that a loss counts as, when two are compared."""

WORTH_COMPILING = 1000
"""Steps from which a training by hand takes longer than to compile it."""


@dataclass(frozen=True)
class Fact:
    """A number that the article prints, beside ours.

    Attributes
    ----------
    what : str
        What it is.
    article, ours : array_like
        The two.
    decimals : int or None
        To how many decimals they must be equal; None: to the last digit.
    within : float or None
        Where the article says "about", how far ours may be off.
    seeded : bool
        Whether it depends on the article's random start, so that another seed gives another.
    """

    what: str
    article: Any
    ours: Any
    decimals: int | None = None
    within: float | None = None
    seeded: bool = False

    @property
    def ok(self) -> bool:
        """Whether ours is the article's, as exactly as the article says it."""
        a, b = np.asarray(self.article, float), np.asarray(self.ours, float)
        if a.shape != b.shape:
            return False
        if self.within is not None:
            return bool(np.all(np.abs(a - b) <= self.within))
        return bool(np.array_equal(a, b if self.decimals is None else np.round(b, self.decimals)))


@dataclass(frozen=True)
class Finding:
    """Where an article's formula or sentence and the truth differ, with the evidence.

    Attributes
    ----------
    says, truth : str
        In words.
    evidence : Comparison or None
        In numbers.
    proofs : sequence of Proof
        As algebra; none without SymPy.
    """

    says: str
    truth: str
    evidence: Comparison | None = None
    proofs: Sequence[Proof] = ()


@dataclass(frozen=True)
class Prediction:
    """What a network says to one input, before the training and after."""

    input: list[float]
    goal: float
    before: float
    after: float


@dataclass
class Run:
    """What came of training one network.

    Attributes
    ----------
    graph : Graph
        The first step, with all its gradients.
    comparisons : dict of int to Comparison
        By the number of steps taken before it.
    losses : list of tuple of int and float
        Steps taken, and the mean loss over all samples then.
    recorder : Recorder
        The training, to be played back.
    ulps : float
        How far the weights by autodiff and by hand ever were apart.
    step : Step or None
        The compiled step, if it was trained by one.
    gap : float
        The largest relative difference of its losses from those of eager mode.
    derivation : Derivation
        The first step and its gradients.
    formulas : Derivation
        The same as the article writes it, where that is number by number.
    proofs : sequence of Proof
        Of the article's formulas, one for each gradient; none without SymPy.
    """

    experiment: Experiment
    net: nn.Module
    start: Arrays
    articles_seed: bool
    graph: Graph
    last_loss: Tensor
    derivation: Derivation
    formulas: Derivation
    proofs: Sequence[Proof] = ()
    steps: int = 0
    comparisons: dict[int, Comparison] = field(default_factory=dict)
    losses: list[tuple[int, float]] = field(default_factory=list)
    recorder: Recorder = field(default_factory=Recorder)
    ulps: float = 0.0
    step: Step | None = None
    gap: float = 0.0
    facts: Sequence[Fact] = ()
    findings: Sequence[Finding] = ()
    seconds: float = 0.0

    @property
    def predictions(self) -> list[Prediction]:
        """What the network says to every sample, before the training and after."""
        before = self.experiment.build(self.experiment.seed)
        for p in before.parameters():
            p.data = self.start[p.name or ""]
        found: list[Prediction] = []
        with no_grad():
            for x, y in self.experiment.samples():
                answers = (y, before(x), self.net(x))
                goals, *said = (np.atleast_1d(t.data[..., 0]).tolist() for t in answers)
                rows = np.atleast_2d(x.data).tolist()
                found += map(Prediction, rows, goals, *said)
        return found

    @property
    def problems(self) -> list[str]:
        """What does not hold, in words."""
        found = [
            f"gradient of {row.name} before step {step + 1}: {row.summary}"
            for step, comparison in self.comparisons.items()
            for row in comparison.failures
        ]
        found += [str(proof) for proof in self.proofs if not proof]
        if not self.in_step:
            found.append(f"training by autodiff and by hand come to differ by {self.ulps:.0f} ulp")
        if self.gap > GAP:
            found.append(f"compiled and eager losses differ by {self.gap:.1e} of them")
        found += [
            f"{fact.what}: the article has {fact.article}, we have {fact.ours}"
            for fact in self.judged
            if not fact.ok
        ]
        return found

    @property
    def in_step(self) -> bool:
        """Whether training by autodiff followed training by hand all the way."""
        return self.ulps <= (ULPS if self.articles_seed else ULPS_OTHER_SEED)

    @property
    def judged(self) -> list[Fact]:
        """The facts that must hold with the seed in use."""
        return [fact for fact in self.facts if self.articles_seed or not fact.seeded]


class Experiment(ABC):
    """One article network.

    Attributes
    ----------
    name, title, article : str
        For the command line, for people, and where it comes from.
    about : str
        What the article builds, in our words.
    note : str
        What else to know about the source.
    lr : float
        Learning rate that makes `optim.SGD` take the article's steps.
    epochs : int
        Passes over the data.
    seed : int or None
        The article's (or, where it sets none, ours); None if nothing is random.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    article: ClassVar[str]
    about: ClassVar[str]
    note: ClassVar[str] = ""
    lr: ClassVar[float]
    epochs: ClassVar[int]
    seed: ClassVar[int | None] = 1
    criterion: ClassVar[nn.MSE]

    @abstractmethod
    def build(self, seed: int | None) -> nn.Module:
        """Return the network with its start."""

    @abstractmethod
    def samples(self) -> list[Sample]:
        """Return what one step each is taken on, in order."""

    @abstractmethod
    def by_hand(self, w: Arrays, x: NDArray[Any], y: NDArray[Any]) -> Arrays:
        """Return the gradients as the article derives them, in bare NumPy, by tensor name."""

    def update_by_hand(self, w: Arrays, x: NDArray[Any], y: NDArray[Any]) -> Arrays:
        """Return the parameters after one step by hand."""
        gradients = self.by_hand(w, x, y)
        return {name: w[name] - self.lr * gradients[name] for name in w}

    def facts(self, run: Run) -> Sequence[Fact]:
        """Return the article's numbers beside ours."""
        del run
        return ()

    def findings(self, run: Run) -> Sequence[Finding]:
        """Return where the article and the truth differ."""
        del run
        return ()

    def learning_rate(self, x: NDArray[Any]) -> float:
        """Return the learning rate for a sample."""
        del x
        return self.lr

    def run(
        self,
        seed: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        *,
        compiled: bool = False,
    ) -> Run:
        """Train by autodiff and by hand, and compare all the way.

        Parameters
        ----------
        seed : int, optional
            Another start than the article's.
        progress : callable, optional
            Called now and then with the steps done and their total.
        compiled : bool
            Whether both trainings run in machine code, and are compared after every two-hundredth
            of them, not after every step.
        """
        began = time.perf_counter()
        chosen = self.seed if seed is None or self.seed is None else seed
        net = self.build(chosen)
        first = self.first_step(net)
        start = parameters_of(net.parameters())
        derivation = derive(first, names={})
        formulas = self.formulas(derivation)
        run = Run(self, net, start, chosen == self.seed, Graph(first), first, derivation, formulas)
        run.proofs = self.prove(derivation)
        (self._train_compiled if compiled else self._train)(run, progress)
        run.facts, run.findings = self.facts(run), self.findings(run)
        run.seconds = time.perf_counter() - began
        return run

    def first_step(self, net: nn.Module) -> Tensor:
        """Return the loss of the first sample, with the gradients of all that it came from."""
        x, y = self.samples()[0]
        loss = name("loss", self.criterion(net(x), y))
        for node in Graph(loss):
            if node.tensor is not None and node.requires_grad:
                node.tensor.retain_grad()
        loss.backward()
        return loss

    def formulas(self, derivation: Derivation) -> Derivation:
        """Return the derivation as the article writes it."""
        return derivation

    def prove(self, derivation: Derivation, only: str | None = None) -> Sequence[Proof]:
        """Decide as algebra whether the article's formulas are the gradients, if SymPy is there."""
        x, y = (sample.name or "" for sample in self.samples()[0])

        def by_hand(**values: Any) -> Arrays:
            w = {name: values[name] for name in derivation.gradients}
            found = self.by_hand(w, values[x], values[y])
            return found if only is None else {only: found[only]}

        return proved(derivation, by_hand)

    @classmethod
    def source_by_hand(cls) -> str:
        """Return the article's derivation, as it stands in the source."""
        lines = textwrap.dedent(inspect.getsource(cls.by_hand)).splitlines()
        documented = lines[1].lstrip().startswith('"""')
        return textwrap.dedent("\n".join(lines[2 if documented else 1 :]))

    def compare_first(self, seed: int | None = None) -> Comparison:
        """Compare the gradients before the first step, without training."""
        net = self.build(self.seed if seed is None or self.seed is None else seed)
        x, y = self.samples()[0]
        loss = name("loss", self.criterion(net(x), y))
        return self.compare(loss, parameters_of(net.parameters()), x.data, y.data)

    def _train(self, run: Run, progress: Callable[[int, int], None] | None) -> None:
        """Train twice from one start, by autodiff and by hand, and compare after every step."""
        net, samples = run.net, self.samples()
        bare = [(x.data, y.data) for x, y in samples]
        parameters = net.parameters()
        optimiser = optim.SGD(parameters, self.lr)
        by_hand = after = run.start
        total = self.epochs * len(samples)
        marks = {0, total // 4, total // 2, 3 * total // 4, total - 1}
        often = max(1, total // 200)
        run.recorder = Recorder(every=often)
        for step in range(total):
            (x, y), (bare_x, bare_y) = samples[step % len(samples)], bare[step % len(samples)]
            run.last_loss = loss = name("loss", self.criterion(net(x), y))
            run.recorder.record(loss)
            optimiser.zero_grad()
            loss.backward()
            if step in marks:
                run.comparisons[step] = self.compare(loss, after, bare_x, bare_y)
            if step % often == 0 or step == total - 1:
                run.losses.append((step, self.loss_of_all(net)))
                if progress is not None:
                    progress(step + 1, total)
            optimiser.lr = self.learning_rate(bare_x)
            optimiser.step()
            after = parameters_of(parameters)
            by_hand = self.update_by_hand(by_hand, bare_x, bare_y)
            run.ulps = max(run.ulps, distance_in_ulps(after, by_hand))
        run.steps = total

    def _train_compiled(self, run: Run, progress: Callable[[int, int], None] | None) -> None:
        """Train twice, both compiled, and compare now and then, with eager mode too."""
        samples = self.samples()
        bare = [(x.data, y.data) for x, y in samples]
        rates = [self.learning_rate(x) for x, _ in bare]
        optimiser = optim.SGD(run.net.parameters(), self.lr)
        net, criterion = run.net, self.criterion  # All that the step depends on.
        step = run.step = compile(lambda x, y: criterion(net(x), y), optimiser)
        total = self.epochs * len(samples)
        hand = compile(self.update_by_hand) if total > WORTH_COMPILING else self.update_by_hand
        marks = {0, total // 4, total // 2, 3 * total // 4, total - 1}
        often = max(1, total // 200)
        by_hand = run.start
        for start, stop in itertools.pairwise(sorted({*marks, *range(0, total, often), total})):
            x, y = samples[start % len(samples)]
            run.last_loss = loss = name("loss", self.criterion(run.net(x), y))
            run.recorder.record(loss, start)
            if start in marks:
                loss.backward()
                after = parameters_of(run.net.parameters())
                run.comparisons[start] = self.compare(loss, after, x.data, y.data)
            if start % often == 0 or start == total - 1:
                run.losses.append((start, self.loss_of_all(run.net)))
                if progress is not None:
                    progress(start + 1, total)
            order = [k % len(samples) for k in range(start, start + len(samples))]
            if len(set(rates)) == 1:
                data = [np.stack([bare[k][i] for k in order]) for i in (0, 1)]
                value = step.run(stop - start, *data, stacked=True)[0]
            else:
                values = []
                for k in range(start, stop):
                    optimiser.lr = rates[k % len(samples)]
                    values.append(step(*bare[k % len(samples)]))
                value = values[0]
            run.gap = max(run.gap, abs(float(value) - loss.item()) / max(abs(loss.item()), TINY))
            for k in range(start, stop):
                by_hand = hand(by_hand, *bare[k % len(samples)])
            after = parameters_of(run.net.parameters())
            run.ulps = max(run.ulps, distance_in_ulps(after, by_hand))
        run.steps = total

    def loss_of_all(self, net: nn.Module) -> float:
        """Return the mean loss over all samples."""
        with no_grad():
            losses = [self.criterion(net(x), y).item() for x, y in self.samples()]
        return float(sum(losses) / len(losses))

    def compare(self, loss: Tensor, w: Arrays, x: NDArray[Any], y: NDArray[Any]) -> Comparison:
        """Compare all gradients of the article with autodiff, and both with the numbers."""
        return compare(loss, self.by_hand(w, x, y), numerical=True, lr=self.lr)


def proved(derivation: Derivation, by_hand: Callable[..., Arrays]) -> Sequence[Proof]:
    """Return proofs of formulas by hand; none without SymPy."""
    try:
        import sympy  # noqa: F401  (only whether it is there)
    except ModuleNotFoundError:
        return ()
    return derivation.prove(by_hand)


def parameters_of(parameters: Sequence[Tensor]) -> Arrays:
    """Return parameters by the name that the article calls them."""
    return {p.name or "": p.data for p in parameters}


def name(label: str, tensor: Tensor) -> Tensor:
    """Call a tensor what the article calls it."""
    tensor.name = label
    return tensor


def distance_in_ulps(a: Arrays, b: Arrays) -> float:
    """Return the largest difference of two sets of arrays, in units in the last place.

    The unit is that of each array's largest number: an entry near 0 is what is left of others that
    cancel, and has their rounding.
    """
    largest = 0.0
    for key, x in a.items():
        gap = np.abs(x - b[key]).max()
        if gap:
            largest = max(largest, float(gap / np.spacing(np.abs(x).max())))
    return largest
