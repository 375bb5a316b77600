"""A bucket of an S3-compatible store. Requests go out through the dialler, not through the library's own."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, ClassVar

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from accounts.outbound import AddressRefused, Dialler, locate
from accounts.outbound.dialling import UNREACHABLE, pools
from retrieval.errors import SourceRefused, SourceUnavailable
from retrieval.sources.access_rules import RULE_HELP, longest_rule, parse_rules
from retrieval.sources.connector import Connector, Field, Site
from retrieval.sources.values import Change, ExternalDocument

CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
KEY_REFUSED = "The store does not let us in, or has no such bucket."


class BucketConnector(Connector):
    kind: ClassVar[str] = "bucket"
    label: ClassVar[str] = "S3 bucket"
    summary: ClassVar[str] = "Objects in Amazon S3 or a store that speaks its protocol"
    secret_label: ClassVar[str] = "Secret access key"  # noqa: S105  (what it is called)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="bucket", label="Bucket", required=True, place=True),
        Field(name="prefix", label="Prefix", help="Such as handbook/; empty: the whole bucket."),
        Field(
            name="endpoint",
            label="Endpoint",
            help="Such as https://s3.example.org; empty: Amazon.",
            place=True,
        ),
        Field(name="region", label="Region", initial="us-east-1", place=True),
        Field(name="access_key", label="Access key id", help="Empty: without signing.", place=True),
        Field(name="rules", label="Who may read what", kind="lines", help=RULE_HELP),
    )

    @classmethod
    def check(cls, configuration: Mapping[str, Any], site: Site) -> None:
        if not NAME.fullmatch(configuration["bucket"]):
            raise SourceRefused("This is no name of a bucket.", "bucket")
        if not REGION.fullmatch(configuration["region"]):
            raise SourceRefused("A region looks like eu-central-1.", "region")
        if configuration["endpoint"]:
            try:
                locate(configuration["endpoint"])
            except AddressRefused as refusal:
                raise SourceRefused("An endpoint looks like https://s3.example.org.", "endpoint") from refusal
        parse_rules(configuration["rules"])

    def changes(self, cursor: Mapping[str, Any]) -> Iterator[Change]:
        store, bucket = self._store(), self.configuration["bucket"]
        rules = parse_rules(self.configuration["rules"])
        with refusals():
            pages = store.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=self.configuration["prefix"]
            )
            for page in pages:
                for found in page.get("Contents", []):
                    key = found["Key"]
                    if key.endswith("/"):
                        continue  # a console's way to show a folder
                    yield ExternalDocument(
                        external_id=key,
                        name=key,
                        version=f"{found['ETag']}-{found['Size']}",
                        size=found["Size"],
                        access=longest_rule(rules, key, self.unruled),
                        open=partial(opened, store, bucket, key, found["ETag"]),
                    )

    def _store(self) -> Any:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config

        key, region = self.configuration["access_key"], self.configuration["region"]
        store = boto3.session.Session().client(
            "s3",
            region_name=region,
            # Said in any case: the library would look for it in the environment's own settings.
            endpoint_url=self.configuration["endpoint"] or f"https://s3.{region}.amazonaws.com",
            # Never the machine's own credentials, which the library would look for without these.
            aws_access_key_id=key or "none",
            aws_secret_access_key=self.secret or "none",
            config=Config(
                signature_version=None if key else UNSIGNED,
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 3, "mode": "standard"},
                proxies={},
            ),
        )
        send = partial(sent, self.site.dialler, self.site.ca_file)
        store.meta.events.register("before-send.s3", send)
        return store


def sent(dialler: Dialler, ca_file: str | None, request: AWSPreparedRequest, **told: Any) -> AWSResponse:
    """The store's answer to a request that is ready to be sent; the library takes it in place of its own."""
    locator = locate(request.url)
    trusted: dict[str, Any] = {"ca_certs": ca_file} if ca_file and locator.scheme == "https" else {}
    pool = pools(dialler, CONNECT_SECONDS)[locator.scheme](
        locator.host, locator.port, timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS), **trusted
    )
    # As it was signed: the target is not written anew.
    target = "/" + request.url.split("://", 1)[1].partition("/")[2]
    try:
        answer = pool.urlopen(
            request.method,
            target,
            body=request.body,
            headers={name: as_text(value) for name, value in request.headers.items()},
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
            assert_same_host=False,
        )
    except (HTTPError, OSError) as error:
        raise SourceUnavailable(UNREACHABLE) from error
    return AWSResponse(request.url, answer.status, answer.headers, answer)


def as_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


@contextmanager
def refusals() -> Iterator[None]:
    """The library's errors as sentences that tell nothing of what stands behind an address."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except AddressRefused as refusal:
        raise SourceUnavailable(str(refusal)) from refusal
    except (ClientError, ResponseParserError, KeyError) as error:
        raise SourceUnavailable(KEY_REFUSED) from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise SourceUnavailable(UNREACHABLE) from error


@contextmanager
def opened(store: Any, bucket: str, key: str, etag: str) -> Iterator[BinaryIO]:
    """The object as it was listed; one that was changed since is refused, and met by the next run."""
    with refusals():
        answer = store.get_object(Bucket=bucket, Key=key, IfMatch=etag)
        with answer["Body"] as body:
            yield body
