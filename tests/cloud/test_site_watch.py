from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from cloud.settings import Settings
from cloud.sites.entering import By, enter_site
from cloud.watching import SiteWatch
from contract.site import Site
from contract.yamlfile import ConfigError
from tests.cloud.district import GROUP


@pytest.fixture
def folder(tmp_path: Path, small: Callable[..., Site]) -> Path:
    """The files of the small site."""
    write(tmp_path / "site", small())
    return tmp_path / "site"


def write(folder: Path, site: Site) -> None:
    folder.mkdir(exist_ok=True)
    text = yaml.safe_dump(site.model_dump(mode="json", exclude_defaults=True), allow_unicode=True)
    (folder / "site.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def watch(open_registry: Callable[[str], sa.Engine], folder: Path, small: Callable[..., Site]) -> Callable[..., SiteWatch]:
    """Begins to watch, after the small site was entered."""
    engine = open_registry("sqlite")
    enter_site(engine, small(), By("li", 1, date(2026, 1, 1)))
    return lambda site=None: SiteWatch(Settings(site=str(folder) if site is None else site), engine, {GROUP: small()})


def test_files_that_say_what_was_entered_do_not_differ(watch: Callable[..., SiteWatch], folder: Path, small: Callable[..., Site]) -> None:
    """Until they are changed; they are alike again as soon as they were entered."""
    made = watch()
    made.look()
    assert not made.differs
    changed = small(units={"u1": {"headcount": 95}})
    write(folder, changed)
    made.look()
    assert made.differs
    enter_site(made.engine, changed, By("li", 2, date(2026, 2, 1)))
    made.look()
    assert not made.differs


def test_without_files_nothing_differs(watch: Callable[..., SiteWatch]) -> None:
    """The service needs no files: it works with what was entered."""
    made = watch("")
    made.look()
    assert not made.differs


def test_files_that_cannot_be_read_differ_and_stop_nothing(watch: Callable[..., SiteWatch], folder: Path) -> None:
    """A slip of the pen in a file is a warning; what was good stays."""
    (folder / "site.yaml").write_text("units: [", encoding="utf-8")
    made = watch()
    made.look()
    assert made.differs


def test_files_of_another_district_are_refused(watch: Callable[..., SiteWatch], folder: Path, small: Callable[..., Site]) -> None:
    """Readings of one district must never be taken for another's."""
    write(folder, small().model_copy(update={"group": "510811"}))
    with pytest.raises(ConfigError, match=r"^JIEYUE_SITE: expected a site of the group 510802, which was entered, got 510811$"):
        watch().look()


def test_files_of_one_of_several_districts_are_compared_with_its_own(
    watch: Callable[..., SiteWatch], folder: Path, small: Callable[..., Site]
) -> None:
    """They differ from that one only; a district that was not entered is refused, and all that were are named."""
    made = watch()
    other = small().model_copy(update={"group": "510811"})
    enter_site(made.engine, other, By("li", 2, date(2026, 1, 1)))
    write(folder, other)
    made.look()
    assert made.differs == frozenset()
    write(folder, other.model_copy(update={"latitude": 31.0}))
    made.look()
    assert made.differs == {"510811"}
    write(folder, small().model_copy(update={"group": "510812"}))
    with pytest.raises(ConfigError, match=r"one of the groups 510802, 510811, which were entered, got 510812$"):
        made.look()
