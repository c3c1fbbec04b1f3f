"""The peer orbital as benchmarks use it: its environment, and what it makes of one family.

Belongs here: handing data to its script and reading back. Does not belong here: the script, which runs in the
peer's environment (`orbital_script`), or comparing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.document_families import Step
from tests.peers.environment import PeerError, peer_python, run_peer

VERSION = "0.6.0"
REQUIREMENTS = (
    f"orbital=={VERSION}", "skl2onnx==1.20.0", "scikit-learn==1.9.1", "onnx==1.22.0",
    "ibis-framework==12.0.0", "sqlglot==30.30.0", "numpy==2.4.6", "lightgbm==4.7.0",
)  # fmt: skip
SCRIPT = Path(__file__).with_name("orbital_script.py")
SECONDS = 90.0


@dataclass(frozen=True)
class Exported:
    """A fitted model as orbital's SQL over a table with a key `id`; `columns` of it hold the answer. `answer`
    (rows, columns) is what its scikit-learn predicted in Python.
    """

    sql: str
    columns: list[str]
    export_seconds: float
    answer: np.ndarray


def export(
    steps: Sequence[Step],
    method: str,
    features: Sequence[str],
    table: str,
    seconds: float = SECONDS,
    **data: np.ndarray,
) -> Exported:
    """Fit on `train` and `target` in orbital's environment, predict `rows`, and export.

    Raises:
        PeerError: its environment cannot be built, it does not take the model, or it takes too long.
    """
    python = peer_python("orbital", REQUIREMENTS)
    with tempfile.TemporaryDirectory(prefix="starhouse-orbital-") as name:
        folder = Path(name)
        job = {"steps": list(steps), "method": method, "features": list(features), "table": table}
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        np.savez(folder / "data.npz", **data)
        run_peer(python, SCRIPT, folder, seconds=seconds)
        query = json.loads((folder / "query.json").read_text(encoding="utf-8"))
        if "failure" in query:
            raise PeerError(query["failure"])
        return Exported(**query, answer=np.load(folder / "answer.npy"))


def reason(error: Exception) -> str:
    """The line of an error that says what failed."""
    return str(error).splitlines()[0][:300]
