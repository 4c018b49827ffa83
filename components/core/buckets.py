"""Buckets of S3 and of what speaks like it: whether one can be used, said in a line.

    check_bucket("s3://assay/mlflow", endpoint="http://127.0.0.1:9000")

The account and, where nobody names one, the endpoint come from the environment, as every tool of that kind takes them:
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL.
"""

from urllib.parse import urlsplit

from components.core.errors import AssayError

__label__ = None

_S3 = "s3"
_PATIENCE_S = 10
_SAID = {
    "404": "there is no such bucket",
    "NoSuchBucket": "there is no such bucket",
    "403": "this account may not use it",
    "AccessDenied": "this account may not use it",
    "InvalidAccessKeyId": "there is no such account",
    "SignatureDoesNotMatch": "the secret key is wrong",
}
"""What codes of S3 mean."""


def is_bucket(address: str) -> bool:
    """Whether an address is one of a bucket, or of a folder in it."""
    return urlsplit(address).scheme == _S3


def check_bucket(address: str, *, endpoint: str | None = None) -> None:
    """See that a bucket is there and lists what it has for this account.

    Args:
        address: `s3://bucket/folder`.
        endpoint: of another store than AWS's own; by default what the environment says.

    Raises:
        AssayError: when it is not, or does not.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise AssayError("boto3 is not installed: type `pip install 'assay[cluster]'`") from error

    where = urlsplit(address)
    patience = Config(connect_timeout=_PATIENCE_S, read_timeout=_PATIENCE_S, retries={"total_max_attempts": 2})
    try:
        client = boto3.Session().client(_S3, endpoint_url=endpoint, config=patience)
        client.list_objects_v2(Bucket=where.netloc, Prefix=where.path.lstrip("/"), MaxKeys=1)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise AssayError(
            f"{address} cannot be used ({_SAID.get(code, ' '.join(str(error).split()))})",
            "make the bucket, or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL to its own",
        ) from error
    except (BotoCoreError, ValueError) as error:
        raise AssayError(
            f"{address} cannot be asked ({' '.join(str(error).split())})",
            "see that AWS_ENDPOINT_URL answers, and that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set",
        ) from error
