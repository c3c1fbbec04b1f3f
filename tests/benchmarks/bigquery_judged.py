"""How much of what training and documents send to BigQuery its own analyzer accepts, with which values.

`python -m tests.benchmarks.bigquery_judged [rows]` writes `build/bench/bigquery_judged.json`. Belongs here:
this one comparison. Every training job and every family of documents runs by GoogleSQL in ZetaSQL, Google's
analyzer and reference evaluator, and the same job by Postgres or by the document's evaluator on the same
rows. The record's figure is the share of statements accepted. `equal` names the jobs whose results are the
same to the last bit, `generalised` how far models of exp and ln lie apart, `ulps` how far functions that are
no arithmetic lie from libm's.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pyarrow as pa

from ml.document.adversarial import adversarial_rows
from ml.document.importers import import_estimator
from ml.document.ops.activation import exponential, exponential_sql, sigmoid, sigmoid_sql
from ml.document.schema import Input
from tests.benchmarks.document_families import FAMILIES, FEATURES, fitted
from tests.benchmarks.document_tables import bench_database
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from tests.ml.bigquery.document_answers import compared
from tests.ml.bigquery.mixed_rows import mixed_rows
from tests.ml.bigquery.training_cases import CASES, GENERALISED
from tests.peers.environment import peer_python
from tests.peers.ulps import distance
from tests.peers.zetasql import REQUIREMENTS, Refused, ZetaSql
from warehouse.client import Warehouse
from warehouse.client.dialect import BIGQUERY
from warehouse.client.googlesql import TranslatedWarehouse

GOAL = 1.0
ROWS, SPECIAL, ARGUMENTS = 400, 400, 20_000
DATABASE = "starhouse_bench_bigquery"
FUNCTIONS = {
    "exp": ("exp(x)", math.exp),
    "ln": ("ln(abs(x))", lambda x: math.log(abs(x))),
    "sqrt": ("sqrt(abs(x))", lambda x: math.sqrt(abs(x))),
    "tanh": ("tanh(x)", math.tanh),
    "sigmoid, clamped": (sigmoid_sql("x", BIGQUERY), sigmoid),
    "exp, clamped": (exponential_sql("x", BIGQUERY), exponential),
}
INCLUDES = {
    "ours": "statements that ZetaSQL analysed as well typed and evaluated",
    "theirs": "statements sent to it by training jobs, documents and functions",
}


def main(rows: int) -> None:
    with bench_database(DATABASE) as wh, ZetaSql(peer_python("zetasql", REQUIREMENTS)) as judge:
        wh.execute("create schema s")
        training = training_of(wh, judge, rows)
        generalised = generalised_of(wh, judge)
        documents = {family.name: document_of(judge, family) for family in FAMILIES}
        functions = {name: function_of(judge, name) for name in FUNCTIONS}
        refused = [name for name, found in training.items() if isinstance(found, str)]
        record(
            "bigquery_judged",
            peer="zetasql",
            rows=judge.rows,
            ours=[float(judge.judged - len(refused))],
            theirs=[float(judge.judged)],
            goal=GOAL,
            unit="statements",
            includes=INCLUDES,
            versions=versions("sqlglot", zetasql="0.1.5"),
            equal=sorted(name for name, found in training.items() if found is True),
            training=training,
            generalised=generalised,
            documents=documents,
            ulps=functions,
        )


def training_of(wh: Warehouse, judge: ZetaSql, rows: int) -> dict[str, Any]:
    """By job: whether both engines give the same, or why the judge refused."""
    table, found = mixed_rows(rows), {}
    wh.load_arrow("s", "mixed", table, "replace")
    judge.load("s.mixed", table)
    other = TranslatedWarehouse(judge)
    for name, job in CASES.items():
        with progress(name):
            try:
                found[name] = job(wh, '"s"."mixed"') == job(other, '"s"."mixed"')
            except Refused as error:
                found[name] = str(error).splitlines()[0]
    return found


def generalised_of(wh: Warehouse, judge: ZetaSql) -> dict[str, float]:
    """By family, the largest difference of coefficients and standard errors, relative to the largest."""
    found, other = {}, TranslatedWarehouse(judge)
    for name, job in GENERALISED.items():
        with progress(name):
            parts = zip(job(wh, '"s"."mixed"'), job(other, '"s"."mixed"'), strict=True)
            found[name] = max(float(np.abs(np.array(a) - b).max() / np.abs(a).max()) for a, b in parts)
    return found


def document_of(judge: ZetaSql, family: Any) -> dict[str, int]:
    """Rows, and how far margins, scores and decisions lie from the evaluator's."""
    with progress(family.name):
        document = import_estimator(fitted(family), [Input(name, "number") for name in FEATURES], family.name)
        found = compared(judge, document, adversarial_rows(document, cap=SPECIAL))
    return {
        "rows": found.rows,
        "margins_differing": found.margins.differing + found.margins.missing,
        "scores_ulps": found.scores.largest,
        "scores_differing": found.scores.differing + found.scores.missing,
        "decisions_differing": found.decisions,
    }


def function_of(judge: ZetaSql, name: str) -> dict[str, int]:
    """The largest distance from libm over arguments of every size, and how many differ."""
    written, by_libm = FUNCTIONS[name]
    random = np.random.default_rng(1)
    x = np.concatenate([random.uniform(-700.0, 700.0, ARGUMENTS), random.normal(size=ARGUMENTS) * 3.0])
    table = f"s.arguments_{len(judge.statements)}"
    judge.load(table, pa.table({"place": pa.array(range(len(x))), "x": x}))
    found = judge.run(f"select place, {written} as y from `{table}`")
    found.sort(key=lambda row: row["place"])
    apart = distance(np.array([row["y"] for row in found]), np.array([by_libm(one) for one in x.tolist()]))
    return {"arguments": apart.values, "differing": apart.differing, "largest": apart.largest}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
