"""The record of a run as strangers send it: what of it others rely on has to be there, and be what it should."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from imedbench.errors import BadSubmission

_Text = Annotated[str, Field(max_length=20_000)]
_Name = Annotated[str, Field(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Named(_Part):
    name: _Name


class _Protocol(_Part):
    id: _Name
    seed: int
    arms: list[_Named]


class _Prompts(_Named):
    summary: _Text


class _Card(_Named):
    summary: _Text
    loader: _Name
    prompts: list[_Name]
    dimensions: list[int]
    licence: _Text
    source: _Text
    sees_truth: StrictBool


class _Subset(_Part):
    split: _Name
    targets: list[_Name]
    limit: int
    dimension: int


class _Record(_Part):
    format: int
    id: _Name
    protocol: _Protocol
    protocol_digest: _Name
    prompts: _Prompts
    prompts_digest: _Name
    model: _Name
    card: _Card
    weights_sha256: _Name
    data: _Named
    data_digest: _Name
    subset: _Subset
    across: _Name
    batch: int
    skipped: list[_Name]
    versions: dict[_Name, _Name]
    device: _Name
    started: _Name
    finished: _Name


def check_record(run: Mapping[str, Any]) -> None:
    """Refuses a record that cannot be shown or checked; whether it is true is not asked here.

    Raises:
        BadSubmission: the message names the field.
    """
    try:
        _Record.model_validate(dict(run))
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(step) for step in first["loc"])[:200]
        message = f"run.json: {place}: {first['msg']}."
        raise BadSubmission(message) from problem
