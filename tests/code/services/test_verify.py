"""What stands between a store that somebody can write to and a service: forged, damaged and unsigned packages."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import AssayError, IntegrityError
from components.packages.files import Package
from components.packages.signing import check_signed, sign_package, signed_statement
from services.verify import (
    PROVENANCE,
    SUMS,
    DamagedPackageError,
    UntrustedPackageError,
    check_files,
    check_signature,
    sums,
)
from tests.conftest import HOUSE
from tests.keys import keys

MODEL = {
    "problem": "galaxy-shape",
    "version": 3,
    "git_commit": "a1" * 20,
    "data_md5": "0f" * 16 + ".dir",
    "weights_sha256": "c" * 64,
}
TAG = "galaxy-shape:v3-cccccccccccc"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package of few files."""
    package = tmp_path / "package"
    for name in ("src/services/service.py", "src/model/package.json", "env/docker/Dockerfile", "bento.yaml"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(f"# {name}\n")
    (package / SUMS).write_text(sums(package))
    return package


@pytest.fixture
def public(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key that the package is signed by."""
    private, public = keys(tmp_path / "ours")
    monkeypatch.setenv("ASSAY_SIGNING_KEY", str(private))
    sign_package(package_in(folder))
    return public


def package_in(folder: Path) -> Package:
    return Package(tag=TAG, digest=check_files(folder), folder=folder, manifest={"model": MODEL})


def verify(folder: Path, key: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """By the file that stands alone, elsewhere, without a line of Assay to import."""
    script = folder.parent / "verify.py"
    script.write_bytes((HOUSE / "services" / "verify.py").read_bytes())
    asked = [sys.executable, "-I", str(script), str(folder), "--key", str(key), *(("--", *command) if command else ())]
    return subprocess.run(asked, capture_output=True, text=True, cwd="/", timeout=60, check=False)


@pytest.mark.parametrize(
    "name", ["src/services/service.py", "src/model/package.json", "env/docker/Dockerfile", "bento.yaml"]
)
def test_one_flipped_byte_is_found_and_named(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(DamagedPackageError, match=f"{name} is not what was packaged"):
        check_files(folder)
    (folder / name).unlink()
    with pytest.raises(DamagedPackageError, match=f"{name} is missing"):
        check_files(folder)


@pytest.mark.parametrize("name", ["src/torch.py", "src/torch.so", "env/more.sh", "more", "src/services/torch.pyc"])
def test_one_file_more_is_found_and_named(folder: Path, name: str) -> None:
    (folder / name).touch()
    with pytest.raises(DamagedPackageError, match=f"{name} was not packaged"):
        check_files(folder, caches=True)


@pytest.mark.parametrize("name", ["src/scipy", "src/services/__pycache__", "env/more"])
def test_a_link_is_found_and_named(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).symlink_to(tmp_path)
    with pytest.raises(DamagedPackageError, match=f"{name} is a link"):
        check_files(folder, caches=True)


def test_bytecode_is_refused_unless_it_is_asked_for(folder: Path) -> None:
    cache = folder / "src" / "services" / "__pycache__" / "service.cpython-311.pyc"
    cache.parent.mkdir()
    cache.touch()
    with pytest.raises(DamagedPackageError, match=r"service\.cpython-311\.pyc was not packaged"):
        check_files(folder)
    check_files(folder, caches=True)


@pytest.mark.parametrize(
    "line", ["no list", f"{'0' * 64}  ../assay.db", f"{'0' * 64}  /etc/passwd", f"{'0' * 63}  bento.yaml", "\0", ""]
)
def test_a_list_that_is_none_is_refused(folder: Path, line: str) -> None:
    (folder / SUMS).write_text((folder / SUMS).read_text() + line + "\n")
    with pytest.raises(DamagedPackageError, match="is missing or no list of files"):
        check_files(folder)
    (folder / SUMS).unlink()
    with pytest.raises(DamagedPackageError, match="is missing or no list of files"):
        check_files(folder)


def test_a_signed_package_says_where_it_is_from(folder: Path, public: Path) -> None:
    statement = check_signature(folder, public)
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": f"{TAG}/SHA256SUMS", "digest": {"sha256": check_files(folder)}}]
    made = statement["predicate"]["buildDefinition"]
    assert made["externalParameters"] == {"problem": "galaxy-shape", "version": 3}
    materials = {material["name"]: material["digest"] for material in made["resolvedDependencies"]}
    assert materials["code"] == {"gitCommit": "a1" * 20}
    assert materials["data"] == {"md5": "0f" * 16}
    assert materials["weights"] == {"sha256": "c" * 64}
    before = (folder / PROVENANCE).stat().st_ctime_ns
    sign_package(package_in(folder))
    assert (folder / PROVENANCE).stat().st_ctime_ns == before, "what holds is left alone"


def test_others_can_check_it_with_what_every_system_has(folder: Path, public: Path, tmp_path: Path) -> None:
    """`sha256sum` for the files; for the signature openssl and DSSE's own recipe, written down here once more."""
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=folder, check=True)
    envelope = json.loads((folder / PROVENANCE).read_bytes())
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    (tmp_path / "signed").write_bytes(signed)
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    asked = f"openssl pkeyutl -verify -pubin -inkey {public} -rawin -in signed -sigfile signature"
    done = subprocess.run(asked.split(), capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "Signature Verified Successfully" in done.stdout


def envelope_with(folder: Path, **changes: Any) -> None:
    document = json.loads((folder / PROVENANCE).read_bytes())
    (folder / PROVENANCE).write_text(json.dumps(document | changes))


def other_payload(folder: Path) -> None:
    payload = base64.b64decode(json.loads((folder / PROVENANCE).read_bytes())["payload"])
    envelope_with(folder, payload=base64.b64encode(payload.replace(b"galaxy-shape", b"galaxy-share")).decode())


def forge(folder: Path) -> None:
    """What somebody does who can write the package: other code, a check that checks nothing, a new list."""
    (folder / "src" / "services" / "verify.py").write_text("def check_files(*_, **__): return ''\n")
    (folder / "src" / "services" / "service.py").write_text("print('forged')\n")
    (folder / SUMS).write_text(sums(folder))


def forge_unsigned(folder: Path) -> None:
    forge(folder)
    (folder / PROVENANCE).unlink()


ATTACKS: list[tuple[Callable[[Path], Any], str]] = [
    (forge, "is about another package"),
    (forge_unsigned, "is missing: the package is not signed"),
    (other_payload, "is not signed by the key of"),
    (lambda folder: envelope_with(folder, payloadType="text/plain"), "no in-toto statement"),
    (lambda folder: envelope_with(folder, signatures=[]), "is not signed by the key of"),
    (lambda folder: envelope_with(folder, signatures=[{"sig": "AAAA"}]), "is not signed by the key of"),
    (lambda folder: envelope_with(folder, signatures=None), "is no signed statement"),
    (lambda folder: envelope_with(folder, payload="e30="), "is no signed statement"),
    (lambda folder: (folder / PROVENANCE).write_text("[]"), "is no signed statement"),
    (lambda folder: (folder / PROVENANCE).write_bytes(b"\xff"), "is no signed statement"),
]


@pytest.mark.parametrize(("attack", "said"), ATTACKS)
def test_a_forged_package_is_refused_before_any_of_it_runs(
    folder: Path, public: Path, tmp_path: Path, attack: Callable[[Path], Any], said: str
) -> None:
    begun = tmp_path / "begun"
    assert verify(folder, public, "touch", str(begun)).returncode == 0
    begun.unlink()  # which proves that it would be made
    attack(folder)
    with pytest.raises(UntrustedPackageError, match=said):
        check_signature(folder, public)
    done = verify(folder, public, "touch", str(begun))
    assert done.returncode == 1
    assert done.stderr.startswith("refused: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not begun.exists()


def test_another_key_vouches_for_nothing(folder: Path, public: Path, tmp_path: Path) -> None:
    theirs = keys(tmp_path / "theirs")[1]
    with pytest.raises(UntrustedPackageError, match=r"provenance\.dsse\.json is not signed by the key of .*theirs"):
        check_signature(folder, theirs)
    envelope_with(folder, signatures=[{"sig": base64.b64encode(b"0" * 64).decode()}, *json.loads(
        (folder / PROVENANCE).read_bytes())["signatures"]])  # fmt: skip
    check_signature(folder, public)  # one of several signatures is enough


def test_what_is_verified_has_no_bytecode_and_writes_none(folder: Path, public: Path) -> None:
    (folder / "src" / "services" / "__init__.py").touch()
    (folder / SUMS).write_text(sums(folder))
    sign_package(package_in(folder))
    read = f"import sys; sys.path.insert(0, {str(folder / 'src')!r}); import services; print(services.__file__)"
    for _ in range(2):
        done = verify(folder, public, sys.executable, "-c", read)
        assert done.stdout.strip() == str(folder / "src" / "services" / "__init__.py"), done.stderr
    (folder / "src" / "services" / "__pycache__").mkdir()
    (folder / "src" / "services" / "__pycache__" / "__init__.cpython-311.pyc").touch()
    assert "was not packaged" in verify(folder, public, sys.executable, "-c", read).stderr


def test_a_house_with_a_public_key_serves_nothing_else(
    folder: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_PUBLIC_KEY", str(public))
    check_signed(package_in(folder))
    (folder / PROVENANCE).unlink()
    with pytest.raises(IntegrityError, match="the package is not signed"):
        check_signed(package_in(folder))
    monkeypatch.delenv("ASSAY_PUBLIC_KEY")
    check_signed(package_in(folder))


def test_a_key_that_cannot_be_used_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.pem").write_text("no key")
    for name in ("bad.pem", "missing.pem"):
        monkeypatch.setenv("ASSAY_SIGNING_KEY", str(tmp_path / name))
        with pytest.raises(AssayError, match=f"ASSAY_SIGNING_KEY .*{name} cannot be read"):
            sign_package(package_in(folder))
        with pytest.raises(IntegrityError, match=f"key .*{name} cannot be read"):
            signed_statement(folder, tmp_path / name)
    assert not (folder / PROVENANCE).exists()
