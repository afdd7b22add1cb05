"""The application: routes, guard, errors."""

from __future__ import annotations

from fastapi import FastAPI

from cloud.api import problems
from cloud.api.auth import Guard
from cloud.api.context import Context
from cloud.api.routes import health, latest


def create_app(context: Context) -> FastAPI:
    """The HTTP interface over a context; it opens and closes nothing itself."""
    app = FastAPI(title="Jieyue", docs_url=None, redoc_url=None)
    app.state.context = context
    problems.install(app)
    app.add_middleware(Guard, context=context)
    for subject in (health, latest):
        app.include_router(subject.router)
    return app
