"""What Assay says when it cannot go on: one line with what happened, the value, and the next step."""

__label__ = None


class AssayError(Exception):
    """Something failed for a reason that the user can act on; the message is one line.

    Args:
        what: what happened, with the value.
        hint: what to do next, where it is not part of that.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(f"{what}: {hint}" if hint else what)
        self.what = what


class TooFewDrawsError(AssayError):
    """One image's posterior cannot be sampled well enough to be used; that of another may."""


class RefusedError(AssayError):
    """A gate, a validation or a proof said no. Nothing was changed."""


class IntegrityError(AssayError):
    """A file is not what its recorded digest says; the message names the file."""
