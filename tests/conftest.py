"""What a test defines ends with it: which tests share a process must not change their outcome."""

import gc
import importlib.util
import os

import pytest
from browser import Browser

# Before NumPy is loaded. Workers share the cores: with a thread of BLAS for each core in each of
# them, products of small matrices took twenty times as long.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from autograd_lite import ops  # noqa: E402
from autograd_lite.check.mistakes import registry  # noqa: E402
from autograd_lite.core.primitive import BY_NUMPY_FUNCTION, REGISTRY  # noqa: E402

# Else a family that is loaded during a test would end with it.
ops.load()
if importlib.util.find_spec("scipy"):
    ops.load(ops.WITH_SCIPY)
    importlib.import_module("autograd_lite.numpy_api.special")


def pytest_collection_finish():
    gc.freeze()  # The collector need not go through 40,000 tests again and again.


@pytest.fixture(scope="module")
def browser():
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _registries_as_they_were():
    before = [(table, dict(table)) for table in (REGISTRY, BY_NUMPY_FUNCTION)]
    yield
    for table, entries in before:
        if table != entries:
            table.clear()
            table.update(entries)


@pytest.fixture(autouse=True)
def _the_search_for_mistakes_is_strict(monkeypatch):
    monkeypatch.setattr(registry, "STRICT", True)
