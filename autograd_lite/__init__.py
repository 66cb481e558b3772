"""Reverse-mode automatic differentiation on NumPy that shows its work.

A Tensor records what is done to it, with NumPy's own functions and operators; ``backward()``
computes the gradients; and the same record is drawn, written out as formulas, and compared with
what you derived by hand:

>>> import numpy as np
>>> import autograd_lite as al
>>> w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
>>> loss = np.sum(w * w)
>>> loss.backward()
>>> w.grad
Tensor([2., 4.])
>>> print(al.derive(loss).text)
loss = Σ w ⊙ w
∂L/∂w = 2 w
>>> al.compare(loss, {"w": w.numpy()})["w"].summary
'by hand is wrong: the value of w was given for the gradient of w'

===========  =======================================================================
tensors      `Tensor`, `array`, `no_grad`, `detect_anomaly`
transforms   `grad`, `value_and_grad`, `vjp`, `jvp`, `jacobian`, `hessian`, `hvp`, `checkpoint`
networks     `nn`, `optim`, `data`, `save`, `load`
pictures     `draw`, `Graph`, `Recorder`, `draw_gradients`, `draw_surface`, `draw_weights`
formulas     `derive`
checks       `compare`, `gradcheck`
operations   NumPy's own, `sigmoid`, `relu`, `softmax`, `logsumexp`, `mse`; yours: `primitive`
SciPy        `scipy`
===========  =======================================================================
"""

from typing import TYPE_CHECKING

from autograd_lite.compile import compile
from autograd_lite.core.later import later
from autograd_lite.core.modes import GradientError, enable_grad, is_grad_enabled, no_grad
from autograd_lite.core.primitive import Primitive
from autograd_lite.derive import derive
from autograd_lite.draw import draw, draw_dot, make_dot
from autograd_lite.tensor import Tensor

__version__ = "0.1.0"

if TYPE_CHECKING:
    from autograd_lite import data, nn, optim
    from autograd_lite import scipy as scipy
    from autograd_lite.check.anomaly import AnomalyError, detect_anomaly
    from autograd_lite.check.compare import compare
    from autograd_lite.check.finding import Diagnosis
    from autograd_lite.check.gradcheck import check_grads, gradcheck
    from autograd_lite.check.layers import assert_gradients, check_jacobian, check_layer
    from autograd_lite.check.report import Comparison, DisagreementError
    from autograd_lite.check.subject import GradcheckError
    from autograd_lite.compile import StaleError
    from autograd_lite.compile.export import export
    from autograd_lite.derive import Derivation
    from autograd_lite.draw import Drawing
    from autograd_lite.draw.page.recorder import Recorder
    from autograd_lite.draw.plots.gradients import draw_gradients
    from autograd_lite.draw.plots.surface import draw_surface
    from autograd_lite.draw.plots.weights import draw_weights
    from autograd_lite.functional.checkpointing import checkpoint
    from autograd_lite.functional.nests import register_nest
    from autograd_lite.functional.operations import (
        log_softmax,
        logsumexp,
        mse,
        relu,
        sigmoid,
        softmax,
        softplus,
    )
    from autograd_lite.functional.transforms import (
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        value_and_grad,
        vjp,
    )
    from autograd_lite.graph import Call, Graph, Node
    from autograd_lite.graph.source import Source, record_source
    from autograd_lite.numpy_api import array
    from autograd_lite.ops.definition import PrimitiveDefinitionError, primitive
    from autograd_lite.practice import exercise, grade
    from autograd_lite.program.refusals import TraceError
    from autograd_lite.saving import load, save
else:
    __getattr__ = later(globals(), {
        "autograd_lite.check": (
            "Comparison", "Diagnosis", "DisagreementError", "GradcheckError", "assert_gradients",
            "check_grads", "check_jacobian", "check_layer", "compare", "gradcheck",
        ),
        "autograd_lite.practice": ("exercise", "grade"),
        "autograd_lite.practice.magic": ("load_ipython_extension",),
        "autograd_lite.check.anomaly": ("AnomalyError", "detect_anomaly"),
        "autograd_lite.compile": ("StaleError",),
        "autograd_lite.compile.export": ("export",),
        "autograd_lite.data": (),
        "autograd_lite.derive": ("Derivation",),
        "autograd_lite.draw": ("Drawing",),
        "autograd_lite.draw.page.recorder": ("Recorder",),
        "autograd_lite.draw.plots.gradients": ("draw_gradients",),
        "autograd_lite.draw.plots.surface": ("draw_surface",),
        "autograd_lite.draw.plots.weights": ("draw_weights",),
        "autograd_lite.functional.checkpointing": ("checkpoint",),
        "autograd_lite.functional.nests": ("register_nest",),
        "autograd_lite.functional.operations": (
            "log_softmax", "logsumexp", "mse", "relu", "sigmoid", "softmax", "softplus",
        ),
        "autograd_lite.functional.transforms": (
            "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp",
        ),
        "autograd_lite.graph": ("Call", "Graph", "Node"),
        "autograd_lite.graph.source": ("Source", "record_source"),
        "autograd_lite.nn": (),
        "autograd_lite.numpy_api": ("array",),
        "autograd_lite.ops.definition": ("PrimitiveDefinitionError", "primitive"),
        "autograd_lite.optim": (),
        "autograd_lite.program.refusals": ("TraceError",),
        "autograd_lite.saving": ("load", "save"),
        "autograd_lite.scipy": (),
    })  # fmt: skip

