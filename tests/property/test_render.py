"""Rules of what people see: no value is ever more than a value, and nothing grows too long."""

from __future__ import annotations

import re
from itertools import cycle, pairwise
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.guard_settings import GuardId
from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Reason,
    Rename,
    Update,
    Withheld,
)
from identity_reconciler.core.state import (
    Assignment,
    Group,
    GroupName,
    Membership,
    Resource,
    User,
    UserName,
    folded,
)
from identity_reconciler.errors import Position, Problem
from identity_reconciler.render.annotations import MOST, plan_annotations, problem_annotations
from identity_reconciler.render.describe import Findings, Occasion, document
from identity_reconciler.render.document import (
    AccessDocument,
    ChangeDocument,
    ControlDocument,
    GuardDocument,
    LooseningDocument,
    PersonDocument,
    PlanDocument,
    PositionDocument,
)
from identity_reconciler.render.drift import drift_markdown
from identity_reconciler.render.escape import safe
from identity_reconciler.render.fitting import SizeLimit, characters, octets
from identity_reconciler.render.markdown import COMMENT, plan_markdown
from identity_reconciler.render.mermaid import access_picture
from identity_reconciler.render.spans import marker
from identity_reconciler.render.text import PageFormat, plan_text
from identity_reconciler.render.widths import width
from tests.golden import samples
from tests.golden.samples import made
from tests.hostile import PAYLOADS, alike, harmless, plan_with, values
from tests.skeleton import Skeleton
from tests.strategies import NOW, World, worlds

CHOSEN = st.lists(values(), min_size=1, max_size=7, unique_by=folded)
"""Values that take turns: seven and the number of places have no divisor in common."""
WIDE = PageFormat(10**6)
"""A page on which no line is folded."""
UNLIMITED = SizeLimit(10**9, characters)


HARMLESS = Skeleton(plan_markdown(harmless()))
ALIKE = Skeleton(plan_markdown(alike()))
"""People of one name are one."""
TAGS = {
    *("h2", "h3", "p", "strong", "ul", "li", "code", "pre", "details", "summary"),
}


class TestMarkdown:
    """Outside code, GitHub sees the same in a plan whatever its values are."""

    def test_the_harmless_plan_has_only_our_elements(self) -> None:
        tags = {re.split(r"[ >]", part)[0] for part in HARMLESS.parts if part.startswith("<")}
        assert {tag.strip("</") for tag in tags} == TAGS
        assert not re.search("[@#]|http|www", "".join(HARMLESS.parts))

    def test_no_value_stands_outside_code(self) -> None:
        assert "word" not in "".join(HARMLESS.parts)

    @given(chosen=CHOSEN)
    @settings(max_examples=100)
    def test_no_value_changes_what_is_around_it(self, chosen: list[str]) -> None:
        hostile = plan_with(cycle(chosen).__next__)
        seen = Skeleton(plan_markdown(hostile))
        words = cycle(f"word{number}" for number in range(len(chosen)))
        assert seen.parts == Skeleton(plan_markdown(plan_with(words.__next__))).parts
        assert len(seen.comments) == 1

    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_no_payload_everywhere_at_once_does(self, payload: str) -> None:
        seen = Skeleton(plan_markdown(plan_with(lambda: payload)))
        assert seen.parts == ALIKE.parts
        assert len(seen.comments) == 1

    @given(name=values(), other=values())
    def test_the_marker_is_the_first_line_and_tells_instances_apart(
        self, name: str, other: str
    ) -> None:
        line = marker(name)
        inner = line.removeprefix("<!-- ").removesuffix(" -->")
        assert re.fullmatch(r"identity-reconciler plan: [\w.~%-]+", inner, re.ASCII)
        assert "--" not in inner
        encoded = inner.partition(": ")[2]
        assert unquote(encoded, errors="surrogatepass") == name
        assert (marker(other) == line) == (other == name)

    @given(chosen=CHOSEN)
    def test_no_value_breaks_out_of_the_picture(self, chosen: list[str]) -> None:
        first, *lines = access_picture(plan_with(cycle(chosen).__next__))
        assert first == "flowchart LR"
        label = r'"(?:#[0-9]+;|[^\W_]|[ .,_-])+"'
        node = rf"    n\d+(?:\(\[{label}\]\)|\[{label}\]|\[\[{label}\]\])"
        edge = r"    n\d+ (?:-\. loses \.->|== gains ==>|-->) n\d+"
        assert all(re.fullmatch(f"{node}|{edge}", line) for line in lines)


