"""How wide text is in the font of the pictures.

``fonts/`` holds a font with the widths of Arial. Knowing it exactly, a picture comes out alike
on every machine, and its text can be held to its place in viewers that have another font.
"""

import unicodedata
from functools import cache
from pathlib import Path
from struct import unpack_from

FONTS = Path(__file__).parent / "fonts"
FAMILY = "Picture Sans"


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide a line of text is laid out, in points."""
    advances = _advances("Bold" if bold else "Regular")
    # A character that another font will have to supply is taken to be square, or narrower.
    guesses = (1.0 if unicodedata.east_asian_width(c) in "WF" else 0.6 for c in text)
    return size * sum(advances.get(ord(c), x) for c, x in zip(text, guesses, strict=True))


def covers(text: str) -> bool:
    """Return whether the font has all characters of a text."""
    return _advances("Regular").keys() >= {ord(c) for c in text if c not in "\n\t"}


def wrapped(words: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Break text into lines that fit."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and width_of(longer, size, bold=bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@cache
def _advances(face: str) -> dict[int, float]:
    """Read the advance of every character of a face, in ems, from its TrueType tables."""
    data = (FONTS / f"PictureSans-{face}.ttf").read_bytes()
    (count,) = unpack_from(">H", data, 4)
    records = (unpack_from(">4s4xII", data, 12 + 16 * i) for i in range(count))
    table = {tag: start for tag, start, _ in records}
    (em,) = unpack_from(">H", data, table[b"head"] + 18)
    (metrics,) = unpack_from(">H", data, table[b"hhea"] + 34)
    advances = unpack_from(">" + "H2x" * metrics, data, table[b"hmtx"])
    glyphs = _glyphs(data, table[b"cmap"])
    return {code: advances[min(glyph, metrics - 1)] / em for code, glyph in glyphs.items()}


def _glyphs(data: bytes, cmap: int) -> dict[int, int]:
    """Read which glyph stands for which character, from a character map of format 4."""
    (offset,) = unpack_from(">I", data, cmap + 8)
    start = cmap + offset
    (double,) = unpack_from(">H", data, start + 6)
    segments = double // 2
    ends, starts, deltas, ranges = (
        unpack_from(f">{segments}H", data, start + at)
        for at in (14, 16 + double, 16 + 2 * double, 16 + 3 * double)
    )
    glyphs = {}
    for i, (first, last, delta, skip) in enumerate(zip(starts, ends, deltas, ranges, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if skip:
                at = start + 16 + 3 * double + 2 * i + skip + 2 * (code - first)
                (glyph,) = unpack_from(">H", data, at)
            glyphs[code] = (glyph + delta) & 0xFFFF
    return glyphs
