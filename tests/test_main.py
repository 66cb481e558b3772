"""``python -m autograd_lite`` says the version, the extras, and what to try first."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import autograd_lite as al
from autograd_lite import __main__ as command

ROOT = Path(al.__file__).parents[1]


def test_it_says_what_is_installed_and_what_to_try():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "autograd_lite"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.startswith(f"autograd_lite {al.__version__}, NumPy ")
    assert command.FIRST in done.stdout


@pytest.mark.parametrize(("argument", "status"), [("--version", 0), ("nonsense", 2)])
def test_it_takes_no_argument_but_version(argument, status):
    done = subprocess.run(
        [sys.executable, "-m", "autograd_lite", argument],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == status
    assert done.stdout == ("" if status else f"{al.__version__}\n")


def test_what_to_try_first_runs(capsys):
    exec(command.FIRST, {})
    assert "by hand is wrong" in capsys.readouterr().out


def test_an_extra_that_is_not_there_is_named_with_its_command(monkeypatch, capsys):
    needs = ["numpy", "safetensors>=0.5; extra == 'io'", "nowhere>=1; extra == 'jax'"]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    monkeypatch.setattr(command, "_version", lambda name: None if name == "nowhere" else "1.0")
    command.main()
    said = capsys.readouterr().out
    assert "yes io        files of safetensors (safetensors 1.0)" in said
    assert "no  jax       export to JAX (pip install 'autograd_lite[jax]')" in said


def test_the_version_stands_in_one_place():
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("the package is installed, not in its repository")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["autograd_lite"]
    extras = set(project["project"]["optional-dependencies"])
    assert extras - set(command.WHAT) == {"all", "bench", "dev", "test"}
    assert set(command.WHAT) <= extras


def test_the_files_for_contributors_are_true():
    github = ROOT / ".github"
    if not github.exists():
        pytest.skip("the package is installed, not in its repository")
    assert f"version: {al.__version__}\n" in (github / "CITATION.cff").read_text("utf-8")
    workflow = (github / "workflows" / "test.yml").read_text("utf-8")
    assert "bash .ci/run" in workflow
    assert (ROOT / ".ci" / "run").is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for line in project["classifiers"]:
        number = line.removeprefix("Programming Language :: Python :: ")
        if number[:2] == "3.":
            assert f'"{number}"' in workflow
    for extra in ("io", "compile", "jax", "notebook", "digits", "all"):
        assert f"`{extra}`" in (github / "CHANGELOG.md").read_text("utf-8")
