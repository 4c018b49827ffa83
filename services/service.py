"""The service inside every package: named arrays in, named arrays out, for any problem.

    bentoml serve <package>            # POST /predict, POST /model, GET /, /docs.json, /livez, /readyz, /metrics

It stands in a package beside `models/` (the networks) and `model/` (weights, description and manifest), and knows of
the problem only the fields of its manifest. `/predict` takes JSON and answers JSON; for galaxies, say:

    {"images": [{"image": [[…]], "sigma": 200.0, "psf_fwhm": 0.5}, …]}
    {"predictions": [{"id": …, "answer": {"posterior_flux": …, "posterior_flux_error": …,
                      "posterior_flux_interval68": […, …], …, "posterior_effective": …, "likelihood_flux": …, …,
                      "likelihood_edge": "no", "quote": "likelihood"}, "in_tested_range": true, "doubts": [],
                      "not_tested": ["psf_fwhm", …]}, …],
     "units": {"posterior_flux": "1e5 counts", …}, "labels": {"sensitivity_sky": ["flux", …], …}, "model": {…}}

`<name>_error` is the root mean square error of `<name>`, its intervals hold the truth with 68 and 95 %. An answer is
in the tested range when its image is like those that the model was measured to be reliable on, as far as one image can
show: `doubts` says what departs, and by how much, `not_tested` what is taken for granted, and `sensitivity_<what>` by
how many bounds values move when it is not as stated. The posterior has the least error
of single objects and leans on the prior; the likelihood claims to be unbiased, as averages over many objects want it;
`quote` says which of them to quote of this one. With `"samples": 100` beside `images`, each prediction has as many
joint draws from the posterior, by the names of its outputs. `/model` says which model answers, and its inputs and
outputs with shapes, units and limits; `/` is a page for a browser (`page.py`).

A request that it cannot answer well gets status 400 and `{"error": "one line"}`; what it does not read at all
(`admission.py`) 403, 413 or 415.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import bentoml
import numpy as np
from pydantic import Field

from services.admission import Admission
from services.ids import new_id
from services.manifest import read_manifest
from services.page import Pages, pages
from services.requests import BadRequestError, read_items, read_samples
from services.verify import check_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE = Path(__file__).resolve().parents[1]
"""The package's source: services/, models/ and model/."""
TESTED_RANGE = "model/tested_range.json"
OVERRIDE = "ASSAY_OVERRIDE"
"""Variable that says by whose word a version is served whose gates did not pass."""


def checked_manifest() -> tuple[dict[str, Any], str]:
    """The manifest and the digest of this package, after every file was compared with the list of what was packaged.

    That tells damage from health, not friend from foe: who can write a package can write what checks it here. Whether
    it is to be trusted is asked before any of it is imported (`verify.py`, `assay verify`).

    Raises:
        ValueError: in one line that names the file which is missing or is not what was packaged.
    """
    digest = check_files(SOURCE.parent, caches=True)
    return read_manifest(SOURCE), digest


# Nothing here asks who is calling: 127.0.0.1 unless BENTOML_HOST or --host says otherwise.
@bentoml.service(name="assay", workers=1, traffic={"timeout": 60}, http={"host": "127.0.0.1"})
class Predictor:
    """One model, answering."""

    def __init__(self) -> None:
        # Here and not above: the process that supervises this one imports the module too, and needs no torch.
        import torch

        from models.estimators import load_model
        from models.fields import check_fields, field

        manifest, self._digest = checked_manifest()
        self._model: dict[str, Any] = _answering(manifest)
        self._fields = {part: manifest[part] for part in ("inputs", "outputs")}
        self._inputs, self._outputs = ([field(document) for document in manifest[of]] for of in ("inputs", "outputs"))
        self._units = {document["name"]: document["unit"] for document in manifest["outputs"]}
        self._labels = {one.name: one.labels for one in self._outputs if one.shape and one.labels}
        torch.set_num_threads(os.cpu_count() or 1)
        self._estimator, _ = load_model(SOURCE / "model")
        for part, stated in (("inputs", self._inputs), ("outputs", self._outputs)):
            check_fields(getattr(self._estimator, part), stated, "the model of this package")
        self._region: dict[str, Any] = json.loads((SOURCE / TESTED_RANGE).read_bytes())

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
        images: Annotated[Any, Field(description="objects with every input of the model, by name")] = None,
        samples: Annotated[Any, Field(description="joint draws from the posterior of each, where it has one")] = 0,
    ) -> dict[str, Any]:
        """The answer to each image, in the order of the request."""
        try:
            predictions = self._predictions(images, samples)
            return {"predictions": predictions, "units": self._units, "labels": self._labels, "model": self._model}
        except BadRequestError as error:
            ctx.response.status_code = 400
            return {"error": str(error)}

    @bentoml.api  # type: ignore[untyped-decorator]
    def model(self) -> dict[str, Any]:
        """Which model answers here, and its inputs and outputs."""
        return {**self._model, **self._fields}

    def _predictions(self, items: Any, samples: Any) -> list[dict[str, Any]]:
        import torch

        from models.fields import in_words

        inputs = {name: torch.from_numpy(array) for name, array in read_items(items, self._inputs).items()}
        count = read_samples(samples, len(items))
        try:
            with torch.inference_mode():
                outputs = self._estimator(inputs)
                drawn = self._estimator.samples(inputs, count) if count else {}
        except ValueError as error:  # what no image can be drawn with; the line names it
            raise BadRequestError(str(error)) from error
        arrays = {name: array.numpy() for name, array in outputs.items()}
        _refuse_what_is_not_finite(arrays)
        draws = {name: array.tolist() for name, array in drawn.items()}
        rows = {one.name: in_words(one, arrays[one.name].tolist()) for one in self._outputs}
        doubted = self._estimator.doubts(inputs, outputs, self._region)
        untested = list(self._estimator.not_tested(inputs))
        return [
            {
                "id": new_id(self._model["problem"], self._model["version"], self._digest),
                "answer": {name: row[index] for name, row in rows.items()},
                "in_tested_range": not doubted[index],
                "doubts": doubted[index],
                "not_tested": untested,
                **({"samples": {name: row[index] for name, row in draws.items()}} if count else {}),
            }
            for index in range(len(items))
        ]


def _answering(manifest: dict[str, Any]) -> dict[str, Any]:
    """Which model answers here; where a person put it against its gates, whoever asks is to know."""
    return {**manifest["model"], **({"override": os.environ[OVERRIDE]} if OVERRIDE in os.environ else {})}


def _pages() -> dict[str, tuple[str, bytes]]:
    manifest = read_manifest(SOURCE)
    openapi: dict[str, Any] = Predictor.openapi_spec.asdict()  # type: ignore[attr-defined]
    return pages(SOURCE, manifest | {"model": _answering(manifest)}, openapi)


Predictor.add_asgi_middleware(Pages, make=_pages)  # type: ignore[attr-defined]
Predictor.add_asgi_middleware(Admission, keys={"/predict": ("images", "samples")})  # type: ignore[attr-defined]


def _refuse_what_is_not_finite(arrays: "dict[str, NDArray[np.float32]]") -> None:
    for name, array in arrays.items():
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            raise BadRequestError(
                f"images[{wrong[0][0]}] has no finite {name}: it must be like those that the model was trained on"
            )
