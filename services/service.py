"""The service inside every package: images in, parameters with errors and units out, for any problem.

    bentoml serve <package>            # POST /predict, POST /model, GET /livez, /readyz, /metrics

It stands in a package beside `models/` (the networks) and `model/` (weights, description and manifest), and knows
of the problem only what those two say. `/predict` takes JSON and answers JSON:

    {"images": [{"image": [[…]], "sigma": 200.0, "psf_fwhm": 0.5}, …]}
    {"predictions": [{"id": …, "parameters": {"flux": {"value": …, "error": …, "unit": …, "interval68": […, …],
                      "interval95": […, …]}, …}, "covariance": [[…]], "trusted": true, "doubts": []}, …], "model": {…}}

`error` is the root mean square error of the value, the intervals hold the truth with 68 and 95 %, and an answer is
trusted when its image is like those that the model was measured to be reliable on (`services/trust.py`).

A request that it cannot answer well gets status 400 and `{"error": "one line"}`.
"""

import json
import os
import reprlib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import bentoml
import numpy as np
from pydantic import ConfigDict, FailFast, Field, TypeAdapter, ValidationError

from services.manifest import MANIFEST, read_manifest
from services.signature import check_signature
from services.trust import doubts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.estimators import Answer

SOURCE = Path(__file__).resolve().parents[1]
"""The package's source: services/, models/ and model/."""
TRUSTED_REGION = "model/trusted_region.json"
OVERRIDE = "ASSAY_OVERRIDE"
"""Variable that says by whose word a version is served whose gates did not pass."""
MOST_IMAGES = 256
"""Images in one request; more would keep everybody else waiting."""

# Strict, because `"1"` and `true` in an image are mistakes, and quick: one check of 64 × 64 pixels costs 0.1 ms.
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_NUMBER = TypeAdapter(float, config=_STRICT)
_ROWS = TypeAdapter(Annotated[list[Annotated[list[float], FailFast()]], FailFast()], config=_STRICT)
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_FLOAT32_MIN = float(np.finfo(np.float32).tiny)


class BadRequestError(ValueError):
    """The request cannot be answered; the message names the item, its value and what is right."""


def checked_manifest() -> dict[str, Any]:
    """The manifest of this package, after its signature and every file were checked.

    Raises:
        ValueError: in one line that names the file which is missing or is not what was packaged.
    """
    check_signature(SOURCE / MANIFEST)
    return read_manifest(SOURCE)


def read_images(
    items: Any, *, size: int, conditions: Sequence[str]
) -> tuple["NDArray[np.float32]", "NDArray[np.float32]"]:
    """The images and conditions of a request, checked by hand: nothing is reshaped, rounded off or guessed.

    Args:
        items: the list under `images`, as it came.
        size: pixels on a side.
        conditions: names of the numbers beside each image, all above 0.

    Returns:
        The images, shape (b, size, size), and the conditions, shape (b, c).

    Raises:
        BadRequestError: when any of it is not what it must be.
    """
    keys = ("image", *conditions)
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_IMAGES:
        shown = f"a list of {len(items)}" if isinstance(items, list) else reprlib.repr(items) if items else "missing"
        raise BadRequestError(
            f"images is {shown}: must be a list of 1 to {MOST_IMAGES} objects with the keys {', '.join(keys)}"
        )
    image_bhw = np.empty((len(items), size, size), dtype=np.float32)
    conditions_bc = np.empty((len(items), len(conditions)), dtype=np.float32)
    for index, item in enumerate(items):
        where = f"images[{index}]"
        if not isinstance(item, dict):
            raise BadRequestError(f"{where} is {reprlib.repr(item)}: must be an object with the keys {', '.join(keys)}")
        for key in keys:
            if key not in item:
                raise BadRequestError(f"{where} has no {key}: it must have the keys {', '.join(keys)}")
        for key in item:
            if key not in keys:
                raise BadRequestError(f"{where} has an unknown key {reprlib.repr(key)}: its keys are {', '.join(keys)}")
        image_bhw[index] = _read_image(item["image"], f"{where}.image", size)
        conditions_bc[index] = [_read_condition(item[name], f"{where}.{name}") for name in conditions]
    return image_bhw, conditions_bc


def _read_image(rows: Any, where: str, size: int) -> "NDArray[np.float64]":
    # The shape comes first: it is the likelier mistake, and says more than a wrong number does.
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise BadRequestError(f"{where} is {reprlib.repr(rows)}: must be {size} lists of {size} numbers")
    widths = sorted({len(row) for row in rows})
    if len(rows) != size or widths != [size]:
        width = str(widths[0]) if len(widths) == 1 else f"({' or '.join(map(str, widths[:4]))})" if widths else "0"
        raise BadRequestError(f"{where} has shape {len(rows)}x{width}: must be {size}x{size}")
    try:
        pixel_hw = np.array(_ROWS.validate_python(rows))
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        place = "".join(f"[{index}]" for index in wrong["loc"])
        raise BadRequestError(f"{where}{place} is {reprlib.repr(wrong['input'])}: must be a finite number") from error
    if np.abs(pixel_hw).max() > _FLOAT32_MAX:
        row, column = np.unravel_index(np.abs(pixel_hw).argmax(), pixel_hw.shape)
        raise BadRequestError(
            f"{where}[{row}][{column}] is {pixel_hw[row, column]:g}: must be within ±{_FLOAT32_MAX:.1e}"
        )
    return pixel_hw


