"""The application: routes, guard, errors."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from cloud.api import problems
from cloud.api.auth import Guard
from cloud.api.availability import Available
from cloud.api.context import Context
from cloud.api.limits import Limited
from cloud.api.metrics import Measured
from cloud.api.routes import alerts, commands, devices, events, figures, findings, health, pages, readings, registry, reports, wall
from cloud.api.slots import Slots
from cloud.api.wall.snapshot import Walls

_ROUTES = APIRouter(responses=problems.DESCRIBED)
"""All routes, which are the same for each context: what FastAPI works out of them it works out once a process."""
for _subject in (health, devices, readings, registry, figures, findings, alerts, commands, events, reports, wall, pages):
    _ROUTES.include_router(_subject.router)


def create_app(context: Context) -> FastAPI:
    """The HTTP interface over a context; it opens and closes nothing itself."""
    app = FastAPI(title="Jieyue", docs_url=None, redoc_url=None, responses=problems.DESCRIBED, routes=_ROUTES.routes)
    app.state.context = context
    app.state.walls = Walls()
    app.state.slots = Slots()
    problems.install(app)
    app.add_middleware(Limited)
    app.add_middleware(Guard, context=context, login_page=pages.login_needed)
    app.add_middleware(Available, context=context)
    app.add_middleware(Measured)
    return app
