"""What of an answer is another number on the sky than in the array: named values, each with unit and meaning.

values = reading.on_sky(answer, labels, axes)        # {"posterior_g1_sky": SkyValue(...), …}
"""

from dataclasses import dataclass

__label__ = None


@dataclass(frozen=True, kw_only=True)
class SkyValue:
    """One number of an image."""

    value: float
    unit: str = ""
    """As FITS writes it."""
    meaning: str = ""
    """In a few words."""
