"""The kinds of text, dates and flags that documents are made of, each with its own check.

A check's message says what is expected; where the text stands is added by whoever reports it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from identity_reconciler.desired.tree import Plain, PlainKind
from identity_reconciler.desired.wording import shown

MAX_TEXT = 1024
"""Source: SensitiveStringType and GroupDisplayName of the Identity Store."""

MAX_USER_NAME = 128
"""Source: UserName of the Identity Store."""

MAX_APPLICATION_NAME = 100
"""Source: ApplicationNameType of sso-admin."""

RESERVED_NAMES = frozenset({"administrator", "awsadministrators"})
"""Folded. Source: CreateUser and CreateGroup; whether AWS minds the case is not documented."""


def wrong(message: str) -> PydanticCustomError:
    """Return the error of a check; *message* is ready to be shown."""
    # Braces are placeholders to pydantic, so the message goes in as one.
    return PydanticCustomError("refused", "{message}", {"message": message})


def check_text(text: str) -> str:
    r"""Refuse *text* that the Identity Store refuses as an attribute.

    Letters, marks, symbols, numbers, punctuation, and tab, LF, CR, space, U+00A0, U+3000.
    Source: SensitiveStringType, `[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r \x{a0}\x{3000}]+`.
    """
    _check_length(text, MAX_TEXT)
    if not (text.isascii() and text.isprintable()):
        for character in text:
            if (
                unicodedata.category(character)[0] in "CZ"
                and character not in "\t\n\r \u00a0\u3000"
            ):
                raise wrong(f"{shown(text)} contains U+{ord(character):04X}, which AWS refuses")
    return text


def _check_length(text: str, longest: int) -> None:
    if not text:
        raise wrong('an empty text ("") is no value; write one, or leave the key out')
    if len(text) > longest:
        raise wrong(f"{shown(text)} has {len(text)} characters; at most {longest} are allowed")


def check_user_name(name: str) -> str:
    r"""Refuse a *name* that no user can have. Source: UserName, `[\p{L}\p{M}\p{S}\p{N}\p{P}]+`."""
    _check_length(name, MAX_USER_NAME)
    if not (name.isascii() and name.isprintable() and " " not in name):
        for character in name:
            if unicodedata.category(character)[0] in "CZ":
                raise wrong(
                    f"{shown(name)} contains U+{ord(character):04X}; user names have no spaces"
                    " and no invisible characters"
                )
    return _check_name(name)


def check_group_name(name: str) -> str:
    """Refuse a *name* that no group can have, or that people could not tell from another."""
    check_text(name)
    if name != name.strip():
        raise wrong(f"{shown(name)} starts or ends with a space; remove it")
    if not name.isprintable():
        raise wrong(f"{shown(name)} contains a line break, a tab or an unusual space")
    return _check_name(name)


def _check_name(name: str) -> str:
    if name.isascii():
        if name.lower() in RESERVED_NAMES:
            raise wrong(f"{shown(name)} is a name that AWS reserves; choose another")
    elif not unicodedata.is_normalized("NFC", name):
        raise wrong(
            f"{shown(name)} is not in Unicode normal form C: type the accented letters again,"
            " or normalize the file"
        )
    return name


def _check_application_name(name: str) -> str:
    _check_length(name, MAX_APPLICATION_NAME)
    return name


_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")


def _check_email(text: str) -> str:
    check_text(text)
    if not _EMAIL.fullmatch(text):
        raise wrong(f"{shown(text)} is not an e-mail address; expected name@domain.example")
    return text


def _check_birthdate(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise wrong(f"{shown(text)} is not a date; expected YYYY-MM-DD") from None
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise wrong(f"{shown(text)} is not written as YYYY-MM-DD")
    return text


def _check_pattern(text: str) -> str:
    _check_length(text, MAX_TEXT)
    return text


def _matching(pattern: str, expected: str) -> Callable[[str], str]:
    """Return a check that refuses text that does not match *pattern* from end to end."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise wrong(f"{shown(text)} is not {expected}")
        return text

    return check


_ACCOUNT = "[0-9]{12}"
_INSTANCE = "(sso)?ins-[a-zA-Z0-9.-]{16}"
_PARTITION = "arn:aws(-[a-z]{1,5}){0,3}"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

