"""Where the lease is kept: in the description of a group, or in an object of S3.

Both compare and set in one request: UpdateGroup by the revision of the group, PutObject by the
ETag of the object; and both make a thing that is not there only once: no two groups have one name,
and `If-None-Match: *` is for an object that is not there. Source: UpdateGroup, Revision;
CreateGroup, ConflictException; PutObject, If-Match and If-None-Match.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from identity_reconciler.core.lease import OFF, LeaseUnreadableError, lease_group
from identity_reconciler.core.state import Group, GroupName
from identity_reconciler.errors import (
    AccessDeniedError,
    ChangedError,
    InvalidRequestError,
    NotFoundError,
)
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.lookup import Lookup
from identity_reconciler.gateway.reading.records import Record, create_group_request
from identity_reconciler.gateway.wire.errors import Call, code_of, translating
from identity_reconciler.gateway.writing.operations import group_operations

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

_MISSING = frozenset({"NoSuchKey", "404"})
_INSTEAD = (
    "the lock cannot be kept in the directory where groups cannot be written, as with Active "
    "Directory; set lock: s3://bucket/key in instance.yaml, or lock: off where something else "
    "makes sure that there is one apply at a time"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept, as it was read or written."""

    text: str
    version: str
    """What tells it from what is kept before and after: a revision or an ETag."""


class LeaseStore(Protocol):
    """A place for one text."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    def read(self) -> Kept | None:
        """Return what is kept, or None where nothing ever was.

        Raises:
            GatewayError: It could not be read.
        """
        ...

    def write(self, text: str, seen: Kept | None) -> Kept:
        """Keep *text* in place of what was *seen*, with one request and no hidden retry.

        Raises:
            ChangedError: Something else is kept by now.
            AlreadyExistsError: Something is kept by now, where nothing was *seen*.
            ThrottledError: Nothing was done; try later.
            UnreachableError: Nothing was sent.
            UnknownOutcomeError: The answer was lost; *text* may be kept.
            GatewayError: Refused; nothing was done.
        """
        ...


def lease_store(connection: Connection, lock: str) -> LeaseStore | None:
    """Return where the lease is kept by *lock*, the setting; None where there is none."""
    if lock == OFF:
        return None
    if lock.startswith("s3://"):
        bucket, _, key = lock.removeprefix("s3://").partition("/")
        return ObjectLease(connection.clients.late.s3, bucket, key)
    return GroupLease(connection, lease_group(lock))


class GroupLease:
    """See LeaseStore. A group without members keeps it in its description."""

    def __init__(self, connection: Connection, group: GroupName) -> None:
        self._group = group
        self._store = connection.store
        self._client = connection.clients.identity_store_writer
        self._lookup = Lookup(connection)
        self._identifier = ""

    @property
    def place(self) -> str:
        """See LeaseStore."""
        return f"the group {self._group}"

    def read(self) -> Kept | None:
        """See LeaseStore."""
        record = self._lookup.group(self._group)
        return None if record is None else self._kept(record)

    def write(self, text: str, seen: Kept | None) -> Kept:
        """See LeaseStore."""
        try:
            return self._create(text) if seen is None else self._update(text, seen)
        except NotFoundError as error:
            raise ChangedError(f"{error}; it has been deleted since it was read") from error
        except (AccessDeniedError, InvalidRequestError) as error:
            raise type(error)(f"{error}; {_INSTEAD}") from error

    def _create(self, text: str) -> Kept:
        with translating(self._call("CreateGroup")):
            answer = self._client.create_group(
                **create_group_request(self._store, Group(self._group, text))
            )
            self._identifier = answer["GroupId"]
        return self._written(text, answer.get("Revision"))

    def _update(self, text: str, seen: Kept) -> Kept:
        with translating(self._call("UpdateGroup")):
            answer = self._client.update_group(
                IdentityStoreId=self._store,
                GroupId=self._identifier,
                Operations=group_operations(
                    Group(self._group, seen.text), Group(self._group, text)
                ),
                Revision=seen.version,
            )
        return self._written(text, answer.get("Revision"))

    def _call(self, operation: str) -> Call:
        return Call("identitystore", operation, f"group/{self._group}", writes=True)

    def _kept(self, record: Record[Group]) -> Kept:
        self._identifier = record.identifier
        return self._written(record.value.description or "", record.revision)

    def _written(self, text: str, revision: str | None) -> Kept:
        if not revision:
            raise LeaseUnreadableError(
                f"AWS tells no revision of the group {self._group}, so two runs could take the "
                "lock at once; set lock: s3://bucket/key in instance.yaml"
            )
        return Kept(text, revision)


class ObjectLease:
    """See LeaseStore. An object of S3 keeps it."""

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key

    @property
    def place(self) -> str:
        """See LeaseStore."""
        return f"s3://{self._bucket}/{self._key}"

    def read(self) -> Kept | None:
        """See LeaseStore."""
        with translating(Call("s3", "GetObject", self.place)):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key)
            except ClientError as error:
                if code_of(error) in _MISSING:
                    return None
                raise
            return Kept(answer["Body"].read().decode("ascii", "replace"), answer["ETag"])

    def write(self, text: str, seen: Kept | None) -> Kept:
        """See LeaseStore."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self._key,
            "Body": text.encode("ascii"),
            "ContentType": "application/json",
        }
        if seen is None:
            request["IfNoneMatch"] = "*"
        else:
            request["IfMatch"] = seen.version
        with translating(Call("s3", "PutObject", self.place, writes=True)):
            return Kept(text, self._client.put_object(**request)["ETag"])
