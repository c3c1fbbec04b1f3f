"""The report: one self-contained HTML page about data, star schema, models, drift and outcomes.

Belongs here: what stands on the page, one module a chapter, and its templates. Does not belong here:
computing any of it; the page shows what the warehouse holds. It loads nothing from anywhere, so it can be
mailed or kept beside a release.
"""

from orchestration.report.build import write_report

__all__ = ["write_report"]
