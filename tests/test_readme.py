"""What a README says is true: its snippets run and print what it shows, its files are there."""

import contextlib
import io
import linecache
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = sorted((ROOT / "autograd_lite").rglob("README.md"))
READMES = ["README.md", *(str(path.relative_to(ROOT)) for path in FOLDERS)]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text):
    """Return kind and content of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)


@pytest.mark.parametrize("readme", READMES)
def test_every_snippet_runs_and_prints_what_stands_under_it(readme, tmp_path, monkeypatch):
    found = [*blocks((ROOT / readme).read_text(encoding="utf-8")), ("", "")]
    monkeypatch.chdir(tmp_path)
    snippets = [i for i, (kind, _) in enumerate(found) if kind == "python"]
    assert snippets
    names = {}
    for i in snippets:
        printed, code = io.StringIO(), found[i][1]
        linecache.cache["example.py"] = (len(code), None, code.splitlines(True), "example.py")
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "example.py", "exec"), names)
        expected = found[i + 1][1] if found[i + 1][0] == "text" else ""
        assert_same_text(printed.getvalue(), expected)
    if readme == "README.md":
        assert (tmp_path / "two-layers.svg").stat().st_size > 1000
        assert '"targets"' in (tmp_path / "training.html").read_text("utf-8")


def assert_same_text(printed, expected):
    """Compare word by word; numbers may differ in their last digits, which depend on the CPU."""
    number = r"-?\d+\.?\d*(?:e[-+]\d+)?"
    assert re.sub(number, "#", printed).split() == re.sub(number, "#", expected).split()
    for got, wanted in zip(re.findall(number, printed), re.findall(number, expected), strict=True):
        assert float(got) == pytest.approx(float(wanted), rel=1e-6, abs=1e-12)


def test_the_first_two_commands_install_and_run_and_install_and_test():
    first, second = [text.strip() for kind, text in blocks(README) if kind == "sh"][:2]
    for command in (first, second):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
        assert "\n" not in command
    assert first.endswith(".venv/bin/python -m models")
    assert second.endswith(".venv/bin/python -m pytest")


@pytest.mark.parametrize(
    "module", sorted(set(re.findall(r"python -m (models|benchmarks)", README)))
)
def test_the_commands_that_it_names_exist(module):
    result = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert result.returncode == 0, result.stderr
    assert f"python -m {module}" in result.stdout


@pytest.mark.parametrize("readme", READMES)
def test_every_file_that_it_links_to_is_there(readme):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / readme).read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert ((ROOT / readme).parent / target).exists(), target


def test_the_layout_that_it_shows_is_the_one_there_is():
    layout = README.split("## Layout")[1].split("```")[1]
    for name in re.findall(r"^  (\w+(?:\.py|/))", layout, re.M):
        assert (ROOT / "autograd_lite" / name).exists(), name
    for name in re.findall(r"^(\w+/)", layout, re.M):
        assert (ROOT / name).exists(), name
    modules = {path.name for path in (ROOT / "autograd_lite").glob("*.py")} - {"__init__.py"}
    assert modules <= set(re.findall(r"\w+\.py", layout))
