"""Find what carries the prefix, whoever's memory of it was lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.ledger import Leftover, Made
from identity_reconciler.probing.observations import FAILURES, words

KINDS = ("user", "group", "application", "permission set", "access manager")
"""What can be told by its name, or by a tag, to be a probe's."""


def clean(bench: Bench, prefix: str, kinds: Collection[str] | None = None) -> tuple[Leftover, ...]:
    """Remove what was made and everything that carries *prefix*; return what is left.

    Looks for what is of the *kinds*: those that are written down, unless they are given. A list
    that cannot be read is left too: nobody knows what it would have shown.
    """
    bench.ledger.remove()
    unread: list[Leftover] = []
    # Account assignments hold permission sets, so they are found last and removed first.
    for kind, find in (
        ("user", _users),
        ("group", _groups),
        ("application", _applications),
        ("permission set", _permission_sets),
        ("access manager", _access_managers),
    ):
        if kind not in (bench.ledger.kinds if kinds is None else kinds):
            continue
        try:
            for made in find(bench, prefix.casefold()):
                bench.ledger.add(made)
        except FAILURES as error:
            reason = f"they could not be listed: {words(error)}"
            unread.append(Leftover(f"{kind}s", f"called {prefix}*", "", reason))
    return (*bench.ledger.remove_all(), *unread)


def _users(bench: Bench, prefix: str) -> Iterator[Made]:
    pages = bench.store.get_paginator("list_users").paginate(IdentityStoreId=bench.site.store_id)
    for page in pages:
        for item in page["Users"]:
            name = item.get("UserName", "")
            if _begins(prefix, name, item.get("DisplayName")):
                yield _found(bench.as_user(name), item["UserId"])


def _groups(bench: Bench, prefix: str) -> Iterator[Made]:
    pages = bench.store.get_paginator("list_groups").paginate(IdentityStoreId=bench.site.store_id)
    for page in pages:
        for item in page["Groups"]:
            name = item.get("DisplayName", "")
            if _begins(prefix, name, item.get("Description")):
                yield _found(bench.as_group(name), item["GroupId"])


def _applications(bench: Bench, prefix: str) -> Iterator[Made]:
    return _named(bench.applications(), prefix, bench.as_application)


def _permission_sets(bench: Bench, prefix: str) -> Iterator[Made]:
    for made in _named(bench.permission_sets(), prefix, bench.as_permission_set):
        yield made
        arn = made.identifier or ""
        for kind, principal in sorted(bench.with_account(arn)):
            yield bench.as_account_assignment(arn, kind, principal)


def _access_managers(bench: Bench, prefix: str) -> Iterator[Made]:
    for arn in bench.access_managers():
        for tag in bench.tags_of(arn):
            if _begins(prefix, tag):
                yield _found(bench.as_access_manager(tag), arn)


def _named(arns: Mapping[str, str], prefix: str, made: Callable[[str], Made]) -> Iterator[Made]:
    for name, arn in sorted(arns.items()):
        if _begins(prefix, name):
            yield _found(made(name), arn)


def _begins(prefix: str, *names: str | None) -> bool:
    return any((name or "").casefold().startswith(prefix) for name in names)


def _found(made: Made, identifier: str) -> Made:
    made.identifier = identifier
    return made
