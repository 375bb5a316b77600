"""Where originals lie: in the installation's own folder, or in an S3-compatible bucket."""

from typing import Any

from ragsite.env import Environment

PART_BYTES = 8 * 1024 * 1024
# Each holds a part in memory while it is sent.
PARTS_AT_ONCE = 2


def originals_storage(env: Environment) -> dict[str, Any]:
    """The entry of Django's STORAGES for originals."""
    if env.storage == "local":
        return {"BACKEND": "retrieval.ingestion.vault.folder.OriginalsFolder"}
    return {"BACKEND": "retrieval.ingestion.vault.bucket.OriginalsBucket", "OPTIONS": bucket_options(env)}


def bucket_options(env: Environment) -> dict[str, Any]:
    # Here, so that an installation without a bucket need not load the client.
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    return {
        "bucket_name": env.s3_bucket,
        "endpoint_url": env.s3_endpoint or None,
        "region_name": env.s3_region,
        # Empty: the client looks where it always does, such as the machine's role.
        "access_key": env.s3_access_key.get_secret_value() or None,
        "secret_key": env.s3_secret_key.get_secret_value() or None,
        "default_acl": None,
        "file_overwrite": False,
        "transfer_config": TransferConfig(multipart_chunksize=PART_BYTES, max_concurrency=PARTS_AT_ONCE),
        "client_config": Config(
            signature_version="s3v4",
            # Compatible servers know addresses by path and not all of the newer checksums.
            s3={"addressing_style": "path" if env.s3_endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=10,
            read_timeout=60,
            retries={"max_attempts": 3, "mode": "standard"},
        ),
    }
