"""`python -m dashboards`: write the dashboards of a site as JSON, or with `--check` say which files are not what would be written."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from contract.indicator import load_definitions
from contract.site import load_site
from contract.sitefolder import shipped_site
from contract.yamlfile import ConfigError
from dashboards.boards import boards
from dashboards.words import INDICATORS, LANGUAGES, Words

_HERE = Path(__file__).parent / "grafana"


def generated(site: Path, indicators: Path = INDICATORS) -> dict[str, str]:
    """The text of each file by its path below the output folder.

    Raises:
        ConfigError: The site or the indicators cannot be loaded.
    """
    loaded, shown = load_site(site), load_definitions(indicators)
    found = {}
    for language in LANGUAGES:
        words = Words(loaded, language, shown)
        for make in boards():
            board = make(words)
            text = json.dumps(board.json(words), ensure_ascii=False, indent=2, sort_keys=True)
            found[f"{language}/{board.name}.json"] = text + "\n"
    return found


def main() -> int:
    """Exit code 0; 1 if `--check` found a file that differs, is missing or is not ours; 2 on a site or indicators that cannot be loaded."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description="Write Grafana's dashboards for a site.")
    parser.add_argument("--site", type=Path, default=shipped_site("lizhou"), help="folder of the site; the shipped one by default")
    parser.add_argument("--indicators", type=Path, default=INDICATORS, help="folder of the indicators; the shipped ones by default")
    parser.add_argument("--output", type=Path, default=_HERE, help="folder for zh/ and en/")
    parser.add_argument("--check", action="store_true", help="write nothing; name the files that differ")
    arguments = parser.parse_args()
    try:
        wanted = generated(arguments.site, arguments.indicators)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if arguments.check:
        return _differing(wanted, arguments.output)
    for name, text in wanted.items():
        (arguments.output / name).parent.mkdir(parents=True, exist_ok=True)
        (arguments.output / name).write_text(text, encoding="utf-8")
    return 0


def _differing(wanted: dict[str, str], folder: Path) -> int:
    there = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.glob("*/*.json")}
    wrong = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    sys.stdout.writelines(f"{folder / name} is not what python -m dashboards writes\n" for name in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
