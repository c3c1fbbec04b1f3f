"""Windows and buckets over a stream: small steps and a full build give the same values; late events count."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from tests.warehouse.loaders.intake.declaring import batch, columns
from tests.warehouse.loaders.intake.tiny_project import TinyProject
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable, declared_sources
from warehouse.loaders.intake.intake import Intake
from warehouse.loaders.intake.watermarks import watermark

SOURCES = """
sources:
  - name: web
    schema: raw
    config: {meta: {loader: {kind: kafka, connection: WEB_BROKERS}}}
    tables:
      - name: visits
        identifier: web__visits
        config:
          meta:
            loader: {read: visits, key: [visit_id], history: events, event_at: seen_at, lateness_s: 60}
        columns:
          - {name: visit_id, data_type: bigint}
          - {name: page, data_type: text}
          - {name: duration_s, data_type: double precision}
          - {name: seen_at, data_type: timestamp with time zone}
"""
STAGING = """
select visit_id, page, duration_s, event_at, known_at, loaded_at
from {{ current_versions(source('web', 'visits'), ['visit_id']) }} as visits
"""
STAGING_YML = """
models:
  - name: stg_web__visits
    config: {contract: {enforced: false}}
"""
FEATURES = """
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='window_start',
          contract={'enforced': false},
          pre_hook="{{ clear_touched_windows(source('web', 'visits'), ['visit_id'], LENGTH, STEP) }}") }}
select
    page,
    {{ bucket_of('duration_s', [10, 60], ['short', 'middle', 'long']) }} as duration_class,
    window_start,
    window_end,
    count(*) as visit_count,
    max(loaded_at) as loaded_at
from {{ in_windows(ref('stg_web__visits'), LENGTH, STEP) }} as visits
{% if is_incremental() %}
where {{ touched_windows(source('web', 'visits'), ['visit_id'], LENGTH, STEP) }}
{% endif %}
group by page, duration_class, window_start, window_end
"""
START = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
MODELS = {
    "staging/web/_web__sources.yml": SOURCES,
    "staging/web/stg_web__visits.sql": STAGING,
    "staging/web/stg_web__visits.yml": STAGING_YML,
    "features/page/ftr_page__tumbling.sql": FEATURES.replace("LENGTH", "300").replace("STEP", "300"),
    "features/page/ftr_page__sliding.sql": FEATURES.replace("LENGTH", "900").replace("STEP", "300"),
}


def visit(number: int, second: float, page: str = "home", duration: float = 5.0) -> dict:
    return {"visit_id": number, "page": page, "duration_s": duration,
            "seen_at": (START + dt.timedelta(seconds=second)).isoformat()}  # fmt: skip


@pytest.fixture
def project(wh, tmp_path):
    return TinyProject(wh.settings, tmp_path, MODELS)


def take(wh, project, rows):
    source = declared_sources(project.staging)["web"]
    return Intake(wh, source, source.tables[0]).run([batch(rows)])


def windows(wh, table):
    sql = f"select page, duration_class, window_start, window_end, visit_count from features.{table}"
    return sorted(tuple(row.values()) for row in wh.query(sql))


def expected(rows, length, step):
    """Counted in Python: by page, class and every window an event lies in."""
    counts: dict[tuple, int] = {}
    for row in rows:
        seen = dt.datetime.fromisoformat(row["seen_at"]).timestamp()
        name = "short" if row["duration_s"] < 10 else "middle" if row["duration_s"] < 60 else "long"
        first = int(seen // step) * step
        for start in range(first - length + step, first + step, step):
            ends = [dt.datetime.fromtimestamp(s, dt.UTC) for s in (start, start + length)]
            key = (row["page"], name, *ends)
            counts[key] = counts.get(key, 0) + 1
    return sorted((*key, count) for key, count in counts.items())


def test_small_steps_give_what_a_full_build_gives(wh, project):
    draw = random.Random(7)
    rows = [
        visit(n, draw.uniform(0, 3_600), draw.choice(["home", "cart"]), draw.choice([1.0, 10.0, 59.9, 60.0]))
        for n in range(400)
    ]
    alone = visit(400, 9_000)  # in a window of its own, which is empty once it has moved
    steps = [sorted(rows[:200], key=lambda r: r["seen_at"]), [*rows[200:], *rows[:50], alone]]
    for step in steps:
        take(wh, project, step)
        project.dbt("run")
    moved = [{**rows[0], "seen_at": visit(0, 5_000)["seen_at"], "page": "moved"}, visit(400, 5_000)]
    take(wh, project, moved)
    project.dbt("run")
    final = [*moved, *rows[1:]]
    small = {name: windows(wh, name) for name in ("ftr_page__tumbling", "ftr_page__sliding")}
    assert small["ftr_page__tumbling"] == expected(final, 300, 300)
    assert small["ftr_page__sliding"] == expected(final, 900, 300)
    project.dbt("run", "--full-refresh", "--select", "features")
    assert {name: windows(wh, name) for name in small} == small


def test_the_watermark_follows_and_late_events_are_counted(wh):
    table = DeclaredTable(
        "visits", columns("visit_id bigint, seen_at timestamptz"), "visits", ("visit_id",), history="events",
        event_at="seen_at", lateness_s=60,
    )  # fmt: skip
    source = DeclaredSource("web", "kafka", None, (table,))

    def give(*seconds, first):
        rows = [{"visit_id": first + n, "seen_at": visit(0, s)["seen_at"]} for n, s in enumerate(seconds)]
        Intake(wh, source, table).run([batch(rows)])
        return watermark(wh, "web__visits")

    assert give(0, 100, first=0) == (START + dt.timedelta(seconds=40), 0)
    assert give(50, 39, 41, first=10) == (START + dt.timedelta(seconds=40), 1)
    assert give(500, 30, first=20) == (START + dt.timedelta(seconds=440), 2)
    assert give(500, 30, first=20) == (START + dt.timedelta(seconds=440), 2), "a replay counts nothing twice"
    assert wh.scalar("select count(*) from raw.web__visits") == 7
