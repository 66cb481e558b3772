"""Is a gradient right? Against numbers, and against what somebody derived by hand."""

from autograd_lite.check.compare import compare
from autograd_lite.check.faults import selftest
from autograd_lite.check.finding import Diagnosis
from autograd_lite.check.gradcheck import check_grads, gradcheck
from autograd_lite.check.layers import assert_gradients, check_jacobian, check_layer
from autograd_lite.check.report import Comparison, DisagreementError, Row
from autograd_lite.check.subject import GradcheckError

gradcheck.selftest = selftest

__all__ = [
    "Comparison",
    "Diagnosis",
    "DisagreementError",
    "GradcheckError",
    "Row",
    "assert_gradients",
    "check_grads",
    "check_jacobian",
    "check_layer",
    "compare",
    "gradcheck",
]
