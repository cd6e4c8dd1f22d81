"""The kinds of text that documents are made of, each with its own check.

A check's message says what is expected; where the text stands is added by whoever reports it.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from identity_reconciler.core.attributes import RESERVED_NAMES
from identity_reconciler.core.lease import is_lease
from identity_reconciler.core.wording import shown

MAX_TEXT = 1024
"""Source: SensitiveStringType and GroupDisplayName of the Identity Store."""

MAX_USER_NAME = 128
"""Source: UserName of the Identity Store."""

MAX_APPLICATION_NAME = 100
"""Source: ApplicationNameType of sso-admin."""

DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
"""The pattern of a date."""


def wrong(message: str) -> PydanticCustomError:
    """Return the error of a check; *message* is ready to be shown."""
    # Braces are placeholders to pydantic, so the message goes in as one.
    return PydanticCustomError("refused", "{message}", {"message": message})


def check_text(text: str) -> str:
    r"""Refuse *text* that the Identity Store refuses as an attribute.

    Letters, marks, symbols, numbers, punctuation, and tab, LF, CR, space, U+00A0, U+3000.
    Source: SensitiveStringType, `[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r \x{a0}\x{3000}]+`.
    """
    if 0 < len(text) <= MAX_TEXT and text.isascii() and text.isprintable():
        return text
    _check_length(text, MAX_TEXT)
    for character in text:
        if unicodedata.category(character)[0] in "CZ" and character not in "\t\n\r \u00a0\u3000":
            raise wrong(f"{shown(text)} contains U+{ord(character):04X}, which AWS refuses")
    return text


def _check_length(text: str, longest: int) -> None:
    if not text:
        raise wrong('an empty text ("") is no value; write one, or leave the key out')
    if len(text) > longest:
        raise wrong(f"{shown(text)} has {len(text)} characters; at most {longest} are allowed")


def check_previous_user_name(name: str) -> str:
    r"""Refuse a *name* that no user can have. Source: UserName, `[\p{L}\p{M}\p{S}\p{N}\p{P}]+`."""
    _check_length(name, MAX_USER_NAME)
    if not (name.isascii() and name.isprintable() and " " not in name):
        for character in name:
            if unicodedata.category(character)[0] in "CZ":
                what = "a space" if character == " " else f"U+{ord(character):04X}"
                raise wrong(f"{shown(name)} contains {what}, which user names cannot have")
    return name


def check_user_name(name: str) -> str:
    """Refuse a *name* that no user can have, or that people could not tell from another."""
    return _check_name(check_previous_user_name(name))


def check_previous_group_name(name: str) -> str:
    """Refuse a *name* that no group can have, or that is not to be managed."""
    check_text(name)
    if is_lease(name):
        raise wrong(
            f"{shown(name)} is the group that keeps the lock of this program, and is not to be "
            "managed; remove it here (lock in instance.yaml says where the lock is)"
        )
    return name


def check_group_name(name: str) -> str:
    """Refuse a *name* that no group can have, or that people could not tell from another."""
    check_previous_group_name(name)
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
    if not re.fullmatch(DATE, text):
        raise wrong(f"{shown(text)} is not written as YYYY-MM-DD")
    return text


def _check_pattern(text: str) -> str:
    _check_length(text, MAX_TEXT)
    return text


def _check_expression(text: str) -> str:
    _check_pattern(text)
    try:
        with warnings.catch_warnings():
            # What is read in another way some day is an error today.
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise wrong(f"{shown(text)} is no regular expression: {error}") from None
    return text


# Besides the check, each kind carries what an editor can check: the part of its JSON Schema.
_SOME_TEXT: dict[str, JsonValue] = {"minLength": 1, "maxLength": MAX_TEXT}
_SOME_NAME: dict[str, JsonValue] = {"minLength": 1, "maxLength": MAX_USER_NAME, "pattern": r"^\S+$"}

Text = Annotated[str, AfterValidator(check_text), Field(json_schema_extra=_SOME_TEXT)]
UserNameText = Annotated[str, AfterValidator(check_user_name), Field(json_schema_extra=_SOME_NAME)]
GroupNameText = Annotated[
    str, AfterValidator(check_group_name), Field(json_schema_extra=_SOME_TEXT)
]
PreviousUserNameText = Annotated[
    str, AfterValidator(check_previous_user_name), Field(json_schema_extra=_SOME_NAME)
]
"""Any name that AWS takes: whoever has it gets another one."""
PreviousGroupNameText = Annotated[
    str, AfterValidator(check_previous_group_name), Field(json_schema_extra=_SOME_TEXT)
]
"""As `PreviousUserNameText`."""
ApplicationNameText = Annotated[
    str,
    AfterValidator(_check_application_name),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_APPLICATION_NAME}),
]
EmailText = Annotated[
    str,
    AfterValidator(_check_email),
    Field(json_schema_extra={**_SOME_TEXT, "pattern": f"^{_EMAIL.pattern}$"}),
]
BirthdateText = Annotated[
    str, AfterValidator(_check_birthdate), Field(json_schema_extra={"pattern": f"^{DATE}$"})
]
PatternText = Annotated[str, AfterValidator(_check_pattern), Field(json_schema_extra=_SOME_TEXT)]

RegularExpression = Annotated[
    str, AfterValidator(_check_expression), Field(json_schema_extra=_SOME_TEXT)
]
"""As Python's module re reads it."""

