"""Is a gradient right? Against numbers, and against what somebody derived by hand."""

from autograd_lite.check.compare import Comparison, DisagreementError, Row, compare
from autograd_lite.check.gradcheck import GradcheckError, gradcheck

__all__ = ["Comparison", "DisagreementError", "GradcheckError", "Row", "compare", "gradcheck"]
