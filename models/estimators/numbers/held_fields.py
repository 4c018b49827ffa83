"""The fields of an answer drawn and held against its image: what departs, and what moves it unseen.

fields = held_fields(names)              # snr, p_value, departure, …, sensitivity_psf_fwhm, …
arrays = held_arrays(held)
outputs = without_noise_test(outputs)    # where nobody stated the noise
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from models.estimators.numbers.answer import Held
from models.estimators.numbers.answer_fields import TOLERANCE
from models.estimators.numbers.departures import TESTS
from models.estimators.numbers.sensitivities import STEPS
from models.fields import Field
from models.galaxies import REGIONS

__label__ = "held_fields"

_OFF = 0.08
"""More than four times what the noise of a border is off by at 64 pixels a side."""
_CHANCE = 10 * TOLERANCE
"""Of a p-value, whose score may be off by a thousandth."""


def held_fields(names: Sequence[str]) -> tuple[Field, ...]:
    """Their names, shapes and proofs.

    Args:
        names: of the parameters.
    """
    fields = (
        Field(name="snr", relative=TOLERANCE),
        Field(name="p_value", absolute=_CHANCE),
        Field(name="departure", shape=(len(TESTS),), labels=TESTS, absolute=_CHANCE, relative=_CHANCE),
        Field(name="departure_p_value", shape=(len(TESTS),), labels=TESTS, absolute=_CHANCE),
        # Where nothing is, the largest of the noise may be somewhere else by the last bits.
        Field(name="second_source", shape=(3,), labels=("flux", "x", "y"), absolute=1.0, relative=_CHANCE),
    )
    labels = tuple(names)
    return fields + tuple(
        Field(name=f"sensitivity_{name}", shape=(len(labels),), unit=step.said, labels=labels, absolute=_CHANCE)
        for name, step in STEPS.items()
    )


def held_arrays(held: Held) -> dict[str, Tensor]:
    """What `held_fields` names."""
    bound_bp = held.covariance_bpp.diagonal(dim1=1, dim2=2).sqrt()
    moved_bkp = held.moved_bkp / bound_bp[:, None]
    return {
        "snr": held.snr_b,
        "p_value": held.p_value_bt.amin(dim=1),
        "departure": held.departures.size_bt,
        "departure_p_value": held.p_value_bt,
        "second_source": held.departures.source_bs,
        **{f"sensitivity_{name}": moved_bkp[:, index] for index, name in enumerate(STEPS)},
    }


def without_noise_test(outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An answer whose noise was estimated from its image: that test says nothing then, and is given the chance 1.

    So are those of regions where they find no more than the estimate may be off by; what is larger stays found.
    """
    p_value_bt, size_bt = outputs["departure_p_value"].clone(), outputs["departure"]
    for index, test in enumerate(TESTS):
        if test == "noise":
            p_value_bt[:, index] = 1.0
        elif test in REGIONS:
            p_value_bt[(size_bt[:, index] - 1).abs() <= _OFF, index] = 1.0
    return {**outputs, "p_value": p_value_bt.amin(dim=1), "departure_p_value": p_value_bt}
