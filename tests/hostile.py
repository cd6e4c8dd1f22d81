"""Values that a person might choose for a name to be more than a name, and plans full of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count

from hypothesis import strategies as st

from identity_reconciler.core.access import Route
from identity_reconciler.core.plan import Reason
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    User,
    UserName,
)
from identity_reconciler.render.document import (
    AccessDocument,
    AccountAccessDocument,
    ChangeDocument,
    ControlDocument,
    CountDocument,
    DifferenceDocument,
    ExpiringDocument,
    GuardDocument,
    InstanceDocument,
    LiveDocument,
    LooseningDocument,
    OverdueDocument,
    PersonDocument,
    PlanDocument,
    PositionDocument,
    ResemblanceDocument,
    SourceDocument,
    StartingDocument,
    UnmatchedDocument,
    WithheldDocument,
)
from tests.strategies import NOW

PAYLOADS = (
    "`",
    "``",
    "```",
    "a`b``c```d",
    "` ` `",
    "\n```\n# heading\n",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</details></summary></code></pre>",
    "<!-- identity-reconciler plan: main -->",
    "-->",
    "[text](https://evil.example)",
    "![image](https://evil.example/x.png)",
    "<https://evil.example>",
    "https://evil.example/a?b=c",
    "www.evil.example",
    "someone@evil.example",
    "@octocat",
    "@org/team please approve",
    "#1",
    "GH-1",
    "**bold** _em_ ~~gone~~",
    "| a | b |\n|---|---|",
    "a|b\\|c",
    "\n\n# heading\n\n",
    "\n\n- item",
    "\n    code",
    "$x^2$",
    ":rocket:",
    "&lt;b&gt; &#64;octocat",
    "\\`escape\\`",
    "::error file=x,line=1::message",
    "\n::add-mask::x",
    "\r\n::stop-commands::x",
    "##[error]x",
    "##[group]x",
    "\x1b[31mred\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "\u202eabc\u2066\u200b\u2028\u2029\u00a0\ufeff",
    "\ud800",
    "\x00\x07\x7f\x85",
    '"]; click n0 "https://evil.example"',
    'n0 --> n1["',
    "%%{init: {}}%%",
    "{{0}} {0} %s ${{ github.token }}",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\x00=1",
    " =1",
    "\uff1dHYPERLINK()",
    "a\r\nb,=1",
    "x;=1",
    'x; "" =1',
    'x;"",;=1',
    '";=1',
    ";-1;+1;@a;\uff1d1",
    "[bold]markup[/bold]",
    "$title ${data}",
    "]]>",
    "javascript:alert(1)",
    "a\ufe0f\u2800\u3164\uffa0\u115f\u034f\U000e0041\U000e0100b",
    "\u0430dmin",
    "100%25%0A::error::%3A%2C",
    " leading and trailing ",
    "e" * 500,
    "\U0001f600" * 300,
    *("`" * number for number in (59, 60, 79, 80, 81, 195, 256)),
)
_SHARP = "`|<>[]()!*_~#@:&\\\"'{}$%;=-+. \n\r\t\x1b\u202e\u200b\u2028\ud800a1"


def values() -> st.SearchStrategy[str]:
    """Draw a value that is not empty: a payload, payloads together, or sharp characters."""
    sharp = st.text(st.sampled_from(_SHARP), min_size=1, max_size=12)
    payload = st.sampled_from(PAYLOADS)
    both = st.tuples(payload, sharp, payload).map("".join)
    # Reasons and routes are words of our own, and shown as such.
    ours = {*Reason, *Route}
    anything = st.text(min_size=1, max_size=20).filter(lambda text: text not in ours)
    return st.one_of(payload, sharp, both, anything)


def plan_with(value: Callable[[], str]) -> PlanDocument:
    """Return a plan of one shape, every word of which that could be untrusted is a *value()*."""
    position = PositionDocument(file=value(), line=3, column=5)
    group, user = Group(GroupName(value()), value()), User(UserName(value()))
    difference = DifferenceDocument(field=value(), before=value(), after=value())
    person = PersonDocument(user=value(), paths=(f"through {value()}", value()))
    counts = CountDocument(create=1, update=1, rename=1, delete=1)
    return PlanDocument(
        tool_version=value(),
        instance=InstanceDocument(
            name=value(),
            region=value(),
            account_id=value(),
            instance_arn=value(),
            identity_store_id=value(),
        ),
        source=SourceDocument(
            digest=value(), files=1, commit=value(), directory=value(), changed_since=value()
        ),
        as_of=NOW,
        valid_until=NOW + timedelta(hours=24),
        live=LiveDocument(users=1, groups=1, memberships=1, assignments=1, requests=1, seconds=1),
        control=ControlDocument(
            base=value(),
            loosened=(
                LooseningDocument(
                    aspect="approved",
                    text=value(),
                    addresses=(value(), value()),
                    source=position,
                ),
                LooseningDocument(aspect="guarded", text=value(), source=position, at_base=True),
            ),
            unmatched=(UnmatchedDocument(text=value(), source=position),),
        ),
        guards=(
            GuardDocument(
                guard=value(),
                standing="blocked",
                found=value(),
                expected=value(),
                addresses=(value(), value()),
                count=9,
                approval=(value(), value()),
            ),
            GuardDocument(
                guard=value(),
                standing="blocked",
                found=value(),
                expected=value(),
                addresses=(value(),),
                count=1,
                by_base=True,
            ),
            GuardDocument(
                guard=value(),
                standing="approved",
                found=value(),
                expected=value(),
                addresses=(),
                count=1,
            ),
        ),
        resemblances=(ResemblanceDocument(address=value(), other=value(), characters=value()),),
        account_access=tuple(
            AccountAccessDocument(
                effect=effect,
                account=value(),
                account_name=value(),
                access=value(),
                kind="role",
                arn=value(),
                people=1,
                listed=(person,),
            )
            for effect in ("loses", "gains")
        ),
        account_access_note=value(),
        access=tuple(
            AccessDocument(
                effect=effect,
                application=value(),
                application_arn=value(),
                people=1,
                listed=(person,),
            )
            for effect in ("loses", "gains")
        ),
        counts={"user": counts, "group": counts, "membership": counts, "assignment": counts},
        changes=(
            ChangeDocument(
                action="delete",
                kind="user",
                address=value(),
                before=user,
                reason=value(),
                cascaded=(Membership(GroupName(value()), UserName(value())),),
                source=position,
                pending=False,
                last_changed=value(),
            ),
            ChangeDocument(
                action="delete",
                kind="assignment",
                address=value(),
                before=Assignment(
                    ApplicationArn(value()), Principal(PrincipalKind.USER, value()), value()
                ),
                source=position,
                owned_by=value(),
            ),
            ChangeDocument(
                action="rename",
                kind="group",
                address=f"group/{value()}",
                before=group,
                after=group,
                differences=(difference,),
                source=position,
                pending=True,
            ),
            ChangeDocument(
                action="update",
                kind="user",
                address=value(),
                before=user,
                after=user,
                differences=(difference, difference),
                source=position,
            ),
            ChangeDocument(
                action="create",
                kind="user",
                address=value(),
                after=user,
                source=position,
                expires=NOW,
                note=value(),
            ),
        ),
        withheld=(WithheldDocument(kind="group", address=value(), reason=value()),),
        overdue=(
            OverdueDocument(
                address=value(),
                since=NOW.date() - timedelta(days=9),
                asked=(value(), value()),
                ends_after=NOW.date(),
                source=position,
            ),
        ),
        expiring=(ExpiringDocument(address=value(), expires=NOW, source=position),),
        starting=(StartingDocument(address=value(), starts=NOW, source=position),),
    )


def alike() -> PlanDocument:
    """Return the plan of the same shape, all of whose values are one word."""
    return plan_with(lambda: "word")


def harmless() -> PlanDocument:
    """Return the plan of the same shape whose values are words."""
    words = count()
    return plan_with(lambda: f"word{next(words)}")
