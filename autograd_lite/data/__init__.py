"""What a training loop needs of its data: batches, in a new order every time."""

from typing import TYPE_CHECKING

from autograd_lite.core.later import later
from autograd_lite.data.batches import batches

__all__ = ["batches"]

INSTEAD = dict.fromkeys(
    ("DataLoader", "Dataset", "TensorDataset"), "al.data.batches(X, y, 32, rng)"
)
"""What to write in place of names that others have."""

if not TYPE_CHECKING:
    __getattr__ = later(globals(), {})
