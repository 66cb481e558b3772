"""What a training loop needs of its data: batches, in a new order every time."""

from autograd_lite.data.batches import batches

__all__ = ["batches"]
