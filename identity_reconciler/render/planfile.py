"""The saved plan: a file that says of itself whether it is whole, and refuses to be anything else.

Its bytes are canonical: the document as JSON with two spaces of indentation and ASCII only, and
last a SHA-256 over all that comes before. A file that is not exactly what this module would
write for its contents is refused, so no byte of it can be changed.
"""

from __future__ import annotations

import hashlib
import json
from typing import NoReturn

from pydantic import JsonValue, ValidationError

from identity_reconciler.core.declared import Instance
from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Plan,
    Reason,
    Rename,
    Unresolved,
    Update,
)
from identity_reconciler.core.state import Group, Principal, PrincipalKind, User, folded
from identity_reconciler.errors import Position, StalePlanError
from identity_reconciler.render.consistency import inconsistencies
from identity_reconciler.render.document import FORMAT_VERSION, ChangeDocument, PlanDocument
from identity_reconciler.render.escape import safe

LARGEST = 512 * 1024 * 1024
"""Bytes: more than a plan that creates 100,000 users and 500,000 memberships takes."""
_FORMAT = "identity-reconciler/plan"


def plan_bytes(plan: PlanDocument) -> bytes:
    """Return the file of *plan*. The same document always gives the same bytes."""
    data = _data_of(plan)
    return _canonical({**data, "digest": digest_of(data)})


def plan_digest(plan: PlanDocument) -> str:
    """Return `sha256:` and 64 hexadecimal digits over everything in *plan*."""
    return digest_of(_data_of(plan))


def _data_of(plan: PlanDocument) -> dict[str, JsonValue]:
    data: dict[str, JsonValue] = plan.model_dump(mode="json", exclude_none=True)
    return data


def digest_of(data: dict[str, JsonValue]) -> str:
    """Return the digest of a plan's data without the digest itself."""
    return f"sha256:{hashlib.sha256(_canonical(data)).hexdigest()}"


def _canonical(data: JsonValue) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def read_plan(content: bytes) -> PlanDocument:
    """Return the document in a saved plan.

    A minor version newer than ours may hold more than we know; that is covered by the digest
    and not shown.

    Raises:
        StalePlanError: *content* is not, byte for byte, a plan that this program wrote, it
            contradicts itself, or its format is newer than we can read.
    """
    data = _parsed(content)
    if data.get("format") != _FORMAT:
        raise StalePlanError(f'this is not a saved plan: its "format" is not "{_FORMAT}"')
    _require_known_version(data.get("format_version"))
    digest = data.pop("digest", None)
    if digest != digest_of(data) or content != _canonical({**data, "digest": digest}):
        raise StalePlanError(
            "the saved plan was changed after it was written: its digest does not fit; "
            "make a new plan"
        )
    return document_of(data)


def document_of(data: dict[str, JsonValue]) -> PlanDocument:
    """Return the document that *data*, of a saved plan without its digest, stands for.

    Raises:
        StalePlanError: It is none, or one of which other things would be done than are shown.
    """
    try:
        document = PlanDocument.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise StalePlanError(f"the saved plan is not valid at {where}: {first['msg']}") from error
    if document.format_version == FORMAT_VERSION and _data_of(document) != data:
        raise StalePlanError(
            "the saved plan is not valid: it holds what this program does not write; "
            "make a new plan"
        )
    for trouble in inconsistencies(document, plan_of(document)):
        raise StalePlanError(
            f"the saved plan contradicts itself: {safe(trouble)}; make a new plan, and review it"
        )
    return document


def _require_known_version(version: JsonValue) -> None:
    ours = FORMAT_VERSION.partition(".")[0]
    if not isinstance(version, str) or version.partition(".")[0] != ours:
        raise StalePlanError(
            f"the saved plan has format_version {json.dumps(version)}, and this program reads "
            f"{ours}.x; apply it with the version that made it, or make a new plan"
        )


def _parsed(content: bytes) -> dict[str, JsonValue]:
    if len(content) > LARGEST:
        raise StalePlanError(f"this is not a saved plan: it has more than {LARGEST} bytes")
    try:
        data = json.loads(
            content.decode("ascii"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise StalePlanError(f"this is not a saved plan: {_reason(error)}") from error
    if not isinstance(data, dict):
        raise StalePlanError("this is not a saved plan: it holds no JSON object")
    return data


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _reason(error: ValueError | RecursionError) -> str:
    match error:
        case json.JSONDecodeError():
            return f"{error.msg} at line {error.lineno}, column {error.colno}"
        case UnicodeDecodeError():
            return f"it holds a byte that is not ASCII at offset {error.start}"
        case RecursionError():
            return "it is nested too deeply"
        case _:
            return str(error)


def plan_of(document: PlanDocument) -> Plan:
    """Return the changes of *document*, and what is unresolved, as a plan, in its order.

    Raises:
        StalePlanError: A change does not have the sides that its action needs.
    """
    changes = tuple(_change(change) for change in document.changes)
    return Plan(
        changes,
        unresolved=tuple(
            Unresolved(
                Position(one.source.file, one.source.line, one.source.column)
                if one.source
                else None,
                one.message,
            )
            for one in document.unresolved
        ),
        witnesses={_principal(one.address): one.witness for one in document.witnesses},
        waves={
            change.key: one.wave
            for one, change in zip(document.changes, changes, strict=True)
            if one.wave is not None
        },
    )


def _principal(address: str) -> Principal:
    kind, _, name = address.partition("/")
    try:
        return Principal(PrincipalKind(kind), folded(name))
    except ValueError as error:
        raise StalePlanError(
            f"the saved plan is not valid: it has a witness of {safe(address)}"
        ) from error


def instance_of(document: PlanDocument) -> Instance:
    """Return the instance that *document* is a plan for."""
    instance = document.instance
    return Instance(
        name=instance.name,
        region=instance.region,
        account_id=instance.account_id,
        instance_arn=instance.instance_arn,
        identity_store_id=instance.identity_store_id,
        delegated_administrator=instance.delegated_administrator,
    )


def _change(change: ChangeDocument) -> Change:
    before, after = change.before, change.after
    if change.action == "create" and before is None and after is not None:
        return Create(after)
    if change.action == "delete" and before is not None and after is None:
        return Delete(before, _reason_of(change), change.cascaded)
    if (isinstance(before, User) and isinstance(after, User)) or (
        isinstance(before, Group) and isinstance(after, Group)
    ):
        if change.action == "update":
            return Update(before, after)
        if change.action == "rename":
            return Rename(before, after)
    raise StalePlanError(
        f"the saved plan is not valid: {change.address} cannot be {change.action}d like that"
    )


def _reason_of(change: ChangeDocument) -> Reason:
    try:
        return Reason(change.reason or "")
    except ValueError as error:
        raise StalePlanError(
            f"the saved plan is not valid: {change.address} is removed for an unknown reason"
        ) from error
