"""The tables of names for people who come from other libraries: what stands there exists."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as al

ROOT = Path(al.__file__).parent
TABLES = {
    path.parent.name: path.read_text("utf-8").split("## Coming from")[1].split("\n## ")[0]
    for path in sorted(ROOT.glob("*/README.md"))
    if "## Coming from" in path.read_text("utf-8")
}
KNOWN = {"al": al, "np": np, "nn": al.nn, "optim": al.optim}
ATTRIBUTES = {"t", "p", "x"}


def rows(text):
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 2 and not set(cells[0]) <= {"-", ":"}:
            yield cells


CODES = [
    pytest.param(code.strip("@").rstrip(":"), id=f"{folder}: {code}")
    for folder, text in TABLES.items()
    for _, here in rows(text)
    for code in re.findall(r"`([^`]+)`", here)
]


def test_there_is_a_table_for_each_library():
    text = "".join(TABLES.values())
    for library in ("micrograd", "MyGrad", "HIPS autograd", "JAX", "PyTorch"):
        assert f"\n| {library} | here |" in text


@pytest.mark.parametrize("code", CODES)
def test_every_name_in_it_exists(code):
    if code in ("for", "if", "(in, out)"):
        return
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            names = ast.unparse(node).split(".")
            if names[0] in KNOWN and all(name.isidentifier() for name in names):
                found = KNOWN[names[0]]
                for name in names[1:]:
                    found = getattr(found, name)
            elif names[0] in ATTRIBUTES and names[1].isidentifier():
                assert hasattr(al.Tensor(1.0, requires_grad=True), names[1])


X, V = np.array([0.5, 1.0]), np.array([1.0, -2.0])
PAIRS = [
    ("al.grad(lambda x: f(x).sum())(X)", "2 * X * np.cos(X**2)"),
    ("al.hvp(g, (X,), (V,))[0]", "al.hessian(g)(X) @ V"),
    ("al.vjp(f, X)[0]", "f(X)"),
    ("al.jvp(f, (X,), (V,))[1]", "al.jacobian(f)(X) @ V"),
    ("al.value_and_grad(g)(X)[1]", "al.grad(g)(X)"),
    ("al.checkpoint(f)(X)", "f(X)"),
]


@pytest.mark.parametrize(("code", "same"), PAIRS)
def test_what_replaces_a_function_computes_the_same(code, same):
    def f(x):
        return np.sin(x**2)

    def g(x):
        return np.sum(np.tanh(x) * x)

    assert code.partition("(")[0] in "".join(TABLES.values())
    scope = {"al": al, "np": np, "f": f, "g": g, "X": X, "V": V}
    np.testing.assert_allclose(eval(code, scope), eval(same, scope), rtol=1e-12)
