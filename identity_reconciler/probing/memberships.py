"""Probes of memberships, and of the pages that lists come in."""

from __future__ import annotations

from collections.abc import Callable

from identity_reconciler.probing.asking import NOBODY
from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.observations import Observation, chosen
from identity_reconciler.probing.probe import Probe, Switch, refused_by

_STAYS = {True: "stays", False: "gone"}


def _joined(bench: Bench) -> tuple[str, str, str]:
    """Return a group, its one member, and the membership."""
    user, group = bench.user(), bench.group()
    return group, user, bench.prepare(lambda: bench.join(group, user))


def _twice(bench: Bench) -> Observation:
    group, user, _ = _joined(bench)
    return bench.attempt(lambda: bench.join(group, user))


def _removed_twice(bench: Bench) -> Observation:
    _, _, membership = _joined(bench)

    def remove() -> object:
        return bench.store.delete_group_membership(
            IdentityStoreId=bench.site.store_id, MembershipId=membership
        )

    remove()
    return bench.attempt(remove)


def _of_nobody(bench: Bench) -> Observation:
    group = bench.group()
    return bench.attempt(lambda: bench.join(group, NOBODY))


def _members(bench: Bench, group: str) -> bool:
    answer = bench.store.list_group_memberships(IdentityStoreId=bench.site.store_id, GroupId=group)
    return bool(answer["GroupMemberships"])


def _groups(bench: Bench, user: str) -> bool:
    answer = bench.store.list_group_memberships_for_member(
        IdentityStoreId=bench.site.store_id, MemberId={"UserId": user}
    )
    return bool(answer["GroupMemberships"])


def _after_its_user(bench: Bench) -> Observation:
    group, user, _ = _joined(bench)
    bench.see(lambda: _members(bench, group))
    bench.store.delete_user(IdentityStoreId=bench.site.store_id, UserId=user)
    return chosen(_STAYS, lambda: bench.settled(lambda: _members(bench, group), expected=False))


def _after_its_group(bench: Bench) -> Observation:
    group, user, _ = _joined(bench)
    bench.see(lambda: _groups(bench, user))
    bench.store.delete_group(IdentityStoreId=bench.site.store_id, GroupId=group)
    return chosen(_STAYS, lambda: bench.settled(lambda: _groups(bench, user), expected=False))


def _of_nothing(bench: Bench) -> Observation:
    answers: list[bool] = []

    def ask() -> None:
        answer = bench.store.is_member_in_groups(
            IdentityStoreId=bench.site.store_id, MemberId={"UserId": NOBODY}, GroupIds=[NOBODY]
        )
        answers.extend(one.get("MembershipExists", False) for one in answer["Results"])

    seen = bench.attempt(ask)
    return Observation("no" if not any(answers) else "yes") if answers else seen


def _in_pages(bench: Bench) -> tuple[str, list[str]]:
    """Return a group and the memberships of its three members."""
    group = bench.group()
    users = [bench.user() for _ in range(3)]
    made = [bench.prepare(lambda user=user: bench.join(group, user)) for user in users]  # type: ignore[misc]
    bench.see(lambda: len(_page(bench, group)[0]) == len(made))
    return group, made


def _page(
    bench: Bench, group: str, size: int = 100, token: str | None = None
) -> tuple[list[str], str | None]:
    """Return the memberships on a page, and the token for the next."""
    goes_on = {"NextToken": token} if token else {}
    answer = bench.store.list_group_memberships(
        IdentityStoreId=bench.site.store_id, GroupId=group, MaxResults=size, **goes_on
    )
    return [one["MembershipId"] for one in answer["GroupMemberships"]], answer.get("NextToken")


def _size_of_a_page(bench: Bench) -> Observation:
    group, _ = _in_pages(bench)
    items, token = _page(bench, group, 2)
    full = len(items) == 2 and token is not None  # noqa: PLR2004 - as asked for
    return chosen({True: "two", False: "another number"}, lambda: full)


def _token_of_something_deleted(bench: Bench) -> Observation:
    """Ask for the next page after the last item of the first one is gone."""
    group, made = _in_pages(bench)
    (first, *_), token = _page(bench, group, 1)
    bench.store.delete_group_membership(IdentityStoreId=bench.site.store_id, MembershipId=first)
    rest: list[str] = []

    def go_on() -> None:
        rest.extend(_page(bench, group, 100, token)[0])

    seen = bench.attempt(go_on)
    complete = set(rest) == set(made) - {first}
    return Observation("all others follow" if complete else "some are missing") if rest else seen


def _token_of_another_list(bench: Bench) -> Observation:
    group, _ = _in_pages(bench)
    token = _page(bench, group, 1)[1] or ""
    other = bench.group()
    return bench.attempt(lambda: _page(bench, other, 1, token))


def _made_up_token(bench: Bench) -> Observation:
    group = bench.group()
    return bench.attempt(lambda: _page(bench, group, 1, "idrecprobe"))


def _listed(read: Callable[[Bench, str], bool]) -> Callable[[Bench], Observation]:
    return lambda bench: bench.attempt(lambda: read(bench, NOBODY))


MEMBERSHIPS = (
    Probe("membership-twice", "a second membership of the same user", _twice),
    Probe("membership-of-nobody", "a membership of a user that does not exist", _of_nobody),
    Probe("membership-removed-twice", "removing a membership again", _removed_twice),
    Probe(
        "membership-after-user",
        "a membership after its user is deleted",
        _after_its_user,
        Switch("cascade_memberships", {"gone": True, "stays": False}),
    ),
    Probe("membership-after-group", "a membership after its group is deleted", _after_its_group),
    Probe(
        "members-of-nothing",
        "the members of a group that does not exist",
        _listed(_members),
        refused_by("unknown_list_subject"),
    ),
    Probe("groups-of-nobody", "the groups of a user that does not exist", _listed(_groups)),
    Probe("nobody-in-nothing", "IsMemberInGroups of what does not exist", _of_nothing),
    Probe("page-size", "items on a page of two, of three", _size_of_a_page),
    Probe(
        "token-of-deleted",
        "the next page after the last item of the first is gone",
        _token_of_something_deleted,
    ),
    Probe("token-of-another", "a page token of another list", _token_of_another_list),
    Probe("token-made-up", "a page token that nobody gave", _made_up_token),
)
"""In the order of the table."""
