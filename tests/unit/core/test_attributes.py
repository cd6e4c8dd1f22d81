"""The table of attributes, held to botocore's model of CreateUser and to the models of the YAML."""

from __future__ import annotations

from dataclasses import fields

import botocore.session
import pytest
from botocore.model import ListShape, StructureShape

from identity_reconciler.core.attributes import (
    ENTERPRISE,
    MAX_PHOTOS,
    RESERVED_NAMES,
    STRUCTURE_MEMBERS,
    USER_ATTRIBUTES,
    UserAttribute,
    structures_of,
)
from identity_reconciler.core.state import Email, Photo, PostalAddress
from identity_reconciler.desired.model.people import SECTIONS

CREATE_USER = (
    botocore.session.get_session()
    .get_service_model("identitystore")
    .operation_model("CreateUser")
    .input_shape
)
OF_EXTENSION = {
    "employee_number": ("employeeNumber",),
    "cost_center": ("costCenter",),
    "organization": ("organization",),
    "division": ("division",),
    "department": ("department",),
    "manager": ("manager", "value"),
}
"""Source: RFC 7643, section 4.3, which CreateUser's example follows."""
every_attribute = pytest.mark.parametrize("attribute", USER_ATTRIBUTES, ids=lambda one: one.field)


def member(path: tuple[str, ...]) -> object:
    """Return the shape in CreateUser that *path* leads to."""
    shape: object = CREATE_USER
    for name in path:
        assert isinstance(shape, StructureShape)
        shape = shape.members[name]
    return shape


class TestUserAttributes:
    """Every attribute is where AWS and the YAML have it."""

    def test_names_nobody_may_have(self) -> None:
        # Source: CreateUser, UserName.
        assert {"administrator", "awsadministrators"} == RESERVED_NAMES

    def test_all_of_create_user_are_here(self) -> None:
        assert CREATE_USER is not None
        here = {attribute.members[0] for attribute in USER_ATTRIBUTES}
        assert {*here, "IdentityStoreId", "UserName"} == CREATE_USER.members.keys()

    @every_attribute
    def test_is_modelled_so(self, attribute: UserAttribute) -> None:
        if attribute.field in OF_EXTENSION:
            extension = ("Extensions", "aws:identitystore:enterprise")
            assert attribute.members == (*extension, *OF_EXTENSION[attribute.field])
            return
        shape = member(attribute.members)
        assert isinstance(shape, ListShape) is bool(attribute.structure)
        if isinstance(shape, ListShape) and attribute.structure:
            assert isinstance(shape.member, StructureShape)
            named = {name for _, name in STRUCTURE_MEMBERS[attribute.structure]}
            assert named == shape.member.members.keys()
            assert attribute.most == shape.metadata["max"]

    @every_attribute
    def test_its_path_is_its_place_in_small_letters(self, attribute: UserAttribute) -> None:
        if not attribute.api.startswith(ENTERPRISE):
            assert [name.lower() for name in attribute.members] == attribute.api.lower().split(".")
            assert all(part[0].islower() for part in attribute.api.split("."))

    @every_attribute
    def test_is_a_key_of_its_section(self, attribute: UserAttribute) -> None:
        assert attribute.key in SECTIONS[attribute.section].model_fields
        dotted = f"{attribute.section}.{attribute.key}" if attribute.section else attribute.key
        assert dotted == attribute.yaml

    def test_which_one_text_can_say(self) -> None:
        texts = {one.field for one in USER_ATTRIBUTES if not one.structure}
        assert {one.field for one in USER_ATTRIBUTES if one.fits_text} == texts | {
            "email",
            "phone_number",
            "role",
        }


class TestStructures:
    """A value is the list of structures that CreateUser takes."""

    def test_of_one(self) -> None:
        assert structures_of(Email("a@example.com", "work", primary=True)) == [
            {"Value": "a@example.com", "Type": "work", "Primary": True}
        ]

    def test_what_has_no_value_is_left_out(self) -> None:
        assert structures_of(PostalAddress(street_address="1 Main St")) == [
            {"StreetAddress": "1 Main St"}
        ]

    def test_of_several(self) -> None:
        photos = tuple(Photo(f"https://example.com/{number}") for number in range(MAX_PHOTOS))
        assert [one["Value"] for one in structures_of(photos)] == [one.value for one in photos]

    def test_every_field_is_there(self) -> None:
        for structure, members in STRUCTURE_MEMBERS.items():
            assert [name for name, _ in members] == [field.name for field in fields(structure)]
