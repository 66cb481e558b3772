"""How a name is written as mathematics: ``syn0`` with an index, ``d_w`` as a derivative."""

from __future__ import annotations

import re
import unicodedata

from autograd_lite.program.expression import Name

GREEK = dict(zip(
    ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "nu",
     "xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
    "αβγδεηθκλμνξπρστφχψω", strict=True,
))  # fmt: skip
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
RAISED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

DERIVATIVES = {
    "gradient": ("∂L/∂{}", r"\frac{{\partial L}}{{\partial {}}}"),
    "total": ("dL/d{}", r"\frac{{d L}}{{d {}}}"),
    "partial": ("∂{}/∂{}", r"\frac{{\partial {}}}{{\partial {}}}"),
}
"""How derivatives are written as text, and as LaTeX."""


def identifier(name: str) -> str:
    """Return a name as one that Python has: θ₁ is θ1, rows[0] is rows_0, and 🙂 is value."""
    kept = (c if f"_{c}".isidentifier() else "_" for c in name.translate(RAISED))
    found = unicodedata.normalize("NFKC", "".join(kept))
    found = found[:-1] if name[-1:] == "]" and found[:-1].isidentifier() else found
    return found if found.strip("_") else "value"


def gradient(name: Name) -> Name:
    """Name the gradient of the loss by a value: ``d_w``."""
    return Name(f"d_{name}", "gradient", name)


def total(name: Name) -> Name:
    """Name the gradient by a value that is used in several ways, besides the partial one."""
    return Name(f"d_{name}", "total", name)


def delta(name: Name) -> Name:
    """Name the gradient at the sum before an activation, or at a value on the way: ``l1_delta``."""
    return Name(f"{name}_delta", "delta", name)


def partial(y: Name, x: Name) -> Name:
    """Name the derivative of one value by another: ``d_h1_d_w1``."""
    return Name(f"d_{y}_d_{x}", "partial", y, x)


def entry(array: str, index: tuple[int, ...]) -> Name:
    """Name one entry of an array, counted from 1 as on paper: ``W_1_2``."""
    numbers = [str(i + 1) for i in index]
    if not numbers:
        return Name(array)
    short = len(numbers) == 1 and not array[-1].isdigit()
    text = array + ("" if short else "_") + "_".join(numbers)
    return Name(text, "entry", Name(array), *map(Name, numbers))


def text_name(name: Name) -> str:
    """Write a name as plain text: ``w₁``, ``∂L/∂w₁``, ``δz``."""
    parts = [text_name(part) for part in name.parts]
    if name.kind == "word":
        return str(name)
    if name.kind == "round":
        return f"{parts[0]}[{name.parts[1]}]"
    if name.kind in DERIVATIVES:
        return DERIVATIVES[name.kind][0].format(*parts)
    if name.kind == "delta":
        return f"δ{''.join(parts[1:]).translate(LOWERED)}{parts[0]}"
    if name.kind == "entry":
        return name.parts[0].rstrip("_") + _indices(name).translate(LOWERED)
    stem, digits = _split(name)
    return GREEK.get(stem, stem) + digits.translate(LOWERED)


def latex_name(name: Name) -> str:
    r"""Write a name as mathematics: ``syn0`` is :math:`\mathrm{syn}_{0}`."""
    parts = [latex_name(part) for part in name.parts]
    if name.kind == "word":
        return _upright(name)
    if name.kind in DERIVATIVES:
        return DERIVATIVES[name.kind][1].format(*parts)
    if name.kind == "delta":
        return rf"\delta{''.join(f'^{{({number})}}' for number in parts[1:])}_{{{parts[0]}}}"
    if name.kind == "entry":
        stem, digits = name.parts[0].rstrip("_"), _indices(name)
    elif name.kind == "round":
        stem, digits = _split(name.parts[0])
        digits = f"{digits},{name.parts[1]}" if digits else name.parts[1]
    else:
        stem, digits = _split(name)
    letter, _, word = stem.partition("_")
    if len(letter) == 1 and word:  # y_pred is y with an index.
        return rf"{letter}_{{{_upright(word)}{digits and ',' + digits}}}"
    symbol = stem if len(stem) == 1 else rf"\{stem}" if stem in GREEK else _upright(stem)
    return f"{symbol}_{{{digits}}}" if digits else symbol


def _split(name: str) -> tuple[str, str]:
    """Split into a word and the number behind it."""
    stem, digits = re.fullmatch(r"(.*?)_?(\d*)", name).groups()  # type: ignore[union-attr]  # Matches all.
    return (stem, digits) if stem else (name, "")


def _upright(word: str) -> str:
    return r"\mathrm{" + word.replace("_", r"\_") + "}"


def _indices(name: Name) -> str:
    """Write the indices of an entry: ``12``, or ``1,12`` where that would not be clear."""
    numbers = name.parts[1:]
    return ("" if all(len(number) == 1 for number in numbers) else ",").join(numbers)
