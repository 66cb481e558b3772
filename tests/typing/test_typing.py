"""What a type checker makes of a user's program: it knows the types, and finds the mistakes."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAM, MISTAKES = HERE / "program.py", HERE / "mistakes.py"
EXPECTED = {
    number: line.split("# wrong: ")[1].strip()
    for number, line in enumerate(MISTAKES.read_text("utf-8").splitlines(), 1)
    if "# wrong: " in line
}


def run(*arguments):
    command = [sys.executable, "-m", *map(str, arguments), str(PROGRAM), str(MISTAKES)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_mypy_knows_the_types_and_finds_the_mistakes():
    pytest.importorskip("mypy", reason="mypy is not installed: pip install '.[test]'")
    # A cache of its own: other options than those of the package would take turns in one.
    cache = f"--cache-dir={ROOT / '.mypy_cache' / 'program'}"
    result = run("mypy", "--strict", "--follow-imports=silent", "--no-pretty", cache)
    pattern = r"^(.*?):(\d+): error: .*\[([\w-]+)\]$"
    errors = re.findall(pattern, result.stdout, re.M)
    assert errors, result.stdout + result.stderr
    assert [error for error in errors if Path(error[0]).name != MISTAKES.name] == []
    # Of a misspelt argument to an overloaded function, the first of two errors says so.
    assert {int(line): code for _, line, code in reversed(errors)} == EXPECTED


def test_pyright_knows_the_types_and_finds_the_mistakes():
    pytest.importorskip("pyright", reason="pyright is not installed: pip install '.[dev]'")
    result = run("pyright", "--outputjson", "--pythonpath", sys.executable)
    if not result.stdout.startswith("{"):  # It needs Node.js, and fetches that when first run.
        pytest.skip(f"pyright does not start: {(result.stderr or result.stdout).strip()[-200:]}")
    found = [
        (Path(error["file"]).name, error["range"]["start"]["line"] + 1, error["message"])
        for error in json.loads(result.stdout)["generalDiagnostics"]
        if error["severity"] == "error"
    ]
    assert [error for error in found if error[0] != MISTAKES.name] == []
    assert {line for _, line, _ in found} == set(EXPECTED)


def test_the_program_runs():
    runpy.run_path(str(PROGRAM))["main"]()
