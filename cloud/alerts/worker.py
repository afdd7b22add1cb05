"""Looks at all rules every few seconds beside everything else, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog

from cloud.alerts import sender
from cloud.alerts.channels import Channel
from cloud.alerts.digest import Districts
from cloud.alerts.evaluate import Evaluator
from cloud.platform import database
from cloud.telemetry.base import StoreDown
from contract.clock import Clock

log = structlog.get_logger()
LOOK_EVERY = 10.0
"""Seconds of the clock between two rounds."""
BREATH = 0.5
"""Real seconds between two rounds at least, however fast the clock goes."""


async def run(evaluator: Evaluator, clock: Clock, ready: Callable[[], bool]) -> None:
    """Evaluate until cancelled, from when the service is ready: before, the stores do not hold what devices said meanwhile.

    A round that fails decides nothing and is made again.
    """
    begun = False
    while True:
        begun = begun or ready()
        try:
            for change in await asyncio.to_thread(evaluator.round, clock.now_ms()) if begun else ():
                log.info(
                    "alert", group=evaluator.site.group, rule=change.rule, subject=change.subject, change=change.event, reason=change.reason
                )
        except (StoreDown, *database.DOWN) as error:
            log.warning("alerts wait", reason=str(error).splitlines()[0])
        except Exception:
            log.exception("a round of alerts failed")  # whatever is wrong must not end the service
        await asyncio.sleep(max(clock.real_seconds(LOOK_EVERY), BREATH))


async def run_all(
    evaluators: Sequence[Evaluator], engine: sa.Engine, channels: Sequence[Channel], clock: Clock, ready: Callable[[], bool]
) -> None:
    """Evaluate and tell, each district and each channel in a task of its own."""
    sites = [evaluator.site for evaluator in evaluators]
    names: Districts = {site.group: {"zh": site.name.zh, "en": site.name.en} for site in sites} if len(sites) > 1 else {}
    async with asyncio.TaskGroup() as tasks:
        for evaluator in evaluators:
            tasks.create_task(run(evaluator, clock, ready), name=f"alerts-{evaluator.site.group}")
        for channel in channels:
            tasks.create_task(sender.run(engine, channel, clock, names), name=f"channel-{channel.name}")
