"""Is a gradient right? Against numbers, and against what somebody derived by hand."""

from autograd_lite.check.compare import compare
from autograd_lite.check.diagnosis import Diagnosis
from autograd_lite.check.faults import selftest
from autograd_lite.check.gradcheck import GradcheckError, check_grads, gradcheck
from autograd_lite.check.report import Comparison, DisagreementError, Row

gradcheck.selftest = selftest  # type: ignore[attr-defined]  # A function may have attributes.

__all__ = [
    "Comparison",
    "Diagnosis",
    "DisagreementError",
    "GradcheckError",
    "Row",
    "check_grads",
    "compare",
    "gradcheck",
]
