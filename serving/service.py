"""The Bento service `Starhouse`: two routes for every declared model, built from `ml/models/*.yml` alone.

Belongs here: putting the parts together as BentoML wants them. Does not belong here: anything a part does.
Importing this
module reads the declarations and touches neither database nor network; the worker process opens the
warehouse when it
starts, and starts also where there is no warehouse or no champion yet: it then says 503 and why.

`bentoml serve` at the project's root finds this by `[tool.bentoml.build]` of pyproject.toml.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import bentoml
from _bentoml_sdk import Service  # bentoml exports the decorator only; `service_class` wants the class

from ml.spec import load_specs
from serving.documentation import Document, described
from serving.engine import Engine
from serving.front import Front, request_id
from serving.measures import model_lines
from serving.orphan import stop_with_parent
from serving.problems import Problem
from serving.schemas import Endpoint, endpoints

if TYPE_CHECKING:
    from ml.spec import ModelSpec

log = logging.getLogger("starhouse.serving")

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 3000
"""Loopback: the service has no login of its own, so whoever reaches the port may ask."""
READY_SECONDS = 60.0
"""A first load imports scikit-learn and LightGBM; a later one takes milliseconds."""


class Surface:
    """What the worker process holds: one engine. The endpoints are added to a subclass, one pair a model."""

    specs: dict[str, ModelSpec] = {}
    make_engine: Callable[[dict[str, ModelSpec], Any], Engine] = Engine
    running: Surface | None = None

    def __init__(self) -> None:
        from warehouse.client import load_settings

        self.engine = self.make_engine(self.specs, load_settings())
        Surface.running = self

    @bentoml.on_deployment
    def without_telemetry() -> None:
        """Runs in the supervisor of `bentoml serve`, before it would report its start to BentoML's makers."""
        from bentoml._internal.utils.analytics import usage_stats

        from warehouse.client import export_environment, load_settings

        export_environment(load_settings())
        usage_stats.do_not_track.cache_clear()  # the command asked before it loaded us

    @bentoml.on_startup
    def begin(self) -> None:
        """Load the champions aside, so that /livez answers at once and /readyz when they are there."""
        stop_with_parent()
        threading.Thread(target=self.engine.champions.states, name="first-load", daemon=True).start()

    @bentoml.on_shutdown
    def end(self) -> None:
        self.engine.close()
        Surface.running = None

    async def __is_ready__(self) -> bool:
        return all(state["is_ready"] for state in (await readiness()).values())

    def __metrics__(self, content: str) -> str:
        return content + model_lines(list(self.specs), self.engine.champions.loaded())


async def readiness() -> dict[str, dict[str, Any]]:
    """By model, whether its champion is loaded; asks the registry. In a thread of its own: probes are
    never refused as busy."""
    if Surface.running is None:
        return {}
    return await asyncio.wait_for(asyncio.to_thread(Surface.running.engine.champions.states), READY_SECONDS)


def handler(endpoint: Endpoint) -> Callable[..., Awaitable[Any]]:
    """The API method of one endpoint."""

    async def predict(self: Surface, **fields: Any) -> Any:
        entries = fields[endpoint.list_field]
        work = self.engine.answer_keys if endpoint.by_key else self.engine.answer_rows
        try:
            return endpoint.answer(**await self.engine.run(lambda: work(endpoint, entries)))
        except Problem as problem:
            return problem.response(request_id.get())
        except Exception as error:
            # Kind and place of the fault, not its message: that may hold the caller's values.
            place = "".join(traceback.format_tb(error.__traceback__))
            log.error(
                "request %s: %s in %s\n%s", request_id.get(), type(error).__name__, endpoint.route, place
            )
            return failed().response(request_id.get())

    predict.__name__ = predict.__qualname__ = endpoint.name
    predict.__doc__ = endpoint.spec.description
    return predict


def failed() -> Problem:
    return Problem(
        500, "internal_error", "The service failed to answer.", "Tell the operator the request id."
    )


class DocumentedService(Service):
    """The service with our own OpenAPI description; everything else is BentoML's."""

    routes: dict[str, Endpoint]

    @property
    def openapi_spec(self) -> Document:
        loaded = Surface.running.engine.champions.loaded() if Surface.running else {}
        return described(super().openapi_spec.asdict(), self.routes, loaded)


def build(
    specs: dict[str, ModelSpec], engine: Callable[[dict[str, ModelSpec], Any], Engine] = Engine
) -> DocumentedService:
    """The service over the given models; `engine` makes what answers."""
    routes = {endpoint.route: endpoint for spec in specs.values() for endpoint in endpoints(spec)}
    methods = {
        endpoint.name: bentoml.api(route=route, input_spec=endpoint.request, output_spec=endpoint.answer)(
            handler(endpoint)
        )
        for route, endpoint in routes.items()
    }
    held = {"specs": specs, "make_engine": staticmethod(engine), "__module__": __name__}
    decorate = bentoml.service(
        name="Starhouse",
        service_class=DocumentedService,
        workers=1,
        traffic={"timeout": 75},
        http={"host": DEFAULT_HOST, "port": DEFAULT_PORT},
    )
    built = decorate(type("Starhouse", (Surface,), {**methods, **held}))
    built.routes = routes
    built.add_asgi_middleware(Front, endpoints=routes, readiness=readiness)
    return built


Starhouse = build(load_specs())
