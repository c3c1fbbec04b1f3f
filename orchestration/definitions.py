"""What `dg dev`, `dagster dev` and every other Dagster tool load: `defs`, with nothing set and nothing
running.

Belongs here: that one name. Does not belong here: putting it together (`orchestration.assembly`).
"""

from __future__ import annotations

from orchestration.assembly import build_defs

defs = build_defs()
