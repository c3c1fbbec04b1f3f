"""Tree models: single trees, forests, boosting.

Belongs here: models whose margins are sums of trees.
"""

from __future__ import annotations

from typing import Any

MODELS: dict[str, Any] = {}
