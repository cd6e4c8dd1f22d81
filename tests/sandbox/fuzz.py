"""Send made-up requests to the sandbox, and say which answers are not the service's.

    python -m tests.sandbox.fuzz [--requests N] [--seed N] [--operation NAME]

The requests come from the services' models: any operation, with members that are mostly plausible
(also what earlier answers said) and sometimes anything. An answer is at fault if it is a failure
(5xx) or not what the model says. After each round of a thousand requests there is a fresh sandbox,
so a fault can be repeated with the seed that is told. The exit code is 1 if there was one.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.messages import HttpResponse
from identity_reconciler.sandbox.omissions import LEAVES_OUT
from identity_reconciler.sandbox.outputs import faults as faults_in
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import World
from tests.sandbox.test_model import ROLE, SUCCESSES
from tests.sandbox.wire import encoded

SERVICES = ("identitystore", "sso-admin", "organizations", "account-access", "sts")

ROUND = 1000
"""Requests to one sandbox."""

ACCOUNTS = ("123456789012", "222233334444", "333344445555", "999999999999")
"""The management account, that of an account instance, the delegated administrator, a stranger."""
CALLERS = (*ACCOUNTS, *ACCOUNTS[:1] * 6)
REGIONS = ("us-east-1", "us-east-1", "us-east-1", "eu-west-1", "ap-south-1", "cn-north-1")
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
OTHER_INSTANCE = "arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa"
POLICY = '{"Version":"2012-10-17","Statement":[]}'
TEXTS = (
    *(
        "a",
        "Data",
        "1",
        "alice",
        "x" * 64,
        "x" * 1025,
        "Ω",
        "é!",
        " ",
        "PT1H",
        "PT12H",
        "/",
        "/path/",
    ),
    *("a@example.com", "https://example.com/", "true", "2026-01-01", "us-east-1", "10.0.0.0/8"),
    *("displayName", "userName", "emails", "name.givenName", "emails.value", "title"),
    *("aws:identitystore:enterprise", "AWS_ACCOUNT", "USER", "GROUP", "sso.amazonaws.com"),
    *("d-1234567890", "d-aaaaaaaaaa", "d-ffffffffff", INSTANCE, OTHER_INSTANCE, *ACCOUNTS),
    "00000000-0000-4000-8000-000000000000",
    "arn:aws:identitystore:::user/00000000-0000-4000-8000-000000000000",
    "arn:aws:sso::aws:applicationProvider/custom",
    "arn:aws:sso::aws:applicationProvider/unheard-of",
    "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef",
    "arn:aws:iam::aws:policy/ReadOnlyAccess",
    "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
    ROLE,
    "arn:aws:account-access:us-east-1:123456789012:application/0000000000000000",
    "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000",
    POLICY,
)
ANYTHING: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 101, 2**31, 2**63, 2**70, 1.5, "", "x", "x" * 2000, [], {}),
    *([None], [[]], {"": None}, {"Value": 1}, "\u0000", "\u202e", "\ud800", [1, "x"], "null"),
)
NAMED = frozenset({"UserName", "DisplayName", "Name"})
"""Members that must differ from one object to the next."""
NAMES = tuple(f"name{number}" for number in range(100))
PLACEHOLDERS = {
    "@user": "UserId",
    "@lone_user": "UserId",
    "@group": "GroupId",
    "@empty_group": "GroupId",
    "@membership": "MembershipId",
    "@application": "ApplicationArn",
    "@revision": "Revision",
    "@permission_set": "PermissionSetArn",
    "@idle_permission_set": "PermissionSetArn",
    "@creation": "RequestId",
    "@deletion": "RequestId",
    "@provisioning": "RequestId",
    "@access_application": "applicationArn",
    "@entitlement": "entitlementId",
}
"""What the names in good parameters stand for, by the members of answers that have it."""
SEARCHED = frozenset(
    {"PrincipalId", "MemberId", "TargetId", "ResourceArn", "resourceArn", "userId", "groupId"}
)
"""Members whose values other members have in answers."""


@dataclass(frozen=True)
class Sent:
    """One request and what came back."""

    operation: str
    params: Any
    caller: tuple[str, str]
    status: int
    faults: list[str]


@dataclass
class Outcome:
    """What came of all requests."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by operation and by what was answered: "ok", or the code of an error."""
    faulty: list[tuple[int, Sent]] = field(default_factory=list)
    """The requests with answers at fault, each with the seed of its round."""


