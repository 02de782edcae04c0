"""A bucket of a server that speaks S3, on loopback, looked at by another client than ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

KEYS = {"AWS_ACCESS_KEY_ID": "test-id", "AWS_SECRET_ACCESS_KEY": "test-secret", "AWS_REGION": "us-east-1"}


@dataclass(slots=True)
class Bucket:
    """One bucket. Its name is of this test run alone, since clients remember addresses."""

    server: ThreadedMotoServer
    port: int
    name: str

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process must have in its environment to reach it."""
        return {"AWS_ENDPOINT_URL": self._endpoint, "AWS_ALLOW_HTTP": "true", **KEYS}

    @property
    def _endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self._endpoint,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            region_name=KEYS["AWS_REGION"],
            config=Config(proxies={}, retries={"max_attempts": 1}),
        )

    def url(self, folder: str) -> str:
        return f"s3://{self.name}/{folder}"

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=name, Body=content)

    def upload(self, folder: Path, name: str) -> str:
        """Put all files of a folder; return the address."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return self.url(name)

    def contents(self, folder: str) -> dict[str, bytes]:
        """Return all objects below a name."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=f"{folder}/")
        names = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {
            name.removeprefix(f"{folder}/"): self.client.get_object(Bucket=self.name, Key=name)["Body"].read()
            for name in names
        }

    def stop(self) -> None:
        """Let the server be gone; what it holds stays."""
        self.server.stop()

    def start(self) -> None:
        """Let it come back at the same port."""
        self.server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self.server.start()


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Start a server with one empty bucket."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    held = Bucket(server, port, f"bucket-{uuid4().hex}")
    held.client.create_bucket(Bucket=held.name)
    try:
        yield held
    finally:
        held.stop()