def _read_condition(value: Any, where: str) -> float:
    try:
        number = _NUMBER.validate_python(value)
    except ValidationError as error:
        raise BadRequestError(f"{where} is {reprlib.repr(value)}: must be a finite number above 0") from error
    if not _FLOAT32_MIN <= number <= _FLOAT32_MAX:
        raise BadRequestError(f"{where} is {number:g}: must be above 0 and at most {_FLOAT32_MAX:.1e}")
    return number


# Nothing here asks who is calling: 127.0.0.1 unless BENTOML_HOST or --host says otherwise.
@bentoml.service(name="assay", workers=1, traffic={"timeout": 60}, http={"host": "127.0.0.1"})
class Predictor:
    """One model, answering."""

    def __init__(self) -> None:
        # Here and not above: the process that supervises this one imports the module too, and needs no torch.
        import torch

        from models.estimators import load_model

        self._model: dict[str, Any] = checked_manifest()["model"]
        if OVERRIDE in os.environ:  # a person put it here against its gates, and whoever asks is to know
            self._model["override"] = os.environ[OVERRIDE]
        torch.set_num_threads(os.cpu_count() or 1)
        self._estimator, description = load_model(SOURCE / "model")
        self._units: dict[str, str] = description["units"]
        self._region: dict[str, Any] = json.loads((SOURCE / TRUSTED_REGION).read_bytes())

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def refuse_damage() -> None:
        """End before any worker is started when a file is not what was packaged."""
        try:
            checked_manifest()
        except ValueError as error:
            raise SystemExit(str(error)) from error

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(
        self,
        ctx: bentoml.Context,
        images: Annotated[Any, Field(description="objects with `image` (rows of pixels) and each condition")] = None,
    ) -> dict[str, Any]:
        """Parameters with errors for each image, in the order of the request."""
        try:
            return {"predictions": self._predictions(images), "model": self._model}
        except BadRequestError as error:
            ctx.response.status_code = 400
            return {"error": str(error)}

    @bentoml.api  # type: ignore[untyped-decorator]
    def model(self) -> dict[str, Any]:
        """Which model answers here."""
        return self._model

    def _predictions(self, items: Any) -> list[dict[str, Any]]:
        import torch

        estimator = self._estimator
        image_bhw, conditions_bc = read_images(items, size=estimator.size, conditions=estimator.condition_names)
        try:
            with torch.inference_mode():
                answer = estimator(torch.from_numpy(image_bhw), torch.from_numpy(conditions_bc))
        except ValueError as error:  # a condition that no image can be drawn with; the line names it
            raise BadRequestError(str(error)) from error
        wrong_bp = ~(answer.value_bp.isfinite() & answer.error_bp.isfinite())
        if wrong_bp.any():
            index, parameter = wrong_bp.nonzero()[0].tolist()
            raise BadRequestError(
                f"images[{index}] has no finite {estimator.output_names[parameter]}: "
                "its pixels and conditions must be like those that the model was trained on"
            )
        columns = {
            "value": answer.value_bp,
            "error": answer.error_bp,
            "interval68": torch.stack(answer.interval(0.68), dim=2),
            "interval95": torch.stack(answer.interval(0.95), dim=2),
        }
        rows = {key: column.tolist() for key, column in columns.items()}
        covariances = answer.covariance_bpp.tolist()
        doubted = self._doubts(answer, conditions_bc)
        return [
            {
                # The id says by itself which version answered, so that no log is needed to trace it.
                "id": f"{self._model['problem']}.{self._model['version']}.{uuid.uuid4().hex}",
                "parameters": {
                    name: {**{key: row[index][number] for key, row in rows.items()}, "unit": self._units[name]}
                    for number, name in enumerate(estimator.output_names)
                },
                "covariance": covariances[index],
                "trusted": not doubted[index],
                "doubts": doubted[index],
            }
            for index in range(len(image_bhw))
        ]

    def _doubts(self, answer: "Answer", conditions_bc: "NDArray[np.float32]") -> list[list[str]]:
        count, names = len(conditions_bc), self._estimator.condition_names
        misfits, snrs = (
            [None] * count if column is None else column.tolist() for column in (answer.misfit_b, answer.snr_b)
        )
        return [
            doubts(self._region, dict(zip(names, row, strict=True)), misfit=misfit, snr=snr)
            for row, misfit, snr in zip(conditions_bc.tolist(), misfits, snrs, strict=True)
        ]
