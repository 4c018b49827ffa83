"""A problem's estimator, built and held against the problem's own fields before anything is trained.

estimator = build_estimator(problem, settings)
"""

from typing import TYPE_CHECKING

from components.core import AssayError, ProblemSettings
from components.fields.problem import Problem

if TYPE_CHECKING:
    from models.estimators import Estimator

__label__ = "building"


def build_estimator(problem: Problem, settings: ProblemSettings) -> "Estimator":
    """An untrained estimator whose inputs are the problem's, and which learns from the problem's targets.

    Raises:
        AssayError: when it cannot be built or answers nothing at this size, or a field is another than the problem's;
            it is named with what differs.
    """
    import torch

    from models.estimators import build
    from models.fields import check_arrays, check_fields

    where, hint = f"{problem.name}'s estimator", "see `estimator_config`, and train.network in params.yaml"
    try:
        estimator = build(problem.estimator_config(settings))
        check_fields(estimator.inputs, problem.inputs(settings.simulate), where)
        stated = {field.name: field for field in problem.targets(settings.simulate)}
        for wanted in estimator.targets:
            if wanted.name not in stated:
                raise ValueError(f"{where} learns from {wanted.name}: the targets are {', '.join(stated)}")
            for part in ("shape", "dtype", "unit", "labels"):
                found, given = getattr(wanted, part), getattr(stated[wanted.name], part)
                if found != given:
                    raise ValueError(f"{wanted.name} of {where} has {part} {found!r}: the target has {given!r}")
        estimator.eval()
        with torch.inference_mode():
            # Ones, which every condition allows; what may be left out is.
            needed = (of for of in estimator.inputs if not of.optional)
            ones = {of.name: torch.ones(2, *of.shape, dtype=getattr(torch, of.dtype)) for of in needed}
            check_arrays(estimator(ones), estimator.outputs, f"the answer of {where}")
    except (ValueError, KeyError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise AssayError(f"{problem.name}: {said}", hint) from error
    except RuntimeError as error:  # how torch says that sizes do not fit
        size = f"network {settings.train.network} of width {settings.train.width}"
        raise AssayError(
            f"{problem.name}: {size} cannot take its images ({str(error).splitlines()[0]})", hint
        ) from error
    return estimator.train()
