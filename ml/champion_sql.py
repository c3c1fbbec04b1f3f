"""The champion as one SELECT over its features, kept beside the promotion, so that dbt can make a view of it.

Belongs here: the text, and the two columns that the document's SQL does not have. Does not belong here: which
version is in charge (`ml.registry_promotion`), the document's SQL itself (`ml.document.sql`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml import artifact
from ml.document import DocumentError
from ml.document.sql import scoring_sql
from ml.feature_query import feature_sql
from ml.registry_artifact import artifact_content
from warehouse.client import quote
from warehouse.client.dialect import DIALECTS

if TYPE_CHECKING:
    from ml.registry_version import ModelVersion
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

FEATURES = "/*features*/"


def champion_select(wh: Warehouse, version: ModelVersion) -> tuple[str, str, str]:
    """The SELECT in three parts, the middle one being the query of the features. Columns: the key, the date,
    prediction_at, model_version, margin, score, is_positive.

    A document too wide for one statement gives the stored predictions instead.

    Raises:
        ArtifactError: the stored bytes are not those registered.
    """
    spec, dialect = version.declaration(), DIALECTS[wh.dialect]
    document = artifact.load_document(artifact_content(wh, version.artifact_sha256), version.artifact_sha256)
    key, date = dialect.name_of(spec.key_column), dialect.name_of(spec.date_column)
    positive = "cast(null as boolean)" if version.threshold is None else "decision = 1"
    keys = [spec.key_column, spec.date_column, "prediction_at"]
    title = f"{spec.name}, version {version.version}"
    try:
        scored = scoring_sql(document, f"({FEATURES})", keys, title=title, dialect=wh.dialect)
    except DocumentError:
        return _stored(wh, spec, version)
    whole = (
        f"select {key}, {date}, prediction_at, {version.version} as model_version, margin, score, "
        f"{positive} as is_positive\nfrom (\n{scored}\n) as scored"
    )
    before, after = whole.split(FEATURES)
    return before, _sent(wh, feature_sql(spec)), after


def _sent(wh: Warehouse, sql: str) -> str:
    """The text that the engine itself takes."""
    return sql if wh.dialect == "postgres" else wh.googlesql(sql)


def _stored(wh: Warehouse, spec: ModelSpec, version: ModelVersion) -> tuple[str, str, str]:
    key, date = quote(spec.key_column), quote(spec.date_column)
    before = (
        f"select p.flight_key as {key}, p.flight_date as {date}, p.prediction_at, p.model_version, p.margin, "
        f"p.score, p.is_positive from {quote('ml', f'prd_{spec.name}')} as p join ("
    )
    features, after = feature_sql(spec), f") as f on f.{key} = p.flight_key"
    whole, middle = _sent(wh, before + features + after), _sent(wh, features)
    before, after = whole.split(middle)
    return before, middle, after


def keep(wh: Warehouse, version: ModelVersion) -> None:
    """Write the champion's SELECT in place of the one before it; within the caller's transaction."""
    before, features, after = champion_select(wh, version)
    wh.execute(
        "insert into ml.champion_sql (model_name, version, artifact_sha256, before, features, after) "
        "values (%(name)s, %(version)s, %(sha256)s, %(before)s, %(features)s, %(after)s) "
        "on conflict (model_name) do update set version = excluded.version, "
        "artifact_sha256 = excluded.artifact_sha256, before = excluded.before, "
        "features = excluded.features, after = excluded.after",
        {
            "name": version.model_name,
            "version": version.version,
            "sha256": version.artifact_sha256,
            "before": before,
            "features": features,
            "after": after,
        },
    )
