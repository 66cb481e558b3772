"""The notebooks run from the first cell to the last, and are stored without what they print."""

import json
from pathlib import Path

import pytest

import models

NOTEBOOKS = sorted(Path(models.__file__).with_name("notebooks").glob("*.ipynb"))


def cells(path, kind):
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == kind:
            yield cell


def test_there_are_three():
    assert len(NOTEBOOKS) == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_as_it_stands(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scope = {"__name__": "__main__"}
    for i, cell in enumerate(cells(path, "code")):
        source = "".join(cell["source"])
        exec(compile(source, f"{path.name}, cell {i}", "exec"), scope)
    assert capsys.readouterr().out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_results_and_says_what_it_is(path):
    for cell in cells(path, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    first = next(cells(path, "markdown"))
    assert first["source"][0].startswith("# ")
