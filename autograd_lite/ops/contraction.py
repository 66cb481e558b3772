"""Sums of products, in Einstein's notation."""

import math
from typing import Any

import numpy as np

from autograd_lite.core.notation import Form, Notation
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.indexing import scatter_add
from autograd_lite.ops.shape import broadcast_to


def _factor(g: Any, operands: tuple[Any, ...], i: int, subscripts: str, optimize: Any) -> Any:
    """Cotangent of one factor: the sum of products of `g` with all the others."""
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")
    labels = "".join(dict.fromkeys(terms[i]))  # Each once.
    others = [(term, x) for k, (term, x) in enumerate(zip(terms, operands, strict=True)) if k != i]
    elsewhere = output + "".join(term for term, _ in others)
    kept = "".join(label for label in labels if label in elsewhere)
    product = einsum(
        g,
        *(x for _, x in others),
        subscripts=f"{','.join([output, *(term for term, _ in others)])}->{kept}",
        optimize=bool(optimize),  # A path that was given is not one for these factors.
    )
    # Now the axes that only this factor has, and those along which the others are stretched.
    sizes = dict(zip(terms[i], np.shape(operands[i]), strict=True))
    found = dict(zip(kept, product.shape, strict=True))
    full = tuple(found[label] if found.get(label, 1) != 1 else sizes[label] for label in labels)
    if product.shape != full:
        product = product.reshape(tuple(found.get(label, 1) for label in labels))
        product = broadcast_to(product, shape=full)
    if labels == terms[i]:
        return product
    # A label that is repeated picks a diagonal: nobody can sum over its axis afterwards.
    stretched = tuple(k for k, label in enumerate(labels) if sizes[label] == 1 != full[k])
    if stretched:
        product = product.sum(axis=stretched, keepdims=True)
    grid = np.ix_(*map(np.arange, product.shape))
    diagonal = tuple(grid[labels.index(label)] for label in terms[i])
    return scatter_add(product, index=diagonal, shape=np.shape(operands[i]))


def _path(subscripts: str, operands: tuple[Any, ...]) -> Any:
    """Return how NumPy is to find an order for sums of many products; False if there are few."""
    sizes = [np.size(x) for x in operands]
    if math.prod(sizes) < 1e5:
        return False
    labels = subscripts.partition("->")[0].replace(",", "")
    lengths = dict(zip(labels, sum(map(np.shape, operands), ()), strict=True))
    # NumPy allows intermediate results as large as an operand: too little for outer products.
    return math.prod(lengths.values()) > 1e5 and ("greedy", max(*sizes, 10**7))


@primitive(
    operands=lambda g, y, *operands, i, **how: _factor(g, operands, i, **how),
    notation=Notation(
        python=Form("np.einsum('{subscripts}', {operands}{parameters})"),
        latex=Form(r"\mathrm{{einsum}}_{{{subscripts}}}\left({operands}\right)"),
        text=Form("einsum('{subscripts}', {operands})"),
    ),
    analytic=True,
    linear=("operands",),
    examples=(
        example((2, 3), (3, 4), subscripts="ij,jk->ik"),
        example((2, 3), subscripts="ij->ji"),
        example((2, 3), subscripts="ij->j"),
        example((3, 3), subscripts="ii->"),
        example((3, 3), subscripts="ii->i"),
        example((2, 3, 2, 3), subscripts="ijij->ji"),
        example((3,), (2,), subscripts="i,j->ij"),
        example((3,), (2,), subscripts="i,j->j"),
        example((2, 3), (2, 2), (3,), subscripts="ij,ii,j->i"),
        example((2, 3), (3, 4), (4, 2), subscripts="ij,jk,kl->il", optimize=True),
        example((1, 3), (2, 1), subscripts="ij,ij->i"),
        example((), (3,), subscripts=",i->i"),
        example((0, 3), (3,), subscripts="ij,j->i"),
    ),
)
def einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    """Multiply, and add up over every label that the result does not have.

    The `subscripts` are explicit: with an arrow, and without an ellipsis or blanks. Products of
    more than 100,000 terms are added in a good order, and by matrices, as with ``optimize=True``.
    """
    return np.einsum(subscripts, *operands, optimize=optimize or _path(subscripts, operands))
