"""Call at every account of an organisation, side by side; one that fails is a result like others.

Each account is read through its own role, at its own pace, and its own instances only: what it
sees of the organisation's instance is the same everywhere, so that one is read where it lives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from identity_reconciler.audit.inspection import (
    Account,
    Inspection,
    InstanceScope,
    Site,
    Visit,
    distinct_names,
    named,
)
from identity_reconciler.audit.memory import Forgetful, Memory
from identity_reconciler.core.declared import Declared, Instance
from identity_reconciler.errors import IncompleteReadError, ReconcilerError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.organization import (
    AccountEntry,
    Organization,
    OrganizationAccount,
)
from identity_reconciler.gateway.reading.instances import ListedInstance

_ACTIVE = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Collection:
    """What to collect, and how."""

    wanted: Wanted
    """Of every instance."""
    memory: Memory = field(default_factory=Forgetful)
    """Accounts that have been read before; what is read now is put into it."""
    side_by_side: int = 8
    """How many accounts are called at at a time."""


def collect(organization: Organization, collection: Collection) -> Inspection:
    """Return what every account of *organization* has to show.

    Raises:
        GatewayError: The accounts themselves could not be listed.
    """
    caller = AccountCaller(organization, collection.wanted, organization.own_account())
    accounts = organization.accounts()
    known = collection.memory.visits()
    new = [one for one in accounts if one.account_id not in known]

    def kept(account: OrganizationAccount) -> Visit:
        visit = caller.visit(account)
        if not visit.trouble:
            collection.memory.keep(visit)
        return visit

    with ThreadPoolExecutor(collection.side_by_side, thread_name_prefix="accounts") as pool:
        visits = [*pool.map(kept, new)]
    visits += [known[one.account_id] for one in accounts if one.account_id in known]
    return Inspection(_distinct(sorted(visits, key=_account_id)))


def _account_id(visit: Visit) -> str:
    return visit.account.account_id


class AccountCaller:
    """Calls at accounts, each by itself. Several threads may use it."""

    def __init__(self, organization: Organization, wanted: Wanted, own: str) -> None:
        """Call on behalf of the account *own*, for what is *wanted* of every instance."""
        self._organization = organization
        self._wanted = wanted
        self._own = own

    def visit(self, account: OrganizationAccount) -> Visit:
        """Return what one account has to show, or why it shows nothing."""
        about = Account(account.account_id, account.name, account.state)
        if account.state != _ACTIVE:
            return Visit(about, trouble=f"the account is {account.state}")
        try:
            entry = self._organization.entered(account, own=account.account_id == self._own)
            # CreateInstance is refused in the management account, so its instance is the
            # organisation's, and every other one is an account's. Source: API_CreateInstance.
            managed = account.account_id == account.management
            scope = InstanceScope.ORGANIZATION if managed else InstanceScope.ACCOUNT
            return Visit(about, self._sites(entry, about, scope))
        except ReconcilerError as error:
            passing = isinstance(error, IncompleteReadError)
            visit = Visit(about, trouble=str(error), passing=passing)
        return visit if account.account_id != account.management else self._seen(account, visit)

    def _sites(self, entry: AccountEntry, owner: Account, scope: InstanceScope) -> tuple[Site, ...]:
        return tuple(
            self._site(entry, listed, owner, scope)
            for listed in entry.instances()
            if listed.owner == owner.account_id
        )

    def _site(
        self, entry: AccountEntry, listed: ListedInstance, owner: Account, scope: InstanceScope
    ) -> Site:
        instance = Instance(
            name=listed.name or owner.name or owner.account_id,
            region=listed.region,
            account_id=listed.owner,
            instance_arn=listed.instance_arn,
            identity_store_id=listed.identity_store_id,
        )
        # Only the management account and a delegated administrator could be asked for more.
        state = entry.read(instance, self._wanted.without_accounts())
        return Site(instance, state, scope, listed.status)

    def _seen(self, management: OrganizationAccount, visit: Visit) -> Visit:
        """Return the visit to the *management* account with what our own account sees of it.

        A delegated administrator may not enter the management account, but sees and may read
        its instance, and there can be no other in it.
        """
        try:
            entry = self._organization.entered(management, own=True)
            sites = self._sites(entry, visit.account, InstanceScope.ORGANIZATION)
        except ReconcilerError as error:
            passing = visit.passing or isinstance(error, IncompleteReadError)
            trouble = f"{visit.trouble}; from account {self._own}: {error}"
            return replace(visit, trouble=trouble, passing=passing)
        return Visit(visit.account, sites) if sites else visit


def _distinct(visits: Sequence[Visit]) -> tuple[Visit, ...]:
    names = distinct_names(site for visit in visits for site in visit.sites)
    return tuple(named(visit, names) for visit in visits)


def with_declared(inspection: Inspection, declared: Mapping[str, Declared]) -> Inspection:
    """Return *inspection* with what the YAML says, by instance ARN."""

    def known(site: Site) -> Site:
        return replace(site, declared=declared.get(site.instance.instance_arn))

    return Inspection(
        tuple(replace(one, sites=tuple(map(known, one.sites))) for one in inspection.visits)
    )
