"""What all sections of the config are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the config file: unknown keys are mistakes, values are final."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
