"""Which entries of a gradient are wrong, or no numbers, in words."""

from __future__ import annotations

import numpy as np

from autograd_lite.check.mistakes.registry import Array, Target, same


def entries_in_words(chosen: Array, counting: Array | None = None) -> str:
    """Describe which entries are chosen: rows, columns, or single ones, by their indices."""
    counting = np.ones(chosen.shape, bool) if counting is None else counting
    for axis, noun in ((0, "row"), (1, "column")) if chosen.ndim == 2 else ():
        others = 1 - axis
        whole = (chosen | ~counting).all(axis=others) & chosen.any(axis=others)
        if chosen.shape[others] > 1 and (chosen.any(axis=others) == whole).all():
            listed = ", ".join(map(str, np.flatnonzero(whole)))
            return f"{noun}{'s' if whole.sum() > 1 else ''} {listed}"
    if chosen.ndim == 2 and chosen.sum() > 2:
        for k, word in ((1, "above"), (-1, "below")):
            side = np.triu(chosen, 1) if k > 0 else np.tril(chosen, -1)
            all_of_it = np.triu(counting, 1) if k > 0 else np.tril(counting, -1)
            if np.array_equal(chosen, side) and np.array_equal(side & counting, all_of_it):
                return f"entries {word} the diagonal"
    places = [tuple(map(int, index)) for index in np.argwhere(chosen)]
    texts = [str(place if len(place) > 1 else place[0]) if place else "()" for place in places]
    more = f" and {len(texts) - 6} more" if len(texts) > 6 else ""
    return f"{'entry' if len(texts) == 1 else 'entries'} {', '.join(texts[:6])}{more}"


def where_not_finite(target: Target) -> str | None:
    """Name the entries by hand that are not numbers: nothing else can be told from them."""
    hand, right = target.hand, target.right
    if hand.shape != right.shape:
        return None
    wrong = ~np.isfinite(hand) & (hand != right)
    found = [
        what + (f" in {entries_in_words(chosen)}" if not chosen.all() else " everywhere")
        for what, chosen in (("NaN", np.isnan(hand)), ("an infinity", wrong & np.isinf(hand)))
        if chosen.any()
    ]
    if not found:
        return None
    if not np.isfinite(right[wrong]).all():
        found.append("autodiff as well")
    others = np.isfinite(hand)
    good = int(np.isclose(hand[others], right[others], rtol=1e-9, atol=0).sum())
    count = "" if good == others.sum() else f"{good} of "
    rest = f"; {count}the other {others.sum()} agree" if others.any() else ""
    return f"by hand has {', '.join(found)}{rest}"


def wrong_entries(target: Target) -> tuple[str, Array] | None:
    """Name the wrong entries, if at least half of those that are not 0 are right."""
    hand, right = target.hand, target.right
    if hand.shape != right.shape:
        return None
    scale = float(np.abs(right).max(initial=0))
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(hand - right) <= 1e-9 * np.abs(right) + 1e-12 * scale)
    good = np.count_nonzero(~wrong & (right != 0))
    if not good or good < np.count_nonzero(wrong):
        return None
    return entries_in_words(wrong), wrong


def zero_entries(target: Target) -> str | None:
    """Name the entries that are 0, if all others agree; at least three of these are not 0."""
    hand, right = target.hand, target.right
    if hand.shape != right.shape:
        return None
    zero = (hand == 0) & (right != 0)
    if not zero.any() or np.count_nonzero(hand) < 3 or not same(hand, np.where(zero, 0.0, right)):
        return None
    return entries_in_words(zero)
