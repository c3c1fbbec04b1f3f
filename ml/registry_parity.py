"""The parity of a registered version: its golden rows, the checks of its evaluators, and what they found.

Belongs here: keeping both in the warehouse. Does not belong here: the comparison (`ml.document.parity`), and
the promotion that a difference blocks (`ml.registry_promotion`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ml import artifact
from ml.document.golden import golden_rows
from ml.document.parity import ParityReport, Surface, check_parity
from ml.registry_artifact import artifact_content

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document import Document
    from ml.registry_version import ModelVersion
    from warehouse.client import Warehouse


def keep_golden_rows(wh: Warehouse, key: dict[str, Any], document: Document, sample: pa.Table | None) -> None:
    """Store a new version's golden rows; within the caller's transaction."""
    wh.execute(
        "insert into ml.golden_rows (model_name, version, rows) "
        "values (%(model_name)s, %(version)s, %(rows)s::jsonb)",
        {**key, "rows": json.dumps(golden_rows(document, sample))},
    )


def check_version(
    wh: Warehouse,
    version: ModelVersion,
    sample: pa.Table | None = None,
    http: Surface | None = None,
) -> ParityReport:
    """Compare all evaluators of a version on its golden rows, random rows (of `sample` where given) and
    adversarial rows, and store what was found in place of an earlier check.

    Raises:
        ArtifactError: the stored bytes are not those registered.
    """
    sha256 = version.artifact_sha256
    document = artifact.load_document(artifact_content(wh, sha256), sha256)
    key = {"model_name": version.model_name, "version": version.version}
    golden = wh.scalar(
        "select rows from ml.golden_rows where model_name = %(model_name)s and version = %(version)s", key
    )
    report = check_parity(wh, document, sample, golden=golden, http=http)
    _record(wh, key, report)
    return report


def _record(wh: Warehouse, key: dict[str, Any], report: ParityReport) -> None:
    with wh.transaction():
        wh.execute(
            "delete from ml.parity_check where model_name = %(model_name)s and version = %(version)s", key
        )
        for surface in report.to_dict()["surfaces"]:
            wh.execute(
                "insert into ml.parity_check (model_name, version, surface, rows_compared, rows_different, "
                "failure, examples, is_equal) values (%(model_name)s, %(version)s, %(name)s, %(rows)s, "
                "%(differing)s, %(failure)s, %(examples)s::jsonb, %(is_equal)s)",
                {
                    **key,
                    **surface,
                    "examples": json.dumps(surface["examples"], default=str),
                    "is_equal": surface["failure"] is None and not surface["differing"],
                },
            )


def differences(found: list[dict[str, Any]]) -> str:
    """What `parity_of` found wrong, in words; empty where every surface gave the same bits."""
    return "; ".join(
        f"{row['surface']}: {row['failure'] or str(row['rows_different']) + ' rows differ'}"
        for row in found
        if not row["is_equal"]
    )


def parity_of(wh: Warehouse, model_name: str, version: int) -> list[dict[str, Any]]:
    """Surface, rows_compared, rows_different, failure and is_equal of a version's last check; empty where
    there was none.
    """
    return wh.query(
        "select surface, rows_compared, rows_different, failure, is_equal from ml.parity_check "
        "where model_name = %(name)s and version = %(version)s order by surface",
        {"name": model_name, "version": version},
    )