State = Literal["present", "absent", "external"]


def _matching(pattern: str, expected: str) -> Callable[[str], str]:
    """Return a check that refuses text that does not match *pattern* from end to end."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise wrong(f"{shown(text)} is not {expected}")
        return text

    return check


# The patterns below are those of botocore's models of sso-admin and identitystore.
_ACCOUNT = "[0-9]{12}"
_INSTANCE = "(sso)?ins-[a-zA-Z0-9.-]{16}"
_PARTITION = "arn:aws(-[a-z]{1,5}){0,3}"
_INSTANCE_ARN = f"{_PARTITION}:sso:::instance/{_INSTANCE}"
_APPLICATION_ARN = f"{_PARTITION}:sso::{_ACCOUNT}:application/{_INSTANCE}/apl-[a-zA-Z0-9]{{16}}"
_PROVIDER_ARN = f"{_PARTITION}:sso::aws:applicationProvider/[a-zA-Z0-9/-]+"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_STORE_ID = f"(d-[0-9a-f]{{10}}|{_UUID})"
_REGION = "([a-z]+-){2,3}[0-9]"
# Source: S3 userguide, bucketnamingrules and object-keys.
_REPOSITORY = r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"
_LOCK = r"directory|off|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9!_.*'()/-]{1,512}"
_FRAGMENT = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_PERIOD = "[1-9][0-9]{0,2} (day|week|month|year)s?"
_INSTANCE_NAME = "[A-Za-z0-9_+=,.@-]{1,255}"

AccountId = Annotated[
    str,
    AfterValidator(_matching(_ACCOUNT, "an account id; expected twelve digits in quotes")),
    Field(json_schema_extra={"pattern": f"^{_ACCOUNT}$"}),
]
InstanceArn = Annotated[
    str,
    AfterValidator(
        _matching(
            _INSTANCE_ARN,
            "the ARN of an instance; expected one like"
            " arn:aws:sso:::instance/ssoins-1234567890abcdef",
        )
    ),
    Field(json_schema_extra={"pattern": f"^{_INSTANCE_ARN}$"}),
]
IdentityStoreId = Annotated[
    str,
    AfterValidator(_matching(_STORE_ID, "an identity store id; expected one like d-1234567890")),
    Field(json_schema_extra={"pattern": f"^{_STORE_ID}$"}),
]
ApplicationArnText = Annotated[
    str,
    AfterValidator(
        _matching(
            _APPLICATION_ARN,
            "the ARN of an application; expected one like"
            " arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-1234567890abcdef",
        )
    ),
    Field(json_schema_extra={"pattern": f"^{_APPLICATION_ARN}$"}),
]
ProviderArn = Annotated[
    str,
    AfterValidator(
        _matching(
            _PROVIDER_ARN,
            "the ARN of an application provider; expected one like"
            " arn:aws:sso::aws:applicationProvider/custom-saml",
        )
    ),
    Field(json_schema_extra={"pattern": f"^{_PROVIDER_ARN}$"}),
]
Region = Annotated[
    str,
    AfterValidator(_matching(_REGION, "a region; expected one like eu-central-1")),
    Field(json_schema_extra={"pattern": f"^{_REGION}$"}),
]
LockText = Annotated[
    str,
    AfterValidator(
        _matching(_LOCK, "a lock; expected directory, off, or one like s3://bucket/key")
    ),
    Field(json_schema_extra={"pattern": f"^({_LOCK})$"}),
]
RepositoryName = Annotated[
    str,
    AfterValidator(
        _matching(
            _REPOSITORY, "the name of a repository; expected up to 40 of a-z, 0-9 and - within"
        )
    ),
    Field(json_schema_extra={"pattern": f"^{_REPOSITORY}$"}),
]
FragmentName = Annotated[
    str,
    AfterValidator(
        _matching(_FRAGMENT, "the name of a fragment; expected letters, digits, _ and -, no path")
    ),
    Field(json_schema_extra={"pattern": f"^{_FRAGMENT}$"}),
]
PeriodText = Annotated[
    str,
    AfterValidator(_matching(_PERIOD, "a time; expected one like 30 days, 2 weeks or 3 months")),
    Field(json_schema_extra={"pattern": f"^{_PERIOD}$"}),
]
InstanceName = Annotated[
    str,
    AfterValidator(_matching(_INSTANCE_NAME, "a name; expected letters, digits and _+=,.@-")),
    Field(json_schema_extra={"pattern": f"^{_INSTANCE_NAME}$"}),
]


def is_fragment_name(text: str) -> bool:
    """Return whether *text* is what a `FragmentName` takes; it leads nowhere else as a path."""
    return re.fullmatch(_FRAGMENT, text) is not None
