"""What a model must offer, and ways to run it."""

from imedbench.models.load import load

__all__ = ["load"]
