"""A review from its beginning to its record: sheets to decide on, and decisions into the YAML.

A review is over when the YAML says so, with `reviewed`. The sheet is only the way there: it is
taken away with the change that records it, and the history keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from identity_reconciler.core.access_reviews import (
    ListedPrincipal,
    Reviewing,
    answers,
    principals_in,
    reviewing,
    subject,
)
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    Ignore,
    Listed,
    ManageLinks,
    ReviewRecord,
)
from identity_reconciler.core.flattening import flattened, included_groups
from identity_reconciler.core.resolution import with_all_members
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    UserKey,
    folded,
    group_key,
    principals_of,
)
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.desired.writing.editing import Editor
from identity_reconciler.errors import InvalidInputError, Position, Problem, UsageError
from identity_reconciler.gateway import Wanted
from identity_reconciler.render.review_sheet import (
    Decisions,
    SheetContents,
    SheetEntry,
    Unlisted,
    heading_of,
    read_sheet,
    sheet_text,
    title_of,
)

FOLDER = "reviews"
"""Where sheets are, relative to the directory of an instance."""
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def chosen(declared: Declared, names: Sequence[str], owner: str | None) -> list[Reviewing]:
    """Return what is to be reviewed and called one of *names*, or of which *owner* answers.

    Raises:
        UsageError: There is nothing such.
    """
    known = reviewing(declared)
    found = [_called(known, name) for name in names]
    if owner is not None:
        found += [one for one in known if answers(declared, (*one.by, *one.entry.owners), owner)]
        if not found:
            raise UsageError(f"user {shown(owner)} answers for nothing that is to be reviewed")
    return list({one.address: one for one in found}.values())


def _called(known: Sequence[Reviewing], name: str) -> Reviewing:
    meant = [one for one in known if folded(name) in {folded(label) for label in _labels(one)}]
    if len(meant) > 1:
        every = ", ".join(one.address for one in meant)
        raise UsageError(f"{shown(name)} may be any of {every}; give one of these")
    if not meant:
        hint = did_you_mean(name, {label for one in known for label in _labels(one)})
        raise UsageError(f"nothing that has `review` is called {shown(name)}{hint}")
    return meant[0]


def _labels(one: Reviewing) -> tuple[str, str]:
    return one.address, one.address.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Sources:
    """What a sheet tells besides what the YAML says."""

    since: Callable[[Position], str]
    """When and by whom a line was written, in words; empty: not known."""
    live: State | None = None
    """Who has what in AWS, of all that is reviewed; None: it was not asked."""


def wanted(declared: Declared, reviews: Sequence[Reviewing]) -> Wanted:
    """Return what `Sources.live` is to be read of for *reviews* of *declared*."""
    groups = {folded(one.entry.name) for one in reviews if isinstance(one.entry, DeclaredGroup)}
    groups |= included_groups(declared) if groups else set()
    selectors = [
        one.entry.selector for one in reviews if isinstance(one.entry, DeclaredApplication)
    ]
    return Wanted(
        users=True,
        groups=True,
        applications=bool(selectors),
        members_of=lambda group: folded(group.name) in groups,
        assignments_of=lambda found: any(one.matches(found) for one in selectors),
    )


def sheets(
    declared: Declared, reviews: Sequence[Reviewing], day: date, sources: Sources, folder: str
) -> Mapping[str, str]:
    """Return the text of a sheet for each of *reviews*, by the name of its file.

    *folder* is where the sheets will be.
    """
    members = {folded(one.name): one.members or () for one in declared.groups}
    live = sources.live
    whole = declared if live is None else with_all_members(declared, live)
    found: dict[str, str] = {}
    for review in reviews:
        entries = tuple(
            SheetEntry(one, sources.since(one.listed.position), _through(one, members))
            for one in principals_in(review.entry)
        )
        unlisted = _unlisted(whole, review.entry, live) if live else None
        contents = SheetContents(entries, unlisted)
        name = _free(f"{day}-{_plain(review.address.partition('/')[2])}", found)
        found[name] = sheet_text(review, contents, day, f"{folder}{name}")
    return found


def _unlisted(
    declared: Declared, entry: DeclaredGroup | DeclaredApplication, live: State
) -> Unlisted:
    """Return who has in *live* what *entry* is about and is neither listed nor ignored.

    *declared* has all members in its lists; *entry* may be as it is written.
    """
    settings = declared.settings
    if isinstance(entry, DeclaredGroup):
        mode = settings.memberships
        entry = next(one for one in declared.groups if one.position == entry.position)
        found = principals_of(live.members.get(group_key(entry.name), ()), ())
    else:
        mode = settings.assignments
        arns = [arn for arn, one in live.applications.items() if entry.selector.matches(one)]
        found = frozenset(one for arn in arns for one in live.assignments.get(arn, ()))
    listed = {(one.kind, folded(one.listed.name)) for one in principals_in(entry)}
    addresses = [
        f"{one.kind}/{_spelled(live, one)}"
        for one in found
        if (one.kind, one.name) not in listed and not _is_ignored(settings.ignore, one)
    ]
    return Unlisted(tuple(sorted(addresses)), mode is ManageLinks.AUTHORITATIVE)


def _spelled(live: State, one: Principal) -> str:
    if one.orphan:
        return one.name
    if one.kind is PrincipalKind.USER:
        return live.user_name(UserKey(one.name))
    return live.group_name(GroupKey(one.name))


def _is_ignored(ignore: Ignore, one: Principal) -> bool:
    patterns = ignore.users if one.kind is PrincipalKind.USER else ignore.groups
    return not one.orphan and matches_any(patterns, one.name)


def _through(one: ListedPrincipal, members: Mapping[str, Sequence[Listed]]) -> tuple[str, ...]:
    if one.kind is PrincipalKind.USER:
        return ()
    return tuple(each.name for each in members.get(folded(one.listed.name), ()))


def _plain(name: str) -> str:
    return _ODD.sub("-", name).strip("-.")[:80] or "review"


def _free(name: str, taken: Mapping[str, str]) -> str:
    numbers = range(2, len(taken) + 3)
    tries = (f"{name}.md", *(f"{name}-{number}.md" for number in numbers))
    return next(one for one in tries if one not in taken)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a review has decided."""

    address: str
    kept: int
    removed: tuple[str, ...]
    """Addresses of those who go, as listed."""


