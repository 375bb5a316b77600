"""A bucket on loopback: moto's server, which speaks S3 over real HTTP."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

ACCESS_KEY, SECRET_KEY = "loopback", "loopback-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    endpoint: str
    name: str
    client: Any

    def objects(self) -> dict[str, bytes]:
        """Every object as it lies there, by key."""
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {
            each["Key"]: self.client.get_object(Bucket=self.name, Key=each["Key"])["Body"].read()
            for each in found
        }

    def unfinished(self) -> int:
        return len(self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", []))


@contextmanager
def s3_bucket(name: str = "originals") -> Iterator[Bucket]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
        )  # fmt: skip
        client.create_bucket(Bucket=name)
        yield Bucket(endpoint=endpoint, name=name, client=client)
        client.close()
    finally:
        server.stop()
