"""A computation as formulas, and as the NumPy code that a person would have written."""

from typing import TYPE_CHECKING

from autograd_lite.core.later import later
from autograd_lite.derive.recording import derive

if TYPE_CHECKING:
    from autograd_lite.derive.derivation import Derivation
    from autograd_lite.derive.lines import Line
    from autograd_lite.derive.proof import Proof
    from autograd_lite.derive.rounding import Rounded, Rounding
else:
    __getattr__ = later(
        globals(),
        {
            "autograd_lite.derive.derivation": ("Derivation",),
            "autograd_lite.derive.lines": ("Line",),
            "autograd_lite.derive.proof": ("Proof",),
            "autograd_lite.derive.rounding": ("Rounded", "Rounding"),
        },
    )

__all__ = ["Derivation", "Line", "Proof", "Rounded", "Rounding", "derive"]
