"""What routes work with, and how they get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Query, Request

from cloud.alerts.channels import Channel
from cloud.alerts.ruleset import Rule
from cloud.api.brake import Brake
from cloud.api.params import Id
from cloud.api.problems import not_found
from cloud.devices.queries import register
from cloud.health import Health
from cloud.reports.queue import ReportQueue
from cloud.telemetry.base import Telemetry
from contract.clock import Clock
from contract.site import Site


@dataclass(frozen=True, slots=True)
class Context:
    """The stores and the clock that an application answers from.

    Attributes:
        engine: For reading; writers take `cloud.platform.database.writing(engine)`.
        telemetry: The time-series store.
        clock: What "now" is.
        group: District code; the application answers for this group only.
        ready: None when the service is ready, else what it still waits for.
        site: As it was entered.
        channels: By which people are told of alerts.
        rules: Of alerts, by id.
        site_differs: Whether the site's files say something else than what was entered.
        health: Of the stores; None where nobody watches them.
        reports: That wait and are made.
        logins: The brake on them.
        streams: Event streams that may be open at once.
    """

    engine: sa.Engine
    telemetry: Telemetry
    clock: Clock
    group: str
    ready: Callable[[], str | None]
    site: Site
    channels: Sequence[Channel] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    site_differs: Callable[[], bool] = bool
    health: Health | None = None
    reports: ReportQueue = field(default_factory=ReportQueue)
    logins: Brake = field(default_factory=Brake)
    streams: int = 200


async def _of(request: Request) -> Context:
    """Not a plain function, which would wait for a thread, and `/healthz` with it."""
    return _kept(request)


def _kept(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


def _in_group(request: Request, group: Annotated[Id | None, Query(description="Sparkplug group (default: the site's)")] = None) -> Context:
    context = _kept(request)
    if group is None or group == context.group:
        return context
    with context.engine.connect() as connection:
        if not register.is_known(connection, group):
            raise not_found("group", group)
    return replace(context, group=group)


Here = Annotated[Context, Depends(_of)]
"""A route's parameter that holds the context."""
HereOrThere = Annotated[Context, Depends(_in_group)]
"""The context of the group that a request names by `group=`, such as that of a foreign node; the site's without one."""
