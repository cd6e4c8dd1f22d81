"""Identifiers of AWS as they are written in the YAML, each with its pattern."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

from identity_reconciler.desired.values import wrong
from identity_reconciler.desired.wording import shown


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
InstanceName = Annotated[
    str,
    AfterValidator(_matching(_INSTANCE_NAME, "a name; expected letters, digits and _+=,.@-")),
    Field(json_schema_extra={"pattern": f"^{_INSTANCE_NAME}$"}),
]
