"""A process that evaluates and tells as the service does, for tests that kill it: `teller.py DATA CHANNELS`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from cloud.alerts.channels import load_channels
from cloud.alerts.evaluate import Evaluator
from cloud.alerts.ruleset import load_rules
from cloud.alerts.worker import run_all
from cloud.platform.database import open_database
from contract.clock import clock_from_environment
from contract.site import load_site
from contract.sitefolder import shipped_site

if __name__ == "__main__":
    data, channels = map(Path, sys.argv[1:])
    rules = {name: rule for name, rule in load_rules().items() if name == "vehicle_sos"}
    engine = open_database(f"sqlite:///{data / 'registry.db'}")
    evaluator = Evaluator(engine, load_site(shipped_site("lizhou")), rules, load_channels(channels))
    asyncio.run(run_all([evaluator], engine, evaluator.channels, clock_from_environment(), lambda: True))
