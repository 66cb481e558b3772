"""The core, copied by itself beside NumPy, trains an article's network to the checked numbers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import autograd_lite.core

# Two layers, 3-4-1, of "A Neural Network in 11 lines of Python (Part 1)", with seed 1.
PROGRAM = """
import numpy as np
from autograd_lite.core.primitive import primitive
from autograd_lite.core.tensor import Tensor

@primitive(x=lambda g, y, x: g * y * (1 - y))
def sigmoid(x):
    return 1 / (1 + np.exp(-x))

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T
rng = np.random.RandomState(1)
syn0 = Tensor(2 * rng.random_sample((3, 4)) - 1, requires_grad=True)
syn1 = Tensor(2 * rng.random_sample((4, 1)) - 1, requires_grad=True)
for _ in range(60_000):
    l2 = sigmoid(sigmoid(X @ syn0) @ syn1)
    l2.backward(l2.numpy() - y)
    for w in (syn0, syn1):
        w.data = w.data - w.grad.data
        w.zero_grad()

import sys
print(*l2.numpy().ravel())
print(*sorted(name for name in sys.modules if name.startswith("autograd_lite.")))
"""


def test_the_folder_by_itself_trains_the_3_4_1_network(tmp_path):
    folder = Path(autograd_lite.core.__file__).parent
    shutil.copytree(
        folder,
        tmp_path / "autograd_lite" / "core",
        ignore=shutil.ignore_patterns("__pycache__", "*.md"),
    )
    (tmp_path / "autograd_lite" / "__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    output, loaded = done.stdout.splitlines()
    np.testing.assert_allclose(
        [float(number) for number in output.split()],
        [0.00260572, 0.99672209, 0.99701711, 0.00386759],
        atol=5e-9,
    )
    assert all(name.startswith("autograd_lite.core") for name in loaded.split()), loaded
