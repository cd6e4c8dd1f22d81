"""A sandbox for the simulation: filled from a store, in trouble from a seed, and read as a store.

Trouble meets a request by what it asks for and how often that was asked, and not by its number:
lists are read side by side, so that numbers would differ from run to run.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.errors import LostResponseError, ServiceError
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse, refused
from identity_reconciler.sandbox.population import Member, Population
from identity_reconciler.sandbox.seeding import ISSUER, document_of
from identity_reconciler.sandbox.store import Store as Tables
from identity_reconciler.sandbox.trouble import Trouble
from identity_reconciler.sandbox.troublemaker import Troublemaker
from identity_reconciler.sandbox.world import World
from tests.simulation.oracle import Id, Person, Store, Team
from tests.simulation.states import APPLICATIONS, user_of
from tests.strategies import INSTANCE

_ENTERPRISE = "aws:identitystore:enterprise"
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEASE = "identity-reconciler-lease"
"""The group that commands take turns by, which no plan is about."""
_LATENCY = 0.05
"""Seconds that each request takes."""
WRITES = ("Create", "Update", "Delete")
"""How the names of operations that write begin."""


class Clock:
    """A clock that moves when somebody sleeps, and a little with each request."""

    def __init__(self) -> None:
        # That of the machine, for plans are valid for a day of it.
        self.time = time.time()

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self.time += seconds


class Chance(Troublemaker):
    """Trouble by chance: see the module."""

    def __init__(self, made: Sandboxed, seed: str, lag: float) -> None:
        clock = made.clock
        super().__init__(Trouble(visibility_lag=lag), clock=clock.now, sleep=clock.sleep)
        self._made = made
        self._seed = seed
        self._asked: Counter[tuple[str, str]] = Counter()
        self.reads = 0.01
        """How likely it is for a request that reads."""
        self.writes = 0.0
        """How likely it is for a request that writes."""
        self.met: list[str] = []

    def carry_out(
        self, service: str, operation: str, request: HttpRequest, work: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """See Troublemaker."""
        self._made.clock.time += _LATENCY
        is_write = operation.startswith(WRITES)
        # Identifiers depend on which of several threads was first; names do not.
        body = _IDENTIFIER.sub(self._name, request.body.decode())
        # A lease says who has it and until when, and that is never the same again.
        asked = (operation, _LEASE if _LEASE in body else body)
        self._asked[asked] += 1
        text = f"{self._seed} {asked} {self._asked[asked]}"
        random = Random(text)  # noqa: S311 - repeatable on purpose
        if random.random() >= (self.writes if is_write else self.reads):
            return work()
        return self._trouble(random, service, operation, work)

    def _name(self, identifier: re.Match[str]) -> str:
        with self._made.world.store.transaction(write=False) as tables:
            for table in ("users", "groups"):
                found = tables.one(
                    f"SELECT name_key FROM {table} WHERE id = ?",  # noqa: S608 - our own text
                    (identifier[0],),
                )
                if found is not None:
                    return str(found[0])
        return "somebody"

    def _trouble(
        self, random: Random, service: str, operation: str, work: Callable[[], HttpResponse]
    ) -> HttpResponse:
        kind = random.choice(
            ("throttled", "500", "500 after", "lost", "lost after", "denied", "no")
        )
        self.met.append(f"{operation}: {kind}")
        if kind.endswith("after"):
            work()
        if kind.startswith("lost"):
            raise LostResponseError(kind)
        code, message = {
            "throttled": ("ThrottlingException", "Rate exceeded"),
            "denied": ("AccessDeniedException", "not authorized"),
            "no": ("ValidationException", "invalid"),
        }.get(kind, ("InternalServerException", "internal"))
        return refused(ServiceError(code, message), service)


@dataclass(slots=True)
class Sandboxed:
    """A sandbox with what a store holds."""

    sandbox: Sandbox
    world: World
    clock: Clock = field(default_factory=Clock)

    def store(self) -> Store:
        """Return all that is live."""
        return stored(self.world.store)


def stored(tables: Tables) -> Store:
    """Return all that is live, by its identifiers, as it stands in the *tables* themselves."""

    def rows(what: str) -> list[tuple[str, ...]]:
        return [tuple(row) for row in tables.execute(f"SELECT {what}")]

    with tables.transaction(write=False):
        users = [(one, json.loads(text)) for one, text in rows("id, document FROM users")]
        kept = f"groups WHERE name_key <> '{_LEASE}'"
        groups = [(one, json.loads(text)) for one, text in rows(f"id, document FROM {kept}")]
        members = rows("group_id, user_id FROM memberships")
        assigned = rows("application, principal_type, principal_id FROM assignments")
    return Store(
        {f"u:{one}": _person(document) for one, document in users},
        {f"g:{one}": Team(is_["DisplayName"], is_.get("Description")) for one, is_ in groups},
        {(f"g:{group}", f"u:{user}") for group, user in members},
        {(arn, f"{kind[0].lower()}:{one}") for arn, kind, one in assigned},
        frozenset(
            f"{kind}:{one}"
            for kind, some in (("u", users), ("g", groups))
            for one, document in some
            if document.get("ExternalIds")
        ),
    )


def _person(document: dict[str, Any]) -> Person:
    emails = document.get("Emails", [])
    enterprise = document.get("Extensions", {}).get(_ENTERPRISE, {})
    manager = enterprise.get("manager", {}).get("value")
    return Person(
        document["UserName"],
        document["DisplayName"],
        document.get("Title"),
        emails[0]["Value"] if emails else None,
        f"u:{manager}" if manager else None,
    )


def sandboxed(live: Store, random: Random) -> Sandboxed:
    """Return a sandbox in which *live* is live, without any trouble yet."""
    clock = Clock()
    world = World(
        Tables(None),
        clock=clock.now,
        sleep=clock.sleep,
        new_uuid=lambda: str(uuid.UUID(int=random.getrandbits(128), version=4)),
    )
    sandbox = Sandbox(world=world)
    fill(sandbox, live)
    return Sandboxed(sandbox, world, clock)


def fill(sandbox: Sandbox, live: Store) -> None:
    """Make *live* what is live in *sandbox*."""
    sandbox.ensure_instance(
        InstanceDetails(
            INSTANCE.account_id,
            INSTANCE.region,
            INSTANCE.instance_arn,
            INSTANCE.identity_store_id,
            INSTANCE.name,
        )
    )
    for one in APPLICATIONS.values():
        sandbox.add_application(one.name, arn=one.arn)
    kinds = {"u": "USER", "g": "GROUP"}
    sandbox.populate(
        Population(
            users=[
                Member(
                    document_of(user_of(live, one), INSTANCE.identity_store_id), _owner(live, one)
                )
                for one in live.people
            ],
            groups=[Member(_document(is_), _owner(live, one)) for one, is_ in live.teams.items()],
            memberships=[(live.name(team), live.name(one)) for team, one in sorted(live.members)],
            assignments=[
                (arn, kinds[one[0]], live.name(one)) for arn, one in sorted(live.assignments)
            ],
        ),
        INSTANCE.instance_arn,
    )


def _owner(live: Store, one: Id) -> tuple[tuple[str, str], ...]:
    return ((ISSUER, live.name(one)),) if one in live.foreign else ()


def _document(team: Team) -> dict[str, Any]:
    described = {"Description": team.description} if team.description else {}
    return {"DisplayName": team.name, **described}
