"""The probes, held to the sandbox: they find every switch, and leave nothing behind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any

import pytest

from identity_reconciler.errors import UsageError
from identity_reconciler.probing.asking import PREFIX, Surroundings
from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.clients import SENT
from identity_reconciler.probing.comparison import switches_of
from identity_reconciler.probing.observations import FAILURES, NotMeasured, Observation
from identity_reconciler.probing.probe import Probe
from identity_reconciler.probing.probes import PROBES
from identity_reconciler.probing.report import document, table
from identity_reconciler.probing.run import PlaceAnswers, ask_all
from identity_reconciler.probing.sites import require_scratch, sandbox_site
from identity_reconciler.probing.study import Study, Studying
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.assuming import assumptions_of, document_of
from identity_reconciler.sandbox.assumptions import Assumptions
from identity_reconciler.sandbox.seeding import Sizes, generate
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Trouble
from tests.documents import guide

SWITCHES = tuple(field.name for field in fields(Assumptions))
RUN = "0a1b2c"
QUICK = tuple(probe for probe in PROBES if probe.name != "groups-of-application")
"""All but the one that makes half of all requests."""
STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"


def flipped(name: str) -> bool | str:
    """Return another position of a switch than the default one."""
    default: bool | StrEnum = getattr(Assumptions(), name)
    if isinstance(default, bool):
        return not default
    return next(str(one) for one in type(default) if one is not default)


ALL_FLIPPED = assumptions_of({name: flipped(name) for name in SWITCHES})


def never() -> bool:
    return False


def bench(sandbox: Sandbox, stopped: Any = never) -> Bench:  # noqa: ANN401 - a callable
    """Return a bench in a sandbox where time stands still."""
    return Bench(sandbox_site(sandbox), RUN, Surroundings(lambda _: None, stopped))


def asked(assumptions: Assumptions, *probes: Probe) -> PlaceAnswers:
    """Return what a sandbox answers to some probes."""
    with Sandbox.assuming(assumptions) as sandbox:
        return ask_all(bench(sandbox), probes, lambda _: None)


def held(sandbox: Sandbox) -> dict[str, list[str]]:
    """Return the identifiers of everything that is live in a sandbox, most from its store."""
    names: dict[str, list[str]] = {}
    with sandbox.responder.world.store.transaction(write=False) as store:
        for table_, column in (
            *((name, "id") for name in ("users", "groups", "memberships", "entitlements")),
            *((name, "arn") for name in ("applications", "access_managers")),
            ("assignments", "principal_id"),
        ):
            rows = store.execute(f"SELECT {column} FROM {table_} ORDER BY row")  # noqa: S608
            names[table_] = [row[column] for row in rows]
    admin = sandbox.session().client("sso-admin")
    names["sets"] = admin.list_permission_sets(InstanceArn=INSTANCE)["PermissionSets"]
    return names


@pytest.fixture
def usual() -> Iterator[Sandbox]:
    """Return a sandbox that somebody else has filled a little."""
    with Sandbox() as sandbox:
        sandbox_site(sandbox)
        generate(sandbox, Sizes(users=3, groups=2, memberships=4))
        yield sandbox


class TestSwitches:
    """Every switch is found when it is flipped, alone and with all others."""

    def test_each_has_one_probe(self) -> None:
        named = [probe.switch.name for probe in PROBES if probe.switch]
        assert sorted(named) == sorted(SWITCHES)

    def test_probes_have_names_of_their_own(self) -> None:
        assert len({probe.name for probe in PROBES}) == len(PROBES)
        assert len({probe.question for probe in PROBES}) == len(PROBES)

    def test_the_guide_counts_them(self) -> None:
        counts = re.findall(r"(\d+) questions", guide("sandbox").text)
        assert set(counts) == {str(len(PROBES))}

    @pytest.mark.parametrize("name", SWITCHES)
    def test_one_flipped(self, name: str) -> None:
        (probe,) = (one for one in PROBES if one.switch and one.switch.name == name)
        findings = asked(assumptions_of({name: flipped(name)}), probe)
        assert switches_of((probe,), findings) == {name: flipped(name)}

    def test_all_flipped(self) -> None:
        told: list[str] = []
        studying = Studying(RUN, Surroundings(lambda _: None, never), told.append)
        with Sandbox.assuming(ALL_FLIPPED) as sandbox:
            study = studying.against(sandbox_site(sandbox), Assumptions())
        found = study.comparison
        assert found.switches == found.flipped == document_of(ALL_FLIPPED)
        # With the switches set, nothing differs any more.
        assert found.unexplained == ()
        assert all(isinstance(seen, Observation) for row in found.rows for seen in row.answers)


@pytest.fixture(scope="module")
def study() -> Study:
    """Return the study of the sandbox itself."""
    told: list[str] = []
    made = Studying(RUN, Surroundings(lambda _: None, never), told.append).of_sandbox(Assumptions())
    assert told == []
    return made


class TestQuestions:
    """The sandbox answers all of them, and nothing is sent but what is listed."""

    def test_all_are_answered(self, study: Study) -> None:
        assert not [row for row in study.comparison.rows if isinstance(row.answers[0], NotMeasured)]
        assert study.comparison.switches == document_of(Assumptions())

    def test_every_listed_operation_is_sent(self, usual: Sandbox) -> None:
        ask_all(bench(usual), PROBES, lambda _: None)
        sent = {(service, name) for service, name, _ in usual.statistics()}
        # These are for looking up what was made by a request whose answer was lost.
        sent |= {
            ("identitystore", "GetGroupMembershipId"),
            ("account-access", "ListTagsForResource"),
        }
        assert sent == {(service, name) for service, names in SENT.items() for name in names}

    def test_the_report_holds_no_identifiers(self, study: Study) -> None:
        text = json.dumps(document(study.comparison)) + table(study.comparison)
        assert "message" in text
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|\d{12}|ssoins-|\bd-[0-9a-f]{10}", text)
        assert PREFIX not in text


class TestRemoval:
    """What was there before is there after, and nothing else."""

    def test_after_all_probes(self, usual: Sandbox) -> None:
        before = held(usual)
        assert ask_all(bench(usual), QUICK, lambda _: None).leftovers == ()
        assert held(usual) == before

    @pytest.mark.parametrize("requests", [0, 1, 2, 3, 5, 8, 40, 150, 400])
    def test_when_it_is_stopped(self, usual: Sandbox, requests: int) -> None:
        before, told = held(usual), list[str]()
        counted: list[Bench] = []

        def stopped() -> bool:
            return counted[0].site.requests.total > requests

        counted.append(bench(usual, stopped))
        findings = ask_all(counted[0], QUICK, told.append)
        assert held(usual) == before
        assert told == ["stopped; removing what was made"]
        assert len(findings.answers) < len(QUICK)

    def test_when_it_breaks(self, usual: Sandbox) -> None:
        def broken(at: Bench) -> Observation:
            at.join(at.group(), at.user())
            raise ZeroDivisionError

        before = held(usual)
        with pytest.raises(ZeroDivisionError):
            ask_all(bench(usual), (Probe("broken", "?", broken),), lambda _: None)
        assert held(usual) == before

    @pytest.mark.parametrize("kind", [FaultKind.LOST_AFTER, FaultKind.ERROR_AFTER])
    def test_when_answers_are_lost(self, usual: Sandbox, kind: FaultKind) -> None:
        before = held(usual)
        creates = [
            f"{service}:{name}"
            for service, names in SENT.items()
            for name in names
            if name.startswith("Create")
        ]
        usual.make_trouble(Trouble(faults=tuple(Fault(name, kind, call=2) for name in creates)))
        findings = ask_all(bench(usual), QUICK, lambda _: None)
        usual.make_trouble(None)
        assert findings.leftovers == ()
        assert held(usual) == before
        lost = [one for one in findings.answers.values() if isinstance(one, NotMeasured)]
        assert len(lost) >= len(creates) - 1

    @pytest.mark.parametrize("kind", [FaultKind.LOST_AFTER, FaultKind.ERROR_AFTER])
    def test_at_once_where_the_answer_was_lost(self, usual: Sandbox, kind: FaultKind) -> None:
        before, at = held(usual), bench(usual)
        creates = ("CreateUser", "CreateGroup", "CreateGroupMembership", "CreateApplication")
        for name in creates:
            usual.make_trouble(Trouble(faults=(Fault(name, kind),)))
            with pytest.raises(FAILURES):
                at.join(at.group(), at.user()) and at.application()
        at.ledger.remove()
        assert held(usual) == before

    def test_what_a_killed_run_left(self, usual: Sandbox) -> None:
        usual.assume(assumptions_of({"reserved_names": False}))
        before = held(usual)
        killed = bench(usual)
        killed.join(killed.group(), killed.user())
        killed.user("Administrator")
        killed.assign(killed.application(), "GROUP", group := killed.group())
        killed.give_account(killed.permission_set(), "GROUP", group)
        killed.entitle(killed.access_manager()[0], "group", group, killed.role())
        studying = Studying("another", Surroundings(lambda _: None, never), pytest.fail)
        assert studying.clean_up(bench(usual).site) == ()
        assert held(usual) == before

    def test_what_cannot_be_removed_is_told(self) -> None:
        assumptions = assumptions_of({"deleted_application_loses_assignments": False})
        (probe,) = (one for one in PROBES if one.name == "assignment-after-application")
        told: list[str] = []
        with Sandbox.assuming(assumptions) as sandbox:
            findings = ask_all(bench(sandbox), (probe,), told.append)
            (left,) = held(sandbox)["assignments"]
        assert len(findings.leftovers) == len(told) == 1
        assert left in told[0]
        assert findings.leftovers[0].identifier in told[0]
        assert "ResourceNotFoundException" in told[0]

    def test_what_may_not_be_removed_is_told(self, usual: Sandbox) -> None:
        usual.make_trouble(
            Trouble(faults=(Fault("DeleteUser", code="AccessDeniedException", times=1000),))
        )
        told: list[str] = []
        (probe,) = (one for one in PROBES if one.name == "user-name-twice")
        findings = ask_all(bench(usual), (probe,), told.append)
        (left,) = findings.leftovers
        assert left.name.startswith(f"{PREFIX}{RUN}-")
        assert left.identifier
        why = "DeleteUser was answered with AccessDeniedException"
        assert told == [f"could not be removed: user {left.name} {left.identifier}: {why}"]

    def test_what_cannot_be_listed_is_told(self, usual: Sandbox) -> None:
        faults = (Fault("ListGroups", code="AccessDeniedException", times=1000),)
        usual.make_trouble(Trouble(faults=faults))
        (probe,) = (one for one in PROBES if one.name == "group-name-twice")
        (left,) = ask_all(bench(usual), (probe,), lambda _: None).leftovers
        assert str(left) == (
            f"groups called {PREFIX}{RUN}-*: they could not be listed: "
            "ListGroups was answered with AccessDeniedException"
        )


class TestNotMeasured:
    """What says nothing about the question is no answer to it."""

    @pytest.mark.parametrize(
        "code", ["AccessDeniedException", "InternalServerException", "UnknownOperationException"]
    )
    def test_other_errors(self, usual: Sandbox, code: str) -> None:
        usual.make_trouble(Trouble(faults=(Fault("CreateUser", code=code, call=2),)))
        (probe,) = (one for one in PROBES if one.name == "user-name-twice")
        findings = ask_all(bench(usual), (probe,), lambda _: None)
        assert findings.answers == {probe.name: NotMeasured(f"CreateUser was answered with {code}")}

    @pytest.mark.parametrize(
        "lookup", ["GetUserId", "GetGroupId", "ListApplications", "ListPermissionSets"]
    )
    def test_what_could_not_be_found_again_is_not_made(self, usual: Sandbox, lookup: str) -> None:
        faults = (Fault(lookup, code="AccessDeniedException", times=10_000),)
        usual.make_trouble(Trouble(faults=faults))
        before = {name for _, name, outcome in usual.statistics() if outcome == "200"}
        findings = ask_all(bench(usual), QUICK, lambda _: None)
        reason = f"{lookup} was answered with AccessDeniedException, so nothing was made"
        assert NotMeasured(reason) in findings.answers.values()
        assert findings.leftovers == ()
        made = {
            "GetUserId": "CreateUser",
            "GetGroupId": "CreateGroup",
            "ListApplications": "CreateApplication",
            "ListPermissionSets": "CreatePermissionSet",
        }[lookup]
        assert made not in {name for _, name, _ in usual.statistics()} - before

    def test_throttling_is_waited_for(self, usual: Sandbox) -> None:
        throttled = Fault("CreateUser", code="ThrottlingException", call=2, times=3)
        usual.make_trouble(Trouble(faults=(throttled,)))
        (probe,) = (one for one in PROBES if one.name == "user-name-twice")
        findings = ask_all(bench(usual), (probe,), lambda _: None)
        assert isinstance(findings.answers[probe.name], Observation)

    def test_reserved_names_that_somebody_has(self, usual: Sandbox) -> None:
        usual.assume(assumptions_of({"reserved_names": False}))
        client = usual.session().client("identitystore")
        client.create_group(IdentityStoreId=STORE, DisplayName="Administrator")
        (probe,) = (one for one in PROBES if one.name == "reserved-group")
        findings = ask_all(bench(usual), (probe,), lambda _: None)
        assert isinstance(findings.answers[probe.name], NotMeasured)
        assert len(client.list_groups(IdentityStoreId=STORE)["Groups"]) == 3

    def test_an_access_manager_that_was_there(self, usual: Sandbox) -> None:
        client = usual.session().client("account-access")
        made = client.create_application(
            identitySource={"identityCenter": {"instanceArn": INSTANCE}}
        )["applicationArn"]
        (probe,) = (one for one in PROBES if one.name == "entitlement-twice")
        findings = ask_all(bench(usual), (probe,), lambda _: None)
        assert isinstance(findings.answers[probe.name], NotMeasured)
        assert client.get_application(applicationArn=made)["tags"] == {}

    def test_a_switch_is_not_set_by_it(self) -> None:
        probe = next(one for one in PROBES if one.switch)
        assert switches_of((probe,), PlaceAnswers("AWS", {probe.name: NotMeasured("x")})) == {}
        assert switches_of((probe,), PlaceAnswers("AWS", {probe.name: Observation("purple")})) == {}


class TestLag:
    """What a list does not show yet is waited for."""

    def test_memberships_go_late(self, usual: Sandbox) -> None:
        now = [1_800_000_000.0]
        usual.responder.world.clock = lambda: now[0]
        usual.make_trouble(Trouble(visibility_lag=3.0))

        def sleep(seconds: float) -> None:
            now[0] += seconds

        patient = replace(sandbox_site(usual), patience=10.0)
        (probe,) = (one for one in PROBES if one.name == "membership-after-user")
        findings = ask_all(
            Bench(patient, RUN, Surroundings(sleep, never)), (probe,), lambda _: None
        )
        assert findings.answers == {probe.name: Observation("gone")}
        assert now[0] >= 1_800_000_006.0  # Until it shows, and until it does not.

    def test_removal_waits_after_a_stop_too(self, usual: Sandbox) -> None:
        now, before = [1_800_000_000.0], held(usual)
        usual.responder.world.clock = lambda: now[0]
        usual.make_trouble(Trouble(visibility_lag=3.0))

        def sleep(seconds: float) -> None:
            now[0] += seconds

        patient = replace(sandbox_site(usual), patience=10.0)
        stops = (probe for probe in PROBES if probe.name == "assignment-after-principal")
        # It is stopped while it waits for the list to show the assignment.
        stopping = Surroundings(sleep, lambda: now[0] > 1_800_000_001.0)
        findings = ask_all(Bench(patient, RUN, stopping), stops, lambda _: None)
        usual.make_trouble(None)
        assert findings.answers == {}
        assert findings.leftovers == ()
        assert held(usual) == before


class TestScratch:
    """Only an instance that nobody can be using is asked."""

    def test_a_few_are_counted(self, usual: Sandbox) -> None:
        assert require_scratch(bench(usual).site) == "3 users and 2 groups"

    @pytest.mark.parametrize("sizes", [Sizes(51), Sizes(0, 51)])
    def test_many_are_refused(self, usual: Sandbox, sizes: Sizes) -> None:
        generate(usual, sizes)
        with pytest.raises(UsageError, match="no scratch instance; nothing was made"):
            require_scratch(bench(usual).site)
