"""The picture of changed access: small enough to read, or not there, and never wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from identity_reconciler.render.document import (
    AccessDocument,
    AccountAccessDocument,
    PersonDocument,
    PlanDocument,
)
from identity_reconciler.render.mermaid import MOST_EDGES, access_picture
from tests.golden.samples import PLANS


def plan_with(*access: AccessDocument) -> PlanDocument:
    """Return a plan with this access and no more."""
    return PLANS["nothing"]().model_copy(update={"access": access})


def access(application: str, *people: tuple[str, str], more: int = 0) -> AccessDocument:
    """Return that *people*, each with a path, gain *application*."""
    return AccessDocument(
        effect="gains",
        application=application,
        application_arn=f"arn:{application}",
        people=len(people) + more,
        listed=tuple(PersonDocument(user=user, paths=(path,)) for user, path in people),
    )


def account(*people: str) -> AccountAccessDocument:
    """Return that *people* gain a permission set through one group."""
    return AccountAccessDocument(
        effect="gains",
        account="111122223333",
        access="Admin",
        kind="permission_set",
        arn="arn:admin",
        people=len(people),
        listed=tuple(PersonDocument(user=one, paths=("through g",)) for one in people),
    )


def ways(lines: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the labels along every way through the picture."""
    labels: dict[str, str] = {}
    following: dict[str, list[str]] = {}
    for line in lines[1:]:
        node = re.fullmatch(r' +(n\d+)[(\[]+"(.*)"[)\]]+', line)
        if node:
            labels[node[1]] = node[2]
        else:
            start, *_, end = line.split()
            following.setdefault(start, []).append(end)
    ends = {end for found in following.values() for end in found}
    stack: list[tuple[str, ...]] = [(start,) for start in following if start not in ends]
    while stack:
        way = stack.pop()
        if way[-1] not in following:
            yield tuple(labels[one] for one in way)
        stack.extend((*way, after) for after in following.get(way[-1], ()))


class TestPicture:
    """Every way through the picture is access that changes, and the reverse."""

    def test_nothing_changes(self) -> None:
        assert access_picture(plan_with()) == ()

    def test_ways(self) -> None:
        plan = plan_with(
            access("Wiki", ("ana", "through g"), ("bob", "through g"), ("eve", "directly")),
            access("Payroll", ("ana", "through g")),
        )
        assert set(ways(access_picture(plan))) == {
            ("ana", "g", "Wiki"),
            ("bob", "g", "Wiki"),
            ("eve", "Wiki"),
            ("ana", "g", "Payroll"),
        }

    def test_everybody_has_one_node(self) -> None:
        lost = access("Wiki", ("ana", "through g"), ("bob", "directly"))
        plan = plan_with(
            lost.model_copy(update={"effect": "loses"}),
            access("Payroll", ("ana", "through g"), ("ana-2", "directly"), ("bob", "through h")),
            access("Ledger", ("ana", "directly")),
        )
        accounts = (account("ana", "bob"),)
        picture = access_picture(plan.model_copy(update={"account_access": accounts}))
        people = [line for line in picture if '(["' in line]
        assert sorted(re.findall(r'"(.*)"', "".join(people).replace(")", ")\n"))) == [
            "ana",
            "ana-2",
            "bob",
        ]
        assert ("ana", "g", "Admin in 111122223333") in set(ways(picture))

    def test_losing_one_application_is_not_losing_all(self) -> None:
        lost = access("Wiki", ("ana", "through g")).model_copy(update={"effect": "loses"})
        picture = access_picture(plan_with(lost, access("Payroll", ("bob", "through g"))))
        assert set(ways(picture)) == {("ana", "g", "Wiki"), ("bob", "g", "Payroll")}
        assert sum("loses" in line for line in picture) == 1

    def test_people_who_are_not_named_have_no_picture(self) -> None:
        assert access_picture(plan_with(access("Wiki", ("ana", "directly"), more=1))) == ()

    @pytest.mark.parametrize("number", [MOST_EDGES, MOST_EDGES + 1])
    def test_too_much_has_no_picture(self, number: int) -> None:
        found = (access(f"app{one}", ("ana", "directly")) for one in range(number))
        assert bool(access_picture(plan_with(*found))) == (number <= MOST_EDGES)
