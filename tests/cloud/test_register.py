"""What the register says of devices."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cloud.devices.queries import register
from cloud.platform.database import writing
from contract.profile import Profile, load_profile
from contract.yamlfile import ConfigError
from tests.cloud import tables


def test_a_profile_that_comes_later_is_found(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device whose profile is missing is kept without one, and looked at anew each time; with it, it is made once."""
    row = {"grp": "g", "id": "ac", "class": "hvac", "gateway": "gw", "name": "{}", "profile": "hvac/later", "interval": 10.0}
    there: list[Profile] = []

    def load(_name: str) -> Profile:
        if not there:
            raise ConfigError("cannot be read")
        return there[0]

    monkeypatch.setattr("cloud.devices.model.load_profile", load)
    with writing(engine).begin() as connection:
        connection.execute(tables.device.insert(), [row])
    with engine.connect() as connection:
        for _ in range(2):
            device = register.one(connection, "g", "ac")
            assert device is not None
            assert (device.profile, device.profile_id) == (None, "hvac/later")
        there.append(load_profile("hvac/beca-bac-002aln"))
        (device,) = register.devices(connection, "g")
    assert device.profile is there[0]
