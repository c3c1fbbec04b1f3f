"""`starhouse demo`: the whole job on real data, the report, and a service asked real questions.

Belongs here: the order of the demonstration and what it shows. Does not belong here: any step itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from serving.launch import Running
    from warehouse.client import Settings, Warehouse

FLIGHTS = """
    select flight_key, carrier_id, flight_number, origin_airport_id, destination_airport_id,
           scheduled_departure_at, arrival_delay_min
    from core.fct_flight
    where flight_date = %(day)s and is_arrived
    order by flight_key
    limit 3
"""
STORED = """
    select flight_key, score from ml.prediction
    where model_name = %(model)s and flight_key = any(%(keys)s)
"""


def demo() -> None:
    """Run everything once: load, build, train, score, monitor, report, and real requests to the service."""
    from orchestration.commands.run import execute
    from orchestration.console import open_console
    from orchestration.report import write_report
    from serving.launch import running_service
    from warehouse.client import load_settings, open_warehouse

    console = open_console()
    settings = load_settings()
    seconds: dict[str, float] = {}
    with open_warehouse(settings) as wh:  # held throughout, so that the server starts once
        with _timed(seconds, "run"):
            execute("all")
        with _timed(seconds, "report"):
            report = write_report(settings)
        console.rule("Asking the service", align="left")
        with _timed(seconds, "serve"), running_service(settings) as service:
            console.print(f"The service answers at {service.url}.", soft_wrap=True)
            same, asked = _ask_all(console, wh, service)
        console.print(
            f"{same} of {asked} answers equal the batch score in all 64 bits. The service is stopped.",
            soft_wrap=True,
        )
    _finish(console, settings, seconds, str(report))
    if same != asked:
        raise typer.Exit(1)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[stage] = round(time.monotonic() - began, 2)


def _ask_all(console: Console, wh: Warehouse, service: Running) -> tuple[int, int]:
    """Ask every declared model for three flights of a busy day; answers equal to the batch score, and all."""
    from rich.table import Table

    from ml.spec import load_specs

    flights = wh.query(FLIGHTS, {"day": "2013-12-20"})
    keys = [flight["flight_key"] for flight in flights]
    answers, same = {}, 0
    for name, spec in load_specs().items():
        path = f"/{spec.endpoint}/predict_by_flight"
        status, answer = service.post(path, {"flight_keys": keys})
        if status != 200:
            console.print(f"POST {path} says {status}: {json.dumps(answer)}", soft_wrap=True)
            raise typer.Exit(1)
        answers[name] = {row["flight_key"]: row["score"] for row in answer["predictions"]}
        stored = {row["flight_key"]: row["score"] for row in wh.query(STORED, {"model": name, "keys": keys})}
        same += sum(answers[name][key] == stored.get(key) for key in keys)
        if len(answers) == 1:
            _show_exchange(console, path, keys, answer)
    _show_reasons(console, service, keys[0])
    table = Table(title="Three flights of 20 December 2013, as every model sees them", title_justify="left")
    for column in ("flight", "scheduled (UTC)", *answers, "came out (min)"):
        # A model's name may break at its words; what stands in the cells may not.
        shown = column.replace("_", " ")
        table.add_column(shown, justify="right" if column in answers else "left", min_width=8)
    for flight in flights:
        table.add_row(
            "{carrier_id}\u00a0{flight_number}\u00a0{origin_airport_id}→{destination_airport_id}".format(
                **flight
            ),
            f"{flight['scheduled_departure_at']:%H:%M}",
            *(f"{scores[flight['flight_key']]:.3f}" for scores in answers.values()),
            f"{flight['arrival_delay_min']:+d}",
        )
    console.print(table)
    return same, len(keys) * len(answers)


def _show_exchange(console: Console, path: str, keys: list[str], answer: dict[str, Any]) -> None:
    body = json.dumps({"flight_keys": keys[:1]})
    shown = json.dumps({**answer, "predictions": answer["predictions"][:1]}, indent=2)
    console.print(f"POST {path}\n{body}\n→ {shown}", soft_wrap=True, markup=False)


def _show_reasons(console: Console, service: Running, key: str) -> None:
    """Why one flight's margin came out so: the three features that moved it most."""
    from ml.spec import load_specs

    spec = next(iter(load_specs().values()))
    status, answer = service.post(f"/{spec.endpoint}/explain_by_flight", {"flight_keys": [key]})
    if status != 200:
        return
    found = answer["explanations"][0]
    largest = sorted(found["contributions"].items(), key=lambda item: -abs(item[1]))[:3]
    parts = ", ".join(f"{name} {value:+.2f}" for name, value in largest)
    console.print(
        f"Why {found['margin']:.2f}: base {found['base']:.2f}, most of all {parts}.", soft_wrap=True
    )


def _finish(console: Console, settings: Settings, seconds: dict[str, float], report: str) -> None:
    last_run = json.loads((settings.reports_dir / "last_run.json").read_text(encoding="utf-8"))
    stages = {**last_run["stages"], "report": seconds["report"], "serve": seconds["serve"]}
    timing = {
        "seconds": round(sum(seconds.values()), 2),
        "stages": stages,
        "peak_memory_mb": last_run["peak_memory_mb"],
    }
    target = settings.reports_dir / "last_demo.json"
    target.write_text(json.dumps(timing, indent=2) + "\n", encoding="utf-8")
    parts = ", ".join(f"{stage} {value:.1f} s" for stage, value in stages.items())
    console.print(f"The demonstration took {timing['seconds']:.1f} s ({parts}).", soft_wrap=True)
    console.print(f"Open {report}", soft_wrap=True)
    console.print(
        "Then: `make ui` (lineage, checks), `make serve` (the service), `make test` (the proof).",
        soft_wrap=True,
    )
