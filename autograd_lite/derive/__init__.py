"""A computation as formulas, and as the NumPy code that a person would have written."""

from autograd_lite.derive.derivation import Derivation, Line, derive

__all__ = ["Derivation", "Line", "derive"]
