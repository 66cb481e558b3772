"""Layout and rendering by Graphviz, in a process of its own.

Graphviz comes inside pygraphviz's wheels. It is a C library that prints warnings to the terminal,
that is not safe to use from several threads, and that can bring a process down, so it runs in
another one: nothing that it prints is seen, and a crash is an error message. The fonts in
``fonts/`` make a picture look the same everywhere, on a machine without any font too.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from autograd_lite.draw.text_width import FAMILY, FONTS, covers

PROGRAM = Path(__file__).with_name("layout.py")
FIX = 'python -m pip install --upgrade --force-reinstall "pygraphviz>=2"'

BREAK = "\f"
"""Stands between the rows of a picture, each of which is laid out on its own."""

LONGEST = 120
"""How many seconds a layout may take."""

WITHOUT = ".dot, .json, .mmd and .txt need no layout; .html has a picture in it."

_FONTS = """<?xml version="1.0"?>
<fontconfig>
  <dir>{folder}</dir>
  <cachedir>{folder}</cachedir>
  {system}
  <match target="font"><edit name="hinting"><bool>false</bool></edit></match>
  <match target="pattern">
    <test name="family" qual="any"><string>Arial</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>{family}</string></edit>
  </match>
</fontconfig>
"""
_SYSTEM = '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>'


class LayoutError(RuntimeError):
    """Graphviz is missing, cannot be loaded, or failed."""


def render(dot: str, kind: str) -> bytes:
    """Lay DOT text out, rows below each other, and return it in one of Graphviz's formats."""
    return render_all([dot], kind)[0]


def render_all(dots: Sequence[str], kind: str) -> list[bytes]:
    """Lay several DOT texts out, in one process; as `render`."""
    site = _site()
    source = "\0".join(dots)
    with tempfile.TemporaryDirectory(prefix="autograd_lite-") as folder:
        environment = os.environ | {"FONTCONFIG_FILE": _font_configuration(source, Path(folder))}
        environment.pop("GVBINDIR", None)  # Plugins of another Graphviz would not fit.
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(PROGRAM), site, folder, kind],
                input=source.encode(),
                capture_output=True,
                env=environment,
                check=False,
                timeout=LONGEST,
            )
        except subprocess.TimeoutExpired:
            raise LayoutError(
                f"The layout was not done after {LONGEST} s: many long arrows take very long. Draw "
                f"less at once, e.g. draw(..., max_nodes=60). {WITHOUT}"
            ) from None
        stderr = done.stderr.decode(errors="replace")
        # A label that Graphviz cannot read is left out, with no other sign than this.
        if done.returncode or "\nError: " in f"\n{stderr}":
            raise LayoutError(_explained(done.returncode, stderr))
        return [Path(folder, str(i)).read_bytes() for i in range(len(dots))]


def _site() -> str:
    """Return the folder that pygraphviz is installed in."""
    try:
        found = importlib.util.find_spec("pygraphviz")
    except ValueError:  # Somebody has put a module without a specification in its place.
        found = None
    if found is None or not found.submodule_search_locations:
        raise LayoutError(
            f"Drawing needs pygraphviz, which carries the layout engine, and it is not installed. "
            f"Install it with:\n    {FIX}\n{WITHOUT}"
        )
    return str(Path(found.submodule_search_locations[0]).parent)


def _font_configuration(dot: str, folder: Path) -> str:
    """Write a configuration for fontconfig, and return its path.

    The fonts are copied, because fontconfig leaves files beside those that it reads.
    """
    for font in FONTS.glob("*.ttf"):
        shutil.copy(font, folder)
    system = "" if covers(dot) else _SYSTEM
    text = _FONTS.format(folder=escape(str(folder)), family=FAMILY, system=system)
    path = folder / "fonts.conf"
    path.write_text(text, encoding="utf-8")
    return str(path)


def _explained(status: int, stderr: str) -> str:
    """Say why the layout process failed, and what to do."""
    lines = stderr.splitlines()
    wrong = [i for i, line in enumerate(lines) if "Error" in line]
    # Python's last word is what counts; Graphviz says first what is wrong and then where.
    reason = "; ".join(lines[wrong[-1] :][:2]) if wrong else "it did not say why"
    if reason.startswith(("ImportError", "ModuleNotFoundError")):
        return f"pygraphviz is installed, but cannot be loaded: {reason}\nMend it with:\n    {FIX}"
    if status < 0:
        hint = "A smaller picture may work: draw(..., max_nodes=100)."
        return f"The layout engine was ended by signal {-status}. {hint} {WITHOUT}"
    return f"The layout engine failed: {reason}. {WITHOUT}"
