"""API dictionaries and values say the same, and updates send what differs and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.attributes import ENTERPRISE, USER_ATTRIBUTES
from identity_reconciler.core.state import (
    Email,
    Group,
    GroupName,
    PhoneNumber,
    Photo,
    PostalAddress,
    Provenance,
    Role,
    User,
    UserName,
)
from identity_reconciler.gateway.reading.records import (
    application,
    create_group_request,
    create_user_request,
    group_record,
    user_record,
)
from identity_reconciler.gateway.writing.operations import group_operations, user_operations

T = TypeVar("T")

TEXT = st.sampled_from(["a", "b", "Zoë", "0", "  x"])
MAYBE = st.none() | TEXT
PRIMARY = st.booleans()
COMPOUNDS: dict[str, st.SearchStrategy[Any]] = {
    "email": st.none() | st.builds(Email, TEXT, MAYBE, PRIMARY),
    "phone_number": st.none() | st.builds(PhoneNumber, TEXT, MAYBE, PRIMARY),
    "address": st.none()
    | st.builds(PostalAddress, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, PRIMARY),
    "photos": st.none()
    | st.lists(st.builds(Photo, TEXT, MAYBE, MAYBE, PRIMARY), min_size=1, max_size=3).map(tuple),
    "role": st.none() | st.builds(Role, TEXT, MAYBE, PRIMARY),
}


def users() -> st.SearchStrategy[User]:
    texts = {one.field: MAYBE for one in USER_ATTRIBUTES if not one.structure}
    names = st.sampled_from([UserName("ana"), UserName("Ana")])
    return st.builds(User, names, **texts, **COMPOUNDS)


def groups() -> st.SearchStrategy[Group]:
    return st.builds(Group, st.sampled_from([GroupName("g"), GroupName("h")]), MAYBE)


def camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


def rekeyed(value: T, spell: Callable[[str], str]) -> T:
    """Return *value* with the keys of all dictionaries in it spelled by *spell*."""
    result: Any = value
    if isinstance(value, dict):
        result = {spell(key): rekeyed(item, spell) for key, item in value.items()}
    if isinstance(value, list):
        result = [rekeyed(item, spell) for item in value]
    kept: T = result
    return kept


def stored(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what AWS keeps of a create request: the document that operations then change."""
    document = dict(request)
    extensions = document.pop("Extensions", {})
    del document["IdentityStoreId"]
    return {**rekeyed(document, camel), **extensions}