def conclude(editor: Editor, text: str, file: str, by: str, day: date) -> Conclusion:
    """Note with *editor* what the sheet *text*, read from *file*, decides, and that *by* did so.

    Raises:
        InvalidInputError: Something is undecided, or the sheet is not about who is listed now.
        UsageError: *by* is not asked to review this.
    """
    decisions, problems = read_sheet(text, file)
    declared = flattened(editor.declared)
    review = _reviewed(declared, decisions, file)
    listed = {heading_of(one.address): one for one in principals_in(review.entry)}
    problems += _strangers(decisions, listed, review, file)
    if problems:
        raise InvalidInputError(sorted(problems, key=lambda one: one.position))
    name = _reviewer(declared, review, by)
    removed = [one for heading, one in listed.items() if not decisions.keeps[heading]]
    for one in removed:
        _remove(editor, review.entry, one)
    editor.record_review(review.entry, day, name)
    if any(folded(one.address) == folded(f"user/{name}") for one in listed.values()):
        editor.remarks.append(f"user/{name} has decided about user/{name}, too")
    gone = tuple(one.address for one in removed)
    return Conclusion(review.address, len(listed) - len(gone), gone)


def _reviewed(declared: Declared, decisions: Decisions, file: str) -> Reviewing:
    for one in reviewing(declared):
        if title_of(one.address) == decisions.title:
            return one
    about = decisions.title or "no title such as `# Review of ...`"
    said = f"{about}: nothing that is to be reviewed; begin again with `review start`"
    raise InvalidInputError([Problem(Position(file, 1, 1), said)])


def _strangers(
    decisions: Decisions, listed: Mapping[str, ListedPrincipal], review: Reviewing, file: str
) -> Iterator[Problem]:
    """Yield who is only in the sheet, or only in the YAML: both have changed since."""
    for heading, place in decisions.places.items():
        if heading not in listed:
            said = f"{heading[3:]} is not listed in {review.address} any more; take it out here"
            yield Problem(place, said)
    for heading, one in listed.items():
        if heading not in decisions.places:
            said = (
                f"{one.address} is listed at {one.listed.position} and not in this sheet; add the "
                f"heading `{heading}` with both boxes, and decide"
            )
            yield Problem(Position(file, 1, 1), said)


def _reviewer(declared: Declared, review: Reviewing, by: str) -> str:
    user = next((one for one in declared.users if folded(one.name) == folded(by)), None)
    if user is None:
        hint = did_you_mean(by, {one.name for one in declared.users})
        raise UsageError(f"--by: user {shown(by)} is not declared{hint}")
    if not answers(declared, review.by, by):
        asked = ", ".join(map(str, review.by))
        raise UsageError(f"--by: user/{user.name} is not asked to review this; {asked} can")
    return user.name


def _remove(
    editor: Editor, entry: DeclaredGroup | DeclaredApplication, one: ListedPrincipal
) -> None:
    if isinstance(entry, DeclaredGroup):
        comes, _ = editor.inherited(editor.group(entry.name), one.listed.name)
        editor.remove_member(entry.name, one.listed.name, exclude=comes is not None)
    else:
        label = entry.selector.arn or entry.selector.name or ""
        editor.unassign(label, (str(one.kind), one.listed.name))


@dataclass(frozen=True, slots=True)
class RecordedReview:
    """One review as the YAML records it."""

    address: str
    day: date
    by: str
    kept: int
    removed: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """All of it as text."""
        gone = " ".join(self.removed)
        return self.address, self.day.isoformat(), self.by, str(self.kept), gone


def recorded(before: Declared | None, after: Declared) -> Iterator[RecordedReview]:
    """Yield the reviews that *after* records and *before*, what it follows, does not."""
    old = {} if before is None else {subject(one): one for one in _entries(before)}
    for entry in _entries(after):
        former, record = old.get(subject(entry)), entry.reviewed
        if record is None or (former is not None and _is_same(former.reviewed, record)):
            continue
        now = {folded(one.address) for one in principals_in(entry)}
        gone = [] if former is None else [one.address for one in principals_in(former)]
        removed = tuple(one for one in gone if folded(one) not in now)
        yield RecordedReview(subject(entry), record.day, record.by, len(now), removed)


def _is_same(former: ReviewRecord | None, record: ReviewRecord) -> bool:
    return former is not None and (former.day, former.by) == (record.day, record.by)


def _entries(declared: Declared) -> Iterator[DeclaredGroup | DeclaredApplication]:
    yield from declared.groups
    yield from declared.applications
