"""The model of a package and what it says: arrays in, arrays out, with what is doubted of each image.

    model = Answering(source)                       # of a package: services/, models/ and model/
    answers = model([Asked(inputs={"image": image_bhw, "sigma": sigma_b})])[0]
    answers.outputs["posterior_flux"], answers.doubts

Requests that give the same fields are answered together, as one batch, and each gets its own part.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from services.manifest import read_manifest
from services.requests import BadRequestError, checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.fields import Arrays, Field

TESTED_RANGE = "model/tested_range.json"
OVERRIDE = "ASSAY_OVERRIDE"
"""Variable that says by whose word a version is served whose gates did not pass."""
ON_CPU = 64
"""Images that a processor answers at once."""
_DRAWS_AN_IMAGE = 64
"""Of a posterior; they take as long as an image does."""
_ESTIMATED = "estimated from the image"
"""What is said of an input that nobody stated."""
_IMAGES_A_THREAD = 2
"""Fewer are answered sooner by fewer threads, which wait for each other at every layer."""

# OpenMP reads it when torch is loaded: threads that spin while they wait take the processor from each other and from
# whoever reads requests. Batches of 16 take 38 ms with it and 61 without, on two cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one request asks."""

    inputs: "Mapping[str, NDArray[Any]]"
    """By field, batch first."""
    samples: int = 0
    """Joint draws from the posterior of each image."""

    @property
    def images(self) -> int:
        """How many."""
        return len(next(iter(self.inputs.values())))

    @property
    def work(self) -> int:
        """How much that is, in images."""
        return self.images * (1 + self.samples // _DRAWS_AN_IMAGE)

    @property
    def kind(self) -> tuple[Any, ...]:
        """What requests have in common that are answered together."""
        return (*sorted(self.inputs), self.samples)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a model says of the images of one request."""

    outputs: "Mapping[str, NDArray[Any]]"
    """By field, batch first."""
    doubts: Sequence[Sequence[str]]
    """Of each image; an answer without any is in the tested range."""
    not_tested: Sequence[str]
    """What all of them take for granted."""
    samples: "Mapping[str, NDArray[Any]]" = field(default_factory=dict)
    """By the name of an output, shape (images, draws, …)."""
    estimated: "Mapping[str, NDArray[Any]]" = field(default_factory=dict)
    """Inputs that were left out and estimated from the images."""

    def part(self, first: int, end: int) -> "Answers":
        """Those of some of the images."""
        return Answers(
            outputs={name: array[first:end] for name, array in self.outputs.items()},
            doubts=self.doubts[first:end],
            not_tested=self.not_tested,
            samples={name: array[first:end] for name, array in self.samples.items()},
            estimated={name: array[first:end] for name, array in self.estimated.items()},
        )


class Answering:
    """A package's model.

    Args:
        source: the folder of services/, models/ and model/, whose files were checked.

    Raises:
        ValueError: when the model has other fields than the manifest says.
    """

    def __init__(self, source: Path) -> None:
        # Here and not above: the process that supervises a server imports the module too, and needs no torch.

        from models.devices import best_device, images_at_once
        from models.estimators import load_model
        from models.fields import check_fields, field

        manifest = read_manifest(source)
        self.about = about(manifest)
        self.inputs: list[Field] = [field(document) for document in manifest["inputs"]]
        self.outputs: list[Field] = [field(document) for document in manifest["outputs"]]
        self._device = best_device()
        estimator, _ = load_model(source / "model")
        self._estimator = estimator.to(self._device)
        pixels = max(math.prod(size or 1 for size in one.shape) for one in self.inputs)
        self.at_once = images_at_once(self._device, pixels, on_cpu=ON_CPU)
        """Images that it takes together where nobody says how many."""
        for part, stated in (("inputs", self.inputs), ("outputs", self.outputs)):
            check_fields(getattr(self._estimator, part), stated, "the model of this package")
        self._region: dict[str, Any] = json.loads((source / TESTED_RANGE).read_bytes())

    def __call__(self, asked: Sequence[Asked]) -> list[Answers]:
        """Answer requests of one kind together.

        Raises:
            BadRequestError: when one of them cannot be answered; its line counts images from the first request on.
        """
        import torch

        first = asked[0]
        whole = {name: np.concatenate([one.inputs[name] for one in asked]) for name in first.inputs}
        given = {name: torch.from_numpy(array).to(self._device) for name, array in whole.items()}
        images = sum(one.images for one in asked)
        torch.set_num_threads(max(1, min(os.cpu_count() or 1, images // _IMAGES_A_THREAD)))
        try:
            with torch.inference_mode():
                inputs, estimated = self._estimator.completed(given)
                self._check_estimates(estimated)
                outputs = self._estimator.uncompared(self._estimator(inputs), estimated)
                drawn = self._estimator.samples(inputs, first.samples) if first.samples else {}
        except ValueError as error:  # what no image can be drawn with; the line names it
            raise BadRequestError(str(error)) from error
        arrays = _on_the_processor(outputs)
        _refuse_what_is_not_finite(arrays)
        together = Answers(
            outputs=arrays,
            doubts=self._estimator.doubts(inputs, outputs, self._region),
            not_tested=[*self._estimator.not_tested(inputs), *(f"{name} ({_ESTIMATED})" for name in estimated)],
            samples=_on_the_processor(drawn),
            estimated=_on_the_processor(estimated),
        )
        ends = np.cumsum([one.images for one in asked]).tolist()
        return [together.part(end - one.images, end) for one, end in zip(asked, ends, strict=True)]

    def _check_estimates(self, estimated: "Arrays") -> None:
        """That they are what could have been stated."""
        for one in self.inputs:
            if one.name in estimated:
                checked(estimated[one.name].cpu().numpy(), one, partial(_place_of_estimate, one.name))


def about(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Which model answers here; where a person put it against its gates, whoever asks is to know."""
    return {**manifest["model"], **({"override": os.environ[OVERRIDE]} if OVERRIDE in os.environ else {})}


def _place_of_estimate(name: str, place: tuple[int, ...]) -> str:
    return f"images[{place[0]}].{name}, {_ESTIMATED},"


def _on_the_processor(arrays: "Arrays") -> "dict[str, NDArray[Any]]":
    return {name: array.cpu().numpy() for name, array in arrays.items()}


def _refuse_what_is_not_finite(arrays: "Mapping[str, NDArray[np.float32]]") -> None:
    for name, array in arrays.items():
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            raise BadRequestError(
                f"images[{wrong[0][0]}] has no finite {name}: it must be like those that the model was trained on"
            )
