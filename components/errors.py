"""What Assay says when it cannot go on: one line with what happened, the value, and the next step."""


class AssayError(Exception):
    """Something failed for a reason that the user can act on; the message is one line."""


class RefusedError(AssayError):
    """A gate, a validation or a proof said no. Nothing was changed."""


class IntegrityError(AssayError):
    """A file is not what its recorded digest says; the message names the file."""
