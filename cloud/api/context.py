"""What routes work with, and how they get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Query, Request

from cloud.accounts.model import Principal
from cloud.alerts.channels import Channel
from cloud.alerts.ruleset import Rule
from cloud.api.brake import Brake
from cloud.api.params import FigureScope, Id
from cloud.api.problems import ProblemError, not_found
from cloud.devices.queries import register
from cloud.health import Health
from cloud.organisations.tree import ORGANISATION
from cloud.reports.queue import ReportQueue
from cloud.telemetry.base import Telemetry
from contract.clock import Clock
from contract.coded import Message
from contract.site import Site


@dataclass(frozen=True, slots=True)
class Context:
    """The stores and the clock that an application answers from.

    Attributes:
        engine: For reading; writers take `cloud.platform.database.writing(engine)`.
        telemetry: The time-series store.
        clock: What "now" is.
        group: District code; a route answers for this group only.
        ready: None when the service is ready, else what it still waits for.
        site: Of that district, as it was entered.
        channels: By which people are told of alerts.
        rules: Of alerts, by id.
        site_differs: Whether the site's files say something else than what was entered.
        health: Of the stores; None where nobody watches them.
        reports: That wait and are made.
        logins: The brake on them.
        streams: Event streams that may be open at once.
        others: The sites of the other districts that the cloud serves, by group.
        within: The only district of which organisations of the tree are shown; None: they are all shown.
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
    others: Mapping[str, Site] = field(default_factory=dict)
    within: str | None = None

    @property
    def districts(self) -> Mapping[str, Site]:
        """The site of each district that the cloud serves, by group."""
        return {self.site.group: self.site, **self.others}

    def of(self, group: str) -> Context:
        """The same for a district, by its group; what is asked of a group without a site is only its devices."""
        if group == self.group:
            return self
        sites = dict(self.districts)
        site = sites.pop(group, None) or sites.pop(self.site.group)
        return replace(self, group=group, site=site, others=sites)


async def _of(request: Request) -> Context:
    """Not a plain function, which would wait for a thread, and `/healthz` with it."""
    return _kept(request)


def _kept(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


def _asked(context: Context, caller: Principal, group: str | None) -> str:
    """The group that a request is about: the one that it names, else the token's, else the only one.

    Raises:
        HTTPException: 400, several and none is named; 404, the token is for another, which is said as of a group that is not there.
    """
    if caller.group is not None:
        if group not in {None, caller.group}:
            raise not_found("group", str(group))
        return caller.group
    if group is None and context.others:
        raise ProblemError(HTTPStatus.BAD_REQUEST, Message("problem.group", groups=", ".join(sorted(context.districts))))
    return group or context.group


async def _in_district(
    request: Request, group: Annotated[Id | None, Query(description="code of the district, where the cloud serves several")] = None
) -> Context:
    """Not a plain function, as `_of`."""
    context = _kept(request)
    caller: Principal = request.state.principal
    asked = _asked(context, caller, group)
    if asked not in context.districts:
        raise not_found("group", asked)
    return context.of(asked) if caller.group is None else replace(context.of(asked), others={})


async def _in_tree(
    request: Request, group: Annotated[Id | None, Query(description="code of the district beyond which nothing is shown")] = None
) -> Context:
    """Not a plain function, as `_of`. Organisations may stand above districts, so none need be named."""
    context = _kept(request)
    caller: Principal = request.state.principal
    if group is None and caller.group is None:
        return context
    here = await _in_district(request, group)
    return replace(here, within=here.group)


async def _in_scope(
    request: Request,
    scope: FigureScope = "district",
    group: Annotated[
        Id | None, Query(description="code of the district, where the cloud serves several; an organisation needs none")
    ] = None,
) -> Context:
    return await (_in_tree if scope.startswith(ORGANISATION) else _in_district)(request, group)


def _in_group(
    request: Request,
    group: Annotated[Id | None, Query(description="Sparkplug group, of a district or of a foreign node")] = None,
) -> Context:
    context = _kept(request)
    asked = _asked(context, request.state.principal, group)
    if asked in context.districts:
        return context.of(asked)
    with context.engine.connect() as connection:
        if not register.is_known(connection, asked):
            raise not_found("group", asked)
    return context.of(asked)


Cloud = Annotated[Context, Depends(_of)]
"""The context of a route that is about no district."""
Here = Annotated[Context, Depends(_in_district)]
"""A route's parameter that holds the context of the district that a request is about."""
HereOrAbove = Annotated[Context, Depends(_in_scope)]
"""The same, where the scope may be an organisation that is in no district."""
Everywhere = Annotated[Context, Depends(_in_tree)]
"""The context of a route about organisations: of the whole cloud, or within the district of the token or the request."""
HereOrThere = Annotated[Context, Depends(_in_group)]
"""The same, where the request may be about the group of a foreign node too."""
