"""Changes as people read them: what is told together, and what is told once."""

from __future__ import annotations

import pytest

from identity_reconciler.core.plan import Reason
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    UserName,
)
from identity_reconciler.render.document import ChangeDocument, PositionDocument
from identity_reconciler.render.folding import NOBODY_KNOWS, FoldedChange, single, together
from identity_reconciler.render.spans import name_span, value_span
from identity_reconciler.render.words import Marks, details, place, subject

MARKS = Marks(name_span, value_span, most=2)


def leaves(user: str, group: str = "data", *, line: int = 3, **more: object) -> ChangeDocument:
    """Return that *user* is removed from *group*."""
    return ChangeDocument(
        action="delete",
        kind="membership",
        address=f"membership/{group}/{user}",
        before=Membership(GroupName(group), UserName(user)),
        reason=Reason.UNLISTED,
        source=PositionDocument(file="g.yaml", line=line, column=1),
    ).model_copy(update=more)


def unassigned(kind: PrincipalKind, name: str, application: str) -> ChangeDocument:
    """Return that an assignment goes with its principal."""
    return ChangeDocument(
        action="delete",
        kind="assignment",
        address=f"assignment/{application}/{kind}/{name}",
        before=Assignment(ApplicationArn(application), Principal(kind, name.lower()), "", name),
        reason=Reason.PRINCIPAL_DELETED,
    )


def told(entries: list[FoldedChange]) -> list[str]:
    """Return the entries in words, each in one line."""
    return [
        f"{subject(one, MARKS)}: {'; '.join(details(one, MARKS))} ({place(one)})" for one in entries
    ]


class TestTogether:
    """Links of one owner are one entry if the same is told of them; nothing is told twice."""

    def test_members_of_one_group(self) -> None:
        changes = [leaves("bob", line=7), leaves("ana"), leaves("eve", line=5), leaves("ana", "x")]
        assert told(together(changes)) == [
            "3 members of `data`: `ana`, `bob` and 1 more; not listed (g.yaml:3-7)",
            "`membership/x/ana`: not listed (g.yaml:3)",
        ]

    @pytest.mark.parametrize(
        "more",
        [
            {"reason": Reason.EXPIRED},
            {"note": "TICKET-9"},
            {"owned_by": "Quick"},
            {"last_changed": "kim at 2026-02-27T16:02:11Z"},
            {"source": PositionDocument(file="h.yaml", line=3, column=1)},
        ],
    )
    def test_of_which_something_else_is_told(self, more: dict[str, object]) -> None:
        assert [
            one.count for one in together([leaves("ana"), leaves("bob").model_copy(update=more)])
        ] == [1, 1]

    def test_what_goes_with_its_group(self) -> None:
        group = ChangeDocument(
            action="delete",
            kind="group",
            address="group/Data",
            before=Group(GroupName("Data")),
            reason=Reason.ABSENT,
            cascaded=(Membership(GroupName("Data"), UserName("ana")),),
        )
        goes = [unassigned(PrincipalKind.GROUP, "Data", name) for name in ("Wiki", "Payroll")]
        stays = unassigned(PrincipalKind.USER, "data", "Wiki")
        entries = together([*goes, group, stays])
        assert [one.count for one in entries] == [3, 1]
        assert told(entries)[0] == (
            "`group/Data`: state: absent; 1 membership goes with it; "
            "2 assignments go with it: `Payroll`, `Wiki` ()"
        )

    def test_one_by_one(self) -> None:
        assert [one.count for one in single([leaves("ana"), leaves("bob")])] == [1, 1]


class TestLastChanged:
    """It is said who changed something last, but not again of the next by the same."""

    def test_only_where_it_differs(self) -> None:
        kim, lee = "kim at 2026-02-27T16:02:11Z", "lee"
        traces = (kim, "kim at 2026-02-27T16:02:59Z", lee, None, None, kim)
        changes = [leaves(f"u{n}", f"g{n}", last_changed=one) for n, one in enumerate(traces)]
        assert [one.trace for one in together(changes)] == [
            kim,
            None,
            lee,
            NOBODY_KNOWS,
            None,
            kim,
        ]

    def test_of_several_the_last_is_told(self) -> None:
        changes = [
            leaves("ana", last_changed="kim at 2026-02-27T16:02:11Z"),
            leaves("bob", last_changed="kim at 2026-02-28T09:00:00Z"),
        ]
        (entry,) = together(changes)
        assert entry.trace == "kim, the last at 2026-02-28T09:00:00Z"