class Maker:
    """Makes requests up. What answers said is used in later requests."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._seen: defaultdict[str, list[str]] = defaultdict(list)
        self._all: list[str] = []

    def learn(self, answer: Any) -> None:  # noqa: ANN401 - JSON
        """Keep the texts of an answer, by the name of their member."""
        if isinstance(answer, list):
            for item in answer:
                self.learn(item)
        elif isinstance(answer, dict):
            for name, item in answer.items():
                if isinstance(item, str) and item not in self._seen[name]:
                    self._seen[name].append(item)
                    self._all.append(item)
                else:
                    self.learn(item)

    def params(self, operation: OperationModel) -> Any:  # noqa: ANN401 - JSON
        """Return the members of a request; in one of three something is anything."""
        shape = operation.input_shape
        if key_of(operation) in SUCCESSES and self.chance.random() < 1 / 2:
            made = self._known(SUCCESSES[key_of(operation)])
        else:
            made = {} if shape is None else self._value("", shape)
        if self.chance.random() < 1 / 3:
            made = self._spoilt(made, shape)
        return made

    def _known(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """Return parameters that are known to be good, with what was seen for `@name`."""
        if isinstance(value, dict):
            return {
                name: self._named(item) if name in NAMED else self._known(item)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._known(item) for item in value]
        if isinstance(value, str) and value.startswith("@"):
            seen = self._seen[PLACEHOLDERS[value]]
            return self.chance.choice(seen[-5:]) if seen else value
        return value

    def _named(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        return self.chance.choice(NAMES) if isinstance(value, str) else self._known(value)

    def _value(self, name: str, shape: Shape) -> Any:  # noqa: ANN401 - JSON
        if getattr(shape, "is_document_type", False):
            return self.chance.choice([*ANYTHING, {"department": "Data"}, "x", [{"Value": "x"}]])
        match shape:
            case StructureShape():
                return self._structure(shape)
            case ListShape():
                number = self.chance.choice((1, 1, 1, 2, 0))
                return [self._value(name, shape.member) for _ in range(number)]
            case MapShape():
                return {self._value("", shape.key): self._value("", shape.value)}
            case StringShape():
                return self._text(name, shape)
            case _:
                return self._scalar(shape)

    def _scalar(self, shape: Shape) -> bool | float:
        if shape.type_name == "boolean":
            return self.chance.random() < 1 / 2
        least, most = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 100))
        return self.chance.choice((least, most, self.chance.randint(least, most)))

    def _structure(self, shape: StructureShape) -> dict[str, Any]:
        names = list(shape.members)
        if shape.is_tagged_union:
            names = [self.chance.choice(names)]
        else:
            names = [
                name
                for name in names
                if name in shape.required_members or self.chance.random() < 1 / 3
            ]
        return {name: self._value(name, shape.members[name]) for name in names}

    def _text(self, name: str, shape: StringShape) -> str:
        if shape.enum:
            return str(self.chance.choice(shape.enum))
        known = self._seen[name]
        if known and self.chance.random() < 2 / 3:
            # What was said last is most likely still there.
            return self.chance.choice(known[-5:])
        if name in SEARCHED and self._all and self.chance.random() < 2 / 3:
            fitting = [text for text in self._all[-200:] if _fits(shape, text)]
            if fitting:
                return self.chance.choice(fitting)
        return self.chance.choice(_texts(shape))

    def _spoilt(self, made: Any, shape: StructureShape | None) -> Any:  # noqa: ANN401 - JSON
        """Return *made* with one place changed to anything, left out, or added."""
        places = list(_places(made))
        names = [*(shape.members if shape else ()), "Unheard"]
        if not places or self.chance.random() < 1 / 4:
            return {**made, self.chance.choice(names): self.chance.choice(ANYTHING)}
        container, key = self.chance.choice(places)
        if self.chance.random() < 1 / 4:
            del container[key]
        else:
            container[key] = self.chance.choice(ANYTHING)
        return made


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, item in items:
        yield value, key
        yield from _places(item)


def _fits(shape: Shape, text: str) -> bool:
    try:
        check(shape, text)
    except ServiceError:
        return False
    return True


@functools.cache
def _texts(shape: Shape) -> tuple[str, ...]:
    """Return the texts that a shape allows; all of them where it allows none."""
    return tuple(text for text in TEXTS if _fits(shape, text)) or TEXTS


def key_of(operation: OperationModel) -> str:
    """Return what an operation is called in SUCCESSES, where some names are of two services."""
    service = operation.service_model.service_name
    return f"{service}:{operation.name}" if service == "account-access" else operation.name


@contextmanager
def furnished(world: World | None = None) -> Iterator[Sandbox]:
    """Yield a sandbox with an instance of an organisation and one of an account."""
    with Sandbox(world=world) as sandbox:
        sandbox.ensure_instance(InstanceDetails(regions=("eu-west-1",)))
        sandbox.ensure_instance(
            InstanceDetails(
                ACCOUNTS[1], "us-east-1", OTHER_INSTANCE, "d-aaaaaaaaaa", organization=False
            )
        )
        sandbox.add_account(ACCOUNTS[2], "delegate")
        sandbox.delegate_administration(ACCOUNTS[2])
        sandbox.add_catalogue()
        yield sandbox


def operations(chosen: str | None = None) -> list[OperationModel]:
    """Return every operation of every service that the sandbox stands in for, or the chosen one."""
    return [
        service_model(service).operation_model(name)
        for service in SERVICES
        for name in service_model(service).operation_names
        if chosen in {None, name}
    ]


@functools.cache
def answered_operations(service: str) -> frozenset[str]:
    """Return the operations of a service that the sandbox does not leave out, by asking it."""
    model = service_model(service)
    with furnished() as sandbox:
        said = {
            name: sandbox.responder.respond(request).body.decode()
            for name in model.operation_names
            if (request := encoded(model.operation_model(name), {}, (ACCOUNTS[0], REGIONS[0])))
        }
    return frozenset(name for name, body in said.items() if LEAVES_OUT not in body)


def send(
    sandbox: Sandbox,
    operation: OperationModel,
    params: Any,  # noqa: ANN401 - JSON
    caller: tuple[str, str],
) -> tuple[Sent, HttpResponse] | None:
    """Send one request and look at the answer; None if it cannot be written down."""
    request = encoded(operation, params, caller)
    if request is None:
        return None
    response = sandbox.responder.respond(request)
    faults = faults_in(operation.service_model.service_name, operation.name, response)
    if response.status >= 500:
        faults.insert(0, f"HTTP status {response.status}: {response.body.decode()[:1000]}")
    return Sent(operation.name, params, caller, response.status, faults), response


class Fuzzer:
    """Sends made-up requests to one fresh sandbox after the other, and keeps what came of them."""

    def __init__(
        self,
        operation: str | None = None,
        furnish: Callable[[], AbstractContextManager[Sandbox]] = furnished,
    ) -> None:
        self.outcome = Outcome()
        self._operations = operations(operation)
        # What is not left out comes more often, and what makes something most often.
        answered = [one for one in self._operations if key_of(one) in SUCCESSES]
        making = [one for one in answered if one.name.startswith("Create")]
        self._likely = [*answered, *making, *making] or self._operations
        self._furnish = furnish

    def run(self, requests: int, seed: int) -> Outcome:
        """Send *requests* requests, in rounds with a seed each, and return what came of them."""
        for start in range(0, requests, ROUND):
            with self._furnish() as sandbox:
                self._round(sandbox, seed + start // ROUND, min(ROUND, requests - start))
        return self.outcome

    def _round(self, sandbox: Sandbox, seed: int, requests: int) -> None:
        maker = Maker(seed)
        for _ in range(requests):
            likely = maker.chance.random() < 2 / 3
            operation = maker.chance.choice(self._likely if likely else self._operations)
            caller = maker.chance.choice(CALLERS), maker.chance.choice(REGIONS)
            done = send(sandbox, operation, maker.params(operation), caller)
            if done is None:
                self.outcome.counts[key_of(operation), "not sent"] += 1
                continue
            sent, response = done
            if sent.faults:
                self.outcome.faulty.append((seed, sent))
            if response.status < 300 and operation.service_model.protocol != "query":
                maker.learn(json.loads(response.body or b"{}"))
            self.outcome.counts[key_of(operation), sandbox.requests.entries[-1].outcome] += 1


def told(outcome: Outcome, operation: str | None = None) -> str:
    """Return what was answered how often, and every fault, as text."""
    by_answer: Counter[str] = Counter()
    for (_, answer), number in outcome.counts.items():
        by_answer[answer] += number
    succeeded = {name for name, answer in outcome.counts if answer == "ok"}
    never = {
        key_of(one)
        for one in operations(operation)
        if one.name in answered_operations(one.service_model.service_name)
        and key_of(one) not in succeeded
    }
    lines = [f"{number:>8}  {answer}" for answer, number in by_answer.most_common()]
    lines.append(f"never succeeded: {', '.join(sorted(never)) or 'none'}")
    for seed, sent in outcome.faulty:
        lines += [
            f"fault in the round with --seed {seed}: {sent.operation} from {sent.caller}",
            f"  {json.dumps(sent.params)[:2000]}",
            *(f"  {fault}" for fault in sent.faults),
        ]
    lines.append(f"{sum(by_answer.values())} requests, {len(outcome.faulty)} answers at fault")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Fuzz, and print what was answered how often, and every fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--operation", help="this one alone")
    given = parser.parse_args(arguments)
    if not operations(given.operation):
        parser.error(f"no service has an operation {given.operation}")
    outcome = Fuzzer(given.operation).run(given.requests, given.seed)
    print(told(outcome, given.operation))
    return 1 if outcome.faulty else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
