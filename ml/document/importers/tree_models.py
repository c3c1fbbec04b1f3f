"""Tree models: single trees, forests, boosting.

Belongs here: which module reads which class. Does not belong here: how a library's trees become a document's
(`sklearn_trees`, `hist_trees`, `lightgbm_trees`, `xgboost_trees`).
"""

from __future__ import annotations

from typing import Any

from ml.document.importers import hist_trees, lightgbm_trees, sklearn_trees, xgboost_trees

MODELS: dict[str, Any] = {
    **sklearn_trees.MODELS,
    **hist_trees.MODELS,
    **lightgbm_trees.MODELS,
    **xgboost_trees.MODELS,
}
