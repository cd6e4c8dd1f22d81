"""Trouble on demand, as data: throttling, latency, lag, odd pages and a schedule of faults.

All chance comes from one seed. A file of it is YAML or JSON:

    seed: 7
    throttle: {rate: 20, burst: 20}
    latency: {least: 0.01, most: 0.05}
    visibility_lag: 2.0
    shuffle: true
    short_pages: true
    faults:
      - {operation: CreateUser, call: 3, kind: lost-after}
      - {operation: "identitystore:*", chance: 0.01, kind: error, code: InternalServerException}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from identity_reconciler.sandbox.errors import TroubleFileError

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class FaultKind(StrEnum):
    """What goes wrong with one request."""

    ERROR = "error"
    """The error `code` is answered and nothing is done."""
    ERROR_AFTER = "error-after"
    """The error `code` is answered, though the request was carried out."""
    LOST_BEFORE = "lost-before"
    """The connection closes without an answer, and nothing is done."""
    LOST_AFTER = "lost-after"
    """The connection closes without an answer, though the request was carried out."""
    EXIT_BEFORE = "exit-before"
    """The process ends before the request is carried out."""
    EXIT_AFTER = "exit-after"
    """The process ends after the request was carried out, before the answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the schedule."""

    __pydantic_config__: ClassVar = _STRICT

    operation: str
    """`CreateUser`, `identitystore:CreateUser`, `identitystore:*` or `*`."""
    kind: FaultKind = FaultKind.ERROR
    call: Annotated[int, Field(ge=1)] = 1
    """The matching call that it begins with; 1 is the first."""
    times: Annotated[int, Field(ge=1)] = 1
    """How many matching calls in a row it meets."""
    chance: Annotated[float | None, Field(ge=0, le=1)] = None
    """Instead of `call` and `times`: the probability for each matching call."""
    code: str = "InternalServerException"
    message: str = "This error was asked for."
    members: dict[str, str | int] = field(default_factory=dict)
    """Members of the modelled exception: Reason, ResourceType, RetryAfterSeconds."""
    exit_code: int = 70
    containing: str = ""
    """Only calls whose body has this text: the id of an identity store, an account, a name."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """A token bucket for each quota: sso-admin, account access, each operation of identitystore.

    20 requests a second is documented (limits); that the burst is one second of it is assumed.
    """

    __pydantic_config__: ClassVar = _STRICT

    rate: Annotated[float, Field(gt=0)] = 20.0
    """Requests a second."""
    burst: Annotated[float, Field(ge=1)] = 20.0
    """Requests that a rested bucket lets through at once."""
    retry_after: Annotated[int, Field(ge=0)] = 1
    """RetryAfterSeconds, which identitystore sends and the others do not. Documented: model."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer takes: evenly distributed between two bounds, in seconds."""

    __pydantic_config__: ClassVar = _STRICT

    least: Annotated[float, Field(ge=0)] = 0.0
    most: Annotated[float, Field(ge=0)] = 0.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """All the trouble of one sandbox. The default is none."""

    __pydantic_config__: ClassVar = _STRICT

    seed: int = 0
    throttle: Throttle | None = None
    latency: Latency | None = None
    visibility_lag: Annotated[float, Field(ge=0)] = 0.0
    """Seconds until lists show what was written; what is read by id shows at once.

    Observed for SCIM (awslabs/ssosync issue 42); for the native API nothing is known.
    """
    shuffle: bool = False
    """Whether lists come in another order than that of creation. AWS promises none."""
    short_pages: bool = False
    """Whether pages may have fewer items than there are. Documented: API_ListApplications."""
    empty_pages: bool = False
    """Whether they may even have none. Documented: organizations ListAccounts."""
    faults: tuple[Fault, ...] = ()


_ADAPTER = TypeAdapter(Trouble)


def read_trouble(path: Path) -> Trouble:
    """Return the trouble that a YAML or JSON file describes.

    Raises:
        TroubleFileError: It cannot be read, or describes something else.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        return _ADAPTER.validate_python(content or {})
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise TroubleFileError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        problems = "\n".join(
            f"{path}: {'.'.join(str(part) for part in one['loc']) or 'the file'}: {one['msg']}"
            for one in error.errors()
        )
        raise TroubleFileError(problems) from error
