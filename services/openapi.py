"""The OpenAPI document of a service: what its model takes and answers, in each type, with examples that are answered.

document = describe(model, inputs, outputs, sound, limits)
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from services.bodies import FITS, JSON, NPY, SAFETENSORS
from services.examples import Example
from services.limits import Limits
from services.requests import MOST_SAMPLES, between, left_out

if TYPE_CHECKING:
    from models.fields import Field

_URL = "http://127.0.0.1:3000"
_REFUSED = {
    "400": "The request cannot be answered; the line says what of it.",
    "401": "A token is missing or not known.",
    "403": "A page of another server asked.",
    "406": "Nothing that is accepted can be written.",
    "408": "The body did not come.",
    "413": "The body is too long.",
    "415": "The body is of a type that is not read.",
    "421": "Without tokens `Host` must be a name of the server's own machine.",
    "429": "Too many images wait, or too many bytes; `Retry-After` says when to come back.",
}
_SAID = {"schema": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}}
_LOOKED_AT = {
    "/model": "Which model answers, its inputs and outputs.",
    "/livez": "200 as long as the process lives.",
    "/readyz": "200 as long as it answers requests.",
    "/metrics": "What Prometheus reads: requests, latencies, batches, doubted answers, the model.",
}


def describe(
    model: Mapping[str, Any], inputs: "Sequence[Field]", outputs: "Sequence[Field]", example: Example, limits: Limits
) -> dict[str, Any]:
    """The document.

    Args:
        model: of the manifest.
        inputs: what the model takes.
        outputs: what it answers.
        example: a request that is answered.
        limits: of the service.
    """
    bodies = example.bodies()
    content = {JSON: {"schema": _request(inputs, limits), "examples": {"proved": {"value": example.document}}}}
    for ending, (kind, _) in bodies.items():
        if kind != JSON:
            summary = f"curl {_URL}/example.{ending} | curl -H 'Content-Type: {kind}' --data-binary @- "
            summary += f"'{_URL}/predict{example.query if kind == NPY else ''}'"
            shown = {"proved": {"summary": summary, "externalValue": f"example.{ending}"}}
            content[kind] = {"schema": {"type": "string", "format": "binary"}, "examples": shown}
    answered = {
        "description": "The answer to each image, in the order of the request.",
        "content": {
            JSON: {"schema": _answer(inputs, outputs)},
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in (SAFETENSORS, FITS)},
        },
    }
    refused = {status: {"description": line, "content": {JSON: _SAID}} for status, line in _REFUSED.items()}
    predict = {
        "summary": "Answer images.",
        "parameters": [_parameter(one) for one in inputs if not one.shape] + [_samples(), _plane()],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": answered, **refused},
    }
    looked_at = {
        path: {"get": {"summary": line, "responses": {"200": {"description": line}}}}
        for path, line in _LOOKED_AT.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{model['problem']}, version {model['version']}",
            "version": str(model["version"]),
            "description": "See `/` for a page to try it.",
        },
        "servers": [{"url": "."}],
        "paths": {"/predict": {"post": predict}, **looked_at},
    }


def _request(inputs: "Sequence[Field]", limits: Limits) -> dict[str, Any]:
    item = {
        "type": "object",
        "required": [one.name for one in inputs if one.needed],
        "additionalProperties": False,
        "properties": {one.name: _input(one) for one in inputs},
    }
    images = {"type": "array", "minItems": 1, "maxItems": limits.request_images, "items": item}
    samples = {"type": "integer", "minimum": 0, "maximum": MOST_SAMPLES}
    return {
        "type": "object",
        "required": ["images"],
        "additionalProperties": False,
        "properties": {"images": images, "samples": samples},
    }


def _answer(inputs: "Sequence[Field]", outputs: "Sequence[Field]") -> dict[str, Any]:
    answer = {one.name: _schema(one, limited=False) for one in outputs}
    lines = {"type": "array", "items": {"type": "string"}}
    prediction = {
        "id": {"type": "string", "description": "which `assay trace` takes back to data and code"},
        "answer": {"type": "object", "properties": answer, "required": list(answer)},
        "in_tested_range": {"type": "boolean"},
        "doubts": lines,
        "not_tested": lines,
    }
    estimated = {one.name: _schema(one, limited=False) for one in inputs if one.estimated}
    perhaps = {"samples": {"type": "object"}} | (
        {"estimated": {"type": "object", "properties": estimated, "description": "what was left out of the request"}}
        if estimated
        else {}
    )
    named = {"type": "object", "properties": prediction | perhaps, "required": list(prediction)}
    whole = {
        "predictions": {"type": "array", "items": named},
        "units": {"type": "object"},
        "labels": {"type": "object"},
        "model": {"type": "object"},
    }
    return {"type": "object", "properties": whole, "required": list(whole)}


def _parameter(one: "Field") -> dict[str, Any]:
    said = f"{one.name} of all images, or of each with commas between them; for bodies of arrays{_limits(one)}"
    said += left_out(one)
    values = {"type": "array", "minItems": 1, "items": _schema(one)}
    listed = {"style": "form", "explode": False, "schema": values}
    return {"name": one.name, "in": "query", "required": False, "description": said, **listed}


def _samples() -> dict[str, Any]:
    said = "joint draws from the posterior of each image, where it has one; for bodies of arrays"
    whole = {"type": "integer", "minimum": 0, "maximum": MOST_SAMPLES}
    return {"name": "samples", "in": "query", "required": False, "description": said, "schema": whole}


def _plane() -> dict[str, Any]:
    said = "which extension of a FITS file is the image, where it is not called so"
    return {"name": "plane", "in": "query", "required": False, "description": said, "schema": {"type": "string"}}


def _limits(one: "Field") -> str:
    said = ", ".join(part for part in (one.unit, between(one).strip()) if part)
    return f" ({said})" if said else ""


def _beside(limit: float | None, towards: int) -> float:
    """The first float32 within an excluded limit, or the last that there is; subnormal ones count as 0."""
    of = np.finfo(np.float32)
    if not limit:
        return float(towards * of.tiny if limit == 0 else -towards * of.max)
    return float(np.nextafter(np.float32(limit), np.float32(towards * of.max)))


def _input(one: "Field") -> dict[str, Any]:
    schema = _schema(one)
    return schema | {"description": schema["description"] + left_out(one)}


def _schema(one: "Field", *, limited: bool = True) -> dict[str, Any]:
    low, high = one.limits if limited else (None, None)
    word = not limited and one.dtype == "int64" and one.labels and not one.shape
    number: dict[str, Any] = {"type": "string" if word else "integer" if one.dtype == "int64" else "number"}
    if number["type"] == "number" and limited:
        number |= {"format": "float", "minimum": _beside(low, 1), "maximum": _beside(high, -1)}
    for size in reversed(one.shape):
        number = {"type": "array", "minItems": size, "maxItems": size, "items": number}
    return number | {"description": one.unit or "a pure number"}
