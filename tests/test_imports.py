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
from autograd_lite import ops

ROOT = Path(autograd_lite.__file__).parents[1]
MODULES = {
    "autograd_lite": ROOT / "autograd_lite",
    **{
        module.name: Path(module.module_finder.path, *module.name.rpartition(".")[2:])
        for module in pkgutil.walk_packages(autograd_lite.__path__, "autograd_lite.")
    },
}

STANDS_ON = {
    "core": (),
    "ops": ("core",),
    "numpy_api": ("ops",),
    "tensor": ("numpy_api",),
    "scipy": ("tensor",),
    "functional": ("tensor",),
    "nn": ("functional",),
    "optim": ("nn",),
    "saving": ("nn",),
    "data": ("functional",),
    "graph": ("functional", "nn"),
    "program": ("functional", "graph"),
    "derive": ("program",),
    "compile": ("program", "optim"),
    "draw": ("derive",),
    "draw/page": ("draw",),
    "draw/plots": ("draw/page",),
    "check/mistakes": ("program",),
    "check": ("check/mistakes", "functional", "nn"),
    "practice": ("check", "derive"),
}
"""The parts of the package: each may import what it stands on, and what that stands on."""

ROOFS = {
    "autograd_lite",
    "autograd_lite.__main__",
    "autograd_lite.compile",
    "autograd_lite.coverage",
    "autograd_lite.draw",
}
"""What puts parts together for users, and is imported by none of them."""


def source(name):
    path = MODULES[name]
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")


def imports(text):
    """Yield the full name of everything that a source imports, wherever in it, and for any reason.

    A string that is the name of a module counts too: `later` imports by name.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import: {ast.unparse(node)}"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module
        elif isinstance(node, ast.Constant) and node.value in MODULES:
            yield node.value


GRAPH = {
    name: {other for other in imports(source(name)) if other.split(".")[0] == "autograd_lite"}
    for name in MODULES
}


def part_of(name):
    """Return the part that a module is in: the innermost folder, or the file itself."""
    path = name.split(".")[1:]
    return next(
        part for part in ("/".join(path[:length]) for length in (2, 1)) if part in STANDS_ON
    )


def parts(graph):
    """Return which parts import which, given the same of modules."""
    found = {}
    for name, imported in graph.items():
        if name not in ROOFS:
            others = {part_of(other) for other in imported - ROOFS}
            found.setdefault(part_of(name), set()).update(others - {part_of(name)})
    return found


def below(part):
    """Return everything that a part may import."""
    return set(STANDS_ON[part]).union(*map(below, STANDS_ON[part]))


def order(graph):
    """Return what is imported before what imports it; an error if there is a circle."""
    return list(graphlib.TopologicalSorter(graph).static_order())


def test_every_import_is_seen():
    text = """
from typing import TYPE_CHECKING
import numpy as np
if TYPE_CHECKING:
    from autograd_lite.tensor import Tensor
class Lazy:
    def draw(self):
        from autograd_lite import ops
        try:
            import autograd_lite.graph.node
        finally:
            importlib.import_module("autograd_lite.draw.drawing")
"""
    assert set(imports(text)) == {
        "typing", "numpy", "autograd_lite.tensor", "autograd_lite.ops", "autograd_lite.graph.node",
        "autograd_lite.draw.drawing",
    }  # fmt: skip


def test_the_graph_is_that_of_the_package():
    assert len(GRAPH) > 100
    assert "autograd_lite.core.primitive" in GRAPH["autograd_lite.ops.neural"]
    assert "autograd_lite.tensor" in GRAPH["autograd_lite"]
    assert "autograd_lite.draw.page.html" in GRAPH["autograd_lite.draw"]
    assert set().union(*GRAPH.values()) <= set(GRAPH)
    assert {part_of(name) for name in GRAPH.keys() - ROOFS} == set(STANDS_ON)


def test_files_have_an_order():
    ordered = order(GRAPH)
    assert ordered.index("autograd_lite.tensor") < ordered.index("autograd_lite.graph.graph")
    assert ordered.index("autograd_lite.graph.graph") < ordered.index("autograd_lite")


def test_folders_have_an_order():
    ordered = order(parts(GRAPH))
    assert ordered[0] == "core"
    assert ordered.index("draw") < ordered.index("draw/page")


@pytest.mark.parametrize("part", STANDS_ON)
def test_a_part_imports_what_it_stands_on(part):
    above = {
        f"{name} imports {other}"
        for name in GRAPH.keys() - ROOFS
        if part_of(name) == part
        for other in GRAPH[name]
        if other in ROOFS or part_of(other) not in below(part) | {part}
    }
    assert above == set()


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("autograd_lite.core.notation", "autograd_lite.tensor"),
        ("autograd_lite.graph.nodes", "autograd_lite.graph.graph"),
        ("autograd_lite.draw.dot", "autograd_lite.draw.page.html"),
    ],
)
def test_a_circle_would_be_found(name, imported):
    looped = GRAPH | {name: GRAPH[name] | {imported}}
    with pytest.raises(graphlib.CycleError):
        order(looped)
    if part_of(name) != part_of(imported):
        with pytest.raises(graphlib.CycleError):
            order(parts(looped))


def test_the_core_needs_nothing_but_numpy():
    for name in GRAPH.keys() - ROOFS:
        if part_of(name) == "core":
            tops = {imported.split(".")[0] for imported in imports(source(name))}
            assert tops - sys.stdlib_module_names <= {"autograd_lite", "numpy"}, name


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


START = """
import sys
import numpy as np
import autograd_lite as al
def loaded():
    return {name for name in sys.modules if name.startswith("autograd_lite.")}
