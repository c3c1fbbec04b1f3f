"""Training by BigQuery ML: `engine: bqml` writes its statements, and reads the fitted model as a document.

BigQuery ML runs on BigQuery alone. Nothing here has run there: the statements are analyzed by ZetaSQL, and
the import is tested on answers by hand and on other libraries' models. Belongs here: the list of algorithms,
and what a declaration may not ask for. Does not belong here: statements (`ml.bqml.statements`), fits
(`ml.bqml.session`). Importing this package loads no scipy and no scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ml.bqml.options import PARAMETERS, TASKS
from ml.bqml.session import opened, planned, work
from ml.indb.trainers.registry import Trainer
from ml.spec_errors import not_allowed

if TYPE_CHECKING:
    from ml.spec_fields import Algorithm

BQML: Mapping[str, Trainer] = {
    name: Trainer(name, TASKS[name], parameters, opened(name), work, plan=planned)
    for name, parameters in PARAMETERS.items()
}


def check(declared: Algorithm, field: str) -> None:
    """Raise (as pydantic's custom error) for what BigQuery ML has not: a seed."""
    if declared.seed:
        raise not_allowed(declared.seed, "0: BigQuery ML takes no seed", f"{field}.seed")
