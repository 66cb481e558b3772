"""A computation and its gradients as expressions, simplified."""
