"""Machine code is compiled once; from the disk it runs without numba, or is made again."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest

from autograd_lite.compile.machine import WORD, cache_folder
from autograd_lite.compile.words import functions

pytest.importorskip("numba")
TRAINING = """
import sys
import numpy as np
import autograd_lite as al
from autograd_lite.compile.numba_code import machine_code

w = al.Tensor([1.0, 2.0], requires_grad=True)
step = al.compile(lambda x: np.sum((w * x - 1.0) ** 2), al.optim.SGD([w], lr=0.01))
x = np.array([0.5, 3.0])
losses = [*step.run(5, x), step(x), step(x), step.bind(x)()]
large = "def f(n):\\n    rows = np.zeros((9000, 2), np.float64)\\n    return rows[n, 1] + 0.5\\n"
losses.append(machine_code(large, [(np.dtype(int), -1)], [(np.dtype(float), True)]).call(-1))
"""


def test_from_the_disk_numba_is_not_needed():
    names = {}
    exec(TRAINING, names)
    run = f"{TRAINING}\nprint('numba' in sys.modules, [float(x) for x in losses])"
    printed = subprocess.run(
        [sys.executable, "-c", run], capture_output=True, text=True, check=True
    ).stdout
    assert printed == f"False {[float(x) for x in names['losses']]}\n"


SUM = """
def total(x, n):
    s = 0
    for k in range(n):
        s += load(x + k * WORD)
    return s
"""


def total(x):
    found = functions(SUM, {"WORD": WORD})
    kind = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_ssize_t, ctypes.c_ssize_t)
    return kind(found.address("total"))(x.ctypes.data, len(x))


@pytest.mark.parametrize("harm", [lambda file: file.write_bytes(file.read_bytes()[:-9]),
                                  lambda file: file.write_bytes(b""), lambda file: file.unlink(),
                                  lambda file: None])  # fmt: skip
def test_a_file_that_is_not_whole_is_made_again(harm):
    assert total(np.arange(5)) == 10
    for file in cache_folder().glob("*.o"):
        harm(file)
    assert total(np.arange(5)) == 10


def test_a_folder_that_cannot_be_written_to_is_done_without(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUTOGRAD_LITE_CACHE", str(tmp_path / "file" / "folder"))
    assert total(np.arange(4)) == 6
