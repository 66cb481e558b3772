"""Files of arrays and settings: networks, optimisers, generators, without pickle."""

from autograd_lite.saving.saving import load, save

__all__ = ["load", "save"]
