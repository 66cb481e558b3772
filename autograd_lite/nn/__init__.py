"""Networks from parts: modules, layers and losses."""

from autograd_lite.nn.layers import Linear, ReLU, Sequential, Sigmoid, Tanh
from autograd_lite.nn.losses import MSE
from autograd_lite.nn.module import Module

__all__ = ["MSE", "Linear", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh"]
