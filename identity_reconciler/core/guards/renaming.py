"""The guard against a rename that is written as a deletion and a creation. Pure.

Such a pair would take from people what a rename keeps: memberships, assignments, and for a user
the password and MFA devices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import cache

from identity_reconciler.core.guard_settings import GuardSettings, RenameSigns
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.plan import Create, Delete, Plan
from identity_reconciler.core.state import (
    Group,
    GroupKey,
    Membership,
    Resource,
    User,
    UserKey,
    folded,
    group_key,
    user_key,
)

_SHORTEST = 5
"""Letters and digits from which on two names can be alike; shorter ones must be the same."""


def rename_suspected(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse a deletion and a creation that look like one rename.

    Two users do when they have the same e-mail address, the same given and family name, or user
    names that are alike; two groups when most members of the one are put into the other, or
    their names are alike.
    """
    pairs: tuple[tuple[Resource, Resource], ...] = (
        *_users(evidence, settings.rename),
        *_groups(evidence, settings.rename),
    )
    named = sorted((evidence.address(old), evidence.address(new)) for old, new in pairs)
    if not named:
        return None
    more = f", and {len(named) - 3} more" if len(named) > len(named[:3]) else ""
    return Objection(
        "; ".join(f"{old} goes and {new} comes" for old, new in named[:3]) + more,
        "`previous_names` (for users `previous_user_names`) with the new one, if they are the same",
        tuple(sorted({each for pair in named for each in pair})),
    )


def _deleted(plan: Plan) -> list[Resource]:
    return [change.before for change in plan.changes if isinstance(change, Delete)]


def _created(plan: Plan) -> list[Resource]:
    return [change.after for change in plan.changes if isinstance(change, Create)]


def _users(evidence: Evidence, signs: RenameSigns) -> Iterator[tuple[User, User]]:
    created = [(user, _signs(user)) for user in _created(evidence.plan) if isinstance(user, User)]
    for old in _deleted(evidence.plan):
        if isinstance(old, User):
            same = _signs(old)
            alike = _alike(old.user_name, (user.user_name for user, _ in created), signs.likeness)
            for new, signs_of_new in created:
                if new.user_name in alike or same & signs_of_new:
                    yield old, new


def _signs(user: User) -> frozenset[tuple[str, ...]]:
    """Return what tells a person apart from others, whatever the user name is."""
    found: set[tuple[str, ...]] = set()
    if user.email is not None:
        found.add(("e-mail", folded(user.email.value)))
    if user.given_name and user.family_name:
        found.add(("name", folded(user.given_name), folded(user.family_name)))
    return frozenset(found)


def _groups(evidence: Evidence, signs: RenameSigns) -> Iterator[tuple[Group, Group]]:
    created = [group for group in _created(evidence.plan) if isinstance(group, Group)]
    joining: dict[GroupKey, set[UserKey]] = defaultdict(set)
    for link in _created(evidence.plan) if created else ():
        if isinstance(link, Membership):
            joining[group_key(link.group)].add(user_key(link.user))
    for old in _deleted(evidence.plan):
        if isinstance(old, Group):
            members = evidence.live.members.get(group_key(old.name), frozenset())
            alike = _alike(old.name, (group.name for group in created), signs.likeness)
            for new in created:
                shared = len(members & joining[group_key(new.name)])
                most = shared > 1 and shared * 100 > signs.shared * len(members)
                if most or new.name in alike:
                    yield old, new


def _alike(name: str, others: Iterable[str], likeness: int) -> frozenset[str]:
    """Return those of *others* that have the same digits as *name* and nearly its letters."""
    letters, digits = _skeleton(name)
    matcher = SequenceMatcher(None, "", letters, autojunk=False)
    found: set[str] = set()
    for other in others:
        other_letters, other_digits = _skeleton(other)
        if other_digits == digits and (
            other_letters == letters or _is_like(matcher, letters, other_letters, likeness)
        ):
            found.add(other)
    return frozenset(found)


def _is_like(matcher: SequenceMatcher[str], letters: str, other: str, likeness: int) -> bool:
    shorter, total = min(len(letters), len(other)), len(letters) + len(other)
    # What no arrangement of the letters could reach need not be compared letter by letter.
    if shorter < _SHORTEST or 200 * shorter < likeness * total:
        return False
    matcher.set_seq1(other)
    return matcher.quick_ratio() * 100 >= likeness and matcher.ratio() * 100 >= likeness


@cache
def _skeleton(name: str) -> tuple[str, str]:
    """Return the letters of *name*, folded, and its digits: names that are numbered differ."""
    kept = [character for character in folded(name) if character.isalnum()]
    letters = "".join(character for character in kept if not character.isdigit())
    return letters, "".join(character for character in kept if character.isdigit())
