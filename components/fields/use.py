"""What models of a problem are for, and what they are not for: the words of who knows the problem, for the card.

use = Use(intended="Shapes of single galaxies …", out_of_scope=("blended galaxies: they are doubted", …))
"""

from dataclasses import dataclass

__label__ = None


@dataclass(frozen=True, kw_only=True)
class Use:
    """Of every model of a problem."""

    intended: str
    """What its answers may be used for."""
    out_of_scope: tuple[str, ...] = ()
    """What they may not, and why, a line each."""
