"""What a state of Terraform manages of an instance: `terraform show -json`, as values. Pure.

Source: Terraform, JSON output format (state and values representation).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from identity_reconciler.core.attributes import USER_ATTRIBUTES, UserAttribute
from identity_reconciler.core.declared import Instance
from identity_reconciler.core.state import User
from identity_reconciler.core.wording import shown
from identity_reconciler.errors import UsageError

_SHOW = "`terraform show -json` in its directory prints it"
_KEY = re.compile(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]')
"""The key of an instance in an address. Source: Terraform, resource addressing."""
_ADDRESS = re.compile(r"(?:module\.[\w-]+\.)*(?P<type>\w+)\.[\w-]+")

_OTHER_NAMES = {
    "nick_name": "nickname",
    "email": "emails",
    "phone_number": "phone_numbers",
    "address": "addresses",
}
"""What the provider calls otherwise than the YAML. Source: terraform-provider-aws, user.go."""


class ResourceType(StrEnum):
    """The types of the AWS provider that are declared here. Values are theirs."""

    USER = "aws_identitystore_user"
    GROUP = "aws_identitystore_group"
    MEMBERSHIP = "aws_identitystore_group_membership"
    ASSIGNMENT = "aws_ssoadmin_application_assignment"


_NEEDED = {
    ResourceType.USER: ("user_id", "user_name", "identity_store_id"),
    ResourceType.GROUP: ("group_id", "display_name", "identity_store_id"),
    ResourceType.MEMBERSHIP: ("group_id", "member_id", "identity_store_id"),
    ResourceType.ASSIGNMENT: ("application_arn", "principal_id", "principal_type"),
}


@dataclass(frozen=True, slots=True)
class TerraformResource:
    """One instance of a resource that Terraform manages."""

    address: str
    """With the keys of `count` and `for_each`."""
    type: ResourceType
    values: Mapping[str, object]
    """The attributes; those that identify it are text."""

    @property
    def resource(self) -> str:
        """The address without keys: all that a `removed` block can name."""
        return _KEY.sub("", self.address)

    def text(self, name: str) -> str:
        """Return an attribute that identifies it."""
        return str(self.values[name])

    def is_of(self, instance: Instance) -> bool:
        """Return whether it belongs to *instance*."""
        if self.type is ResourceType.ASSIGNMENT:
            name = instance.instance_arn.rpartition("/")[2]
            return f"/{name}/" in self.text("application_arn")
        return self.text("identity_store_id") == instance.identity_store_id

    def differing(self, user: User) -> Iterator[str]:
        """Yield the names in the YAML of the attributes that *user* has otherwise."""
        for attribute in USER_ATTRIBUTES:
            held = _held(self.values, attribute)
            if held is not None and held != _text_or_parts(attribute, user):
                yield attribute.yaml


_Parts = dict[str, object]


def _held(values: Mapping[str, object], attribute: UserAttribute) -> str | _Parts | None:
    """Return what the provider has of *attribute*; None where it does not know the attribute."""
    place: object = values
    *sections, key = _OTHER_NAMES.get(attribute.yaml, attribute.yaml).split(".")
    for section in sections:
        place = _first(place.get(section)) if isinstance(place, Mapping) else None
    if not isinstance(place, Mapping) or key not in place:
        return None
    found = place[key]
    if attribute.structure is None:
        return found if isinstance(found, str) else ""
    first = _first(found)
    return {k: v for k, v in first.items() if v} if isinstance(first, Mapping) else {}


def _first(found: object) -> object:
    """Return what a block holds that may be there once: Terraform has lists of them."""
    return found[0] if isinstance(found, list) and found else {}


def _text_or_parts(attribute: UserAttribute, user: User) -> str | _Parts:
    value = getattr(user, attribute.field)
    if attribute.structure is None:
        return str(value or "")
    fields = attribute.structure.__dataclass_fields__ if value is not None else ()
    return {name: part for name in fields if (part := getattr(value, name))}


def read_terraform(text: str, file: str) -> tuple[TerraformResource, ...]:
    """Return what a state manages of the four types, by address. *file* is only for messages.

    Raises:
        UsageError: It is no state as `terraform show -json` prints it, or holds none of them.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON: {error}; {_SHOW}") from error
    if not isinstance(found, dict) or not isinstance(found.get("format_version"), str):
        raw = isinstance(found, dict) and "lineage" in found
        what = "is the state as Terraform keeps it" if raw else "is no state of Terraform"
        raise UsageError(f"{file} {what}; expected what `terraform show -json` prints")
    if "planned_values" in found or "resource_changes" in found:
        raise UsageError(f"{file} is a plan of Terraform, not its state; {_SHOW}")
    # 1.0 is that of Terraform 1.1. Source: Terraform, JSON output format, format version.
    version = str(found["format_version"])
    if version.partition(".")[0] != "1":
        raise UsageError(
            f"{file} has format_version {shown(version)}, expected 1.x; print it with Terraform "
            "1.7 or later, which knows `removed` blocks, too"
        )
    values = found.get("values")
    root = values.get("root_module") if isinstance(values, dict) else None
    resources = sorted(_resources(root, file), key=lambda one: one.address)
    if not resources:
        types = ", ".join(ResourceType)
        raise UsageError(f"{file} holds nothing that is declared here; expected any of {types}")
    return tuple(resources)


def _resources(module: object, file: str) -> Iterator[TerraformResource]:
    pending = [module]
    while pending:
        one = pending.pop()
        if not isinstance(one, dict):
            continue
        pending += _listed(one, "child_modules")
        for entry in _listed(one, "resources"):
            if isinstance(entry, dict) and _is_ours(entry):
                yield _resource(entry, file)


def _is_ours(entry: Mapping[str, object]) -> bool:
    # What is deposed is about to be deleted, and its successor has the same address.
    managed = entry.get("mode") == "managed" and "deposed_key" not in entry
    return managed and str(entry.get("type")) in set(ResourceType)


def _listed(module: Mapping[str, object], key: str) -> list[object]:
    found = module.get(key)
    return found if isinstance(found, list) else []


def _resource(entry: Mapping[str, object], file: str) -> TerraformResource:
    address, kind, values = (
        entry.get("address"),
        ResourceType(str(entry["type"])),
        entry.get("values"),
    )
    bare = _ADDRESS.fullmatch(_KEY.sub("", address)) if isinstance(address, str) else None
    if bare is None or bare["type"] != kind:
        raise UsageError(f"{file} has the address {shown(str(address))}; expected one of a {kind}")
    for name in _NEEDED[kind]:
        value = values.get(name) if isinstance(values, dict) else None
        if not isinstance(value, str) or not value:
            raise UsageError(
                f"{file}: {shown(str(address))} has no {name}; run `terraform apply -refresh-only` "
                "and print the state again"
            )
    return TerraformResource(str(address), kind, values if isinstance(values, dict) else {})
