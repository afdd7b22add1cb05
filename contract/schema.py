"""JSON schemas of profiles and sites, for editors that check YAML while it is written: `python -m contract.schema`."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from contract.profile import FIRMWARE_CONFIGS, Profile
from contract.site import Site

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS: dict[Path, type[BaseModel]] = {
    FIRMWARE_CONFIGS / "profiles" / "profile.schema.json": Profile,
    FIRMWARE_CONFIGS / "sites" / "site.schema.json": Site,
}
"""Each file and the model that it describes."""


def text(model: type[BaseModel]) -> str:
    """The schema of a model as its file holds it; a site is the union of its files, so each of them may lack fields."""
    schema = {"$schema": _DRAFT, **model.model_json_schema()}
    if model is Site:
        schema.pop("required")
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every schema file."""
    for path, model in SCHEMAS.items():
        path.write_text(text(model), encoding="utf-8")


if __name__ == "__main__":
    main()
