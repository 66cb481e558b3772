"""A computation as formulas, and as the NumPy code that a person would have written."""

from autograd_lite.derive.derivation import Derivation, Line, derive
from autograd_lite.derive.proof import Proof

__all__ = ["Derivation", "Line", "Proof", "derive"]
