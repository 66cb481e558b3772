"""Light and dark: pictures are written in light colours, and every one of those has a dark one.

The dark colours keep the hues, which tell the roles apart for the colour-blind, and turn the
lightness around. Every ink keeps a contrast of at least 4.5 to what it stands on.
"""

import re
from typing import Literal

Theme = Literal["auto", "light", "dark"]
THEMES = ("auto", "light", "dark")

DARK_PAGES = ":is({})".format(",".join((
    '[data-jp-theme-light="false"]',  # JupyterLab, and what nbconvert makes in its dark theme.
    '[data-theme="dark"]',  # Sphinx's themes.
    '[theme="dark"]',  # Colab.
    ".vscode-dark",
    ".vscode-high-contrast",
)))  # fmt: skip
"""Pages that are dark, and say so in a way of their own: none sets the colour scheme of CSS."""

DARK = {
    "#FFFFFF": "#14181D",
    "#F9FAFB": "#1A1F26",
    "#B9C0C8": "#46505C",
    "#1B1F24": "#E7ECF2",
    "#5B6470": "#A2ADBA",
    "#59626D": "#8D99A6",
    "#A33B00": "#FFA56B",
    "#FFF1E8": "#33190B",
    "#B3261E": "#FF8A80",
    "#00664A": "#6FD3B1",
    "#E8F5F0": "#13291F",
    "#8F5300": "#F0B75A",
    "#FFF3DC": "#2E2412",
    "#4A525C": "#B4BEC9",
    "#F4F5F6": "#20262D",
    "#005A92": "#7CC4F2",
    "#EAF3FA": "#12253A",
    "#8A2F66": "#F09CCB",
    "#FAEDF4": "#321A2A",
}
_COLOUR = re.compile(r'(?<==")#[0-9A-F]{6}(?=")')


def recoloured(dot: str) -> str:
    """Write DOT text in dark colours; what stands in labels is escaped, and has no such quotes."""
    return _COLOUR.sub(lambda found: DARK.get(found[0], found[0]), dot)


def style(picture: str) -> str:
    """Return the style sheet with which an SVG picture follows the page that it stands in.

    A picture of its own, or in an image element, asks what the reader prefers. One that is part
    of a page has the colour scheme of the page.
    """
    uses, dark, both = [], [], []
    for i, colour in enumerate(DARK):  # The number is the colour's own: pages have many pictures.
        light = colour.lower()
        if f'"{light}"' not in picture:
            continue
        uses += [
            f'.computation [{part}="{light}"]{{{part}:var(--c{i},{light})}}'
            for part in ("fill", "stroke")
            if f'{part}="{light}"' in picture
        ]
        dark.append(f"--c{i}:{DARK[colour].lower()}")
        both.append(f"--c{i}:light-dark({light},{DARK[colour].lower()})")
    return (
        "\n".join(uses)
        + f"\n@media(prefers-color-scheme:dark){{svg.computation:root{{{';'.join(dark)}}}}}"
        + "\n@supports(color:light-dark(red,red))"
        + f"{{svg.computation:not(:root){{{';'.join(both)}}}}}"
        + f"\n{DARK_PAGES} svg.computation{{{';'.join(dark)}}}"
    )


def rules(picture: str) -> str:
    """Return the style sheet with which an SVG picture has the colour scheme of its page."""
    return "\n".join(
        f'svg [{part}="{light.lower()}"] {{ {part}: light-dark({light}, {dark}); }}'
        for light, dark in DARK.items() for part in ("fill", "stroke")
        if f'{part}="{light.lower()}"' in picture
    )  # fmt: skip
