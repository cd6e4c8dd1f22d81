"""People move and leave: what that means for everything that the YAML says of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from identity_reconciler.core.declared import (
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageObjects,
    Presence,
    Settings,
    SettingsPath,
)
from identity_reconciler.core.state import folded
from identity_reconciler.desired.reading.files import SETTINGS_FILE
from identity_reconciler.desired.writing.editing import Editor
from identity_reconciler.desired.writing.inputs import Input
from identity_reconciler.desired.yaml.emit import Data
from identity_reconciler.errors import UsageError


def terms_of(listed: Listed) -> dict[str, Data]:
    """Return the start, the end and the reason of *listed*, as they are written."""
    terms: dict[str, Data] = {}
    if listed.starts is not None:
        terms["starts"] = _day_or_time(listed.starts, timedelta())
    if listed.expires is not None:
        terms["expires"] = _day_or_time(listed.expires, timedelta(days=1))
    if listed.reason:
        terms["reason"] = listed.reason
    return terms


def _day_or_time(moment: datetime, after: timedelta) -> Data:
    """Return *moment* as a day where it is midnight, UTC, so long *after* that day begins."""
    moment = moment.astimezone(UTC)
    is_day = moment.time() == moment.min.time()
    return (moment - after).date() if is_day else moment.isoformat().replace("+00:00", "Z")


def move(
    editor: Editor, user: str, old: Sequence[str], new: Sequence[str], terms: Mapping[str, Data]
) -> None:
    """Take *user* out of the groups *old* and put them into *new*.

    Where *terms* say nothing, the dates and the reason that the first of *old* gives go along:
    a move makes nothing permanent that was not. Who is in one of *new* already stays there.
    """
    found: list[Listed] = []
    for name in old:
        group = editor.group(name)
        found += [one for one in group.members or () if folded(one.name) == folded(user)]
        editor.remove_member(name, user)
    kept = {key: value for one in found[:1] for key, value in terms_of(one).items()}
    if kept and not terms and new:
        editor.remarks.append(f"user/{user}: the dates or reason in group/{old[0]} goes along")
    for name in new:
        group = editor.group(name)
        if editor.is_member(group, user):
            editor.remarks.append(f"user/{user} is in group/{group.name} already")
        else:
            editor.add_member(name, user, terms or kept)


@dataclass(frozen=True, slots=True)
class Handover:
    """Who takes over from people who leave."""

    reports_to: str | None = None
    """The new manager of those who reported to them; None: the successor, or nobody."""
    successor: str | None = None
    """Who gets their memberships and assignments; None: nobody."""


def leave(editor: Editor, leavers: Sequence[tuple[str, Input]], handover: Handover) -> None:
    """Let *leavers* go: out of every list, deleted, and their reports to whom *handover* says.

    What is to be done by hand besides becomes remarks.
    """
    going = {folded(name) for name, _ in leavers}
    for name in filter(None, (handover.reports_to, handover.successor)):
        heir = editor.user(name)
        if folded(name) in going or heir.presence is Presence.ABSENT:
            raise UsageError(f"user/{heir.name} leaves too; name somebody who stays")
    gone: list[DeclaredUser] = []
    for name, origin in leavers:
        with editor.on_behalf_of(origin):
            user = editor.user(name)
            if handover.successor is not None:
                _inherit(editor, user, editor.user(handover.successor).name)
            editor.remove_user(name, forget=False)
            gone.append(user)
    for user in gone:
        for report in list(editor.reports_of(user.name)):
            editor.set_user(report.name, {"manager": _manager(editor, user, report, handover)})
    editor.remarks += _left(editor, gone)


def _manager(editor: Editor, user: DeclaredUser, report: DeclaredUser, handover: Handover) -> str:
    """Return the next manager of *report*, who reported to *user*; nothing: none."""
    heir = handover.reports_to or handover.successor
    if heir is None:
        editor.remarks.append(f"user/{report.name} has no manager any more")
        return ""
    if folded(heir) != folded(report.name):
        return editor.user(heir).name
    above = user.user.manager
    stays = above is not None and editor.user(above).presence is not Presence.ABSENT
    return above if above is not None and stays and not editor.is_ended(above) else ""


def _inherit(editor: Editor, user: DeclaredUser, heir: str) -> None:
    """Give *heir* the memberships and assignments of *user*, until the same day."""
    for group in editor.declared.groups:
        for one in _of(group.members or (), user):
            if not editor.is_member(group, heir):
                editor.add_member(group.name, heir, terms_of(one))
    for application in editor.declared.applications:
        for one in _of(application.users, user):
            if not editor.is_assigned(application, heir):
                label = application.selector.arn or application.selector.name or ""
                editor.assign(label, ("user", heir), terms_of(one), new=False)
    _hand_over(editor, user, heir)


def _hand_over(editor: Editor, user: DeclaredUser, heir: str) -> None:
    """Let *heir* answer for what *user* answers for."""
    for one in editor.answering():
        if editor.is_answering(one, user.name):
            if not editor.is_answering(one, heir):
                editor.let_answer(one, heir)
            does = "reviews it" if one.reviews else "answers for it, as an owner"
            editor.remarks.append(f"{one.address}: user/{heir} {does} from now on")


def _of(listed: Collection[Listed], user: DeclaredUser) -> list[Listed]:
    return [one for one in listed if folded(one.name) == folded(user.name)]


def _left(editor: Editor, gone: Sequence[DeclaredUser]) -> Iterator[str]:
    """Yield what remains to be done by hand when the users *gone* have left."""
    settings = editor.declared.settings
    for user in gone:
        if user.presence is Presence.EXTERNAL or settings.users is ManageObjects.REFERENCE:
            yield (
                f"user/{user.name} is owned by an identity provider: disable or delete the account "
                f"there; groups without `members` are not looked at{_named(_unmanaged(editor))}"
            )
        elif settings.users is ManageObjects.DECLARED:
            yield from _by_hand(editor, user)
        for path in _mentions(settings, user.name):
            place = settings.places.get(path)
            where = place or SETTINGS_FILE
            yield f"{where}: {path[0]}.{path[1]} still names {user.name}; name somebody else"
    if gone and settings.users is ManageObjects.DECLARED:
        yield (
            "access to AWS accounts is not in the YAML: where there is any, the plan refuses to "
            f"delete them and says how to take it away (explain user/{gone[0].name} --live)"
        )
    yield from _unanswered(editor)
    for name in editor.emptied():
        yield f"group/{name} has no members left; `edit remove-group` removes it"


def _unanswered(editor: Editor) -> Iterator[str]:
    for one in filter(editor.loses_all, editor.answering()):
        if one.reviews:
            yield f"{one.address} is reviewed by its owners from now on"
        else:
            said = "has no owner any more; name one under `owners`, or give --successor"
            yield f"{one.address} {said}"


def _by_hand(editor: Editor, user: DeclaredUser) -> Iterator[str]:
    loose = [
        one.selector.name or one.selector.arn or ""
        for one in editor.declared.applications
        if not one.managed
    ]
    if loose:
        yield (
            f"user/{user.name}: assignments to these applications are not managed; the plan tells "
            f"what it finds{_named(loose)}"
        )


def _unmanaged(editor: Editor) -> list[str]:
    def is_open(group: DeclaredGroup) -> bool:
        return not group.is_managed and group.presence is Presence.PRESENT

    return [one.name for one in editor.declared.groups if is_open(one)]


def _named(names: Sequence[str]) -> str:
    return f": {', '.join(names)}" if names else ""


def _mentions(settings: Settings, name: str) -> Iterator[SettingsPath]:
    """Yield where the settings name a user, and not by a pattern."""
    guards = settings.guards
    lists: dict[SettingsPath, Sequence[str]] = {
        ("guards", "administrators"): guards.administrators,
        ("guards", "protected", "users"): guards.protected.users,
    }
    for number, pinned in enumerate(guards.pinned_members):
        lists["guards", "pinned_members", number, "users"] = pinned.users
    for path, names in lists.items():
        for number, one in enumerate(names):
            if folded(one) == folded(name):
                yield (*path, number)
