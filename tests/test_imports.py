"""Imports go one way, and `import autograd_lite` brings nothing along but NumPy."""

import ast
import fnmatch
import graphlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_lite

ROOT = Path(autograd_lite.__file__).parents[1]
MODULES = {
    module.name: Path(module.module_finder.path, *module.name.rpartition(".")[2:])
    for module in pkgutil.walk_packages(autograd_lite.__path__, "autograd_lite.")
}
CORE = ("core", "ops", "numpy_api", "tensor")


def source(name):
    path = MODULES.get(name, ROOT / "autograd_lite")
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")


def runtime_statements(tree):
    """Yield the statements that run when a module is imported: not those inside functions."""
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            yield from runtime_statements(node)


def imports(name):
    """Yield the full name of everything that a module imports when it is imported itself."""
    for node in runtime_statements(ast.parse(source(name))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


GRAPH = {
    name: {other for other in imports(name) if other.split(".")[0] == "autograd_lite"}
    for name in ("autograd_lite", *MODULES)
}


def test_the_graph_is_that_of_the_package():
    assert len(GRAPH) > 15
    assert "autograd_lite.core.primitive" in GRAPH["autograd_lite.ops.neural"]
    assert "autograd_lite.tensor" in GRAPH["autograd_lite"]
    assert "autograd_lite.tensor" not in GRAPH["autograd_lite.core.engine"]
    assert set().union(*GRAPH.values()) <= set(GRAPH)


def test_imports_have_an_order():
    order = list(graphlib.TopologicalSorter(GRAPH).static_order())  # Raises if there is a cycle.
    assert order.index("autograd_lite.core.notation") < order.index("autograd_lite.core.primitive")
    assert order.index("autograd_lite.tensor") < order.index("autograd_lite")


def test_a_cycle_would_be_found():
    looped = GRAPH | {"autograd_lite.core.notation": {"autograd_lite.tensor"}}
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter(looped).static_order())


def test_the_core_imports_nothing_of_what_is_built_on_it():
    for name, imported in GRAPH.items():
        if name.split(".")[1:2] and name.split(".")[1] in CORE:
            assert {other.split(".")[1] for other in imported} <= set(CORE), name


def test_primitives_need_the_standard_library_only():
    for name in ("autograd_lite.core.notation", "autograd_lite.core.primitive"):
        for imported in imports(name):
            top = imported.split(".")[0]
            assert top in sys.stdlib_module_names or imported == "autograd_lite.core.notation"


def test_import_brings_along_nothing_but_numpy():
    program = (
        "import sys, numpy; before = set(sys.modules); import autograd_lite; "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    brought = {
        name
        for name in done.stdout.split()
        if name not in sys.stdlib_module_names and not name.startswith("_")
    }
    assert brought <= {"autograd_lite", "numpy"}


def test_import_leaves_what_shows_and_checks_for_when_it_is_used():
    program = (
        "import sys, autograd_lite as al; "
        "print(*(name for name in sys.modules if name.startswith('autograd_lite.'))); "
        "assert set(al.__all__) <= set(dir(al)); "
        "w = al.Tensor(1.0, requires_grad=True); loss = w * w; al.Graph(loss).to_json(); "
        "al.draw(loss); al.derive(loss); al.Recorder().record(loss); "
        "assert al.compare(loss, {w: 2.0}) and al.gradcheck(lambda x: x * x, 1.0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.split(".")[1] in ("draw", "derive", "check")} == {
        "autograd_lite.draw", "autograd_lite.derive", "autograd_lite.derive.recording",
    }  # fmt: skip


def test_a_name_that_there_is_not_is_an_error_that_says_so():
    with pytest.raises(AttributeError, match=r"module 'autograd_lite' has no attribute 'grads'"):
        _ = autograd_lite.grads


def test_top_level_of_the_repository():
    expected = {"pyproject.toml", "autograd_lite", "models", "tests", "benchmarks", "README.md",
                "LICENSE"}  # fmt: skip
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("the package is installed, not in its repository")
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    there = {
        path.name
        for path in ROOT.iterdir()
        if not path.name.startswith(".")
        and not any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored)
    }
    assert there <= expected
    assert expected - {"models", "benchmarks"} <= there
