"""The folder of a site: which sites ship with the product, and which file has which fields."""

from __future__ import annotations

from pathlib import Path

from contract.profile import FIRMWARE_CONFIGS
from contract.yamlfile import ConfigError, Document


def shipped_site(name: str) -> Path:
    """The folder of a site that ships with the product."""
    return FIRMWARE_CONFIGS / "sites" / name


def shipped_sites() -> list[str]:
    """Names of the sites that ship with the product."""
    return sorted(p.name for p in (FIRMWARE_CONFIGS / "sites").iterdir() if p.is_dir())


def site_documents(folder: Path) -> dict[str, Document]:
    """The *.yaml of a site's folder by the top-level fields that stand in them.

    Raises:
        ConfigError: There are none, one is no YAML, a field stands in two, or a file is called as if it were one of them.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; expected a site with *.yaml files")
    ignored = [path for path in sorted(folder.iterdir()) if _overlooked(path)]
    if ignored:
        raise ConfigError("\n".join(f"{path}: expected a name that ends with .yaml; no other file is read" for path in ignored))
    documents: dict[str, Document] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = Document(path)
        for key in document.data:
            if key in documents:
                raise ConfigError(document.fault([key], f"stands in {documents[key].path.name} too"))
            documents[key] = document
    if not documents:
        raise ConfigError(f"{folder}: no *.yaml in it; expected a site")
    return documents


def _overlooked(path: Path) -> bool:
    """Whether a file would not be read though it looks like a part of a site; a schema that an editor wants beside it does not."""
    alike = path.suffix.lower() in {".yaml", ".yml", ".json"} and not path.name.endswith(".schema.json")
    return alike and path.suffix != ".yaml" and path.is_file()
