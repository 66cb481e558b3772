"""Optimisers."""

from autograd_lite.optim.sgd import SGD

__all__ = ["SGD"]
