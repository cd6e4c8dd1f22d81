"""A directory and a bucket keep files alike."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from identity_reconciler.audit import keeping
from identity_reconciler.audit.keeping import BucketStore, FileStore, FolderStore, read


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileStore]:
    if request.param == "folder":
        yield FolderStore(tmp_path / "kept")
        return
    with mock_aws():
        client = boto3.client("s3", "us-east-1")
        client.create_bucket(Bucket="reports")
        yield BucketStore(client, "reports")


def content(store: FileStore, key: str) -> bytes | None:
    found = read(store, key)
    return None if found is None else found.read()


class TestStore:
    """What is put is there, as a whole."""

    def test_nothing(self, store: FileStore) -> None:
        assert store.open("a/b.json") is None

    def test_put(self, store: FileStore) -> None:
        store.put("a/b.json", b"one")
        store.put("a/b.json", b"two")
        assert content(store, "a/b.json") == b"two"

    @pytest.mark.parametrize("in_one", [keeping._IN_ONE, 1])  # noqa: SLF001 - no gigabytes in tests
    def test_handed_over(
        self, store: FileStore, in_one: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keeping, "_IN_ONE", in_one)
        store.put("a/b.csv", b"old")
        path = tmp_path / "new"
        path.write_bytes(b"rows" * 1000)
        store.hand_over("a/b.csv", path)
        assert content(store, "a/b.csv") == b"rows" * 1000
        assert not path.exists()


class TestFolder:
    """Only its owner reads it."""

    def test_modes(self, tmp_path: Path) -> None:
        folder = FolderStore(tmp_path / "kept")
        folder.put("a/b.json", b"one")
        new = tmp_path / "new"
        new.write_bytes(b"two")
        folder.hand_over("a/c.csv", new)
        modes = {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "kept").rglob("*.*")}
        assert modes == {0o600}
        assert len([*(tmp_path / "kept/a").iterdir()]) == 2


class TestBucket:
    """What it holds says what it is; only what is missing is missing."""

    def test_types(self, tmp_path: Path) -> None:
        with mock_aws():
            client = boto3.client("s3", "us-east-1")
            client.create_bucket(Bucket="reports")
            bucket = BucketStore(client, "reports")
            path = tmp_path / "new"
            path.write_bytes(b"two")
            bucket.hand_over("a.csv", path)
            found = client.head_object(Bucket="reports", Key="a.csv")["ContentType"]
        assert found == "text/csv; charset=utf-8"

    def test_no_bucket(self) -> None:
        with mock_aws(), pytest.raises(ClientError, match="NoSuchBucket"):
            BucketStore(boto3.client("s3", "us-east-1"), "reports").open("a.csv")
