"""What is read of a state of Terraform, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from identity_reconciler.core.state import Email, PhoneNumber, PostalAddress, User, UserName
from identity_reconciler.desired.reading.terraform import (
    ResourceType,
    TerraformResource,
    read_terraform,
)
from identity_reconciler.errors import UsageError
from tests.strategies import INSTANCE

STORE = INSTANCE.identity_store_id
GROUP = {"group_id": "g1", "display_name": "data", "identity_store_id": STORE}


def entry(address: str, type_: str, values: object) -> dict[str, object]:
    return {"address": address, "mode": "managed", "type": type_, "values": values}


def group(address: str = "aws_identitystore_group.x", **more: object) -> dict[str, object]:
    return entry(address, "aws_identitystore_group", GROUP) | more


def state(*resources: object, **more: object) -> dict[str, object]:
    return {
        "format_version": "1.0",
        "terraform_version": "1.11.4",
        "values": {"root_module": {"resources": list(resources)}},
    } | more


def read(found: object) -> tuple[TerraformResource, ...]:
    return read_terraform(json.dumps(found), "state.json")


class TestRefused:
    """What is no state of ours is told in one line, with what to do."""

    @pytest.mark.parametrize(
        ("found", "said"),
        [
            ([], "state.json is no state of Terraform; expected what `terraform show -json`"),
            ({}, "is no state of Terraform"),
            ({"version": 4, "lineage": "x", "resources": []}, "is the state as Terraform keeps it"),
            (state(group(), format_version=1), "is no state of Terraform"),
            (state(group(), format_version="0.2"), 'has format_version "0.2", expected 1.x'),
            (state(group(), format_version="2.0"), 'has format_version "2.0", expected 1.x'),
            (state(group(), planned_values={}), "is a plan of Terraform, not its state"),
            (state(group(), resource_changes=[]), "is a plan of Terraform, not its state"),
            ({"format_version": "1.0"}, "holds nothing that is declared here; expected any of aws"),
            ({"format_version": "1.0", "values": []}, "holds nothing that is declared here"),
            (state(), "holds nothing"),
            (state(1, None, {"mode": "managed"}), "holds nothing"),
            (state(group(mode="data")), "holds nothing"),
            (state(group(type=[]), group(type={}), group(mode=[])), "holds nothing"),
            (state(group(deposed_key="a1")), "holds nothing"),
            (state(entry("aws_vpc.x", "aws_vpc", {})), "holds nothing"),
            (state(group("aws_identitystore_group.x\n}\n")), "has the address"),
            (state(group("aws_identitystore_group.x.y")), "has the address"),
            (state(group("aws_identitystore_user.x")), "expected one of a aws_identitystore_group"),
            (state(group(values=[])), '"aws_identitystore_group.x" has no group_id; run'),
            (state(group(values=GROUP | {"display_name": None})), "has no display_name; run"),
            (state(group(values=GROUP | {"group_id": ""})), "has no group_id; run"),
        ],
    )
    def test_is_told(self, found: object, said: str) -> None:
        with pytest.raises(UsageError) as caught:
            read(found)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("text", ["", "No state.\n", "[" * 100_000])
    def test_what_is_not_json(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"state\.json is not JSON: "):
            read_terraform(text, "state.json")


class TestRead:
    """Every module is looked into, and each address knows its resource."""

    def test_modules_and_keys(self) -> None:
        inner = {"resources": [group('module.a["x.y[0]"].module.b.aws_identitystore_group.c[1]')]}
        outer = {"address": 'module.a["x.y[0]"]', "child_modules": [inner]}
        odd = r'aws_identitystore_group.b["é\"]."]'
        root = {"resources": [group(odd), group("aws_identitystore_group.a")]}
        found = read(state(values={"root_module": root | {"child_modules": [outer]}}))
        assert [one.resource for one in found] == [
            "aws_identitystore_group.a",
            "aws_identitystore_group.b",
            "module.a.module.b.aws_identitystore_group.c",
        ]

    def test_whose_they_are(self) -> None:
        ours = INSTANCE.instance_arn.rpartition("/")[2]
        arn = f"arn:aws:sso::111122223333:application/{ours}/apl-1"
        values = {"application_arn": arn, "principal_id": "u1", "principal_type": "USER"}
        assigned = TerraformResource("a", ResourceType.ASSIGNMENT, values)
        assert assigned.is_of(INSTANCE)
        longer = arn.replace("/apl-", "0/apl-")
        other = replace(assigned, values=values | {"application_arn": longer})
        assert not other.is_of(INSTANCE)
        held = TerraformResource("a", ResourceType.GROUP, GROUP)
        assert held.is_of(INSTANCE)
        assert not held.is_of(replace(INSTANCE, identity_store_id="d-0000000000"))


ANA = User(
    UserName("ana"),
    display_name="Ana Doe",
    given_name="Ana",
    family_name="Doe",
    nick_name="an",
    title="Lead",
    email=Email("ana@example.com", primary=True),
    phone_number=PhoneNumber("+1"),
    address=PostalAddress(country="DE", primary=False),
    website="https://example.com",
)
HELD: dict[str, Any] = {
    "display_name": "Ana Doe",
    "name": [{"given_name": "Ana", "family_name": "Doe", "middle_name": "", "formatted": None}],
    "nickname": "an",
    "title": "Lead",
    "locale": "",
    "emails": [{"value": "ana@example.com", "type": "", "primary": True}],
    "phone_numbers": [{"value": "+1", "type": None, "primary": False}],
    "addresses": [{"country": "DE", "primary": False, "region": ""}],
}


class TestDiffering:
    """What has changed since is told by the names of the YAML; what has no value is no change."""

    def differing(self, **other: object) -> list[str]:
        held = TerraformResource("a", ResourceType.USER, HELD | other)
        return list(held.differing(ANA))

    def test_nothing(self) -> None:
        assert self.differing() == []

    @pytest.mark.parametrize(
        ("other", "names"),
        [
            ({"title": "Engineer"}, ["title"]),
            ({"title": ""}, ["title"]),
            ({"title": None}, ["title"]),
            ({"locale": "de"}, ["locale"]),
            ({"nickname": "x"}, ["nick_name"]),
            ({"name": [{"given_name": "Anna", "family_name": "Doe"}]}, ["name.given_name"]),
            ({"emails": []}, ["email"]),
            ({"emails": [HELD["emails"][0] | {"primary": False}]}, ["email"]),
            ({"emails": [HELD["emails"][0] | {"type": "work"}]}, ["email"]),
            ({"phone_numbers": None}, ["phone_number"]),
            ({"addresses": [{"country": "FR"}]}, ["address"]),
        ],
    )
    def test_each(self, other: dict[str, object], names: list[str]) -> None:
        assert self.differing(**other) == names

    def test_what_the_provider_does_not_know_is_no_change(self) -> None:
        assert list(TerraformResource("a", ResourceType.USER, {}).differing(ANA)) == []
