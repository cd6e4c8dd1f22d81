"""The guard against a rename that is written as a creation. Pure.

With the deletion of the other one it would take from people what a rename keeps: memberships,
assignments, and for a user the password and MFA devices. Without, there would be two of one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from difflib import SequenceMatcher
from functools import cache

from identity_reconciler.core.guard_settings import GuardSettings, RenameSigns
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.plan import Create, Delete, Plan
from identity_reconciler.core.state import (
    Group,
    GroupKey,
    Key,
    Membership,
    Resource,
    User,
    UserKey,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.core.taken import holders

_SHORTEST = 5
"""Letters and digits from which on two names can be alike; shorter ones must be the same."""


def rename_suspected(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse a creation that looks like the rename of who is deleted, or is somebody's double.

    Two users do when they have the same e-mail address, the same given and family name, or user
    names that are alike; two groups when most members of the one are put into the other, or
    their names are alike. A creation does by itself when it gets the e-mail address of a live
    user, who gets another one, or its name differs from a live one that is not declared in case,
    spaces and punctuation only.
    """
    pairs: tuple[tuple[Resource, Resource], ...] = (
        *_users(evidence, settings.rename),
        *_groups(evidence, settings.rename),
    )
    named = sorted((evidence.address(old), evidence.address(new)) for old, new in pairs)
    doubled = sorted(set(_doubles(evidence)))
    if not named and not doubled:
        return None
    told = [f"{old} goes and {new} comes" for old, new in named]
    told += [f"{new} comes {why}" for new, why in doubled]
    more = f", and {len(told) - 3} more" if len(told) > len(told[:3]) else ""
    return Objection(
        "; ".join(told[:3]) + more,
        "`previous_names` (for users `previous_user_names`) with the new one, if they are the same",
        tuple(sorted({*(each for pair in named for each in pair), *(new for new, _ in doubled)})),
    )


def _doubles(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield who is created though somebody live may be the same, and why it may be."""
    created = [one for one in _created(evidence.plan) if isinstance(one, User | Group)]
    if not created:
        return
    gone = {one.key for one in _deleted(evidence.plan)}
    alike = _by_letters(evidence, evidence.known | gone)
    addresses = holders(evidence.plan.changes, evidence.live)
    for new in created:
        name, bare = evidence.address(new), _bare(new.key[1])
        for old in alike.get((new.key[0], bare), ()) if bare else ():
            yield name, f"beside {evidence.address(old)}, which is live and not declared"
        holder = addresses.get(new.key)
        if holder is not None and holder.key not in gone:
            yield name, f"with the e-mail address that {evidence.address(holder)} has"


def _by_letters(
    evidence: Evidence, settled: AbstractSet[Key]
) -> Mapping[tuple[str, str], list[User | Group]]:
    """Return what is live and not *settled*, by kind, and the letters and digits of its name."""
    found: dict[tuple[str, str], list[User | Group]] = defaultdict(list)
    for user_name, user in evidence.live.users.items():
        if ("user", user_name) not in settled:
            found["user", _bare(user_name)].append(user)
    for group_name, group in evidence.live.groups.items():
        if ("group", group_name) not in settled:
            found["group", _bare(group_name)].append(group)
    return found


def _bare(name: str) -> str:
    """Return the letters and digits of a folded name."""
    return "".join(filter(str.isalnum, name))


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
