"""Secrets: where they may come from, and what is said of them."""

from pathlib import Path

import pytest

from components.core.errors import AssayError
from components.core.secrets import host_of, notify_url, secret


def test_a_secret_comes_from_a_variable_or_from_a_file_of_its_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert secret("ASSAY_SOME_SECRET") is None
    file = tmp_path / "secret"
    file.write_text("of the file\n")
    monkeypatch.setenv("ASSAY_SOME_SECRET_FILE", str(file))
    file.chmod(0o640)
    with pytest.raises(AssayError, match=r"ASSAY_SOME_SECRET_FILE .* is open to other accounts: type `chmod 600"):
        secret("ASSAY_SOME_SECRET")
    file.chmod(0o600)
    assert secret("ASSAY_SOME_SECRET") == "of the file"
    monkeypatch.setenv("ASSAY_SOME_SECRET", "of the variable")
    assert secret("ASSAY_SOME_SECRET") == "of the variable"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_SOME_SECRET_FILE", str(tmp_path / "missing"))
    with pytest.raises(AssayError, match=r"ASSAY_SOME_SECRET_FILE .*missing cannot be read"):
        secret("ASSAY_SOME_SECRET")


@pytest.mark.parametrize(
    "url", ["http://example.org/s3cret", "http://127.0.0.1.example.org/s3cret", "ftp://127.0.0.1/s3cret"]
)
def test_addresses_that_anybody_could_listen_to_are_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ASSAY_NOTIFY_URL", url)
    with pytest.raises(AssayError, match="must begin with https://") as refused:
        notify_url()
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["s3cret", "https:///s3cret", "https://[::1/s3cret"])
def test_what_is_no_address_is_refused_without_being_said(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ASSAY_NOTIFY_URL", url)
    with pytest.raises(AssayError, match="is no address: it must be https://HOST/") as refused:
        notify_url()
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://example.org/hook", "http://127.0.0.1:8080/hook", "http://localhost/hook"])
def test_others_are_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ASSAY_NOTIFY_URL", url)
    assert notify_url() == url


def test_of_an_address_only_its_host_is_said() -> None:
    assert host_of("https://ada:s3cret@example.org:8443/s3cret?token=s3cret#s3cret") == "https://example.org"
