"""Put the shipped dashboards into a running Grafana through its HTTP interface, where files cannot be provisioned."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cloud.cli.shared import add, add_actions
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser
from contract.secret import SecretError, read_secret

if TYPE_CHECKING:
    from grafana_client.api import GrafanaApi

DASHBOARDS = Path(__file__).parents[2] / "dashboards" / "grafana"
FOLDERS = {"zh": ("jieyue", "节约"), "en": ("jieyue-en", "Jieyue")}
"""Uid and title of the folder for each language, as provisioning has them."""
_GIVEN = frozenset({"id", "version"})
"""What Grafana gives a dashboard itself."""


class GrafanaError(OSError):
    """Grafana cannot be reached, refused a request, or is spoken to without the library; one line for a person."""


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    grafana = add(commands, "grafana", "dashboards for Grafana", run, "Look after the dashboards in a Grafana.")
    pushed = add(
        add_actions(grafana),
        "push",
        "create or update folders and dashboards",
        run,
        "Create or update the folders and dashboards of both languages; what is there and equal stays untouched.",
    )
    pushed.add_argument("--url", required=True, metavar="URL", help="where Grafana is, such as https://grafana.example/prefix")
    pushed.add_argument(
        "--token-file", type=Path, required=True, metavar="FILE", help="holds a service account's token that may write dashboards"
    )
    pushed.add_argument(
        "--dashboards", type=Path, default=DASHBOARDS, metavar="DIR", help="where zh/ and en/ are (default: the shipped ones)"
    )


def run(_settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Push, and say of each dashboard what was done.

    Raises:
        ValueError: The token's file cannot be read or holds no single line, the URL is none, or there are no dashboards.
        GrafanaError: As `push`.
    """
    try:
        token = read_secret(arguments.token_file)
    except OSError as error:
        raise ValueError(f"--token-file: {arguments.token_file} cannot be read: {error.strerror}") from error
    except SecretError as error:
        raise ValueError(f"--token-file: {arguments.token_file} cannot be read: {error}") from error
    for done, uid in push(arguments.url, token, arguments.dashboards):
        sys.stdout.write(f"{done} {uid}\n")
    return 0


def push(url: str, token: str, folder: Path = DASHBOARDS) -> Iterator[tuple[str, str]]:
    """Create or update the folders and dashboards of both languages; what is there already and equal stays untouched.

    Endpoints, as Grafana documents them for 9 to 13: GET and POST /api/folders, GET /api/dashboards/uid/…,
    POST /api/dashboards/db.

    Args:
        url: Of Grafana, with its path prefix if it has one.
        token: Of a service account that may write folders and dashboards.
        folder: Where zh/ and en/ are.

    Yields:
        (`created`, `updated` or `unchanged`, uid) of each dashboard, as it is done.

    Raises:
        ValueError: The URL is none, or the folder holds no dashboard.
        GrafanaError: The first request that fails ends it; pushing again goes on.
    """
    files = [(language, path) for language in FOLDERS for path in sorted((folder / language).glob("*.json"))]
    if not files:
        raise ValueError(f"{folder}: no dashboards in zh/ or en/")
    grafana = _connect(url, token)
    with _telling(url):
        for uid, title in FOLDERS.values():
            _make_folder(grafana, uid, title)
    for language, path in files:
        board = json.loads(path.read_text(encoding="utf-8"))
        with _telling(url):
            done = _put(grafana, board, FOLDERS[language][0])
        yield done, board["uid"]


def _connect(url: str, token: str) -> GrafanaApi:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"--url: expected http://HOST[:PORT][/PREFIX] or https://…, got {url!r}: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        raise ValueError(
            f"--url: expected http://HOST[:PORT][/PREFIX] or https://…, without user or query, got {parts.scheme}://{parts.hostname}"
        )
    try:
        from grafana_client.api import GrafanaApi  # noqa: PLC0415 (an extra: only this command needs it)
    except ImportError as error:
        raise GrafanaError("grafana push needs grafana-client: pip install 'jieyue[grafana]'") from error
    prefix = parts.path.strip("/")
    return GrafanaApi(
        auth=token,
        host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
        port=port,
        url_path_prefix=f"{prefix}/" if prefix else "",
        protocol=parts.scheme,
        timeout=30.0,
    )


@contextmanager
def _telling(url: str) -> Iterator[None]:
    """Turn what the library may raise into one line; its own text may hold a whole page of an answer."""
    from grafana_client.client import GrafanaException  # noqa: PLC0415 (as above)
    from niquests.exceptions import RequestException  # noqa: PLC0415 (comes with it)

    try:
        yield
    except GrafanaException as error:
        told = str(error).splitlines() or [type(error).__name__]
        raise GrafanaError(f"{url}: {told[0][:300]}") from error
    except RequestException as error:
        raise GrafanaError(f"{url}: cannot be reached: {type(error).__name__}") from error


def _make_folder(grafana: GrafanaApi, uid: str, title: str) -> None:
    if _found(grafana.folder.get_folder, uid) is None:
        grafana.folder.create_folder(title, uid)


def _put(grafana: GrafanaApi, board: dict[str, Any], folder: str) -> str:
    """What was done: an equal dashboard is not saved again, so that its list of versions tells of changes only."""
    there = _found(grafana.dashboard.get_dashboard, board["uid"])
    if there is not None and there["meta"].get("folderUid") == folder and _own(there["dashboard"]) == _own(board):
        return "unchanged"
    message = f"jieyue {version('jieyue')}"
    grafana.dashboard.update_dashboard({"dashboard": board, "folderUid": folder, "overwrite": True, "message": message})
    return "created" if there is None else "updated"


def _own(board: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in board.items() if name not in _GIVEN}


def _found(get: Callable[[str], Any], uid: str) -> dict[str, Any] | None:
    """What Grafana has under a uid; None if nothing."""
    from grafana_client.client import GrafanaClientError  # noqa: PLC0415 (as above)

    try:
        found: dict[str, Any] = get(uid)
    except GrafanaClientError as error:
        if error.status_code == HTTPStatus.NOT_FOUND:
            return None
        raise
    if not isinstance(found, dict):
        raise GrafanaError(f"{get.__name__}: expected a JSON object from Grafana, got something else; is --url Grafana's address?")
    return found
