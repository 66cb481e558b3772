"""The look of a picture: what distinguishes the roles, and the sizes of type.

Every role differs in its outline as well as in its hue, so that a grey print keeps them apart. The
hues are those of Okabe and Ito's palette, darkened to be legible as type on white.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["input", "parameter", "constant", "result", "output", "gradient", "fold"]

FONT = "Arial"  # Helvetica, Liberation Sans and Arimo have the same widths.
TITLE, TEXT, SMALL = 18, 13.5, 11
"""Sizes of type, in points. Graphviz rounds every advance to whole dots of 96 to the inch; at 13.5
points, those of Arial's letters and digits are whole already. It is the default size of a box."""
INK, QUIET, LINE = "#1B1F24", "#5B6470", "#59626D"
PAPER, FRAMED, RIM = "#FFFFFF", "#F9FAFB", "#B9C0C8"
POSITIVE, ZERO, NEGATIVE, MISSING = "#C2520A", "#F7F7F7", "#0B62A4", "#9AA0A6"
GRADIENT, ALARM = "#A33B00", "#B3261E"
LOOPED = "#8A2F66"  # What a loop hands on.


@dataclass(frozen=True, slots=True)
class Look:
    """Outline and colours of the boxes of one role."""

    ink: str
    fill: str
    border: int = 1
    style: str = ""
    double: bool = False


LOOKS: dict[Role, Look] = {
    "input": Look(ink="#00664A", fill="#E8F5F0"),
    "parameter": Look(ink="#8F5300", fill="#FFF3DC", border=2),
    "constant": Look(ink="#4A525C", fill="#F4F5F6", style="DASHED"),
    "result": Look(ink="#005A92", fill="#EAF3FA", style="ROUNDED"),
    "output": Look(ink="#8A2F66", fill="#FAEDF4", style="ROUNDED", double=True),
    "gradient": Look(ink="#A33B00", fill="#FFF1E8", style="ROUNDED"),
    "fold": Look(ink="#4A525C", fill="#FFFFFF", style="ROUNDED,DOTTED"),
}

LEGEND: dict[Role, str] = {role: role for role in LOOKS} | {"fold": "folded"}


def signed(x: float) -> str:
    """Return the colour of a number from -1 to 1."""
    return mixed(ZERO, POSITIVE if x > 0 else NEGATIVE, abs(x))


def mixed(start: str, end: str, part: float) -> str:
    """Return a colour between two others; that of what is missing, where the part is NaN."""
    if part != part:
        return MISSING
    pairs = ((int(start[i : i + 2], 16), int(end[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * min(1.0, part)):02X}" for a, b in pairs)
