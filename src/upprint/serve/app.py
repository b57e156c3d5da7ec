"""The application: routes, and how a request becomes rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import prometheus_client
from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from upprint import __version__
from upprint.card import SystemCard
from upprint.result import ScanResult
from upprint.runtime import store
from upprint.runtime.settings import Settings
from upprint.serve import access, describe, pages, uploads
from upprint.serve.admission import Admission
from upprint.serve.envelope import Envelope
from upprint.serve.limits import Limits
from upprint.serve.metrics import Metrics
from upprint.serve.problems import Problem, ProblemResponse
from upprint.serve.scoring import Service, score_while_connected
from upprint.serve.workers import NoWorkerError, Workers

FACTORY = "upprint.serve.worker:score_bytes"


@dataclass(frozen=True)
class Rows:
    """One row per picture, in the order in which they were sent."""

    results: list[ScanResult]


@dataclass(frozen=True)
class Systems:
    """The cards of the system that scans here and of all that are shipped."""

    default: str
    systems: list[SystemCard]


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """FastAPI's, which leaves nulls out, with the nulls of the example row put back."""
        schema = super().openapi()
        schema["paths"]["/v1/scan"]["post"]["responses"]["200"]["content"] |= describe.ROWS_EXAMPLE
        return schema


def create_app(
    settings: Settings,
    *,
    limits: Limits | None = None,
    workers: int | None = None,
    pool: Workers | None = None,
    key: str | None = None,
    hosts: frozenset[str] = frozenset(),
    site: pages.Pages | None = None,
) -> FastAPI:
    """The service as an ASGI application; its worker processes start and end with its lifespan.

    Args:
        settings: what a picture is scored with; `limits.pixels` takes the place of its own limit.
        limits: bounds; None takes the defaults.
        workers: processes; None takes one per available core.
        pool: processes that are there already, instead of `settings` and `workers`.
        key: the API key; None lets everybody in.
        hosts: names that requests may be addressed to; empty allows any.
        site: the static page; None takes the one that is installed.
    """
    limits = limits or Limits()
    pool = pool or make_pool(settings, limits, workers)
    admission = Admission(pool, limits.waiting)
    service = Service(pool, admission, Metrics(pool, admission), limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await pool.start()
        try:
            yield
        finally:
            await pool.close()

    app = _App(
        title="upprint",
        version=__version__,
        summary="Tells generated images from camera-made ones by the print that up-sampling leaves.",
        description=describe.DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        responses={401: describe.PROBLEM, 403: describe.PROBLEM},
    )
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    _add_api(app, service, settings, access.checker(key))
    _add_operations(app, service, access.checker(key))
    _add_pages(app, settings, site or pages.Pages())
    app.add_middleware(Envelope, hosts=hosts, observe=service.metrics.request)
    return app


def make_pool(settings: Settings, limits: Limits, workers: int | None = None) -> Workers:
    """The worker processes that score with `settings`, not yet started."""
    from upprint.runtime.scan import available_cores

    return Workers(
        available_cores() if workers is None else workers,
        FACTORY,
        settings.arguments() | {"max_pixels": limits.pixels},
        settings.card.name,
        seconds=limits.seconds,
    )


def _add_api(app: FastAPI, service: Service, settings: Settings, check: access.Check) -> None:
    @app.post(
        "/v1/scan",
        dependencies=[Depends(check)],
        response_model=Rows,
        summary="Score one or many pictures",
        description=describe.SCAN,
        responses=describe.SCAN_RESPONSES,
        openapi_extra=describe.SCAN_BODY,
        tags=["scan"],
    )
    async def scan(request: Request) -> Response:
        if not service.workers.ready:
            raise _unavailable("no worker process can take pictures now")
        boundary = uploads.check_headers(request.headers, service.limits)
        with service.admission.admit():
            try:
                pictures = await uploads.read(request.receive, boundary, service.limits)
                request.state.pictures = len(pictures)
                rows = await score_while_connected(request, service, pictures)
            except uploads.Disconnected:
                return Response(status_code=499)  # nobody reads it
            except NoWorkerError as error:
                raise _unavailable(str(error)) from error
        return JSONResponse({"results": [row.row() for row in rows]})

    cards = {name: store.find(name)[1] for name in store.shipped()} | {settings.card.name: settings.card}

    @app.get(
        "/v1/systems",
        dependencies=[Depends(check)],
        response_model=Systems,
        summary="The systems' cards",
        tags=["scan"],
    )
    async def systems() -> Systems:
        return Systems(settings.card.name, list(cards.values()))


def _add_operations(app: FastAPI, service: Service, check: access.Check) -> None:
    @app.get("/healthz", summary="Whether the server answers", tags=["operations"])
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get(
        "/readyz",
        summary="Whether pictures would be scored",
        responses={503: describe.PROBLEM},
        tags=["operations"],
    )
    async def ready() -> dict[str, Any]:
        if not service.workers.ready:
            raise _unavailable("no worker process can take pictures now")
        return {"status": "ready", "workers": service.workers.alive, "inside": service.admission.inside}

    @app.get(
        "/metrics",
        dependencies=[Depends(check)],
        response_class=Response,
        summary="Counts for Prometheus",
        responses={200: {"content": {"text/plain": {}}}},
        tags=["operations"],
    )
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=prometheus_client.CONTENT_TYPE_LATEST)


def _add_pages(app: FastAPI, settings: Settings, site: pages.Pages) -> None:
    models, asked = pages.model_files(settings.graph, settings.card), pages.settings_file(settings)
    served = f"{settings.card.name}.json"

    @app.api_route("/settings.json", methods=["GET", "HEAD"], include_in_schema=False)
    async def page_settings() -> Response:
        return JSONResponse(asked)

    @app.api_route("/models/{file}", methods=["GET", "HEAD"], include_in_schema=False)
    async def model(file: str) -> Response:
        if file not in models:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"no model file of that name; there are: {', '.join(sorted(models))}"
            )
        if file == served:  # the card in force, which a user's own calibration may have changed
            return Response(settings.card.to_json(), media_type="application/json")
        return FileResponse(models[file])

    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(path: str, request: Request) -> Response:
        if path == "v1/scan":
            raise Problem(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"found GET, expected POST with {uploads.EXPECTED}",
                {"Allow": "POST"},
            )
        return await site.get(path, request.scope)


def _unavailable(detail: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{detail}; try again later", {"Retry-After": "5"})


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return ProblemResponse(error.status, error.detail, request.state.request_id, error.headers)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: "nothing is here; /openapi.json lists what there is",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not possible here; /openapi.json lists what is",
    }.get(status, str(error.detail))
    return ProblemResponse(status, detail, request.state.request_id, dict(error.headers or {}))
