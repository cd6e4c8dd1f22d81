"""Import into files written in every way, and say where that is not the smallest true correction.

    python -m tests.fuzz.corrections [--seeds A:B] [--show SEED]

A seed makes one file of users, groups and applications, whose lists are written with dashes or in
brackets, on one line or several, nested, quoted and with comments anywhere, and a live state that
differs from it. What is imported has to be what is live, and nothing else may change: items stay
in their order with their dates and reasons, every line that has nothing to do with a correction is
the same to the byte, and a comment goes with the item that goes, or stays. The exit code is 1 if
there was a fault. What is expected is known from making the file, and not from reading it.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.plan import Delete, Reason, Rename
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.desired.writing.importing import Choice, adopt
from identity_reconciler.desired.writing.rewrite import Rewrite
from identity_reconciler.errors import ReconcilerError

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
PAST, FUTURE = date(2026, 2, 1), date(2030, 1, 1)
NAMES = ("ann", "Bob", "carl", "dé", "eve", "o'hara", "a@x.org", "007", "no", "j-1", "x:y", "z#1")
APPLICATIONS = ("Wiki", "Pay, roll", "2048")
NOTES = ("", " why", " - item", " key: value", " ]", " }, x", ' "it', " é", " [a, b]", " #")
INSTANCE = (Path(__file__).parents[1] / "invalid" / "instance.yaml").read_bytes()
SETTINGS = b"manage: {require_email: false}\n"
NOTE = re.compile("#[0-9]+!")

Item = dict[str, str | date]
"""An item of a list: the name by its kind, and what else is said."""


@dataclass(slots=True)
class Span:
    """The lines of an item or a list, from the first to the last."""

    first: int
    last: int

    def lines(self) -> range:
        """Return their numbers."""
        return range(self.first, self.last + 1)


@dataclass(slots=True)
class Written:
    """One list as it is in the file."""

    kind: str
    items: list[Item]
    live: set[str] = field(default_factory=set)
    """The names that are live."""
    spans: list[Span] = field(default_factory=list)
    """The lines of each item."""
    span: Span = field(default_factory=lambda: Span(0, 0))
    """The lines of the whole list, its key included."""

    def name(self, item: Item) -> str:
        """Return the name in *item*."""
        return str(item[self.kind])

    def stays(self, item: Item) -> bool:
        """Return whether *item* has to stay: it is live, or over."""
        return self.name(item) in self.live or item.get("expires") == PAST

    @property
    def new(self) -> set[str]:
        """Those who are live and not listed."""
        return self.live - set(map(self.name, self.items))

    @property
    def changes(self) -> bool:
        """Whether there is anything to correct."""
        return bool(self.new) or not all(map(self.stays, self.items))


class Writer:
    """Writes a file and keeps where everything stands."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.text = ""
        self.line = 0
        self.notes: dict[str, int] = {}
        """The line of each comment."""

    def chance(self, percent: int) -> bool:
        """Return true this often."""
        return self.rng.random() * 100 < percent

    def put(self, text: str) -> None:
        """Write *text*."""
        self.text += text
        self.line += text.count("\n")

    def note(self) -> str:
        """Return a comment that is in the file once."""
        mark = f"#{len(self.notes)}!"
        self.notes[mark] = self.line
        return mark + self.rng.choice(NOTES)

    def end(self) -> None:
        """End the line, sometimes with a comment."""
        if self.chance(25):
            self.put(f"{' ' * self.rng.randint(1, 3)}{self.note()}")
        self.put("\n")

    def between(self, column: int) -> None:
        """Write comments or blank lines, or nothing."""
        while self.chance(15):
            text = "" if self.chance(30) else " " * column + self.note()
            self.put(f"{text}\n")

    def scalar(self, text: str) -> str:
        """Return *text* as it may be written anywhere."""
        plain = re.fullmatch("[A-Za-zé@.'-]+(-1)?", text) and text not in {"no", "y"}
        if plain and self.chance(70):
            return text
        if self.chance(50):
            return f'"{text}"'
        return "'" + text.replace("'", "''") + "'"

    def pairs(self, item: Item) -> list[str]:
        """Return the keys of *item* with their values, in any order."""
        found = [
            f"{key}: {value.isoformat() if isinstance(value, date) else self.scalar(value)}"
            for key, value in item.items()
        ]
        self.rng.shuffle(found)
        return found

    def gap(self, column: int, *, lines: bool) -> None:
        """Write what may stand between two signs in brackets."""
        self.put(" " * self.rng.randint(0, 2))
        if lines and self.chance(35):
            self.put(" ")
            self.end()
            self.between(column)
            self.put(" " * column)

    def in_brackets(self, item: Item, kind: str, column: int, *, lines: bool) -> Span:
        """Write *item* in brackets and return its lines."""
        first = self.line
        if not kind or (item.keys() == {kind} and self.chance(80)):
            self.put(self.scalar(str(item[kind])))
            return Span(first, first)
        self.put("{")
        for number, pair in enumerate(self.pairs(item)):
            self.put("," if number else "")
            self.gap(column + 2, lines=lines and self.chance(30))
            self.put(f"{' ' if number else ''}{pair}")
        self.gap(column + 2, lines=False)
        self.put("}")
        return Span(first, self.line)

    def brackets(self, found: Written, column: int) -> None:
        """Write a list in brackets, from the bracket to the bracket."""
        style = self.rng.choice(("one line", "one line", "own lines", "any", "commas first"))
        self.put("[")
        if style == "own lines":
            self.end()
        for number, item in enumerate(found.items):
            last = number == len(found.items) - 1
            if style == "own lines":
                self.between(column)
                self.put(" " * column)
            elif style == "commas first" and number:
                self.put("\n" + " " * column + ", ")
            else:
                self.gap(column, lines=style == "any")
            lines = style != "one line"
            found.spans.append(self.in_brackets(item, found.kind, column, lines=lines))
            if style != "commas first" and (not last or self.chance(20)):
                self.gap(column, lines=style == "any" and self.chance(20))
                self.put(",")
            if style == "own lines":
                self.end()
        if style == "own lines":
            self.between(column)
            self.put(" " * self.rng.choice((column, max(column - 2, 1))))
        else:
            self.gap(column, lines=style == "any")
        self.put("]")

    def dashes(self, found: Written, column: int) -> None:
        """Write a list with dashes."""
        for item in found.items:
            self.between(column)
            first = self.line
            self.put(f"{' ' * column}-{' ' * self.rng.randint(1, 3)}")
            if item.keys() == {found.kind} or self.chance(50):
                self.in_brackets(item, found.kind, column + 4, lines=self.chance(20))
            else:
                inner = len(self.text) - self.text.rfind("\n") - 1
                for number, pair in enumerate(self.pairs(item)):
                    if number:
                        self.end()
                        self.put(" " * inner)
                    self.put(pair)
            found.spans.append(Span(first, self.line))
            self.end()

    def listed(self, key: str, found: Written, column: int) -> None:
        """Write a key and its list on lines of their own."""
        first = self.line
        self.put(f"{' ' * column}{key}:")
        if found.items and self.chance(50):
            self.end()
            self.dashes(found, column + self.rng.choice((0, 2, 2, 4)))
        else:
            self.put(" " * self.rng.randint(1, 2))
            self.brackets(found, column + self.rng.randint(1, 6))
            self.end()
        found.span = Span(first, self.line - 1)


