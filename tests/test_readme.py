"""What a README says is true: its snippets run and print what it shows, its files are there."""

import ast
import contextlib
import io
import linecache
import re
import subprocess
import sys
from pathlib import Path

import pytest

import models
import models.mistakes

ROOT = Path(__file__).parent.parent
FOLDERS = sorted((ROOT / "autograd_lite").rglob("README.md"))
MANUALS = [path.relative_to(ROOT).as_posix() for path in FOLDERS]
READMES = ["README.md", *MANUALS, "models/README.md", "benchmarks/README.md"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILES = {  # What the snippets write, and what must be in it.
    "README.md": {"two-layers.svg": "∂loss/∂syn0"},
    "autograd_lite/draw/README.md": {"one-weight.svg": "pred", "training.html": '"targets"'},
}


def read(readme):
    return (ROOT / readme).read_text(encoding="utf-8")


def blocks(text):
    """Return kind and content of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)


@pytest.mark.parametrize("readme", ["README.md", *MANUALS])
def test_every_snippet_runs_and_prints_what_stands_under_it(readme, tmp_path, monkeypatch):
    found = [*blocks(read(readme)), ("", "")]
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
    for name, content in FILES.get(readme, {}).items():
        written = (tmp_path / name).read_text("utf-8")
        assert len(written) > 1000
        assert content in written


@pytest.mark.parametrize("readme", ["models/README.md", "benchmarks/README.md"])
def test_what_is_not_installed_has_no_snippets(readme):
    assert not blocks(read(readme))


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
    "module",
    sorted(set(re.findall(r"python -m ([\w.]+)", "".join(map(read, READMES)))) - {"pytest"}),
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


def test_the_networks_and_mistakes_that_it_names_exist():
    manual = read("models/README.md")
    named = re.search(r"python -m models ([a-z][\w -]+)`", manual)[1].split()
    broken = re.findall(r"--break ([\w-]+)", manual)
    for names, kind in ((named, models.NETWORKS), (broken, models.mistakes.MISTAKES)):
        assert names
        assert set(names) <= set(kind)


def test_every_script_that_it_names_exists():
    scripts = re.findall(r"`(?:python|bash)\s([\w./]+)`", "".join(map(read, READMES)))
    assert "tests/check/test_diagnosis.py" in scripts
    assert all((ROOT / script).is_file() for script in scripts)


@pytest.mark.parametrize("readme", READMES)
def test_every_file_that_it_links_to_is_there(readme):
    for target in re.findall(r"\]\(([^)#]+)\)", read(readme)):
        if not target.startswith("http"):
            assert ((ROOT / readme).parent / target).exists(), target


PACKAGES = {path.parent for path in (ROOT / "autograd_lite").glob("*/__init__.py")}


def test_it_shows_every_folder_and_links_to_its_manual():
    shown = README.split("## The folders")[1].split("## ")[0]
    links = dict(re.findall(r"\[(\w+)\]\((\S+)\)", shown))
    outside = {"models": "models/README.md", "benchmarks": "benchmarks/README.md"}
    assert (
        links == {path.name: f"autograd_lite/{path.name}/README.md" for path in PACKAGES} | outside
    )
    for name in re.findall(r"`(\w+)`", shown.split("Beside the package")[1]):
        assert (ROOT / name).is_dir(), name
    modules = {path.name for path in (ROOT / "autograd_lite").glob("*.py")} - {"__init__.py"}
    assert modules == set(re.findall(r"\w+\.py", shown))


def test_every_readme_is_read():
    here = [path for path in ROOT.rglob("README.md") if not hidden(path.relative_to(ROOT))]
    assert {path.relative_to(ROOT).as_posix() for path in here} == set(READMES)


def hidden(path):
    return any(part.startswith(".") or part in ("node_modules", "out") for part in path.parts)


def files_of(manual):
    """Return the modules that a manual describes, by name: of its folder, and of those inside."""
    folder = (ROOT / manual).parent
    return {path.stem: path for path in folder.rglob("*.py") if path.stem != "__init__"}


def listed(manual):
    """Return the names of the files in a manual's map, in its order."""
    section = re.split(r"^## (?:Map|(?:The )?[Ff]iles.*)$", read(manual), flags=re.M)[1]
    return re.findall(r"(\w+)\.py\b", section.split("\n#")[0])


@pytest.mark.parametrize("manual", MANUALS)
def test_its_map_lists_every_file(manual):
    assert set(files_of(manual)) <= set(listed(manual))


@pytest.mark.parametrize(
    "manual", [name for name in MANUALS if "file imports only files above it" in read(name)]
)
def test_its_map_is_in_reading_order(manual):
    files, order = files_of(manual), listed(manual)
    for name, path in files.items():
        above = order[: order.index(name)]
        for needed in imported(path):
            stem = needed.rpartition(".")[2]
            if files.get(stem) == ROOT.joinpath(*needed.split(".")).with_suffix(".py"):
                assert stem in above, f"{name} imports {stem}"


def imported(path):
    """Return what a file imports anywhere, as dotted names."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
