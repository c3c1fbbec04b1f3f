"""The files of EXPORT MODEL of boosted trees and forests as a document: XGBoost's booster over TRANSFORM.

An export holds `model.bst`, and `assets/model_metadata.json` with the names of the booster's columns in order
(cloud.google.com/bigquery/docs/exporting-models). Every column is a number, so there are no label files to
read. Belongs here: which file holds what. Does not belong here: XGBoost's formats (`ml.document.importers`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml.bqml.weights import CLASSES
from ml.document import Builder
from ml.document.importers.xgboost_files import read_booster
from ml.document.importers.xgboost_trees import learner_margins
from ml.indb.errors import InDatabaseError

if TYPE_CHECKING:
    from ml.bqml.columns import Column, Prepared
    from ml.document import Document

BOOSTER, METADATA = "model.bst", "assets/model_metadata.json"
Files = Mapping[str, bytes]
"""The content of the exported files by their path in the folder."""


def booster_document(
    files: Files, prepared: Prepared, kinds: Mapping[str, str], task: str, source: Mapping[str, Any]
) -> Document:
    """The document of an export.

    Raises:
        InDatabaseError: a file is missing, or its columns are not those of TRANSFORM.
        DocumentError: the booster is of a kind, or in a format, that is not read.
    """
    builder = Builder(str(source["estimator"]))
    learner, starts = read_booster(_file(files, BOOSTER))
    columns = [one.node(builder, kinds[one.feature]) for one in _ordered(files, prepared)]
    classes = CLASSES if task == "classification" else None
    margins, head = learner_margins(builder, learner, columns, classes, starts)
    return builder.document(margins, head, source)


def booster_sizes(files: Files, prepared: Prepared) -> dict[str, float]:
    """By feature how much its splits gained (`loss_changes` of XGBoost)."""
    learner, _ = read_booster(_file(files, BOOSTER))
    columns, sizes = _ordered(files, prepared), dict.fromkeys((one.feature for one in prepared.columns), 0.0)
    for tree in learner["gradient_booster"]["model"]["trees"]:
        nodes = zip(tree["left_children"], tree["split_indices"], tree["loss_changes"], strict=True)
        for left, place, gain in nodes:
            if left != -1:
                sizes[columns[place].feature] += float(gain)
    return sizes


def _ordered(files: Files, prepared: Prepared) -> list[Column]:
    """The columns in the booster's order."""
    names = json.loads(_file(files, METADATA)).get("feature_names")
    known = {one.name: one for one in prepared.columns}
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(known):
        raise InDatabaseError(
            f"{METADATA} of the export names the columns {names!r}; allowed: those of TRANSFORM, "
            f"{', '.join(known)}. The model is not imported."
        )
    return [known[name] for name in names]


def _file(files: Files, path: str) -> bytes:
    if path not in files:
        raise InDatabaseError(
            f"the export has no file {path!r}; it has {', '.join(sorted(files)) or 'none'}. Export the model "
            "again by EXPORT MODEL."
        )
    return files[path]
