"""The manual of graph/ is true: its blocks run and print what stands under them."""

import contextlib
import io
import linecache
import re
from pathlib import Path

import autograd_lite.graph

FOLDER = Path(autograd_lite.graph.__file__).parent
README = (FOLDER / "README.md").read_text("utf-8")


def test_every_block_prints_what_stands_under_it():
    blocks = re.findall(r"^```python\n(.*?)^```\n+```text\n(.*?)^```", README, re.M | re.S)
    assert len(blocks) == README.count("```python") > 1
    names = {}
    for code, expected in blocks:
        printed = io.StringIO()
        linecache.cache["example.py"] = (len(code), None, code.splitlines(True), "example.py")
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "example.py", "exec"), names)
        assert printed.getvalue() == expected


def test_the_map_lists_every_file():
    files = README.split("## Map")[1].split("###")[0]
    listed = re.findall(r"^\| `(\w+\.py)`", files, re.M)
    assert sorted(listed) == sorted(p.name for p in FOLDER.glob("*.py") if p.stem != "__init__")


def test_the_map_is_in_reading_order():
    files = re.findall(r"^\| `(\w+)\.py`", README.split("## Map")[1].split("###")[0], re.M)
    for position, name in enumerate(files):
        text = (FOLDER / f"{name}.py").read_text("utf-8")
        needed = re.findall(r"^from autograd_lite\.graph\.(\w+) import", text, re.M)
        assert set(needed) <= set(files[:position]), name