before = loaded()
w = al.Tensor([1.0, 2.0], requires_grad=True)
"""


def run(program):
    """Run a program in a process of its own, where nothing has been loaded; return what it said."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", START + program],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_the_core_and_what_makes_a_tensor():
    core = {name for name in MODULES if f"{name}.".startswith("autograd_lite.core.")}
    light = {"ops", "numpy_api", "derive", "compile", "draw"}  # Of these the `__init__` alone.
    tensor = {
        *(f"numpy_api.{name}" for name in ("guesses", "methods", "in_place", "memory")),
        *(f"numpy_api.{name}" for name in ("conversions", "moving_methods", "reducing_methods")),
        *(f"numpy_api.{name}" for name in ("versions", "views", "filling", "arguments")),
        "tensor",
    }
    expected = core | {f"autograd_lite.{name}" for name in light | tensor}
    assert set(run("print(*before)").split()) == expected
    arithmetic = "((w * w - 1) @ w / 2).backward(); print(w.grad); assert loaded() == before"
    assert run(arithmetic).split() == ["[1.", "5.5]"]


@pytest.mark.parametrize(
    ("program", "family"),
    [
        ("np.tanh(w)", "trigonometric"),
        ("w.sum()", "reduction"),
        ("w[1:]", "indexing"),
        ("w.T", "shape"),
        ("abs(w)", "elementwise"),
        ("ops.log(w)", "exponential"),
    ],
)
def test_an_operation_loads_its_family(program, family):
    files = "sorted(name for name in loaded() - before if name.count('.') == 2)"
    found = run(f"from autograd_lite import ops\n{program}\nprint({files})")
    assert f"autograd_lite.ops.{family}" in found
    assert sum(f"'{name}'" in found for name in ops.FAMILIES) <= 2
    assert "numpy_api" not in found


@pytest.mark.parametrize(
    "program",
    [
        "assert (np.add.reduce(w) + np.sum(w)).item() == 6.0",
        "assert np.positive(w).shape == np.clip(w, 0, 1).shape",
        "assert np.radians(w).requires_grad and (np.sign(w) == 1).all()",
        "assert np.concatenate([w, w]).shape == al.array([w, 1 + w]).reshape(4).shape",
        "t = w * 1; t[0] = w[1]; t += 1; assert t.tolist() == [3.0, 3.0]",
        "assert np.linalg.eigh(np.diag(w)).eigenvalues.tolist() == [1.0, 2.0]",
        "import autograd_lite.ops.contraction\n"
        "assert al.ops.einsum.name == 'einsum' and np.einsum('i,i', w, w).item() == 5.0",
        "from autograd_lite.core.primitive import REGISTRY\n"
        "al.ops.load(); assert set(REGISTRY) == set(al.ops.__all__)",
    ],
)
def test_what_is_used_first_finds_its_operations(program):
    run(program)


def test_own_operations_neither_miss_nor_lose_to_those_of_the_package():
    run("""
@al.primitive(x=lambda g, y, x: 2 * g, numpy=[np.exp])
def twice(x):
    return 2 * x
assert np.exp(w).tolist() == [2.0, 4.0]
al.ops.exp(w)
assert np.exp(w).tolist() == [2.0, 4.0]
try:
    @al.primitive(x=lambda g, y, x: g)
    def relu(x):
        return x
except al.PrimitiveDefinitionError as error:
    assert "is already defined in autograd_lite.ops.neural" in str(error)
else:
    raise AssertionError
""")


def test_everything_is_there_after_the_bare_import():
    run("""
import pickle, pydoc
assert set(al.__all__) <= set(dir(al)) and "Sequential" in pydoc.render_doc(al.nn)
assert all(name in pydoc.render_doc(al) for name in ("gradcheck", "sigmoid", "optim"))
assert pickle.loads(pickle.dumps(al.ops.einsum)) is al.ops.einsum
assert set(al.ops.__all__) <= set(dir(al.ops))
import autograd_lite.nn as nn
from autograd_lite import optim
assert al.nn is nn and al.optim is optim
assert all(getattr(al, name) is getattr(al, name) for name in al.__all__)
loss = (al.sigmoid(w) * w).sum()
al.Graph(loss).to_json(); al.draw(loss); al.derive(loss); al.Recorder().record(loss)
assert al.compare(w * w @ w, {w: 3 * w * w}) and al.gradcheck(lambda x: x * x, 1.0)
""")


def test_no_name_that_is_loaded_later_is_that_of_a_file_beside_it():
    for package in (autograd_lite.ops, autograd_lite.numpy_api):
        files = {name.rpartition(".")[2] for name in MODULES if f"{package.__name__}." in name}
        assert not files & set(package.__all__)


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
