"""SciPy's functions on Tensors: `special`, `linalg`, `stats`, `sparse` and `signal`.

The names and arguments are SciPy's; with arrays in place of Tensors, they compute arrays. It needs
SciPy, ``pip install 'autograd_lite[scipy]'``, which nothing else in the package imports.

>>> import numpy as np
>>> import autograd_lite as al
>>> round(float(al.grad(al.scipy.special.gammaln)(2.0)), 4)
0.4228
"""

import importlib.util
from typing import TYPE_CHECKING

from autograd_lite.core.later import later

if importlib.util.find_spec("scipy") is None:
    raise ImportError(
        "autograd_lite.scipy needs SciPy, which is not installed. Run: "
        "pip install 'autograd_lite[scipy]'"
    )

if TYPE_CHECKING:
    from autograd_lite.scipy import linalg, signal, sparse, special, stats
else:
    __getattr__ = later(
        globals(),
        {
            f"autograd_lite.scipy.{name}": ()
            for name in ("linalg", "signal", "sparse", "special", "stats")
        },
    )

__all__ = ["linalg", "signal", "sparse", "special", "stats"]

INSTEAD = {
    "fft": "np.fft, which takes Tensors",
    "interpolate": "np.interp",
    "optimize": "scipy.optimize.minimize(al.value_and_grad(f), x, jac=True)",
}
