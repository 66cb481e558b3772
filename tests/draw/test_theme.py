"""Light and dark: every colour has its counterpart, and an SVG follows the page it stands in."""

import re
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.draw import style
from autograd_lite.draw.plots.surface import LEVELS, _blue
from autograd_lite.draw.theme import DARK, recoloured


@pytest.fixture
def loss():
    w = al.Tensor([[0.25], [-0.5]], requires_grad=True, name="w")
    out = al.sigmoid(np.ones((1, 2)) @ w)
    loss = (out * np.nan + w.sum()).sum()
    loss.backward()
    return loss


def colours(text):
    return {found.upper() for found in re.findall(r'="(#[0-9a-fA-F]{6})"', text)}


def test_every_colour_of_a_picture_has_a_dark_one(loss):
    light = colours(al.draw(loss).source)
    assert light <= set(DARK)
    assert not colours(recoloured(al.draw(loss).source)) & light
    palette = {getattr(style, name) for name in ("PAPER", "FRAMED", "RIM", "INK", "QUIET", "LINE")}
    palette |= {style.GRADIENT, style.ALARM}
    palette |= {colour for look in style.LOOKS.values() for colour in (look.ink, look.fill)}
    assert palette == set(DARK)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("role", style.LOOKS)
def test_every_ink_is_legible_on_what_it_stands_on(role, theme):
    look = style.LOOKS[role]
    of = DARK.get if theme == "dark" else str
    for ink in (look.ink, style.INK, style.QUIET, style.GRADIENT, style.ALARM):
        assert contrast(of(ink), of(look.fill)) >= 4.5


def test_dark_is_dark_in_every_format_and_light_has_no_style_sheet(loss, tmp_path):
    drawing = al.draw(loss, theme="dark")
    for suffix in (".svg", ".dot", ".mmd"):
        text = drawing.save(tmp_path / f"x{suffix}").read_text("utf-8").upper()
        assert DARK[style.LOOKS["parameter"].fill] in text
        assert style.LOOKS["parameter"].fill not in text
    assert "<style" not in drawing.svg()
    assert "<style" not in al.draw(loss, theme="light").svg()
    dark = drawing.save(tmp_path / "dark.png").read_bytes()
    light = al.draw(loss).save(tmp_path / "light.png").read_bytes()
    assert dark != light
    assert light == al.draw(loss, theme="light").save(tmp_path / "x.png").read_bytes()


def test_a_name_that_looks_like_a_colour_stays():
    name = 'x="#FFFFFF"'
    drawing = al.draw(al.Tensor(1.0, name=name), theme="dark")
    assert name.replace('"', "&quot;") in drawing.svg() or name in drawing.svg()


def test_a_wrong_theme_is_named():
    with pytest.raises(ValueError, match="theme is one of 'auto', 'light', 'dark'; got 'night'"):
        al.draw(al.Tensor(1.0), theme="night")


def paper_in(browser):
    return browser.js("getComputedStyle(document.querySelector('.graph > polygon')).fill")


def rgb(colour):
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("scheme", ["light", "dark", "light dark", "normal"])
def test_in_a_page_the_colour_scheme_of_the_page_counts(browser, scheme, dark, tmp_path):
    picture = al.draw(al.Tensor(1.0, requires_grad=True, name="w") * 2).svg()
    page = tmp_path / "page.html"
    page.write_text(
        f'<!doctype html><html style="color-scheme: {scheme}">{picture}</html>', "utf-8"
    )
    browser.open(page, dark=dark)
    wanted = scheme == "dark" or (scheme == "light dark" and dark)
    assert paper_in(browser) == rgb(DARK[style.PAPER] if wanted else style.PAPER)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_on_its_own_what_the_reader_prefers_counts(browser, theme, dark, tmp_path):
    picture = al.draw(al.Tensor(1.0, requires_grad=True, name="w") * 2, theme=theme)
    browser.open(picture.save(tmp_path / "x.svg"), dark=dark)
    wanted = theme == "dark" or (theme == "auto" and dark)
    assert paper_in(browser) == rgb(DARK[style.PAPER] if wanted else style.PAPER)


def test_committed_pictures_follow_the_page_too():
    folder = Path(__file__).parents[2] / "models" / "pictures"
    scale = {_blue(level) for level in range(LEVELS)}  # It means a number: it is as printed beside.
    for path in folder.glob("*.svg"):
        text = path.read_text("utf-8")
        assert "@media(prefers-color-scheme:dark){svg.computation:root{" in text
        assert colours(text.partition("</style>")[2]) <= set(DARK) | scale
