"""Guards for policies: what is live after a plan keeps them, whoever made it so. Pure.

A plan that only takes away is never refused for what it leaves as it was: a revocation, such as of
what has expired, does not wait until somebody mends what has nothing to do with it.

What nobody declared counts as well, as far as it was read: `survey.read_for_access` reads what
separation of duties needs, and of the rest only what is managed is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from identity_reconciler.core.access import is_open
from identity_reconciler.core.guard_settings import GuardSettings
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.identities import is_application
from identity_reconciler.core.guards.verdicts import MOST_SHOWN, Objection
from identity_reconciler.core.plan import Create, Delete, Plan, Rename, Update
from identity_reconciler.core.policies import (
    Breach,
    DeclaredAccess,
    Holders,
    clashes,
    is_domain_allowed,
    lasting,
    without_end,
    without_owners,
    without_reason,
)
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    ApplicationArn,
    Email,
    GroupKey,
    PrincipalKind,
    State,
    User,
    UserKey,
    group_key,
)
from identity_reconciler.core.wording import shown

_Found = tuple[str, str]
"""An address, and what is wrong with it in words."""


def separation_of_duties(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to leave anybody with two things that are kept apart."""
    policies = settings.policies.separation_of_duties
    if not policies or _only_takes(evidence.plan):
        return None
    declared = DeclaredAccess(evidence.declaration, evidence.as_of)
    lookup = _LiveAccess(evidence.after, declared)
    found: list[_Found] = []
    for entry in policies:
        for clash in clashes(entry, lookup):
            user = evidence.after.user_name(clash.user)
            found.append((clash.address(user), clash.told(user, entry)))
    return _objection(found, "nobody with two of what `separation_of_duties` keeps apart")


@dataclass(frozen=True, slots=True)
class _LiveAccess:
    """Who has what in *state*, and where the YAML says so. See AccessLookup."""

    state: State
    declared: DeclaredAccess

    def in_group(self, name: str) -> Holders:
        """See AccessLookup."""
        members = self.state.members.get(group_key(name), frozenset())
        return _placed(members, self.declared.in_group(name))

    def opening(self, name: str) -> Holders:
        """See AccessLookup."""
        users: set[UserKey] = set()
        names = {name}
        for arn, application in self.state.applications.items():
            if name not in {arn, application.name}:
                continue
            names |= {arn, application.name}
            if is_open(self.state, arn):
                users |= self.state.users.keys()
            for principal in self.state.assignments.get(arn, frozenset()):
                if principal.orphan:
                    continue
                if principal.kind is PrincipalKind.USER:
                    users.add(UserKey(principal.name))
                else:
                    users |= self.state.members.get(GroupKey(principal.name), frozenset())
        places: Holders = {}
        for each in sorted(names):
            places = {**self.declared.opening(each), **places}
        return _placed(users, places)


def _placed(users: Iterable[UserKey], places: Holders) -> Holders:
    return {user: places.get(user) for user in users}


def max_members(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to leave a managed group with more members than it may have."""
    limits = () if _only_takes(evidence.plan) else settings.policies.max_members
    found: list[_Found] = []
    for key in sorted(evidence.complete & evidence.after.groups.keys()) if limits else ():
        group = evidence.after.groups[key]
        number = len(evidence.after.members.get(key, frozenset()))
        for limit in limits:
            if number > limit.most and matches_any((limit.groups,), group.name):
                address = evidence.address(group)
                said = f"would have {number} members, and {limit.position} allows {limit.most}"
                found.append((address, f"{address} {said}"))
                break
    return _objection(found, "each group of `max_members` with no more than that many members")


def no_direct_assignments(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to leave users assigned by themselves where only groups may be.

    Of an application whose assignments are not managed, a plan happens to read some or none.
    """
    patterns = () if _only_takes(evidence.plan) else settings.policies.no_direct_assignments
    after = evidence.after
    found: list[_Found] = []
    for arn, principals in after.assignments.items() if patterns else ():
        if not (is_application(patterns, arn, evidence) and _is_managed(evidence, arn)):
            continue
        label = after.application_label(arn) or arn
        for principal in principals:
            if principal.kind is PrincipalKind.USER and not principal.orphan:
                user = after.user_name(UserKey(principal.name))
                found.append((f"assignment/{label}/user/{user}", f"{user} to {label}"))
    return _objection(
        found,
        "groups only, and no user, assigned to what `no_direct_assignments` matches",
        "assigned alone: ",
    )


def _is_managed(evidence: Evidence, arn: ApplicationArn) -> bool:
    application = evidence.after.applications.get(arn)
    return application is not None and any(
        one.managed and one.selector.matches(application)
        for one in evidence.declaration.applications
    )


def email_domains(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to write an e-mail address of another domain than the ones allowed."""
    domains = settings.policies.email_domains
    found = [
        (evidence.address(user), f"{user.user_name} with an address of {domain}")
        for user, domain in (_new_domains(evidence) if domains else ())
        if not is_domain_allowed(domains, domain)
    ]
    return _objection(found, f"addresses of {', '.join(domains)} only (`email_domains`)")


def _new_domains(evidence: Evidence) -> Iterator[tuple[User, str]]:
    """Yield the users who get another address, and its domain."""
    for change in evidence.plan.changes:
        match change:
            case Create(after=User(email=Email() as email) as user):
                yield user, email.value.rpartition("@")[2]
            case (
                Update(before=User(email=before), after=User(email=Email() as email) as user)
                | Rename(before=User(email=before), after=User(email=Email() as email) as user)
            ) if before is None or before.value != email.value:
                yield user, email.value.rpartition("@")[2]
            case _:
                pass


def min_owners(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to work for a YAML in which nobody, or too few, answer for what must have owners."""
    found = _of_the_yaml(evidence, without_owners(evidence.declaration, settings.policies))
    return _objection(found, "the owners that `min_owners` wants")


def max_duration(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to work for a YAML in which privileged access lasts for longer than it may."""
    found = _of_the_yaml(evidence, lasting(evidence.declaration, settings, evidence.as_of))
    return _objection(found, "an end to all privileged access, as `max_duration` wants")


def must_expire(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to work for a YAML in which somebody has without an end what must have one."""
    found = _of_the_yaml(evidence, without_end(evidence.declaration, settings))
    return _objection(found, "`expires` for all whom `must_expire` is about")


def reason_pattern(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to work for a YAML in which a reason is none, or no reason is given for a date."""
    pattern = settings.policies.reason_pattern
    breaches = without_reason(evidence.declaration, pattern, evidence.as_of)
    expected = f"a reason that matches {shown(pattern)} for whoever has a reason or a date"
    return _objection(_of_the_yaml(evidence, breaches), f"{expected} (`reason_pattern`)")


def _of_the_yaml(evidence: Evidence, breaches: Iterable[Breach]) -> list[_Found]:
    """Return what breaks a policy that only the YAML can keep; nothing if a plan only takes."""
    if _only_takes(evidence.plan):
        return []
    return [(breach.address, f"{breach.text} ({breach.position})") for breach in breaches]


def _only_takes(plan: Plan) -> bool:
    return bool(plan.changes) and all(isinstance(change, Delete) for change in plan.changes)


def _objection(found: list[_Found], expected: str, head: str = "") -> Objection | None:
    if not found:
        return None
    found = sorted(set(found))
    told = [said for _, said in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        told.append(f"and {len(found) - MOST_SHOWN} more")
    return Objection(head + "; ".join(told), expected, tuple(sorted({one for one, _ in found})))