class TestSize:
    """However much there is to say, it fits, and what matters most is whole."""

    @given(
        amounts=st.tuples(*[st.integers(0, 900)] * 3),
        name=st.sampled_from(["ana", "\U0001f600" * 20, "`" * 60, "\u202e" * 9]),
        limit=st.sampled_from([8_000, 20_000, 60_000]),
    )
    @settings(max_examples=25)
    def test_a_plan_fits_and_tells_what_it_leaves_out(
        self, amounts: tuple[int, int, int], name: str, limit: int
    ) -> None:
        plan = long_plan(amounts, name)
        text = plan_markdown(plan, SizeLimit(limit, characters))
        assert characters(text) <= limit
        assert text.startswith("<!-- identity-reconciler plan: ")
        assert "**Blocked: 2 guards refuse this plan.**" in text
        counted = "Plan: 1 user created, 1 user updated, 1 user renamed, 1 user removed, "
        assert (counted in text) is any(amounts)
        assert "`budget.users`" in text
        assert "`wipe`" in text
        for title, amount in zip(("Removals", "Updates", "Creations"), amounts, strict=True):
            assert told(text, title) == amount
        assert Skeleton(text).parts.count("</details>") == (1 if amounts[2] else 0) + 1

    def test_at_the_boundary(self) -> None:
        for amount in range(1_080, 1_140, 5):
            plan = long_plan((amount, 0, 0), "ana.maria")
            full, cut = plan_markdown(plan, UNLIMITED), plan_markdown(plan)
            assert characters(cut) <= COMMENT.limit
            assert (cut == full) == ("the full plan is in the artifact" not in cut)
            if characters(full) <= COMMENT.limit - 200:
                assert cut == full
            if characters(full) > COMMENT.limit:
                assert characters(cut) > COMMENT.limit - 200

    def test_creations_go_first_then_updates_then_removals(self) -> None:
        for limit in range(4_000, 60_000, 5_000):
            text = plan_markdown(long_plan((200, 200, 200), "ana"), SizeLimit(limit, characters))
            shown = [entries(text, title) for title in ("Removals", "Updates", "Creations")]
            assert all(earlier == 200 or later == 0 for earlier, later in pairwise(shown))

    def test_removals_stay_longer_than_access(self) -> None:
        access = tuple(
            AccessDocument(
                effect="gains",
                application=f"application-{number}",
                application_arn=f"arn:{number}",
                people=1,
                listed=(PersonDocument(user=f"user-{number:03}", paths=("directly",)),),
            )
            for number in range(300)
        )
        plan = long_plan((200, 0, 0), "ana").model_copy(update={"access": access})
        text = plan_markdown(plan, SizeLimit(14_000, characters))
        assert entries(text, "Removals") == 200
        assert 0 < entries(text, "Moves") < 300
        assert re.search(r"- and \d+ more people; the full plan is in the artifact", text)

    def test_nothing_buries_what_is_guarded(self) -> None:
        buried = made(samples.buried())
        assert sum(len(one.address) for one in buried.changes) > COMMENT.limit
        for text in (plan_markdown(buried), plan_text(buried), drift_markdown(buried)):
            assert "membership/admins/person-1700" in text
            assert "user/person-1700" in text
            assert text.index("membership/admins/person-1700") < text.index("user/person-000")

    @given(
        guarded=st.sets(st.integers(0, 2_499), max_size=99),
        title=st.sampled_from(["Removals", "Updates", "Creations"]),
    )
    @settings(max_examples=10)
    def test_guards_leave_room_for_what_is_guarded(self, guarded: set[int], title: str) -> None:
        amounts = [2_500 if one == title else 0 for one in ("Removals", "Updates", "Creations")]
        plan = long_plan((amounts[0], amounts[1], amounts[2]), "x" * 100)
        changes = tuple(
            one.model_copy(update={"guarded": True}) if number in guarded else one
            for number, one in enumerate(plan.changes)
        )
        worst = plan.guards[0].model_copy(update={"found": "y" * 9_999, "expected": "z" * 9_999})
        guards = tuple(worst.model_copy(update={"guard": one.value}) for one in GuardId)
        text = plan_markdown(plan.model_copy(update={"changes": changes, "guards": guards}))
        assert characters(text) <= COMMENT.limit
        for guard in GuardId:
            assert f"- `{guard}`\n  - found: " in text
        for number in guarded:
            assert changes[number].address in text
        if guarded:
            assert told(text, "Touches what is guarded") == len(guarded)
            assert entries(text, "Touches what is guarded") == len(guarded)

    def test_more_than_fits_is_said_loudly(self) -> None:
        plan = long_plan((0, 0, 2_500), "ana" * 9)
        changes = tuple(one.model_copy(update={"guarded": True}) for one in plan.changes)
        text = plan_markdown(plan.model_copy(update={"changes": changes}))
        assert re.search(r"\*\*and \d+ more that touch what is guarded: read the full plan", text)

    def test_control_cannot_be_buried(self) -> None:
        """Nor can it bury the rest: what weighs most comes first, and the others are counted."""
        position = PositionDocument(file="users.yaml", line=1, column=1)
        loosened = tuple(
            LooseningDocument(
                aspect="managed",
                text=f"user/{number} is not declared any more",
                addresses=tuple(f"user/{number}" for number in range(9_999 * (number == 0))),
                source=position,
                at_base=True,
            )
            for number in range(3_000)
        )
        control = ControlDocument(base="HEAD^1", loosened=loosened)
        plan = long_plan((500, 500, 500), "ana").model_copy(update={"control": control})
        text = plan_markdown(plan)
        assert characters(text) <= COMMENT.limit
        assert "### Control: 3000 points looser than at `HEAD^1`" in text
        assert "and 9949 more; the full plan is in the artifact" in text
        shown = text.count(" is not declared any more")
        assert shown == 200
        assert all(f"`{guard}`" in text for guard in ("budget.users", "wipe"))
        assert entries(text, "Removals") > 300
        assert f"- and {3_000 - shown} more; the full plan is in the artifact" in text
        assert text.index("user/1 is not declared") < text.index("**Blocked: 2 guards")

    def test_bytes_are_counted_where_bytes_are_limited(self) -> None:
        plan = long_plan((3_000, 0, 0), "\u00e9" * 100)
        text = plan_markdown(plan, SizeLimit(100_000, octets))
        assert 99_000 < len(text.encode()) <= 100_000


