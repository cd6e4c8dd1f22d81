"""Probes of names and addresses: unique in which spelling, required, reserved, looked up how."""

from __future__ import annotations

from collections.abc import Callable

from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.observations import (
    NotMeasuredError,
    Observation,
    chosen,
)
from identity_reconciler.probing.probe import Probe, Switch, allowed_by, refused_by

_FOUND = {True: "found", False: "not found"}


def _second_user(respell: Callable[[str], str]) -> Callable[[Bench], Observation]:
    def ask(bench: Bench) -> Observation:
        name = bench.name()
        bench.user(name)
        return bench.attempt(lambda: bench.user(respell(name)))

    return ask


def _second_group(respell: Callable[[str], str]) -> Callable[[Bench], Observation]:
    def ask(bench: Bench) -> Observation:
        name = bench.name()
        bench.group(name)
        return bench.attempt(lambda: bench.group(respell(name)))

    return ask


def _second_address(respell: Callable[[str], str]) -> Callable[[Bench], Observation]:
    def ask(bench: Bench) -> Observation:
        address = bench.address()
        bench.user(emails=[{"Value": address}])
        return bench.attempt(lambda: bench.user(emails=[{"Value": respell(address)}]))

    return ask


def _same(text: str) -> str:
    return text


def _user_by_name_in_capitals(bench: Bench) -> Observation:
    name = bench.name()
    bench.user(name)
    return chosen(_FOUND, lambda: bench.user_id("userName", name.upper()) is not None)


def _user_by_member_of_the_model(bench: Bench) -> Observation:
    name = bench.name()
    bench.user(name)
    return bench.attempt(lambda: bench.user_id("UserName", name))


def _group_by_name_in_capitals(bench: Bench) -> Observation:
    name = bench.name()
    bench.group(name)
    return chosen(_FOUND, lambda: bench.group_id(name.upper()) is not None)


def _user_by_address(bench: Bench) -> Observation:
    address = bench.address()
    bench.user(emails=[{"Value": address}])
    return chosen(
        _FOUND,
        lambda: bench.settled(
            lambda: bench.user_id("emails.value", address) is not None, expected=True
        ),
    )


def _filter(path: str) -> Callable[[Bench], Observation]:
    def ask(bench: Bench) -> Observation:
        name = bench.name()
        bench.user(name)
        bench.user()
        listed: list[int] = []

        def list_users() -> bool:
            answer = bench.store.list_users(
                IdentityStoreId=bench.site.store_id,
                Filters=[{"AttributePath": path, "AttributeValue": name}],
            )
            listed.append(len(answer["Users"]))
            return listed[-1] == 1

        seen = bench.attempt(lambda: bench.settled(list_users, expected=True))
        if not listed:
            return seen
        return Observation("finds one" if listed[-1] == 1 else "filters nothing")

    return ask


def _reserved_user(name: str) -> Callable[[Bench], Observation]:
    def ask(bench: Bench) -> Observation:
        # It has the prefix in its DisplayName.
        if bench.user_id("userName", name) is not None:
            raise NotMeasuredError("a user with the reserved name is live")
        return bench.attempt(lambda: bench.user(name))

    return ask


def _reserved_group(bench: Bench) -> Observation:
    # It has the prefix in its Description.
    if bench.group_id("Administrator") is not None:
        raise NotMeasuredError("a group with the reserved name is live")
    return bench.attempt(lambda: bench.group("Administrator"))


def _nameless_group(bench: Bench) -> Observation:
    def create() -> None:
        with bench.making(bench.as_group("without a name")) as made:
            answer = bench.store.create_group(
                IdentityStoreId=bench.site.store_id, Description=f"{bench.prefix}group"
            )
            made.identifier = answer["GroupId"]

    return bench.attempt(create)


def _identifier(bench: Bench) -> Observation:
    prefix = f"{bench.site.store_id.removeprefix('d-')}-"
    answers = {True: "the store's and a UUID", False: "a UUID"}
    return chosen(answers, lambda: bench.user().startswith(prefix))


def _formatted(bench: Bench) -> Observation:
    user = bench.user()
    shown = bench.store.describe_user(IdentityStoreId=bench.site.store_id, UserId=user)
    return chosen({True: "added", False: "absent"}, lambda: "Formatted" in shown.get("Name", {}))


def _primary(bench: Bench) -> Observation:
    user = bench.user(emails=[{"Value": bench.address()}])
    shown = bench.store.describe_user(IdentityStoreId=bench.site.store_id, UserId=user)
    emails = shown.get("Emails", [])
    return Observation(str(emails[0].get("Primary", "absent")).lower() if emails else "no address")


NAMES = (
    Probe("user-name-twice", "a second user of the same name", _second_user(_same)),
    Probe(
        "user-name-case",
        "a second user whose name differs in case",
        _second_user(str.upper),
        allowed_by("case_sensitive_names"),
    ),
    Probe("group-name-twice", "a second group of the same name", _second_group(_same)),
    Probe("group-name-case", "a second group whose name differs in case", _second_group(str.upper)),
    Probe(
        "address-twice",
        "a second user of the same address",
        _second_address(_same),
        refused_by("unique_emails"),
    ),
    Probe(
        "address-case",
        "a second user whose address differs in case",
        _second_address(str.upper),
    ),
    Probe(
        "address-missing",
        "a user without an address",
        lambda bench: bench.attempt(lambda: bench.user(emails=[])),
        refused_by("email_required"),
    ),
    Probe("user-look-up-case", "GetUserId by userName in another case", _user_by_name_in_capitals),
    Probe(
        "group-look-up-case",
        "GetGroupId by displayName in another case",
        _group_by_name_in_capitals,
    ),
    Probe("user-look-up-path", "GetUserId by `UserName`", _user_by_member_of_the_model),
    Probe("user-look-up-address", "GetUserId by emails.value", _user_by_address),
    Probe("user-filter", "ListUsers with the filter `UserName`", _filter("UserName")),
    Probe("user-filter-path", "ListUsers with the filter `userName`", _filter("userName")),
    Probe(
        "reserved-user",
        "a user called Administrator",
        _reserved_user("Administrator"),
        refused_by("reserved_names"),
    ),
    Probe(
        "reserved-user-case",
        "a user called awsadministrators",
        _reserved_user("awsadministrators"),
    ),
    Probe("reserved-group", "a group called Administrator", _reserved_group),
    Probe("group-without-name", "a group without a name", _nameless_group),
    Probe(
        "user-id",
        "what a UserId is made of",
        _identifier,
        Switch("identifier_form", {"a UUID": "uuid", "the store's and a UUID": "prefixed"}),
    ),
    Probe("name-formatted", "Name.Formatted of a user who has none", _formatted),
    Probe("address-primary", "Primary of an address made without it", _primary),
)
"""In the order of the table."""
