"""Buckets that cannot be used are told apart: none there, an account that may not, nobody who answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("moto", reason="moto, the S3 server of tests, is not installed: `make setup`")

from components.core.buckets import check_bucket, is_bucket
from components.core.errors import AssayError
from tests.cluster import s3_server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with s3_server(tmp_path_factory.mktemp("s3")) as variables:
        yield variables


@pytest.fixture
def account(store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The account of the store in the environment; its endpoint."""
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    return store["AWS_ENDPOINT_URL"]


def said_of(address: str, endpoint: str | None = None) -> str:
    with pytest.raises(AssayError) as refused:
        check_bucket(address, endpoint=endpoint)
    assert "\n" not in str(refused.value)
    assert "s3cret" not in str(refused.value)
    return str(refused.value)


def test_a_bucket_is_used_where_the_environment_or_an_address_says(
    account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_bucket("s3://assay/a/folder")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    check_bucket("s3://assay", endpoint=account)


def test_a_bucket_that_is_not_there(account: str) -> None:
    assert "s3://nowhere/mlflow cannot be used (there is no such bucket)" in said_of("s3://nowhere/mlflow")


def test_a_store_that_does_not_answer(account: str) -> None:
    said = said_of("s3://assay", "http://127.0.0.1:9")
    assert "s3://assay cannot be asked" in said
    assert "AWS_ENDPOINT_URL" in said


def test_without_an_account(account: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "AWS_ACCESS_KEY_ID" in said_of("s3://assay")


def test_a_wrong_account(account: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with s3_server(tmp_path, INITIAL_NO_AUTH_ACTION_COUNT="0") as strict:
        monkeypatch.setenv("AWS_ENDPOINT_URL", strict["AWS_ENDPOINT_URL"])
        assert "there is no such account" in said_of("s3://assay")


def test_what_is_no_bucket() -> None:
    assert is_bucket("s3://assay/mlflow")
    assert not is_bucket("/mnt/data")