def long_plan(amounts: tuple[int, int, int], name: str) -> PlanDocument:
    """Return a blocked plan with so many removals, updates and creations of *name*."""
    user = User(UserName(name))
    changes = [
        ChangeDocument(
            action=action,
            kind="user",
            address=f"user/{name}-{number:04}",
            before=None if action == "create" else user,
            after=None if action == "delete" else user,
            reason="not declared" if action == "delete" else None,
            cascaded=(Membership(GroupName("g"), user.user_name),) if number % 7 == 0 else (),
        )
        for action, amount in zip(("delete", "update", "create"), amounts, strict=True)
        for number in range(amount)
    ]
    guards = tuple(
        GuardDocument(
            guard=guard,
            standing="blocked",
            found="much",
            expected="less",
            addresses=tuple(f"user/{name}-{number:04}" for number in range(20)),
            count=200,
        )
        for guard in ("budget.users", "wipe")
    )
    return harmless().model_copy(
        update={"changes": tuple(changes), "guards": guards, "access": (), "expiring": ()}
    )


def section(text: str, title: str) -> list[str]:
    """Return the lines of the list under *title*."""
    _, _, rest = text.partition(f"{title} (")
    body = re.split(r"^(?:###|<)", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return [line for line in body.splitlines() if line.startswith("- ")]


def entries(text: str, title: str) -> int:
    """Return how many entries are listed under *title*."""
    return sum(not line.startswith("- and ") for line in section(text, title))


def told(text: str, title: str) -> int:
    """Return how many entries are listed or counted as left out under *title*."""
    more = [re.match(r"- and (\d+) more;", line) for line in section(text, title)]
    return entries(text, title) + sum(int(found[1]) for found in more if found)


class TestText:
    """On a terminal and in a log, a line of a plan is a line and nothing else."""

    @given(chosen=CHOSEN)
    def test_every_line_is_printable_and_no_command(self, chosen: list[str]) -> None:
        text = plan_text(plan_with(cycle(chosen).__next__))
        for line in text.split("\n"):
            assert line.isprintable()
            assert not line.lstrip().startswith("::")
            assert "##[" not in line

    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_no_payload_adds_a_line(self, payload: str) -> None:
        text = plan_text(plan_with(lambda: payload), WIDE)
        assert text.count("\n") == plan_text(alike(), WIDE).count("\n")

    @given(chosen=CHOSEN, columns=st.integers(40, 160))
    def test_every_line_fits(self, chosen: list[str], columns: int) -> None:
        """But for what is to be pasted, and characters that are shown by number at last."""
        plan = plan_with(cycle(chosen).__next__)
        guards = tuple(one.model_copy(update={"approval": ()}) for one in plan.guards)
        lines = plan_text(plan.model_copy(update={"guards": guards}), PageFormat(columns)).split(
            "\n"
        )
        shown = [one.replace("\\u{3a}", ":").replace("\\u{5b}", "[") for one in lines]
        assert max(map(width, shown)) <= columns


class TestWorlds:
    """Whatever a plan does is told, each change once and under its sign, and nothing else is."""

    @given(world=worlds())
    @settings(max_examples=60)
    def test_every_change_of_any_plan(self, world: World) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        shown = document(declared, plan, live, Occasion(NOW, 1, 1.0), Findings())
        lines = [
            line
            for block in plan_text(shown, PageFormat(10**6, whole=True)).split("\n\n")
            if block.startswith(LISTS)
            for line in block.splitlines()[1:]
        ]
        expected = sorted(f"{sign_of(one)} {told_of(one)}" for one in plan.changes)
        assert sorted(re.split(r"  +", line)[0] for line in lines if line[0] != " ") == expected
        markdown = plan_markdown(shown, UNLIMITED)
        _, *blocks = re.split(r"^(?=###|<details>)", markdown, flags=re.MULTILINE)
        markdown = "\n".join(one for one in blocks if one.strip("#< ").startswith(MARKED))
        bullets = [line for line in markdown.splitlines() if line.startswith("- ")]
        vanishing = (
            len(one.cascaded)
            for one in plan.changes
            if isinstance(one, Delete) and isinstance(one.before, User)
        )
        told = len(plan.changes) + len(plan.withheld) + sum(vanishing)
        assert sum(map(stands_for, bullets)) == told
        for change in (*plan.changes, *plan.withheld):
            start = "- `" + told_of(change).replace(" -> ", "` -> `") + "`"
            alone = sum(line.startswith(start) for line in bullets)
            assert alone or any(is_told(change, line) for line in bullets if stands_for(line) > 1)


LISTS = ("Removals", "Renames", "Updates", "Creations")
MARKED = (*LISTS, "details><summary>Creations", "details><summary>Withheld")


def stands_for(line: str) -> int:
    """Return how many changes a line of Markdown is about, by what it says."""
    links = re.match(r"- (\d+) (?:members|users|assignments|orphaned assignments) ", line)
    # What goes with a group by itself is no change.
    kinds = "(?:assignment|membership)" if line.startswith("- `user/") else "assignment"
    along = re.findall(rf" (\d+) {kinds}s? go(?:es)? with it\b", line)
    return (int(links[1]) if links else 1) + sum(map(int, along))


def is_told(change: Change | Withheld, line: str) -> bool:
    """Return whether *line*, which is about several links, has both ends of this one.

    Of who is deleted, the groups that they leave are counted.
    """
    match change:
        case Delete(before=Membership(user=user), reason=Reason.PRINCIPAL_DELETED):
            return line.startswith(f"- `user/{user}`") and " with it" in line
        case _:
            pass
    _, first, *_, last = told_of(change).split("/")
    return all(f"`{end}`" in line or f"/{end}`" in line for end in (first, last))


def sign_of(change: Change) -> str:
    return {Create: "+", Update: "!", Rename: ">", Delete: "-"}[type(change)]


def told_of(change: Change | Withheld) -> str:
    """Return what stands for *change* on its line, with the names as they are spelled."""
    match change:
        case Withheld(resource=subject) | Delete(before=subject) | Create(after=subject):
            return called(subject)
        case Update():
            return called(change.before)
        case Rename():
            return f"{called(change.before)} -> {called(change.after).partition('/')[2]}"


def called(resource: Resource) -> str:
    match resource:
        case User():
            return f"user/{resource.user_name}"
        case Group():
            return f"group/{resource.name}"
        case Membership():
            return f"membership/{resource.group}/{resource.user}"
        case Assignment(principal=principal):
            kind = f"orphaned-{principal.kind}" if principal.orphan else principal.kind
            name = resource.principal_name
            return f"assignment/{resource.application_name}/{kind}/{name}"


COMMAND = re.compile(r"::(?P<name>[a-z]+)(?: (?P<properties>.*?))?::(?P<message>.*)")


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """Return a workflow command as a runner reads it."""
    found = COMMAND.fullmatch(line)
    assert found, line
    pairs = (one.partition("=") for one in (found["properties"] or "").split(","))
    properties = {
        name: value.replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%3A", ":")
        .replace("%2C", ",")
        .replace("%25", "%")
        for name, _, value in pairs
    }
    message = found["message"].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    return found["name"], properties, message


class TestAnnotations:
    """A runner reads back exactly what was to be told."""

    @given(file=values(), message=values(), line=st.integers(1, 9), column=st.integers(1, 9))
    def test_problems(self, file: str, message: str, line: int, column: int) -> None:
        text = problem_annotations([Problem(Position(file, line, column), message)], "a,b:c%/")
        name, properties, told_message = parsed(text.removesuffix("\n"))
        assert name == "error"
        assert properties == {
            "file": safe(f"a,b:c%/{file}"),
            "line": str(line),
            "col": str(column),
            "title": "Invalid desired state",
        }
        assert told_message == safe(message)

    @given(chosen=CHOSEN)
    def test_plans(self, chosen: list[str]) -> None:
        plan = plan_with(cycle(chosen).__next__)
        commands = [parsed(line) for line in plan_annotations(plan, "x/").split("\n")[:-1]]
        levels = [*["error"] * 2, *["warning"] * 4, *["notice"] * 4]
        assert [name for name, _, _ in commands] == levels
        source = plan.changes[0].source
        assert source is not None
        placed = [one[1].get("file") for one in commands]
        # Guards stand nowhere, what stood in the base has no line in the files of now, and names
        # that look alike may be live only.
        there = safe(f"x/{source.file}")
        assert placed == [None, None, there, None, there, None, *[there] * 4]

    @given(amount=st.integers(0, 30))
    def test_never_more_than_github_shows(self, amount: int) -> None:
        problems = [Problem(Position("a", line, 1), "x") for line in range(1, amount + 1)]
        lines = problem_annotations(problems, "").splitlines()
        assert len(lines) == min(amount, MOST + 1)
        if amount > MOST:
            assert parsed(lines[-1])[2] == f"and {amount - MOST} more problems"
