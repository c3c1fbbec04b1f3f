"""A small trained house, and the service over it inside this process, for the tests of serving.

Belongs here: fixtures that several files of this folder share. Does not belong: the built house of real
flights (`house`), on which `test_launch.py` runs the service as its users do.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from ml import registry
from ml.score import score
from ml.spec import ModelSpec, load_specs
from ml.train import train
from ml.training_set import build_training_set
from tests.ml.small_star import MODEL, REGRESSION, build_star
from warehouse.client import Settings, Warehouse, open_warehouse, quote

PARAMETERS = "params: {n_estimators: 30, min_child_samples: 20}, grid: {num_leaves: [4, 8]}"
GATES = "gates:\n  - {metric: auc, at_least: 0.6}\n  - {metric: log_loss, better_than: baseline}\n"


@dataclass(frozen=True)
class Toy:
    """The small house: its settings and its declared models (`late`, `delay`; `fresh` was never trained)."""

    settings: Settings
    specs: dict[str, ModelSpec]


def declare(folder: Path) -> dict[str, ModelSpec]:
    late = MODEL.replace(PARAMETERS, PARAMETERS.replace("[4, 8]", "[4]"))
    late = late.replace(GATES, "gates:\n  - {metric: auc, at_least: 0.55}\n") + "serving: {max_batch: 50}\n"
    delay = late.replace("name: late", "name: delay").replace(
        "gates:\n  - {metric: auc, at_least: 0.55}\n", "gates:\n  - {metric: mae, at_most: 1000}\n"
    )
    for old, new in REGRESSION[:3]:
        delay = delay.replace(old, new, 1)
    texts = {
        "late": late,
        "delay": delay.replace("name: lightgbm", "name: linear").replace(
            "params: {n_estimators: 30, min_child_samples: 20}, grid: {num_leaves: [4]}", "params: {}"
        ),
    }
    texts["fresh"] = late.replace("name: late", "name: fresh")
    for name, text in texts.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return load_specs(folder)


def train_and_promote(wh: Warehouse, spec: ModelSpec) -> int:
    """A new version of the model, in charge; its number."""
    fitted = train(wh, spec, training := build_training_set(wh, spec))
    registry.ensure_model(wh, spec.name)
    version = registry.register(wh, fitted, training, "test").version
    registry.judge_version(wh, spec.name, version)
    registry.promote(wh, spec.name, version, "test", "for the tests")
    return version


@pytest.fixture(scope="session")
def toy_template(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """The small house, trained and scored once; copied for each test that changes something."""
    made = replace(server, database="serving_toy")
    with open_warehouse(server) as wh:
        wh.execute(f"create database {quote(made.database)}")
    specs = declare(tmp_path_factory.mktemp("models"))
    with open_warehouse(made) as wh:
        build_star(wh)
        for name in ("late", "delay"):
            train_and_promote(wh, specs[name])
            score(wh, specs[name])
    return Toy(made, specs)


@contextmanager
def copied(template: Toy, server: Settings) -> Iterator[Toy]:
    """A private copy of the small house. Nothing may be connected to the template."""
    name = f"toy_{uuid.uuid4().hex[:12]}"
    with open_warehouse(server) as wh:
        wh.execute(f"create database {quote(name)} template {quote(template.settings.database)}")
    yield replace(template, settings=replace(template.settings, database=name))
    with open_warehouse(server) as wh:
        wh.execute(f"drop database {quote(name)} with (force)")


@pytest.fixture
def toy(toy_template: Toy, server: Settings) -> Iterator[Toy]:
    """A copy for one test, which may change it."""
    with copied(toy_template, server) as found:
        yield found


@pytest.fixture(scope="session")
def asked(toy_template: Toy, server: Settings) -> Iterator[Toy]:
    """The copy that `client` serves; tests only read it."""
    with copied(toy_template, server) as found:
        yield found


def forget_metrics() -> None:
    """The server registers its metrics once a process; here a process has several services."""
    from prometheus_client import REGISTRY

    for collector, names in list(REGISTRY._collector_to_names.items()):
        if any(name.startswith("bentoml_service") for name in names):
            REGISTRY.unregister(collector)


@contextmanager
def served(house: Settings, specs: dict[str, ModelSpec]) -> Iterator[httpx.Client]:
    """The service over `specs` on a real port, in a thread of this process; a client of it."""
    import uvicorn

    from serving import service
    from serving.launch import free_port

    patch = pytest.MonkeyPatch()
    patch.setenv("STARHOUSE_DATABASE", house.database)
    patch.setattr(service, "stop_with_parent", lambda: None)
    port = free_port()
    app = service.build(specs).to_asgi()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    forget_metrics()
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            client.get("/docs.json")  # the server makes its own metrics at the first request
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
        patch.undo()


@pytest.fixture(scope="module")
def client(asked: Toy) -> Iterator[httpx.Client]:
    """The service over the two trained models, for tests that only ask."""
    trained = {name: asked.specs[name] for name in ("late", "delay")}
    with served(asked.settings, trained) as found:
        yield found


@pytest.fixture
def serve() -> Callable[..., object]:
    """`with serve(settings, specs) as client`, for tests that change the house below the service."""
    return served


ROW = {"carrier_id": "A", "departure_hour": 12, "queue_count": 4, "is_even": True}


@pytest.fixture
def row() -> dict[str, object]:
    """One valid row of features."""
    return dict(ROW)
