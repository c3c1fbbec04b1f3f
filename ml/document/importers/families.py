"""The explicit registry: which importer reads which class.

Belongs here: one line a class. Does not belong here: any importer.
"""

from __future__ import annotations

from typing import Any

from ml.document.importers import linear, tree_models

TRANSFORMERS: dict[str, Any] = {}
MODELS: dict[str, Any] = {**linear.MODELS, **tree_models.MODELS}
