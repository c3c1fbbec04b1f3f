"""What the peer orbital does in its own environment: fit, predict, and write its SQL.

Belongs here: only that; it imports nothing of the project. Does not belong here: running the SQL. Called
with a folder that holds `job.json` (steps, method, features, table) and `data.npz` (train, target, rows), it
adds `answer.npy`, what scikit-learn says of the rows, and `query.json`: the SQL for Postgres and its answer's
columns, or the failure, and the seconds its export took.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

MEMORY = 6 * 2**30
"""Bytes the process may take: an export that needs more has failed."""


def main(folder: Path) -> None:
    import numpy as np
    from sklearn.pipeline import Pipeline

    job, data = json.loads((folder / "job.json").read_text()), np.load(folder / "data.npz")
    pipeline = Pipeline([(f"step_{place}", _built(step)) for place, step in enumerate(job["steps"])])
    pipeline.fit(data["train"], data.get("target"))
    answer = np.asarray(getattr(pipeline, job["method"])(data["rows"]), dtype=np.float64)
    shape = (len(answer), -1)
    np.save(
        folder / "answer.npy", answer[:, 1:] if job["method"] == "predict_proba" else answer.reshape(shape)
    )
    began = time.perf_counter()
    try:
        query = {"sql": _export(pipeline, job), "columns": _columns(job["method"], answer.shape)}
    except Exception as error:  # whatever it raises, it does not take this model, and says why
        lines = str(error).splitlines() or [""]
        query = {"failure": f"{type(error).__name__}: {lines[0]}"}
    query["export_seconds"] = time.perf_counter() - began
    (folder / "query.json").write_text(json.dumps(query))


def _columns(method: str, shape: tuple) -> list[str]:
    """What orbital calls the columns of the answer; of probabilities, those without the first class."""
    if method == "predict":
        return ["variable"]
    if method == "predict_proba":
        return [f"output_probability.{place}" for place in range(1, shape[1])]
    return [f"variable.out_{place}" for place in range(shape[1])]


def _built(step: list) -> object:
    path, params = step
    module, name = path.rsplit(".", 1)
    given = {key: _built(value) if key == "estimator" else value for key, value in params.items()}
    return getattr(importlib.import_module(module), name)(**given)


def _export(pipeline: object, job: dict) -> str:
    import orbital
    from orbital import types

    columns = {name: types.DoubleColumnType() for name in job["features"]}
    columns["id"] = types.Int64ColumnType(passthrough=True)
    parsed = orbital.parse_pipeline(pipeline, features=columns)
    return orbital.export_sql(
        job["table"], parsed, dialect="postgres", projection=orbital.ResultsProjection(["id"])
    )


if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    main(Path(sys.argv[1]))
