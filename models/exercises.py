"""Three exercises in backpropagation by hand, from one line to a character model.

Each function returns the exercise and the arrays that a learner starts from, by name: everything
that was computed forwards. ``python -m models.exercises`` lists what is asked for; with the name of
an exercise, it prints a worksheet.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

import autograd_lite as al
from autograd_lite.practice import Exercise

Values = dict[str, NDArray[Any]]


def eleven_lines(seed: int = 1) -> tuple[Exercise, Values]:
    """Return the network of eleven lines, 3-4-1: two layers of sigmoids, half a sum of squares."""
    rng = np.random.default_rng(seed)
    x = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    y = np.array([[0.0], [1], [1], [0]])
    syn0, syn1 = _parameters(syn0=rng.uniform(-1, 1, (3, 4)), syn1=rng.uniform(-1, 1, (4, 1)))
    z1 = x @ syn0
    l1 = al.sigmoid(z1)
    z2 = l1 @ syn1
    l2 = al.sigmoid(z2)
    loss = al.mse(l2, y, reduction="half_sum")
    return al.exercise(loss), _values(x=x, y=y, syn0=syn0, syn1=syn1, z1=z1, l1=l1, z2=z2, l2=l2)


def two_two_one(seed: int = 1) -> tuple[Exercise, Values]:
    """Return a network of two inputs, two hidden units and one output, with biases; one sample."""
    rng = np.random.default_rng(seed)
    x, target = np.array([-2.0, -1.0]), np.array([1.0])
    w1, b1, w2, b2 = _parameters(
        W1=rng.normal(size=(2, 2)),
        b1=rng.normal(size=2),
        W2=rng.normal(size=(2, 1)),
        b2=rng.normal(size=1),
    )
    z = x @ w1 + b1
    h = al.sigmoid(z)
    o = h @ w2 + b2
    p = al.sigmoid(o)
    loss = np.mean((target - p) ** 2)
    return al.exercise(loss), _values(
        x=x, target=target, W1=w1, b1=b1, W2=w2, b2=b2, z=z, h=h, o=o, p=p
    )


def character_mlp(seed: int = 1) -> tuple[Exercise, Values]:
    """Return a character model: embedding, a layer with batch normalisation, tanh, cross-entropy.

    Every step is one line, so there are some two dozen gradients.
    """
    rng = np.random.default_rng(seed)
    letters, block, width, hidden, n = 27, 3, 10, 24, 16
    batch = {"Xb": rng.integers(0, letters, (n, block)), "Yb": rng.integers(0, letters, n)}
    table, w1, b1, bngain, bnbias, w2, b2 = _parameters(
        C=rng.normal(size=(letters, width)),
        W1=rng.normal(size=(block * width, hidden)) * (5 / 3) / (block * width) ** 0.5,
        b1=rng.normal(size=hidden) * 0.1,
        bngain=rng.normal(size=(1, hidden)) * 0.1 + 1,
        bnbias=rng.normal(size=(1, hidden)) * 0.1,
        W2=rng.normal(size=(hidden, letters)) * 0.1,
        b2=rng.normal(size=letters) * 0.1,
    )
    emb = table[batch["Xb"]]
    embcat = emb.reshape(n, block * width)
    hprebn = embcat @ w1 + b1
    bnmeani = hprebn.sum(axis=0, keepdims=True) * (1 / n)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = bndiff2.sum(axis=0, keepdims=True) * (1 / (n - 1))
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = np.tanh(hpreact)
    logits = h @ w2 + b2
    logit_maxes = logits.max(axis=1, keepdims=True)
    norm_logits = logits - logit_maxes
    counts = np.exp(norm_logits)
    counts_sum = counts.sum(axis=1, keepdims=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = np.log(probs)
    loss = -logprobs[np.arange(n), batch["Yb"]].mean()
    task = al.exercise(loss)
    return task, _values(
        C=table, W1=w1, b1=b1, bngain=bngain, bnbias=bnbias, W2=w2, b2=b2, emb=emb, embcat=embcat,
        hprebn=hprebn, bnmeani=bnmeani, bndiff=bndiff, bndiff2=bndiff2, bnvar=bnvar,
        bnvar_inv=bnvar_inv, bnraw=bnraw, hpreact=hpreact, h=h, logits=logits,
        logit_maxes=logit_maxes, norm_logits=norm_logits, counts=counts, counts_sum=counts_sum,
        counts_sum_inv=counts_sum_inv, probs=probs, logprobs=logprobs, **batch,
    )  # fmt: skip


EXERCISES = {
    "eleven-lines": eleven_lines,
    "two-two-one": two_two_one,
    "character-mlp": character_mlp,
}


def _parameters(**arrays: NDArray[np.float64]) -> list[al.Tensor]:
    return [al.Tensor(x, requires_grad=True, name=name) for name, x in arrays.items()]


def _values(**made: al.Tensor | NDArray[Any]) -> Values:
    return {
        name: np.array(x.numpy() if isinstance(x, al.Tensor) else x) for name, x in made.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m models.exercises", description="List the gradients that are asked for."
    )
    parser.add_argument("exercise", nargs="?", choices=EXERCISES, help="print its worksheet")
    chosen = parser.parse_args().exercise
    if chosen:
        print(EXERCISES[chosen]()[0].worksheet())
    else:
        for title, make in EXERCISES.items():
            print(f"{title}: {', '.join(make()[0].names)}")
