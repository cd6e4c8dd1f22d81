"""Changes as people read them: in the order of kind and name, and links of one owner together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from identity_reconciler.core.plan import Reason
from identity_reconciler.core.state import Assignment, Membership, PrincipalKind, folded
from identity_reconciler.render.document import ChangeDocument, DocumentKind, PositionDocument

NOBODY_KNOWS = "somebody unknown"
"""Who changed something last, where AWS tells it of the entry before and not of this one."""
_KINDS: tuple[DocumentKind, ...] = ("user", "group", "membership", "assignment")


@dataclass(frozen=True, slots=True)
class Owner:
    """What the links of an entry have in common, and how to say so."""

    words: str
    """Of several links, before the name: `members of`."""
    name: str
    """Of a group or an application, or the address of a group."""


@dataclass(frozen=True, slots=True)
class FoldedChange:
    """One change, or several links of which the same is told."""

    first: ChangeDocument
    names: tuple[str, ...] = ()
    """Of the links, what tells them apart; empty with one change."""
    owner: Owner | None = None
    """With several links only."""
    last_line: int = 0
    """The last line of the file of the first that declares one of them; 0: none does."""
    taken_along: tuple[str, ...] = ()
    """Applications that somebody who is deleted was assigned to, and will not be any more."""
    memberships_along: int = 0
    """Of somebody who is deleted, how many are removed before."""
    trace: str | None = None
    """Who changed it last and when, where it is somebody else than of the entry before."""

    @property
    def count(self) -> int:
        """How many changes it stands for."""
        return max(len(self.names), 1) + len(self.taken_along) + self.memberships_along

    @property
    def place(self) -> tuple[PositionDocument, int] | None:
        """Where it is declared, and the last line of that."""
        source = self.first.source
        return None if source is None else (source, max(self.last_line, source.line))


def reading_order(change: ChangeDocument) -> tuple[int, str, str]:
    """People look things up by kind and name; the apply has an order of its own."""
    return _KINDS.index(change.kind), change.address.casefold(), change.address


def single(changes: Iterable[ChangeDocument]) -> list[FoldedChange]:
    """Return an entry for each of *changes*, in reading order."""
    return list(_traced(FoldedChange(change) for change in sorted(changes, key=reading_order)))


def together(changes: Iterable[ChangeDocument]) -> list[FoldedChange]:
    """Return *changes* in reading order, links of one owner of which the same is told together.

    The links that go with a user or group that is deleted stand there.
    """
    listed = sorted(changes, key=reading_order)
    deleted = {_deleted(change) for change in listed} - {None}
    along: dict[object, list[Membership | Assignment]] = {}
    folds: dict[object, list[ChangeDocument]] = {}
    for number, change in enumerate(listed):
        principal, link = _deleted_with(change), change.before
        if principal in deleted and isinstance(link, Membership | Assignment):
            along.setdefault(principal, []).append(link)
        else:
            owner = _owner(change)
            key = number if owner is None else (change.action, owner, _told(change))
            folds.setdefault(key, []).append(change)
    return list(
        _traced(
            _single(fold[0], along.get(_deleted(fold[0]), ())) if len(fold) == 1 else _folded(fold)
            for fold in folds.values()
        )
    )


def _single(change: ChangeDocument, along: Collection[Membership | Assignment]) -> FoldedChange:
    applications = tuple(_application(link) for link in along if isinstance(link, Assignment))
    return FoldedChange(
        change, taken_along=applications, memberships_along=len(along) - len(applications)
    )


def _folded(links: list[ChangeDocument]) -> FoldedChange:
    lines = [link.source.line for link in links if link.source]
    first = min(links, key=lambda link: link.source.line if link.source else 0)
    traces = sorted(link.last_changed for link in links if link.last_changed)
    trace = traces[-1] if traces else None
    if trace and trace != traces[0]:
        trace = f"{_who(trace)}, the last at {trace.rpartition(' at ')[2]}"
    return FoldedChange(
        first, tuple(map(_item, links)), _owner(first), max(lines, default=0), trace=trace
    )


def _who(trace: str | None) -> str | None:
    """Return who it was, without the instant."""
    return trace.rpartition(" at ")[0] or trace if trace else None


def _deleted(change: ChangeDocument) -> tuple[str, str] | None:
    """Return kind and folded name of a user or group that is deleted."""
    if change.action != "delete" or change.kind not in {"user", "group"}:
        return None
    return (change.kind, folded(change.address.partition("/")[2]))


def _deleted_with(change: ChangeDocument) -> tuple[str, str] | None:
    """Return kind and name of the user or group with which a link goes."""
    if change.reason != Reason.PRINCIPAL_DELETED:
        return None
    match change.before:
        case Assignment(principal=principal):
            return (str(principal.kind), folded(principal.name))
        case Membership(user=user):
            return ("user", folded(user))
        case _:
            return None


def _told(change: ChangeDocument) -> tuple[object, ...]:
    """Return what is told of *change* besides its name and line."""
    file = change.source.file if change.source else None
    who = _who(change.last_changed)
    dates = (change.starts, change.expires)
    return (change.reason, dates, change.via, change.note, who, file, change.owned_by)


def _owner(change: ChangeDocument) -> Owner | None:
    """Return with what the links of *change* are told together; None for users and groups."""
    match change.after or change.before:
        case Membership(group=group):
            return Owner("members of", group)
        case Assignment() as link:
            if link.principal.orphan:
                return Owner("orphaned assignments to", _application(link))
            if link.principal.kind is PrincipalKind.GROUP:
                return Owner("assignments of", f"group/{_principal(link)}")
            return Owner("users of", _application(link))
        case _:
            return None


def _item(change: ChangeDocument) -> str:
    """Return what tells a link from the others of its owner."""
    match change.after or change.before:
        case Membership(user=user):
            return user
        case Assignment() as link:
            if link.principal.kind is PrincipalKind.GROUP and not link.principal.orphan:
                return _application(link)
            return _principal(link)
        case _:
            return change.address


def _application(link: Assignment) -> str:
    return link.application_name or link.application


def _principal(link: Assignment) -> str:
    return link.principal_name or link.principal.name


def _traced(entries: Iterable[FoldedChange]) -> Iterator[FoldedChange]:
    """Yield *entries* with who changed each last, but where the one before says the same."""
    said: str | None = None
    for entry in entries:
        told = entry.first.last_changed
        # Nobody is asked who made an assignment.
        if entry.first.kind == "assignment" or _who(told) == said:
            yield replace(entry, trace=None)
        else:
            said = _who(told)
            yield replace(entry, trace=entry.trace or told or NOBODY_KNOWS)
