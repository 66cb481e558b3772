"""Functions of Tensors: operations without a NumPy name, transforms, checkpoints."""
