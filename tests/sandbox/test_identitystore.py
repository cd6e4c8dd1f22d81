"""Users, groups and memberships of the sandbox, through boto3."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from botocore.exceptions import ClientError

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.assumptions import Assumptions, IdentifierForm

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient

STORE = "d-1234567890"
NOWHERE = "00000000-0000-4000-8000-000000000000"


def user(store: IdentityStoreClient, name: str, **attributes: object) -> dict[str, Any]:
    """Create a user with what is required."""
    request: dict[str, Any] = {
        "IdentityStoreId": STORE,
        "UserName": name,
        "DisplayName": name.title(),
        "Name": {"GivenName": name, "FamilyName": "Doe"},
        **attributes,
    }
    return dict(store.create_user(**request))


def group(store: IdentityStoreClient, name: str) -> str:
    """Create a group and return its id."""
    return str(store.create_group(IdentityStoreId=STORE, DisplayName=name)["GroupId"])


def described(store: IdentityStoreClient, user_id: str) -> dict[str, Any]:
    """Return a user with its extensions."""
    return dict(
        store.describe_user(
            IdentityStoreId=STORE, UserId=user_id, Extensions=["aws:identitystore:enterprise"]
        )
    )


def unique(path: str, value: str) -> dict[str, Any]:
    """Return the AlternateIdentifier for a unique attribute."""
    return {"UniqueAttribute": {"AttributePath": path, "AttributeValue": value}}


def operation(path: str, value: object) -> dict[str, Any]:
    """Return one element of Operations."""
    return {"AttributePath": path, "AttributeValue": value}


def update(store: IdentityStoreClient, user_id: str, **values: object) -> dict[str, Any]:
    """Update paths of a user; `__` stands for a dot, None for no value."""
    operations: list[Any] = [
        operation(path.replace("__", "."), value) for path, value in values.items()
    ]
    return dict(store.update_user(IdentityStoreId=STORE, UserId=user_id, Operations=operations))


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    """Return code and message of an error."""
    answer = error.value.response["Error"]
    return answer["Code"], answer["Message"]


def detail(error: pytest.ExceptionInfo[ClientError], member: str) -> object:
    """Return a member of a modelled exception."""
    answer: dict[str, Any] = dict(error.value.response)
    return answer[member]


class TestUsers:
    """What is stored is what was sent, and comes back as AWS spells it."""

    def test_every_attribute_comes_back(self, store: IdentityStoreClient) -> None:
        attributes: dict[str, Any] = {
            "NickName": "Al",
            "ProfileUrl": "https://example.com/al",
            "Emails": [{"Value": "a@example.com", "Type": "work", "Primary": True}],
            "PhoneNumbers": [{"Value": "+49 30 1", "Type": "work"}],
            "Addresses": [{"Locality": "Berlin", "Country": "DE"}],
            "UserType": "employee",
            "Title": "Engineer",
            "PreferredLanguage": "de",
            "Locale": "de-DE",
            "Timezone": "Europe/Berlin",
            "Photos": [{"Value": "https://example.com/al.png", "Primary": True}],
            "Website": "https://example.com",
            "Birthdate": "1990-01-01",
            "Roles": [{"Value": "lead"}],
            "Extensions": {"aws:identitystore:enterprise": {"department": "Data"}},
        }
        created = user(store, "alice", **attributes)
        found = described(store, created["UserId"])
        assert {name: found[name] for name in attributes} == attributes
        assert found["UserStatus"] == "ENABLED"
        assert found["UserArn"] == f"arn:aws:identitystore:::user/{created['UserId']}"
        assert found["Revision"] == created["Revision"]
        assert found["CreatedAt"] == found["UpdatedAt"]

    def test_extensions_only_on_request(self, store: IdentityStoreClient) -> None:
        extensions = {"aws:identitystore:enterprise": {"department": "Data"}}
        created = user(store, "alice", Extensions=extensions)
        plain = store.describe_user(IdentityStoreId=STORE, UserId=created["UserId"])
        assert "Extensions" not in set(plain)
        listed = store.list_users(IdentityStoreId=STORE)["Users"]
        assert "Extensions" not in set(listed[0])
        (with_extensions,) = store.list_users(
            IdentityStoreId=STORE, Extensions=["aws:identitystore:enterprise"]
        )["Users"]
        assert with_extensions["Extensions"] == extensions

    def test_unset_attributes_are_absent(self, store: IdentityStoreClient) -> None:
        found = described(store, user(store, "alice")["UserId"])
        assert not {"Emails", "Title", "ExternalIds", "Extensions"} & set(found)

    @pytest.mark.parametrize(
        ("attributes", "message"),
        [
            ({"UserName": "Administrator"}, "Administrator is a reserved name"),
            (
                {"Emails": [{"Value": "a@x.io"}, {"Value": "b@x.io"}]},
                "List attribute emails exceeds allowed limit of 1",
            ),
            (
                {"UserName": "two words", "Title": "x" * 1025},
                (
                    "2 validation errors detected: "
                    "Value at 'userName' failed to satisfy constraint: Member must satisfy "
                    r"regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+; "
                    "Value at 'title' failed to satisfy constraint: "
                    "Member must have length less than or equal to 1024"
                ),
            ),
            (
                {"Name": {"GivenName": "Al"}},
                "familyname: The attribute familyname is required",
            ),
        ],
    )
    def test_refused(
        self, store: IdentityStoreClient, attributes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ClientError) as error:
            user(store, **({"name": "alice"} | attributes))
        assert refusal(error) == ("ValidationException", message)
        assert store.list_users(IdentityStoreId=STORE)["Users"] == []

    @pytest.mark.parametrize("name", ["Żółć", "名前", "a+b@x.io", "😀", "e\u0301"])
    def test_letters_marks_symbols_numbers_and_punctuation_make_a_name(
        self, store: IdentityStoreClient, name: str
    ) -> None:
        user(store, name)

    @pytest.mark.parametrize("name", ["a b", "a\u00a0b", "a\u200bb", "a\tb", "\u2028"])
    def test_separators_and_control_characters_do_not(
        self, store: IdentityStoreClient, name: str
    ) -> None:
        with pytest.raises(store.exceptions.ValidationException):
            user(store, name)

    def test_missing_attributes(self, store: IdentityStoreClient) -> None:
        with pytest.raises(ClientError) as error:
            store.create_user(IdentityStoreId=STORE)
        assert refusal(error)[1] == "userName is a required attribute"
        with pytest.raises(ClientError) as error:
            store.create_user(IdentityStoreId=STORE, UserName="alice")
        assert refusal(error)[1] == (
            "displayname: The attribute displayname is required, "
            "name: The attribute name is required"
        )


class TestGroups:
    """A group has a name, perhaps a description, and nothing that was not given."""

    def test_what_comes_back(self, store: IdentityStoreClient) -> None:
        created = store.create_group(IdentityStoreId=STORE, DisplayName="Data\u3000Science")
        found = dict(store.describe_group(IdentityStoreId=STORE, GroupId=created["GroupId"]))
        assert found["DisplayName"] == "Data\u3000Science"
        assert found["GroupArn"] == created["GroupArn"]
        assert not {"ExternalIds", "Description"} & set(found)

    def test_a_name_is_required(self, store: IdentityStoreClient) -> None:
        with pytest.raises(ClientError) as error:
            store.create_group(IdentityStoreId=STORE)
        assert refusal(error) == ("ValidationException", "displayName is a required attribute")

    def test_only_unique_attributes_identify(self, store: IdentityStoreClient) -> None:
        for path in ("description", "displayName.x", "userName"):
            with pytest.raises(store.exceptions.ValidationException):
                store.get_group_id(
                    IdentityStoreId=STORE,
                    AlternateIdentifier=unique(path, "x"),  # type: ignore[arg-type]
                )

    def test_every_error_has_its_own_request_id(self, store: IdentityStoreClient) -> None:
        seen = set()
        for _ in range(2):
            with pytest.raises(ClientError) as error:
                store.describe_group(IdentityStoreId=STORE, GroupId=NOWHERE)
            seen.add(UUID(str(detail(error, "RequestId"))))
            assert detail(error, "ResourceId") == NOWHERE
        assert len(seen) == 2


class TestUniqueness:
    """User names, e-mail addresses, group names and memberships exist once."""

    def test_user_name_without_regard_to_case(self, store: IdentityStoreClient) -> None:
        user(store, "alice")
        with pytest.raises(store.exceptions.ConflictException) as error:
            user(store, "ALICE")
        assert error.value.response["Error"]["Message"] == "Duplicate UserName"
        assert detail(error, "Reason") == "UNIQUENESS_CONSTRAINT_VIOLATION"

    def test_email(self, store: IdentityStoreClient) -> None:
        user(store, "alice", Emails=[{"Value": "a@x.io"}])
        with pytest.raises(store.exceptions.ConflictException):
            user(store, "bob", Emails=[{"Value": "A@X.io"}])

    def test_group_name(self, store: IdentityStoreClient) -> None:
        group(store, "Data")
        with pytest.raises(store.exceptions.ConflictException):
            group(store, "data")

    def test_membership(self, store: IdentityStoreClient) -> None:
        request: dict[str, Any] = {
            "IdentityStoreId": STORE,
            "GroupId": group(store, "data"),
            "MemberId": {"UserId": user(store, "alice")["UserId"]},
        }
        store.create_group_membership(**request)
        with pytest.raises(store.exceptions.ConflictException) as error:
            store.create_group_membership(**request)
        assert detail(error, "Reason") == "UNIQUENESS_CONSTRAINT_VIOLATION"

    def test_names_by_case_when_assumed(self) -> None:
        with Sandbox.assuming(Assumptions(case_sensitive_names=True)) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            store = sandbox.session().client("identitystore")
            user(store, "alice")
            user(store, "ALICE")


class TestUpdate:
    """UpdateUser and UpdateGroup change what they name, all of it or nothing."""

    def test_paths(self, store: IdentityStoreClient) -> None:
        user_id = user(store, "alice", Title="Engineer")["UserId"]
        update(
            store,
            user_id,
            title=None,
            name__givenName="Alicia",
            emails=[{"value": "a@x.io", "primary": True}],
            addresses=[{"StreetAddress": "1 Main St"}],
        )
        found = described(store, user_id)
        assert "Title" not in found
        assert found["Name"] == {"GivenName": "Alicia", "FamilyName": "Doe"}
        assert found["Emails"] == [{"Value": "a@x.io", "Primary": True}]
        assert found["Addresses"] == [{"StreetAddress": "1 Main St"}]

    def test_extension_as_a_whole_and_by_path(self, store: IdentityStoreClient) -> None:
        user_id = user(store, "alice")["UserId"]
        name = "aws:identitystore:enterprise"
        update(store, user_id, **{name: {"department": "Data", "division": "EU"}})
        update(store, user_id, **{f"{name}__division": None, f"{name}__manager__value": user_id})
        assert described(store, user_id)["Extensions"] == {
            name: {"department": "Data", "manager": {"value": user_id}}
        }
        update(store, user_id, **{name: None})
        assert "Extensions" not in described(store, user_id)
        update(store, user_id, **{f"{name}__department": "Data"})
        update(store, user_id, **{f"{name}__department": None})
        assert "Extensions" not in described(store, user_id)

    def test_omitted_value_removes(self, store: IdentityStoreClient) -> None:
        group_id = store.create_group(
            IdentityStoreId=STORE, DisplayName="data", Description="People of data"
        )["GroupId"]
        store.update_group(
            IdentityStoreId=STORE,
            GroupId=group_id,
            Operations=[{"AttributePath": "description"}],
        )
        found = store.describe_group(IdentityStoreId=STORE, GroupId=group_id)
        assert "Description" not in found

    def test_rename_keeps_the_id(self, store: IdentityStoreClient) -> None:
        group_id = group(store, "data")
        store.update_group(
            IdentityStoreId=STORE,
            GroupId=group_id,
            Operations=[operation("displayName", "Data Science")],  # type: ignore[list-item]
        )
        found = store.get_group_id(
            IdentityStoreId=STORE,
            AlternateIdentifier=unique("displayName", "data science"),  # type: ignore[arg-type]
        )
        assert found["GroupId"] == group_id

    @pytest.mark.parametrize(
        "values",
        [
            {"title": ""},
            {"title": 7},
            {"displayName": None},
            {"name__familyName": None},
            {"emails__value": "a@x.io"},
            {"emails": [{"value": "a@x.io"}, {"value": "b@x.io"}]},
            {"emails": [{"value": "a@x.io", "colour": "red"}]},
            {"externalIds": [{"issuer": "x", "id": "y"}]},
            {"userStatus": "DISABLED"},
            {"unheardOf": "x"},
            {"aws:identitystore:enterprise__colour": "red"},
            {"aws:identitystore:other__colour": "red"},
            {"aws:identitystore:enterprisedepartment": "Data"},
        ],
    )
    def test_refused_and_nothing_changed(
        self, store: IdentityStoreClient, values: dict[str, Any]
    ) -> None:
        user_id = user(store, "alice")["UserId"]
        before = described(store, user_id)
        with pytest.raises(store.exceptions.ValidationException):
            update(store, user_id, nickName="Al", **values)
        after = described(store, user_id)
        assert before | {"ResponseMetadata": None} == after | {"ResponseMetadata": None}

    def test_multi_value_text(self, store: IdentityStoreClient) -> None:
        user_id = user(store, "alice")["UserId"]
        with pytest.raises(ClientError) as error:
            update(store, user_id, **{"emails[0].value": "a@x.io"})
        assert refusal(error)[1] == (
            "Unsupported update operation on multi-value attribute emails, please provide full "
            "replacement of Multi-Value attribute types"
        )


class TestRevision:
    """A write with the Revision of an older read is refused."""

    def test_update_and_delete_compare(self, store: IdentityStoreClient) -> None:
        created = user(store, "alice")
        old = created["Revision"]
        new = update(store, created["UserId"], title="Engineer")["Revision"]
        assert new != old
        with pytest.raises(store.exceptions.ConflictException) as error:
            store.delete_user(IdentityStoreId=STORE, UserId=created["UserId"], Revision=old)
        assert detail(error, "Reason") == "CONCURRENT_MODIFICATION"
        with pytest.raises(store.exceptions.ConflictException):
            store.update_user(
                IdentityStoreId=STORE,
                UserId=created["UserId"],
                Revision=old,
                Operations=[{"AttributePath": "title"}],
            )
        store.delete_user(IdentityStoreId=STORE, UserId=created["UserId"], Revision=new)

    def test_group(self, store: IdentityStoreClient) -> None:
        created = store.create_group(IdentityStoreId=STORE, DisplayName="data")
        with pytest.raises(store.exceptions.ConflictException):
            store.delete_group(IdentityStoreId=STORE, GroupId=created["GroupId"], Revision="0")
        store.delete_group(
            IdentityStoreId=STORE, GroupId=created["GroupId"], Revision=created["Revision"]
        )


class TestMissing:
    """What does not exist is ResourceNotFoundException with its type."""

    @pytest.mark.parametrize(
        ("operation", "arguments", "resource_type"),
        [
            ("describe_user", {"UserId": NOWHERE}, "USER"),
            ("delete_user", {"UserId": NOWHERE}, "USER"),
            ("describe_group", {"GroupId": NOWHERE}, "GROUP"),
            ("delete_group", {"GroupId": NOWHERE}, "GROUP"),
            ("list_group_memberships", {"GroupId": NOWHERE}, "GROUP"),
            ("list_group_memberships_for_member", {"MemberId": {"UserId": NOWHERE}}, "USER"),
            ("describe_group_membership", {"MembershipId": NOWHERE}, "GROUP_MEMBERSHIP"),
            ("delete_group_membership", {"MembershipId": NOWHERE}, "GROUP_MEMBERSHIP"),
            (
                "get_group_membership_id",
                {"GroupId": NOWHERE, "MemberId": {"UserId": NOWHERE}},
                "GROUP_MEMBERSHIP",
            ),
            (
                "create_group_membership",
                {"GroupId": NOWHERE, "MemberId": {"UserId": NOWHERE}},
                "USER",
            ),
            ("list_users", {"IdentityStoreId": "d-ffffffffff"}, "IDENTITY_STORE"),
        ],
    )
    def test_not_found(
        self,
        store: IdentityStoreClient,
        operation: str,
        arguments: dict[str, Any],
        resource_type: str,
    ) -> None:
        with pytest.raises(store.exceptions.ResourceNotFoundException) as error:
            getattr(store, operation)(**({"IdentityStoreId": STORE} | arguments))
        assert detail(error, "ResourceType") == resource_type
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400

    def test_no_member_of_what_is_not_there(self, store: IdentityStoreClient) -> None:
        (result,) = store.is_member_in_groups(
            IdentityStoreId=STORE, MemberId={"UserId": NOWHERE}, GroupIds=[NOWHERE]
        )["Results"]
        assert result["MembershipExists"] is False


class TestMemberships:
    """Memberships come and go, and go with either end."""

    def test_both_directions(self, store: IdentityStoreClient) -> None:
        user_id, group_id = user(store, "alice")["UserId"], group(store, "data")
        created = store.create_group_membership(
            IdentityStoreId=STORE, GroupId=group_id, MemberId={"UserId": user_id}
        )
        (by_group,) = store.list_group_memberships(IdentityStoreId=STORE, GroupId=group_id)[
            "GroupMemberships"
        ]
        (by_user,) = store.list_group_memberships_for_member(
            IdentityStoreId=STORE, MemberId={"UserId": user_id}
        )["GroupMemberships"]
        assert by_group == by_user
        assert by_group["MembershipId"] == created["MembershipId"]
        found = store.get_group_membership_id(
            IdentityStoreId=STORE, GroupId=group_id, MemberId={"UserId": user_id}
        )
        assert found["MembershipId"] == created["MembershipId"]
        store.delete_group_membership(IdentityStoreId=STORE, MembershipId=created["MembershipId"])
        listed = store.list_group_memberships(IdentityStoreId=STORE, GroupId=group_id)
        assert listed["GroupMemberships"] == []

    def test_cascade(self, store: IdentityStoreClient) -> None:
        user_id, group_id = user(store, "alice")["UserId"], group(store, "data")
        store.create_group_membership(
            IdentityStoreId=STORE, GroupId=group_id, MemberId={"UserId": user_id}
        )
        store.delete_user(IdentityStoreId=STORE, UserId=user_id)
        listed = store.list_group_memberships(IdentityStoreId=STORE, GroupId=group_id)
        assert listed["GroupMemberships"] == []


class TestLookUp:
    """Users and groups are found by their unique attributes and external ids."""

    def test_by_user_name_and_email(self, store: IdentityStoreClient) -> None:
        user(store, "bob")
        user_id = user(store, "alice", Emails=[{"Value": "a@x.io"}])["UserId"]
        for path, value in (("userName", "Alice"), ("emails.value", "A@x.io")):
            found = store.get_user_id(
                IdentityStoreId=STORE,
                AlternateIdentifier=unique(path, value),  # type: ignore[arg-type]
            )
            assert found["UserId"] == user_id

    def test_by_external_id(self, store: IdentityStoreClient, sandbox: Sandbox) -> None:
        user_id = user(store, "alice")["UserId"]
        sandbox.set_external_ids(user_id, [("https://idp.example.com", "4711")])
        found = store.get_user_id(
            IdentityStoreId=STORE,
            AlternateIdentifier={"ExternalId": {"Issuer": "https://idp.example.com", "Id": "4711"}},
        )
        assert found["UserId"] == user_id
        assert described(store, user_id)["ExternalIds"] == [
            {"Issuer": "https://idp.example.com", "Id": "4711"}
        ]

    def test_filter(self, store: IdentityStoreClient) -> None:
        user(store, "alice")
        user(store, "bob")
        for path in ("userName", "UserName"):
            (found,) = store.list_users(
                IdentityStoreId=STORE,
                Filters=[{"AttributePath": path, "AttributeValue": "bob"}],
            )["Users"]
            assert found.get("UserName") == "bob"
        with pytest.raises(store.exceptions.ValidationException):
            store.list_users(
                IdentityStoreId=STORE,
                Filters=[{"AttributePath": "title", "AttributeValue": "bob"}],
            )


class TestIdentifiers:
    """Identifiers come in either form and may be given as ARNs."""

    def test_arns(self, store: IdentityStoreClient) -> None:
        created = user(store, "alice")
        found = store.describe_user(
            IdentityStoreId=f"arn:aws:identitystore::123456789012:identitystore/{STORE}",
            UserId=created["UserArn"],
        )
        assert found["UserId"] == created["UserId"]

    def test_arn_of_another_type(self, store: IdentityStoreClient) -> None:
        created = user(store, "alice")
        with pytest.raises(store.exceptions.ValidationException):
            store.describe_group(IdentityStoreId=STORE, GroupId=created["UserArn"])

    def test_prefixed(self) -> None:
        with Sandbox.assuming(Assumptions(identifier_form=IdentifierForm.PREFIXED)) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            store = sandbox.session().client("identitystore")
            user_id = user(store, "alice")["UserId"]
            assert user_id.startswith("1234567890-")
            assert described(store, user_id)["UserId"] == user_id


class TestPages:
    """Pages cover a list once, whatever is deleted between them."""

    def test_pages(self, store: IdentityStoreClient) -> None:
        names = [f"user{number:02}" for number in range(25)]
        for name in names:
            user(store, name)
        pages = store.get_paginator("list_users").paginate(
            IdentityStoreId=STORE, PaginationConfig={"PageSize": 10}
        )
        sizes = [[one.get("UserName") for one in page["Users"]] for page in pages]
        assert [len(page) for page in sizes] == [10, 10, 5]
        assert list(chain(*sizes)) == names

    def test_token_survives_the_delete_of_what_it_points_at(
        self, store: IdentityStoreClient
    ) -> None:
        ids = [group(store, f"group{number}") for number in range(4)]
        first = store.list_groups(IdentityStoreId=STORE, MaxResults=2)
        store.delete_group(IdentityStoreId=STORE, GroupId=ids[1])
        store.delete_group(IdentityStoreId=STORE, GroupId=ids[2])
        second = store.list_groups(
            IdentityStoreId=STORE, MaxResults=2, NextToken=first["NextToken"]
        )
        assert [one["GroupId"] for one in second["Groups"]] == [ids[3]]
        assert "NextToken" not in second

    @pytest.mark.parametrize("token", ["AAAA", "x", "////", "a" * 100])
    def test_foreign_tokens_are_refused(self, store: IdentityStoreClient, token: str) -> None:
        with pytest.raises(store.exceptions.ValidationException):
            store.list_users(IdentityStoreId=STORE, NextToken=token)

    def test_a_token_is_for_one_list(self, store: IdentityStoreClient) -> None:
        for number in range(2):
            group(store, f"group{number}")
        token = store.list_groups(IdentityStoreId=STORE, MaxResults=1)["NextToken"]
        with pytest.raises(store.exceptions.ValidationException):
            store.list_users(IdentityStoreId=STORE, NextToken=token)
