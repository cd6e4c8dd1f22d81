"""Where the answers of accounts are kept and reports are put: a directory, or a bucket of S3."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar, cast

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AHEAD = 16
"""How many objects are under way at once."""
_IN_ONE = 8 * 2**20
"""Bytes of a file that is sent with one request; the SDK would start threads for each."""
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "gz": "application/gzip",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}

_Asked = TypeVar("_Asked")
_Given = TypeVar("_Given")


class FileStore(Protocol):
    """Files by their keys, with slashes. Safe to share between threads."""

    def open(self, key: str) -> BinaryIO | None:
        """Return the file, to be read from its beginning; None: there is none."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Put a small file; one that is there already is replaced as a whole."""
        ...

    def hand_over(self, key: str, path: Path) -> None:
        """Put the file at *path*, which is then gone; one that is there already is replaced."""
        ...


class FolderStore:
    """See FileStore. A directory whose files only their owner can read."""

    def __init__(self, path: Path) -> None:
        """Keep files under *path*."""
        self._path = path

    def open(self, key: str) -> BinaryIO | None:
        """See FileStore."""
        try:
            return (self._path / key).open("rb")
        except FileNotFoundError:
            return None

    def put(self, key: str, content: bytes) -> None:
        """See FileStore."""
        written = self._place(f"{key}.{os.getpid()}.new")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:
            new.write(content)
        written.replace(self._path / key)

    def hand_over(self, key: str, path: Path) -> None:
        """See FileStore."""
        path.chmod(0o600)
        shutil.move(path, self._place(key))

    def _place(self, key: str) -> Path:
        place = self._path / key
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


class BucketStore:
    """See FileStore. A bucket of S3, which encrypts by itself."""

    def __init__(self, client: S3Client, name: str) -> None:
        """Keep files in the bucket called *name*."""
        self._client = client
        self._name = name

    def open(self, key: str) -> BinaryIO | None:
        """See FileStore."""
        try:
            body = self._client.get_object(Bucket=self._name, Key=key)["Body"]
        except ClientError as error:
            # Without ListBucket a missing key is a denied one. Source: API_GetObject.
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
        return cast("BinaryIO", body)

    def put(self, key: str, content: bytes) -> None:
        """See FileStore."""
        self._client.put_object(
            Bucket=self._name, Key=key, Body=content, ContentType=_content_type(key)
        )

    def hand_over(self, key: str, path: Path) -> None:
        """See FileStore. A large file goes in parts, and is there when all of them are."""
        if path.stat().st_size <= _IN_ONE:
            self.put(key, path.read_bytes())
        else:
            extra = {"ContentType": _content_type(key)}
            self._client.upload_file(str(path), self._name, key, ExtraArgs=extra)
        path.unlink()


def _content_type(key: str) -> str:
    return _TYPES[key.rpartition(".")[2]]


def read(store: FileStore, key: str) -> BinaryIO | None:
    """Return a file of *store* in memory; None: there is none."""
    file = store.open(key)
    if file is None:
        return None
    with closing(file):
        return io.BytesIO(file.read())


def ahead(do: Callable[[_Asked], _Given], asked: Iterable[_Asked]) -> Iterator[_Given]:
    """Yield what *do* gives for each of *asked*, in their order; the next few are under way."""
    coming = iter(asked)
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="keeping") as pool:
        waiting: list[Future[_Given]] = [pool.submit(do, one) for one in islice(coming, _AHEAD)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(do, one) for one in islice(coming, 1)]
