"""Numbers as a person reads them: significant(110.3, 2) == "110"."""

__label__ = None


def significant(value: float, digits: int) -> str:
    """A number to so many significant digits, without a power of ten below a million.

    Args:
        value: any, finite or not.
        digits: how many, at most 6; zeros at the end are left out.
    """
    return f"{float(f'{value:.{digits}g}'):g}"
