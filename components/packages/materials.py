"""What a package is made of, as a CycloneDX list: model, data, and every library that it asks for, with its licence.

    document = bill_of_materials(about, ("torch", "numpy"))       # bom.cdx.json of the package
    python -m components.packages.materials                       # licences of all that is installed

Versions are those of this environment, in which the package is proved; no time and no serial number, so that the same
package has the same list.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from typing import Any

from packaging.requirements import Requirement

BILL = "bom.cdx.json"
_SPECIFICATION = "1.6"
_CLASSIFIER = "License :: "


def bill_of_materials(about: Mapping[str, Any], requirements: Iterable[str]) -> dict[str, Any]:
    """The list of one package, in CycloneDX 1.6 (OWASP, 2024; ECMA-424).

    Args:
        about: as the manifest has it under `model`.
        requirements: names of the libraries that the package asks for.
    """
    asked = sorted(requirements)
    found = _closure(asked)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": _SPECIFICATION,
        "version": 1,
        "metadata": {
            "component": {
                "type": "machine-learning-model",
                "bom-ref": about["package"],
                "name": about["problem"],
                "version": str(about["version"]),
                "hashes": [{"alg": "SHA-256", "content": about["weights_sha256"]}],
            }
        },
        "components": [
            {
                "type": "data",
                "bom-ref": "data",
                "name": f"{about['problem']} training data",
                "version": about["data_md5"],
            },
            *(_component(found[name]) for name in sorted(found)),
        ],
        "dependencies": [
            {"ref": about["package"], "dependsOn": ["data", *(_purl(found[_normal(name)]) for name in asked)]},
            *(
                {"ref": _purl(of), "dependsOn": [_purl(found[n]) for n in _needs(of) if n in found]}
                for of in _sorted(found)
            ),
        ],
    }


def licence_of(library: Distribution) -> str:
    """What a library says of its licence, in the newest of the ways in which it may; empty when it says nothing."""
    said = library.metadata.json  # what occurs several times is a list
    classified = [line.rpartition(" :: ")[2] for line in said.get("classifier", ()) if line.startswith(_CLASSIFIER)]
    stated = str(said.get("license", "")).strip().splitlines()
    return str(said.get("license_expression") or "; ".join(classified) or (stated[0] if stated else ""))


def _closure(names: Iterable[str]) -> dict[str, Distribution]:
    """Libraries with all that they need in turn, by normalised name."""
    found: dict[str, Distribution] = {}
    waiting = [_normal(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # of another system, or one that is not needed here
            continue
        waiting += _needs(found[name])
    return found


def _needs(library: Distribution) -> list[str]:
    needed = (Requirement(text) for text in library.requires or ())
    return sorted({_normal(of.name) for of in needed if of.marker is None or of.marker.evaluate({"extra": ""})})


def _component(library: Distribution) -> dict[str, Any]:
    licence = licence_of(library)
    return {
        "type": "library",
        "bom-ref": _purl(library),
        "name": library.metadata["Name"],
        "version": _version(library),
        "purl": _purl(library),
        **({"licenses": [{"license": {"name": licence}}]} if licence else {}),
    }


def _sorted(found: Mapping[str, Distribution]) -> list[Distribution]:
    return [found[name] for name in sorted(found)]


def _purl(library: Distribution) -> str:
    return f"pkg:pypi/{_normal(library.metadata['Name'])}@{_version(library)}"


def _version(library: Distribution) -> str:
    return library.version.partition("+")[0]  # a local label is one machine's build


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def main() -> None:
    """List every library that is installed here, with its licence."""
    for of in sorted(distributions(), key=lambda one: _normal(one.metadata["Name"])):
        print(f"{of.metadata['Name']}=={of.version}  {licence_of(of) or 'not stated'}")


if __name__ == "__main__":
    main()
