"""How many rows SQL and Python answer with the same bits, beside orbital.

`python -m tests.benchmarks.document_parity [rows]` writes `build/bench/document_parity.json`. Belongs here:
this one comparison. For each model family, ours is the share of rows whose margins have the same 64 bits from
SQL on Postgres, from the NumPy evaluator and, for a sample, from the one-row evaluator; the record's figure
is the lowest share of all families. Beside it stands the share of orbital: its SQL on the same server and
rows against what the scikit-learn it was made from predicts, both fitted in its own environment on the same
data. Ours against our scikit-learn or LightGBM is `equals_library`: there a dense product of the library may
add in another order.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pyarrow as pa

from tests.benchmarks.document_families import (
    FAMILIES,
    FEATURES,
    TRAIN_ROWS,
    Family,
    fitted,
    library_answer,
    made_rows,
    made_target,
)
from tests.benchmarks.document_tables import KEY, answer_table, answers, arrow_rows, bench_database, store
from tests.benchmarks.orbital import VERSION, export, reason
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions

GOAL = 1.0
ROWS = 100_000
ONE_BY_ONE = 2_000
SPECIAL = 2_000
DATABASE = "starhouse_bench_parity"
FIT, SCORE = 1, 2  # seeds
INCLUDES = {
    "ours": "lowest share over the families of rows with equal margins: SQL, NumPy, and a sample row by row",
    "theirs": "every row; `families` holds orbital's shares",
    "special": "2,000 rows a family with NULL, NaN, infinities, ends of a double, thresholds and neighbours",
}


def main(rows: int) -> None:
    found: dict[str, Any] = {}
    with bench_database(DATABASE) as wh:
        data = {missing: made_rows(rows, SCORE, missing) for missing in (False, True)}
        tables = {missing: arrow_rows(data[missing], FEATURES) for missing in data}
        for missing, table in tables.items():
            store(wh, _name(missing), table)
        for family in FAMILIES:
            with progress(family.name):
                estimator = fitted(family, FIT)
                missing = family.has_missing
                mine = _ours(wh, family, estimator, data[missing], tables[missing])
                found[family.name] = {"ours": mine, "orbital": _orbital(wh, family, data[missing])}
            print(_line(family.name, found[family.name]), flush=True)
        server = wh.scalar("show server_version")
    record(
        "document_parity",
        peer="all rows", rows=rows, ours=[min(one["ours"]["share"] for one in found.values())], theirs=[1.0],
        goal=GOAL, unit="share of rows", includes=INCLUDES, direction="at_least",
        versions=versions("scikit-learn", "lightgbm", "numpy", postgres=server, orbital=VERSION),
        families=found,
    )  # fmt: skip


def _name(has_missing: bool) -> str:
    return "rows_with_missing" if has_missing else "rows"


def _ours(wh: Any, family: Family, estimator: Any, rows: np.ndarray, table: pa.Table) -> dict[str, Any]:
    from ml.document import DocumentError, Evaluator, Input
    from ml.document.importers import import_estimator
    from ml.document.parity import check_parity, row_answers, same_bits
    from ml.document.sql import scoring_sql
    from ml.document.warehouse_answers import answers_of

    try:
        document = import_estimator(estimator, [Input(name, "number") for name in FEATURES], family.name)
    except DocumentError as error:
        return {"share": 0.0, "failure": reason(error)}
    batch = Evaluator(document).table(table)
    seconds = answer_table(wh, scoring_sql(document, _name(family.has_missing), [KEY]))
    sql = answers_of(answers(wh), document)
    equal = same_bits(batch.margins, sql.margins).all(axis=1)
    places = np.linspace(0, len(rows) - 1, min(ONE_BY_ONE, len(rows))).astype(int)
    single = row_answers(document, table.take(pa.array(places)))
    equal[places] &= same_bits(batch.margins[places], single.margins).all(axis=1)
    report = check_parity(wh, document, table.drop_columns([KEY]), rows=0, adversarial=SPECIAL)
    scores = same_bits(batch.scores, sql.scores).all(axis=1) & (batch.decision == sql.decision)
    return {
        "share": float(equal.mean()),
        "share_of_scores": float(scores.mean()),
        "sql_seconds": seconds,
        "special_rows_differing": {s.name: s.failure or s.differing for s in report.surfaces},
        **_against_library(family, estimator, rows, batch),
    }


def _against_library(family: Family, estimator: Any, rows: np.ndarray, batch: Any) -> dict[str, float]:
    """Our scores beside the library's own: the share of equal bits, and the largest difference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn misses names of columns in plain arrays
        theirs = library_answer(family, estimator, rows)
    if family.name == "k_means":  # scikit-learn gives the cluster, the document its distances and the cluster
        mine = batch.decision[:, None].astype(float)
    else:
        mine = batch.scores
    return _difference(mine, theirs, "library")


def _orbital(wh: Any, family: Family, rows: np.ndarray) -> dict[str, Any]:
    from warehouse.client import WarehouseError

    train = made_rows(TRAIN_ROWS, FIT, family.has_missing)
    target = made_target(family.target, train, FIT)
    data = {"train": train, "rows": rows, **({} if target is None else {"target": target})}
    try:
        made = export(family.steps, family.method, FEATURES, _name(family.has_missing), **data)
        listed = ", ".join(f'cast("{name}" as double precision) as "{name}"' for name in made.columns)
        seconds = answer_table(wh, f'select "id", {listed} from ({made.sql}) as q')
        given = answers(wh)
    except (WarehouseError, RuntimeError) as error:
        return {"share": None, "failure": reason(error)}
    mine = np.stack([given.column(name).to_numpy() for name in made.columns], axis=1)
    found = _difference(mine, made.answer, "python")
    return {"share": found.pop("equals_python"), "sql_seconds": seconds, **found}


def _difference(mine: np.ndarray, theirs: np.ndarray, name: str) -> dict[str, float]:
    from ml.document.parity import same_bits

    equal = same_bits(mine, theirs).all(axis=1)
    apart = np.abs(mine - theirs)
    return {
        f"equals_{name}": float(equal.mean()),
        "largest_difference": float(np.nanmax(apart)) if np.isfinite(apart).any() else 0.0,
        "rows_apart_by_a_millionth": int((apart > 1e-6 * np.maximum(np.abs(theirs), 1.0)).any(axis=1).sum()),
        "rows_missing_on_one_side": int((np.isnan(mine) != np.isnan(theirs)).any(axis=1).sum()),
    }


def _line(name: str, found: dict[str, Any]) -> str:
    mine, orbital = found["ours"], found["orbital"]
    said = f"{mine['share']:.4%}" if "failure" not in mine else f"no document: {mine['failure']}"
    beside = f"{orbital['share']:.2%}" if orbital["share"] is not None else f"failed: {orbital['failure']}"
    special = mine.get("special_rows_differing", {})
    return f"{name}: ours {said}, special rows differing {special}; orbital {beside}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
