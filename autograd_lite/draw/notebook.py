"""How pictures and pages show themselves in a notebook: inside its column, in its colours."""

from __future__ import annotations

from html import escape

HEIGHT = 640  # Of a page, in pixels.
DARK_PAGES = (
    '[data-jp-theme-light="false"]',  # JupyterLab, and what nbconvert makes in its dark theme.
    '[data-theme="dark"]',  # Sphinx's themes.
    '[theme="dark"]',  # Colab.
    ".vscode-dark",
    ".vscode-high-contrast",
)
"""Pages that are dark, and say so in a way of their own: none sets the colour scheme of CSS."""
DARK = f":is({','.join(DARK_PAGES)})"


def picture(svg: str) -> str:
    """Put a picture into a page; it is never wider than that."""
    return f'<div style="max-width:100%;overflow-x:auto">{svg}</div>'


def page(document: str, title: str) -> str:
    """Put a page into another one, where neither's style nor its scripts reach the other's."""
    style = f"<style>{DARK} iframe.autograd-lite{{color-scheme:dark}}</style>"
    return (
        f'{style}<iframe class="autograd-lite" title="{escape(title)}" sandbox="allow-scripts" '
        f'style="width:100%;height:{HEIGHT}px;border:1px solid #8884;border-radius:6px" '
        f'srcdoc="{escape(document)}"></iframe>'
    )