__all__ = [
    "AnomalyError", "Call", "Comparison", "Derivation", "Diagnosis", "DisagreementError",
    "Drawing", "GradcheckError", "GradientError", "Graph", "Node", "Primitive",
    "PrimitiveDefinitionError", "Recorder", "Source", "StaleError", "Tensor", "TraceError",
    "array", "assert_gradients", "check_grads", "check_jacobian", "check_layer", "checkpoint",
    "compare", "compile", "data", "derive", "detect_anomaly", "draw", "draw_dot",
    "draw_gradients", "draw_surface", "draw_weights", "enable_grad", "exercise", "export", "grad",
    "gradcheck", "grade", "hessian", "hvp", "is_grad_enabled", "jacobian", "jvp", "load",
    "log_softmax", "logsumexp", "make_dot", "mse", "nn", "no_grad", "optim", "primitive",
    "record_source", "register_nest", "relu", "save", "sigmoid", "softmax", "softplus",
    "value_and_grad", "vjp",
]  # fmt: skip

INSTEAD = {
    **{name: f"al.Tensor(np.{name}(...))" for name in ("ones", "zeros", "arange", "eye")},
    **{name: f"rng = np.random.default_rng(0), and al.Tensor(rng.{f}(size=(2, 3)))"
       for name, f in (("randn", "normal"), ("rand", "uniform"))},
    "manual_seed": "rng = np.random.default_rng(0), and pass rng to each layer",
    **dict.fromkeys(("random", "seed"), "rng = np.random.default_rng(0)"),
    "Value": "al.Tensor(2.0, requires_grad=True)",
    **dict.fromkeys(("from_numpy", "as_tensor", "asarray", "Variable"), "al.Tensor(array)"),
    "is_tensor": "isinstance(t, al.Tensor)",
    **dict.fromkeys(("flatten", "ravel"), "x.reshape(len(x), -1), or nn.Flatten()(x)"),
    "unsqueeze": "np.expand_dims(t, axis)",
    **dict.fromkeys(("mm", "bmm"), "t @ u"),
    "topk": "np.sort(t)[..., -k:]",
    "autograd": "loss.backward() and w.grad, or al.grad(f)(w)",
    **dict.fromkeys(("Function", "custom_vjp", "custom_jvp", "defvjp"),
                    "@al.primitive, with a rule for each operand"),
    **dict.fromkeys(("jacfwd", "jacrev", "jacobian_vector_product"), "al.jacobian(f)(x)"),
    "elementwise_grad": "al.grad(lambda x: np.sum(f(x)))(x)",
    **dict.fromkeys(("make_vjp", "vector_jacobian_product"), "al.vjp(f, x)"),
    **dict.fromkeys(("make_jvp", "linearize"), "al.jvp(f, (x,), (v,))"),
    **dict.fromkeys(("make_hvp", "hessian_vector_product"), "al.hvp(f, (x,), (v,))"),
    "holomorphic_grad": "al.grad(lambda x: np.sum(np.real(f(x))))(x), for a real x",
    **dict.fromkeys(("stop_gradient", "detach"), "t.detach()"),
    "F": "from autograd_lite.nn import functional as F",
    "lax": "Python's for and if: what runs is recorded",
    "tree_map": "al.grad(f)(nest), which takes dicts, lists and tuples",
    **dict.fromkeys(("numpy", "jnp"), "import numpy as np: NumPy's functions take Tensors"),
    "summary": "print(net)",
    **dict.fromkeys(("device", "cuda"), "nothing: arrays are on the CPU"),
    "clip_grad_norm_": "al.optim.clip_grad_norm_(net.parameters(), 1.0)",
    "cross_entropy": "al.nn.functional.cross_entropy(scores, labels)",
    "Parameter": "al.Tensor(values, requires_grad=True)",
    **dict.fromkeys(("cat", "concat"), "np.concatenate([t, u], axis=0)"),
    **dict.fromkeys(("jit", "function"), "al.compile(f)"),
    "inference_mode": "with al.no_grad():",
    "set_grad_enabled": "with al.no_grad(): or with al.enable_grad():",
    "vmap": "NumPy's functions, which take a leading axis for the batch",
    **{name: f"al.nn.{name}" for name in ("Module", "Sequential", "Linear", "ReLU", "MSELoss")},
    **{name: f"al.optim.{name}" for name in ("SGD", "Adam")},
}  # fmt: skip
"""What to write in place of names that others have."""


def __dir__() -> list[str]:
    # Not in __all__: `from autograd_lite import *` would import SciPy.
    return [*__all__, "scipy", "__doc__", "__file__", "__name__", "__path__", "__version__"]
