"""A computation and its gradients as expressions, simplified while they are made."""
