"""Functions to functions: gradients, products with Jacobians, second derivatives."""
