"""Check: the quality suites as asset checks. A blocking one that fails keeps its table from everything
downstream.

dbt's data tests are asset checks too, of the ops in `stages.transform`. Does not belong here: rules, or how
they run (`orchestration.quality`).
"""

from __future__ import annotations

import dagster as dg

from orchestration.quality import load_suites
from orchestration.quality.bridge import suite_checks


def quality_checks() -> list[dg.AssetChecksDefinition]:
    """One op a table."""
    return [suite_checks(suite) for suite in load_suites()]