def applied(document: dict[str, Any], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return *document* after *operations*, as UpdateUser does it."""
    for operation in operations:
        path: str = operation["AttributePath"]
        steps = path.removeprefix(ENTERPRISE).lstrip(".").split(".")
        if path.startswith(ENTERPRISE):
            steps.insert(0, ENTERPRISE)
        leaf = steps.pop()
        place = document
        for step in steps:
            place = place.setdefault(step, {})
        if "AttributeValue" in operation:
            place[leaf] = operation["AttributeValue"]
        else:
            place.pop(leaf, None)
    return document


def read(document: dict[str, Any]) -> User:
    """Return the user that a read of *document* shows."""
    document = dict(document)
    enterprise = document.pop(ENTERPRISE, {})
    item = {**rekeyed(document, pascal), "UserId": "1", "Extensions": {ENTERPRISE: enterprise}}
    return user_record(item).value


class TestCreateRequest:
    """A create request holds what the user has, and reads back as the same user."""

    @given(users())
    def test_what_is_created_is_what_was_declared(self, user: User) -> None:
        assert read(stored(create_user_request("d-1", user, user.manager))) == user

    @given(users())
    def test_nothing_empty_is_sent(self, user: User) -> None:
        def check(value: object) -> None:
            assert value not in (None, "", [], {})
            for item in value.values() if isinstance(value, dict) else ():
                check(item)
            for item in value if isinstance(value, list) else ():
                check(item)

        check(create_user_request("d-1", user, user.manager))

    def test_an_undeclared_primary_is_sent_as_true_except_for_photos(self) -> None:
        user = User(UserName("ana"), email=Email("a@example.com"), photos=(Photo("http://x"),))
        request = create_user_request("d-1", user)
        assert request["Emails"] == [{"Value": "a@example.com", "Primary": True}]
        assert request["Photos"] == [{"Value": "http://x"}]

    def test_a_group_without_description_has_no_description(self) -> None:
        group = Group(GroupName("g"))
        assert create_group_request("d-1", group) == {"IdentityStoreId": "d-1", "DisplayName": "g"}


class TestOperations:
    """The operations turn one user into the other, and are the fewest that do."""

    @given(users(), users())
    def test_the_first_becomes_the_second(self, before: User, after: User) -> None:
        document = stored(create_user_request("d-1", before, before.manager))
        operations = user_operations(before, after, after.manager)
        assert read(applied(document, operations)) == after

    @given(users(), users())
    def test_there_is_one_for_each_difference(self, before: User, after: User) -> None:
        fields = ("user_name", *(one.field for one in USER_ATTRIBUTES))
        different = [name for name in fields if getattr(before, name) != getattr(after, name)]
        operations = user_operations(before, after, after.manager)
        assert len(operations) == len(different)

    @given(users(), users())
    def test_no_path_comes_twice_or_with_its_parent(self, before: User, after: User) -> None:
        paths = [one["AttributePath"] for one in user_operations(before, after, after.manager)]
        assert len(set(paths)) == len(paths)
        assert not any(one.startswith(f"{other}.") for one in paths for other in paths)

    @given(users())
    def test_provenance_and_ownership_are_not_sent(self, user: User) -> None:
        other = replace(user, foreign=True, provenance=Provenance(created_by="x"))
        assert user_operations(user, other) == []

    def test_paths_and_values_are_spelled_as_the_service_wants_them(self) -> None:
        before = User(UserName("ana"), department="old", title="old", manager=UserName("bob"))
        after = User(
            UserName("ana"),
            given_name="Ana",
            address=PostalAddress(street_address="Main", primary=True),
            manager=UserName("carla"),
        )
        assert user_operations(before, after, "id-of-carla") == [
            {"AttributePath": "name.givenName", "AttributeValue": "Ana"},
            {
                "AttributePath": "addresses",
                "AttributeValue": [{"streetAddress": "Main", "primary": True}],
            },
            {"AttributePath": "title"},
            {"AttributePath": f"{ENTERPRISE}.department"},
            {"AttributePath": f"{ENTERPRISE}.manager.value", "AttributeValue": "id-of-carla"},
        ]

    @given(groups(), groups())
    def test_a_group_becomes_the_other(self, before: Group, after: Group) -> None:
        document = stored(create_group_request("d-1", before))
        changed = applied(document, group_operations(before, after))
        assert group_record({"GroupId": "1", **rekeyed(changed, pascal)}).value == after


class TestReading:
    """What AWS adds of its own is understood, what it leaves out is absent."""

    def test_a_bare_user_has_its_id_for_a_name(self) -> None:
        record = user_record({"UserId": "1"})
        assert (record.identifier, record.value.user_name, record.revision) == ("1", "1", None)
        assert record.value == User(UserName("1"))

    def test_provenance_is_kept(self) -> None:
        item = {
            "UserId": "1",
            "UserName": "ana",
            "UserStatus": "DISABLED",
            "CreatedAt": datetime(2026, 1, 2, tzinfo=UTC),
            "CreatedBy": "someone",
            "ExternalIds": [{"Issuer": "i", "Id": "1"}],
        }
        user = user_record(item).value
        assert user.foreign
        assert user.provenance == Provenance(
            created_at="2026-01-02T00:00:00+00:00", created_by="someone", enabled=False
        )

    def test_empty_lists_are_no_value(self) -> None:
        assert user_record({"UserId": "1", "Emails": [], "ExternalIds": []}).value.email is None

    def test_an_application_may_have_nothing_but_its_arn(self) -> None:
        assert application({"ApplicationArn": "arn"}).name == ""
