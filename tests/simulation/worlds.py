"""Small worlds from a seed: what is live, and what is declared of it.

Everybody meets everything: few names, many links. All that is declared can be had, so that nothing
is left unresolved: no two swap addresses, and nobody is called what somebody else was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tests.simulation.oracle import Assigned, Entry, Id, Intent, Person, Store, Team

ARNS = tuple(
    f"arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-{n:0>16}" for n in "123"
)
_PEOPLE = ("ana", "bob", "cleo", "dan", "eve", "fay", "gil")
_TEAMS = ("admins", "builders", "callers", "drivers")
_NEW_PEOPLE = ("nia", "oto")
_NEW_TEAMS = ("newcomers", "movers")
_TITLES = (None, "x", "y")
_HELD = ("held", "held", "held", "ending")
"""Whether something that is listed holds: without end, or until long after now."""


@dataclass(slots=True)
class _Draft:
    """A world while it is drawn."""

    random: Random
    live: Store = field(default_factory=Store)
    entries: list[Entry] = field(default_factory=list)
    called: dict[Id, str] = field(default_factory=dict)
    """What those who stay will be called; those who are made by what they will be called."""
    unsaid: set[Id] = field(default_factory=set)
    """Who is not declared, and stays."""
    whole: set[str] = field(default_factory=set)
    adding: set[str] = field(default_factory=set)

    arns: tuple[str, ...] = ARNS[:2]

    def chance(self, share: float) -> bool:
        return self.random.random() < share


def draw(random: Random) -> tuple[Store, Intent]:
    """Return a world."""
    draft = _Draft(random, arns=ARNS[: random.choice((1, 2, 2, 3))])
    draft.whole.update(kind for kind in "ug" if draft.chance(0.4))
    draft.adding.update(kind for kind in ("members", "assignments") if draft.chance(0.15))
    _draw_live(draft)
    for kind in "ug":
        _draw_fates(draft, kind)
    _draw_people(draft)
    _draw_teams(draft)
    applications = tuple(_draw_application(draft, arn) for arn in draft.arns)
    return draft.live, Intent(
        tuple(draft.entries), applications, frozenset(draft.whole), frozenset(draft.adding)
    )


def _draw_live(draft: _Draft) -> None:
    random, live = draft.random, draft.live
    names = random.sample(_PEOPLE, random.choice((1, 2, 2, 3, 3, 4)))
    for name in names:
        manager = random.choice([*live.people]) if live.people and draft.chance(0.4) else None
        email = f"{name}@example.com" if draft.chance(0.8) else None
        live.people[f"u:{name}"] = Person(name, "A", random.choice(_TITLES), email, manager)
    for name in random.sample(_TEAMS, random.choice((1, 1, 2, 2))):
        live.teams[f"g:{name}"] = Team(name, random.choice(_TITLES))
    live.members = {
        (team, person) for team in live.teams for person in live.people if draft.chance(0.4)
    }
    everybody = (*live.people, *live.teams)
    live.assignments = {(arn, one) for arn in draft.arns for one in everybody if draft.chance(0.25)}
    if draft.chance(0.2):
        live.foreign = frozenset(random.sample(everybody, 1))
    live.used |= set(everybody)


def _draw_fates(draft: _Draft, kind: str) -> None:
    """Decide who leaves, who is renamed and who is not declared."""
    live, random = draft.live, draft.random
    for one in live.people if kind == "u" else live.teams:
        name = live.name(one)
        if one in draft.live.foreign:
            draft.called[one] = name
            continue
        fate = random.random()
        if fate < 0.17:
            if kind not in draft.whole or draft.chance(0.5):
                draft.entries.append(Entry(kind, name, "absent"))
        elif fate < 0.25 and kind not in draft.whole:
            draft.unsaid.add(one)
        else:
            draft.called[one] = f"new-{name}" if fate < 0.5 else name
    for name in _NEW_PEOPLE if kind == "u" else _NEW_TEAMS:
        if draft.chance(0.2):
            draft.called[f"{kind}:{name}"] = name


def _draw_people(draft: _Draft) -> None:
    random, live = draft.random, draft.live
    staying = [one for one in draft.called if one[0] == "u"]
    random.shuffle(staying)
    emails = _addresses(draft, staying)
    above: list[Id] = []
    for one in staying:
        if one in live.foreign:
            draft.entries.append(Entry("u", live.name(one), "external"))
            above.append(one)
            continue
        says: dict[str, str | None] = {"display_name": random.choice("AB")}
        if draft.chance(0.4):
            says["title"] = random.choice(_TITLES)
        if one in emails:
            says["email"] = emails[one]
        # Who gives an address on does not wait for somebody new, who may wait for the address.
        managers = [is_ for is_ in above if is_ in live.people or one not in live.people]
        if draft.chance(0.5):
            says["manager"] = draft.called[random.choice(managers)] if managers else None
        previous = live.name(one) if draft.called[one] != live.name(one) else None
        previous = previous if one in live.people else None
        entry = Entry("u", draft.called[one], "present", previous, tuple(says.items()))
        draft.entries.append(entry)
        above.append(one)


def _addresses(draft: _Draft, staying: list[Id]) -> dict[Id, str | None]:
    """Draw addresses: each is handed to at most one, along chains that somebody new begins."""
    live, random = draft.live, draft.random
    leavers = [
        is_.email
        for one, is_ in live.people.items()
        if one not in draft.called and one not in draft.unsaid and is_.email
    ]
    found: dict[Id, str | None] = {}
    free = leavers if draft.chance(0.7) else []
    for one in staying:
        if one in live.foreign:
            continue
        before = live.people.get(one)
        if draft.chance(0.3) or before is None:
            inherits = bool(free) and draft.chance(0.6)
            found[one] = free.pop() if inherits else f"new-{one[2:]}@example.com"
            if before is not None and before.email:
                free.append(before.email)
        elif draft.chance(0.5):
            found[one] = before.email
        random.shuffle(free)
    return found


def _draw_teams(draft: _Draft) -> None:
    random, live = draft.random, draft.live
    for one in [one for one in draft.called if one[0] == "g"]:
        name = draft.called[one]
        if one in live.foreign:
            draft.entries.append(Entry("g", name, "external"))
            continue
        says = (("description", random.choice(_TITLES)),) if draft.chance(0.5) else ()
        previous = live.name(one) if one in live.teams and live.name(one) != name else None
        members = None if draft.chance(0.1) else _draw_members(draft, one)
        draft.entries.append(Entry("g", name, "present", previous, says, members))


def _draw_members(draft: _Draft, team: Id) -> tuple[tuple[str, str], ...]:
    return tuple(
        (draft.called[one], holds)
        for one in draft.called
        if one[0] == "u" and (holds := _listed(draft, live=(team, one) in draft.live.members))
    )


def _draw_application(draft: _Draft, arn: str) -> Assigned:
    if draft.chance(0.1):
        return Assigned(arn, None)
    listed = (
        (one[0], draft.called[one], holds)
        for one in draft.called
        if (holds := _listed(draft, live=(arn, one) in draft.live.assignments))
    )
    return Assigned(arn, tuple(listed))


def _listed(draft: _Draft, *, live: bool) -> str:
    """Return whether somebody is listed: as it is live, mostly; nothing: not at all."""
    number = draft.random.random()
    if number < (0.6 if live else 0.15):
        return draft.random.choice(_HELD)
    return "over" if number > 0.92 else ""
