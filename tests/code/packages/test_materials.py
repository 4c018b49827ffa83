"""What a package is made of is listed with licences; the lock file holds none that nobody has looked at."""

import re
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from components.packages.answering import REQUIRED
from components.packages.materials import bill_of_materials, licence_of
from tests.conftest import HOUSE

ABOUT = {
    "package": "galaxy-shape:v3-abc",
    "problem": "galaxy-shape",
    "version": 3,
    "weights_sha256": "0" * 64,
    "data_md5": "1" * 32,
}
COPYLEFT = re.compile("GPL|General Public")
LOOKED_AT = {
    "grandalf": "drawn by `dvc dag` alone",
    "huey": "MIT, in its LICENSE file",
    "psycopg2-binary": "LGPL: linked unchanged, on the cluster profile",
    "pygit2": "linked unchanged by DVC, whose linking exception allows it",
    "sep": "LGPL: linked unchanged, for baselines",
    "text-unidecode": "Artistic as well",
    "dulwich": "Apache-2.0 as well",
}
"""Libraries of the lock file whose licence is not stated, or asks for more than a notice: why each may be used."""


def test_a_package_lists_all_that_it_needs_with_versions_and_licences() -> None:
    document = bill_of_materials(ABOUT, REQUIRED)
    assert document == bill_of_materials(ABOUT, reversed(REQUIRED)), "no time, no serial number"
    libraries = {one["name"]: one for one in document["components"] if one["type"] == "library"}
    assert {"torch", "numpy", "cryptography", "sympy"} <= set(libraries), "what torch needs, too"
    assert libraries["torch"]["version"] == "2.13.0"
    assert libraries["numpy"]["purl"] == f"pkg:pypi/numpy@{distribution('numpy').version}"
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "0" * 64}]
    references = {one["bom-ref"] for one in document["components"]} | {ABOUT["package"]}
    for line in document["dependencies"]:
        assert {line["ref"], *line["dependsOn"]} <= references


def test_nothing_in_a_package_asks_for_more_than_a_notice() -> None:
    for one in bill_of_materials(ABOUT, (*REQUIRED, "bentoml"))["components"]:
        if one["type"] == "library":
            assert not COPYLEFT.search(one["licenses"][0]["license"]["name"]), one["name"]


def locked() -> list[str]:
    lines = (HOUSE / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [line.partition("==")[0] for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("name", locked())
def test_every_licence_of_the_lock_file_is_known(name: str) -> None:
    try:
        licence = licence_of(distribution(name))
    except PackageNotFoundError:
        pytest.skip("not installed on this system")
    assert (licence and not COPYLEFT.search(licence)) or name in LOOKED_AT, licence
