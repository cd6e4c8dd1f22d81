"""What the YAML can say, found out by the checks that the reader makes."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from identity_reconciler.desired.encoding import FORBIDDEN, forbidden_character
from identity_reconciler.desired.identifiers import ApplicationArnText
from identity_reconciler.desired.values import ApplicationNameText, BirthdateText, EmailText

check_email = TypeAdapter(EmailText).validate_python
check_birthdate = TypeAdapter(BirthdateText).validate_python
check_application_name = TypeAdapter(ApplicationNameText).validate_python
check_arn = TypeAdapter(ApplicationArnText).validate_python


def objection(check: Callable[[str], object], text: str) -> str | None:
    """Return why *text* cannot be written, if so."""
    try:
        check(text)
    except PydanticCustomError as error:
        return str(error)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)[0]["msg"]
    found = FORBIDDEN.search(text)
    return f"it contains {forbidden_character(found[0])}" if found else None
