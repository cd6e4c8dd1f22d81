"""What an audit has seen: the state of each instance, and the accounts it called at. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from identity_reconciler.core.accounts import GapReason
from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    Instance,
    Presence,
)
from identity_reconciler.core.flattening import way
from identity_reconciler.core.state import (
    GroupKey,
    State,
    User,
    UserKey,
    folded,
    group_key,
    user_key,
)


class InstanceScope(StrEnum):
    """Whose instance it is. Source: userguide, organization and account instances."""

    ORGANIZATION = "organization"
    ACCOUNT = "account"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Site:
    """One instance of Identity Center, with as much of its state as the question needs."""

    instance: Instance
    state: State = field(default_factory=State)
    scope: InstanceScope = InstanceScope.UNKNOWN
    status: str = ""
    """As in ListInstances; empty where nobody was asked."""
    declared: Declared | None = None
    """What the YAML says about it, where there is YAML."""
    accounts: bool = False
    """Whether access to AWS accounts was asked for; see `State.account_gaps`, too."""
    before: State | None = None
    """What is live, where `state` is what a plan makes of it."""

    @property
    def name(self) -> str:
        """What people call the instance; distinct within an inspection."""
        return self.instance.name

    @property
    def user_names(self) -> tuple[str, ...]:
        """Names that users have here, as far as they were read or are declared to be here."""
        declared = self.declared.users if self.declared else ()
        return (*(one.user_name for one in self.people), *_to_be_here(declared))

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names that groups have here, as far as they were read or are declared to be here."""
        declared = self.declared.groups if self.declared else ()
        return (*(one.name for one in self.state.groups.values()), *_to_be_here(declared))

    @property
    def seen(self) -> Iterator[tuple[User, tuple[str, ...]]]:
        """Everybody live, declared or, after a plan, live before it; with all their user names."""
        before = self.before.users.values() if self.before else ()
        yield from ((user, (user.user_name,)) for user in (*self.people, *before))
        for entry in self.declared.users if self.declared else ():
            yield entry.user, entry.names

    @property
    def denied(self) -> tuple[str, ...]:
        """What of the access to AWS accounts was asked for and may not be read, in words."""
        gaps = sorted(self.state.account_gaps) if self.accounts else ()
        return tuple(one.note for one in gaps if one.reason is GapReason.DENIED)

    @property
    def people(self) -> tuple[User, ...]:
        """All users."""
        return tuple(self.state.users.values())

    @property
    def ways(self) -> Mapping[tuple[GroupKey, UserKey], str]:
        """By which included groups, or rule, the YAML has people in groups, in words.

        Nobody whom it lists there. Found out anew each time it is asked for.
        """
        return {
            (group_key(entry.name), user_key(one.name)): way(one)
            for entry in (self.declared.groups if self.declared else ())
            for one in entry.members or ()
            if one.via
        }


def _to_be_here(entries: Iterable[DeclaredUser] | Iterable[DeclaredGroup]) -> Iterator[str]:
    return (one.name for one in entries if one.presence is not Presence.ABSENT)


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the organisation."""

    account_id: str
    """Twelve digits."""
    name: str = ""
    state: str = ""
    """As in ListAccounts: ACTIVE, SUSPENDED, PENDING_CLOSURE; empty where nobody was asked."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of the call at one account."""

    account: Account
    sites: tuple[Site, ...] = ()
    """The instances that it owns, by ARN."""
    trouble: str = ""
    """Why the account, or part of it, could not be looked into; empty when all of it was."""
    passing: bool = field(default=False, compare=False)
    """Whether the trouble may be gone later: a rate, an answer that was lost or cannot be used."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that an audit has seen."""

    visits: tuple[Visit, ...]
    """By account id."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every instance, by the accounts that own them."""
        return tuple(site for visit in self.visits for site in visit.sites)

    @property
    def troubles(self) -> Iterator[Visit]:
        """The visits that saw less than everything."""
        return (visit for visit in self.visits if visit.trouble)

    @property
    def gaps(self) -> tuple[str, ...]:
        """The troubles in words, one for each account."""
        return tuple(
            f"account {one.account.account_id} {one.account.name}: {one.trouble}"
            for one in self.troubles
        )


def distinct_names(sites: Iterable[Site]) -> Mapping[str, str]:
    """Return a name for each instance, by its ARN, under which no other one stands.

    Those that share one, as names are compared, are told apart by their accounts; if another is
    called just that, by their ARNs.
    """
    instances = [site.instance for site in sites]
    names = _told_apart({one.instance_arn: one.name for one in instances}, _account_ids(instances))
    arns = {arn: arn for arn in names}
    while len({*map(folded, names.values())}) < len(names):
        names = _told_apart(names, arns)
    return names


def _account_ids(instances: Iterable[Instance]) -> Mapping[str, str]:
    return {one.instance_arn: one.account_id for one in instances}


def _told_apart(names: Mapping[str, str], by: Mapping[str, str]) -> Mapping[str, str]:
    times = Counter(map(folded, names.values()))
    return {
        arn: name if times[folded(name)] == 1 else f"{name} ({by[arn]})"
        for arn, name in names.items()
    }


def named(visit: Visit, names: Mapping[str, str]) -> Visit:
    """Return *visit* with its instances under *names*, which `distinct_names` gave."""

    def renamed(site: Site) -> Site:
        name = names[site.instance.instance_arn]
        return replace(site, instance=replace(site.instance, name=name))

    return replace(visit, sites=tuple(map(renamed, visit.sites)))


def inspection_of(*sites: Site) -> Inspection:
    """Return the inspection of these instances, whatever accounts there are besides theirs."""
    return Inspection(tuple(Visit(Account(one.instance.account_id), (one,)) for one in sites))