class World:
    """A file, and a live state that differs from it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 (no secret)
        self.writer = Writer(self.rng)
        self.names = self.rng.sample(NAMES, self.rng.randint(2, len(NAMES)))
        self.groups = self.rng.sample(NAMES, self.rng.randint(1, 4))
        self.applications = self.rng.sample(APPLICATIONS, self.rng.randint(0, 2))
        self.members = {name: self._list("user", self.names) for name in self.groups}
        self.assignments = {
            name: {
                kind: self._list(kind, self.names if kind == "user" else self.groups)
                for kind in self.rng.sample(("user", "group"), self.rng.randint(1, 2))
            }
            for name in self.applications
        }
        self.described: dict[str, str | None] = {}
        """The descriptions that are live, by group."""
        self.former: dict[str, Written] = {}
        """The previous names, by group."""
        self.called = {name: self._called(name) for name in self.groups}
        """What the groups are called in AWS."""
        self._write()
        end = "\r\n" if self.writer.chance(10) else "\n"
        self.data = self.writer.text.replace("\n", end).encode()

    def _called(self, name: str) -> str:
        # The change that removes what has expired has the name of before in one place or another.
        lists = [
            self.members[name],
            *(one for two in self.assignments.values() for one in two.values()),
        ]
        if any(_over(one) for one in lists) or not self.writer.chance(15):
            return name
        return self.rng.choice((f" {name}", f"{name}\t", f"\u3000{name} "))

    def _list(self, kind: str, names: Sequence[str]) -> Written:
        listed = self.rng.sample(names, self.rng.randint(0, min(len(names), 5)))
        if self.writer.chance(50):
            listed.sort(key=folded)
        found = Written(kind, [self._item(kind, name) for name in listed])
        calm = self.writer.chance(30)
        found.live = {
            name
            for name in names
            if (name in listed if calm else self.writer.chance(70 if name in listed else 25))
        }
        return found

    def _item(self, kind: str, name: str) -> Item:
        item: Item = {kind: name}
        if self.writer.chance(35):
            item["expires"] = self.rng.choice((PAST, FUTURE))
        if self.writer.chance(20):
            item["reason"] = self.rng.choice(("T-9", "he's in", "a, b", "x: y # z", "]"))
        return item

    def _write(self) -> None:
        sections = [self._users, self._groups, *([self._applications] * bool(self.applications))]
        self.rng.shuffle(sections)
        for section in sections:
            self.writer.between(0)
            section()
        self.writer.between(0)

    def _entry(self, head: str) -> None:
        self.writer.between(2)
        self.writer.put(f"  - {head}")
        self.writer.end()

    def _users(self) -> None:
        writer = self.writer
        writer.put("users:")
        writer.end()
        for name in self.names:
            self._entry(f"user_name: {writer.scalar(name)}")
            writer.put("    state: external")
            writer.end()

    def _groups(self) -> None:
        writer = self.writer
        writer.put("groups:")
        writer.end()
        for name in self.groups:
            self._entry(f"name: {writer.scalar(name)}")
            parts: list[Callable[[], None]] = [
                partial(writer.listed, "members", self.members[name], 4)
            ]
            if writer.chance(40):
                former = Written("", [{"": f"old {name}"}, {"": f"former {name}"}])
                self.former[name] = former
                parts.append(partial(writer.listed, "previous_names", former, 4))
            if writer.chance(30):
                self.described[name] = self.rng.choice(("old", "new"))
                parts.append(self._description)
            self.rng.shuffle(parts)
            for part in parts:
                part()
                writer.between(4)

    def _description(self) -> None:
        self.writer.put("    description: old")
        self.writer.end()

    def _applications(self) -> None:
        writer = self.writer
        writer.put("applications:")
        writer.end()
        for name in self.applications:
            self._entry(f"name: {writer.scalar(name)}")
            writer.put("    assignments:")
            writer.end()
            for kind, found in self.assignments[name].items():
                writer.between(6)
                writer.listed(f"{kind}s", found, 6)

    def lists(self) -> Iterator[tuple[Written, tuple[str | int, ...]]]:
        """Yield the lists that may be corrected, and where they stand."""
        for number, found in enumerate(self.members.values()):
            yield found, ("groups", number, "members")
        for number, lists in enumerate(self.assignments.values()):
            for kind, found in lists.items():
                yield found, ("applications", number, "assignments", f"{kind}s")

    @property
    def live(self) -> State:
        """What is live."""
        users = [User(UserName(name), foreign=True) for name in self.names]
        groups = [
            Group(GroupName(self.called[name]), self.described.get(name)) for name in self.groups
        ]
        applications = [Application(arn_of(name), name) for name in self.applications]
        return State(
            users={user_key(one.user_name): one for one in users},
            groups={group_key(one.name): one for one in groups},
            members={
                group_key(self.called[name]): frozenset(map(user_key, found.live))
                for name, found in self.members.items()
            },
            applications={one.arn: one for one in applications},
            assignments={
                arn_of(name): frozenset(
                    Principal(
                        PrincipalKind(kind), folded(one if kind == "user" else self.called[one])
                    )
                    for kind, found in lists.items()
                    for one in found.live
                )
                for name, lists in self.assignments.items()
            },
        )

    @property
    def over(self) -> set[Membership | Assignment]:
        """What has expired and is live."""
        found: set[Membership | Assignment] = {
            Membership(GroupName(name), UserName(one))
            for name, written in self.members.items()
            for one in _over(written)
        }
        for name, lists in self.assignments.items():
            found |= {
                Assignment(arn_of(name), Principal(PrincipalKind(kind), folded(one)))
                for kind, written in lists.items()
                for one in _over(written)
            }
        return found


def _over(written: Written) -> list[str]:
    return [
        written.name(item)
        for item in written.items
        if item.get("expires") == PAST and written.name(item) in written.live
    ]


def arn_of(name: str) -> ApplicationArn:
    """Return the ARN of the application called *name*."""
    number = APPLICATIONS.index(name)
    account = "arn:aws:sso::111122223333"
    return ApplicationArn(
        f"{account}:application/ssoins-1234567890abcdef/apl-123456789012345{number}"
    )


def imported(world: World) -> tuple[Rewrite, bytes]:
    """Return what an import of *world* makes, and its file."""
    rewrite = Rewrite(Path("/nowhere"))
    rewrite.put("instance.yaml", INSTANCE + SETTINGS)
    rewrite.put("a.yaml", world.data)
    adopt(rewrite, rewrite.declared(), world.live, Choice(NOW))
    return rewrite, rewrite.contents["a.yaml"]


def faults(seed: int) -> Iterator[str]:
    """Yield what is wrong with the import into the file of *seed*."""
    world = World(seed)
    try:
        rewrite, data = imported(world)
        declared = rewrite.declared()
    except ReconcilerError as error:
        yield f"refused: {error}"
        return
    yield from _planned(world, compare(declared, world.live, NOW).changes)
    yield from _meant(world, yaml.safe_load(data))
    yield from _lines(world, data.decode())
    if set(rewrite.contents) != {"a.yaml", "instance.yaml"}:
        yield "there is another file"
    again, same = imported_again(world, data)
    if same != data:
        yield f"a second import changes it again: {again}"


def imported_again(world: World, data: bytes) -> tuple[str, bytes]:
    """Return what a second import says and makes of *data*."""
    rewrite = Rewrite(Path("/nowhere"))
    rewrite.put("instance.yaml", INSTANCE + SETTINGS)
    rewrite.put("a.yaml", data)
    adopted = adopt(rewrite, rewrite.declared(), world.live, Choice(NOW))
    return "; ".join(adopted.unlisted), rewrite.contents["a.yaml"]


def _planned(world: World, changes: Iterable[object]) -> Iterator[str]:
    expected: set[object] = {Delete(one, Reason.EXPIRED) for one in world.over}
    for new, old in world.called.items():
        if new != old:
            group = Group(GroupName(old), world.described.get(new))
            expected.add(Rename(group, replace(group, name=GroupName(new))))
    found = set(changes)
    if found != expected:
        yield f"planned: {sorted(map(str, found ^ expected))}"


def _meant(world: World, after: Any) -> Iterator[str]:  # noqa: ANN401 (what a YAML parser says)
    """Yield the lists that do not say what they have to, and whatever else has another meaning."""
    before = yaml.safe_load(world.data)
    for found, (*above, key) in world.lists():
        old, new = before, after
        for step in above:
            old, new = old[step], new[step]
        pairs = zip(old[key], found.items, strict=True)
        kept = [said for said, item in pairs if found.stays(item)]
        added = sorted(str(one) for one in new[key] if one not in kept)
        if [one for one in new[key] if one in kept] != kept or added != sorted(found.new):
            yield f"{key}: {old[key]} with {sorted(found.live)} live became {new[key]}"
        new[key] = old[key]
    for group in before["groups"]:
        if (called := world.called[group["name"]]) != group["name"]:
            group["previous_names"] = [*group.get("previous_names", ()), called]
        if group["name"] in world.described:
            group["description"] = world.described[group["name"]]
    if before != after:
        yield "something else has another meaning"


def _lines(world: World, text: str) -> Iterator[str]:
    """Yield the lines and comments that are not there any more and should be."""
    may_change, may_go = set[int](), set[int]()
    for found, _ in world.lists():
        if found.changes:
            may_change |= set(found.span.lines())
            for item, span in zip(found.items, found.spans, strict=True):
                may_go |= set() if found.stays(item) else set(span.lines())
    for name, found in world.former.items():
        may_change |= set(found.span.lines()) if world.called[name] != name else set()
    after = iter(text.splitlines(keepends=True))
    for number, line in enumerate(world.data.decode().splitlines(keepends=True)):
        may_differ = number in may_change or "description: old" in line
        if not may_differ and not any(line == one for one in after):
            yield f"line {number + 1} is not what it was: {line!r}"
            break
    yield from _notes(world, NOTE.findall(text), may_go)


def _notes(world: World, left: list[str], may_go: set[int]) -> Iterator[str]:
    """Yield the comments that are lost though the lines in *may_go* have not got them."""
    if len(left) != len(set(left)):
        yield "a comment is there twice"
    for mark, number in world.writer.notes.items():
        if mark not in left and number not in may_go:
            yield f"comment {mark} of line {number + 1} is lost"


def main() -> int:
    """Run the seeds that are asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.corrections",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", default="0:10000", help="from which seed to which, A:B")
    parser.add_argument("--show", type=int, help="show the file of one seed, and what it becomes")
    given = parser.parse_args()
    if given.show is not None:
        world = World(given.show)
        print(world.data.decode())
        print(imported(world)[1].decode())
        given.seeds = f"{given.show}:{given.show + 1}"
    first, last = map(int, given.seeds.split(":"))
    bad = 0
    for seed in range(first, last):
        for fault in faults(seed):
            print(f"seed {seed}: {fault}")
            bad += 1
    print(f"{last - first:,} files, {bad} faults")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
