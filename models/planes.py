"""Which plane of a file with several is the image, by their names: of a reader's files and of a service's bodies alike.

    image_plane(("PRIMARY", "ERR", "SCI"))        # 2
    image_plane(("SCI", "SCI"), "SCI,2")          # 1

`SCI` is the image wherever there is one; what archives lay beside images never is, unless it is asked for.
"""

from collections.abc import Sequence

__label__ = "planes"

BESIDE = frozenset(
    {
        *("err", "error", "unc", "uncert", "rms", "var", "variance", "ivar", "wht", "weight"),
        *("con", "exp", "area", "bkg", "dq", "mask", "flag", "psf"),
    }
)
"""Planes that stand beside an image in archives, in small letters."""
SCIENCE = "sci"


class PlaneError(ValueError):
    """No plane is the image, or two could be; the message names those that there are."""


def called(names: Sequence[str]) -> list[str]:
    """What each plane is asked for by: its name, with a number where several have it; of those without one a number."""
    shown = []
    for number, name in enumerate(names):
        among = names[: number + 1].count(name)
        several = names.count(name) > 1
        shown.append(f"{name or number}" if not (name and several) else f"{name},{among}")
    return shown


def image_plane(names: Sequence[str], asked: str = "") -> int:
    """The place of the image among planes.

    Args:
        names: of each plane, in their order; empty where one has none.
        asked: by which the image is chosen: a name, in any case, or one of `called`.

    Raises:
        PlaneError: when none is meant, or two could be.
    """
    shown = called(names)
    listed = ", ".join(shown)
    if asked:
        for found in ([name.lower() for name in shown], [name.lower() for name in names]):
            if found.count(asked.lower()) == 1:
                return found.index(asked.lower())
        raise PlaneError(f"has no one plane {asked}: its planes are {listed}")
    plain = [name.lower() for name in names]
    meant = [number for number, name in enumerate(plain) if name == SCIENCE]
    meant = meant or [number for number, name in enumerate(plain) if name not in BESIDE]
    if len(meant) == 1:
        return meant[0]
    raise PlaneError(f"{'several planes could be' if meant else 'none is called as'} the image, of {listed}")
