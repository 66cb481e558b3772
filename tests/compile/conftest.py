"""Compiled code goes to a folder of its own, and is compiled once."""

import pytest


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "compiled"
    monkeypatch.setenv("AUTOGRAD_LITE_CACHE", str(folder))
