"""What all documents have in common: strict, closed, silent about values."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A mapping in the YAML. Nothing is converted, no key is ignored, no error prints a value."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        model_title_generator=lambda model: getattr(model, "label", "").partition(" ")[2],
    )
    label: ClassVar[str] = "a document"
    """What messages call it, with its article."""