Text = Annotated[str, AfterValidator(check_text)]
UserNameText = Annotated[str, AfterValidator(check_user_name)]
GroupNameText = Annotated[str, AfterValidator(check_group_name)]
ApplicationNameText = Annotated[str, AfterValidator(_check_application_name)]
EmailText = Annotated[str, AfterValidator(_check_email)]
BirthdateText = Annotated[str, AfterValidator(_check_birthdate)]
PatternText = Annotated[str, AfterValidator(_check_pattern)]
# The patterns below are those of botocore's models of sso-admin and identitystore.
AccountId = Annotated[
    str, AfterValidator(_matching(_ACCOUNT, "an account id; expected twelve digits in quotes"))
]
InstanceArn = Annotated[
    str,
    AfterValidator(
        _matching(
            f"{_PARTITION}:sso:::instance/{_INSTANCE}",
            "the ARN of an instance; expected arn:aws:sso:::instance/ssoins-...",
        )
    ),
]
IdentityStoreId = Annotated[
    str,
    AfterValidator(
        _matching(f"d-[0-9a-f]{{10}}|{_UUID}", "an identity store id; expected d-1234567890")
    ),
]
ApplicationArnText = Annotated[
    str,
    AfterValidator(
        _matching(
            f"{_PARTITION}:sso::{_ACCOUNT}:application/{_INSTANCE}/apl-[a-zA-Z0-9]{{16}}",
            "the ARN of an application; expected"
            " arn:aws:sso::111122223333:application/ssoins-.../apl-...",
        )
    ),
]
ProviderArn = Annotated[
    str,
    AfterValidator(
        _matching(
            f"{_PARTITION}:sso::aws:applicationProvider/[a-zA-Z0-9/-]+",
            "the ARN of an application provider; expected arn:aws:sso::aws:applicationProvider/...",
        )
    ),
]
Region = Annotated[
    str,
    AfterValidator(_matching("([a-z]+-){2,3}[0-9]", "a region; expected one like eu-central-1")),
]
InstanceName = Annotated[
    str,
    AfterValidator(
        _matching("[A-Za-z0-9_+=,.@-]{1,255}", "a name; expected letters, digits and _+=,.@-")
    ),
]


def _boolean(value: object) -> object:
    if isinstance(value, Plain) and value.text in {"true", "false"}:
        return value.text == "true"
    raise wrong("expected true or false, without quotes")


@dataclass(frozen=True, slots=True)
class Before:
    """Marks a field whose value is looked at before its type is, null included."""

    check: Callable[[object], object]
    json_type: Mapping[str, str] = field(default_factory=dict)
    """What the JSON Schema says instead; nothing: what it says anyhow, without null."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Put the check in front of the schema that the type gives."""
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Leave out null: it only stands for a key that is not there."""
        if self.json_type:
            return dict(self.json_type)
        described = handler(schema)
        choices = [one for one in described.get("anyOf", ()) if one != {"type": "null"}]
        return choices[0] if len(choices) == 1 else described


def _not_null(value: object) -> object:
    if value is None:
        raise wrong(NULL_REFUSED)
    return value


NULL_REFUSED = "null is only for optional attributes, to remove them; leave the key out instead"
NOT_NULL = Before(_not_null)
FLAG = Before(_boolean, {"type": "boolean"})

_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_EXPECTED_EXPIRY = "expected a date such as 2026-12-31 or a time such as 2026-12-31T18:00:00+01:00"


def first_instant_after(text: str) -> datetime:
    """Return the first instant (UTC) at which something that expires on *text* no longer holds.

    A date holds through the end of that day, UTC; a timestamp is that instant.

    Raises:
        PydanticCustomError: *text* is neither, or a timestamp without an offset.
    """
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            day = datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)
            return day + timedelta(days=1)
        match = _TIMESTAMP.fullmatch(text)
        moment = datetime.fromisoformat(text) if match else None
    except (ValueError, OverflowError):
        raise wrong(f"{shown(text)} is not in the calendar; {_EXPECTED_EXPIRY}") from None
    if moment is None:
        raise wrong(f"{shown(text)} is not a date; {_EXPECTED_EXPIRY}")
    if moment.tzinfo is None:
        raise wrong(f"{shown(text)} has no offset from UTC; add one, such as Z or +01:00")
    return moment.astimezone(UTC)


def _expiry(value: object) -> object:
    if isinstance(value, Plain) and value.kind in {PlainKind.DATE, PlainKind.NUMBER}:
        return first_instant_after(value.text)
    if isinstance(value, str):
        return first_instant_after(value)
    raise wrong(_EXPECTED_EXPIRY)


EXPIRY = Before(
    _expiry,
    {
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
        "([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2}))?$",
    },
)

State = Literal["present", "absent", "external"]
