"""The training set of a declared model, built and fingerprinted inside the warehouse.

Belongs here: joining the declared feature columns to the label by key, the split by date, what is left out
and why. Does not belong here: the features themselves (dbt), the content hash (`ml.content_hash`) and reading
rows out to fit (`ml.train`).

Nothing from the future: a row's prediction time is the latest of its feature tables'; a training row's
label must have been known before the first prediction of the test window; a feature row known after its
prediction time stops the build.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.content_hash import content_hash
from ml.feature_query import feature_sql
from ml.feature_star import check_feature_keys, fact_key
from ml.feature_tables import keyed_tables
from ml.training_checks import TrainingSetError, check_warehouse, file_of
from warehouse.client import quote

if TYPE_CHECKING:
    import datetime as dt

    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

__all__ = ["TrainingSet", "TrainingSetError", "build_training_set", "content_hash", "training_sql"]

SCHEMA = "training"
LABEL_CASTS = {"classification": "boolean", "regression": "double precision"}


@dataclass(frozen=True)
class TrainingSet:
    """The built table. Window ends are local dates, inclusive. `excluded`: rows of the window left out, by
    reason.
    """

    schema: str
    table: str
    rows: int
    train_rows: int
    test_rows: int
    content_sha256: str
    window_start: dt.date
    window_end: dt.date
    columns: tuple[str, ...]
    excluded: dict[str, int]

    @property
    def relation(self) -> str:
        return f"{self.schema}.{self.table}"


def build_training_set(wh: Warehouse, spec: ModelSpec) -> TrainingSet:
    """Build `training.trn_<model>` by SQL alone: key, date, split, prediction_at, features_known_at,
    label_known_at, label, then the features.

    The new table replaces the old one at the end of one transaction; a failed build leaves the old one in
    place.

    Raises:
        TrainingSetError: a declared table or column is missing or of another type, a key occurs twice or in
            no row of a table at a dimension's grain, a feature was known after its prediction or a label
            before, or one side of the split has no rows.
    """
    check_warehouse(wh, spec)
    check_feature_keys(wh, spec)
    table = f"trn_{spec.name}"
    following, key_name = f"{table}__next", f"{table}_pkey"
    target, new = quote(SCHEMA, table), quote(SCHEMA, following)
    with wh.advisory_lock(f"{SCHEMA}.{table}"), wh.transaction():
        wh.ensure_schema(SCHEMA)
        wh.execute(f"drop table if exists {new}")
        wh.execute(f"create table {new} as {training_sql(spec)}", spec.split.model_dump())
        _refuse_bad_rows(wh, spec, new)
        too_late = _drop_late_labels(wh, new)
        excluded = {**_unlabelled(wh, spec, new, too_late), "label_known_in_test_window": too_late}
        counts = _split_counts(wh, spec, new)
        digest, columns = content_hash(wh, SCHEMA, following)
        wh.replace_table(SCHEMA, following, table)
        wh.execute(
            f"alter table {target} add constraint {quote(key_name)} primary key ({quote(spec.key_column)})"
        )
        note = f"One row per labelled {spec.entity} of the model {spec.name}. Content sha256: {digest}"
        wh.describe(note, SCHEMA, table)
    wh.analyze(SCHEMA, table)
    window = {"window_start": spec.split.train_start, "window_end": spec.split.test_end}
    return TrainingSet(
        SCHEMA, table, content_sha256=digest, columns=columns, excluded=excluded, **counts, **window
    )


def training_sql(spec: ModelSpec) -> str:
    """The select behind the training table, in order of date and key; the split's four dates are bound
    parameters. Keys of features at a dimension's grain come last, as `ml.feature_star.fact_key` names them.
    """
    key, date, label = quote(spec.key_column), quote(spec.date_column), spec.label
    listed = [f"f.{quote(name)}" for name in spec.feature_names]
    listed += [
        f"l.{quote(name)} as {quote(fact_key(name))}" for name in dict.fromkeys(keyed_tables(spec).values())
    ]
    columns = ",\n    ".join(listed)
    where = f"and l.{quote(label.where)}" if label.where else ""
    return f"""
select
    l.{key},
    l.{date},
    case when l.{date} <= %(train_end)s then 'train' else 'test' end as split,
    f.prediction_at,
    f.known_at as features_known_at,
    l.{quote(label.known_at)} as label_known_at,
    l.{quote(label.column)}::{LABEL_CASTS[spec.task]} as label,
    {columns}
from {quote(*label.table.split("."))} as l
join (
{feature_sql(spec, spec.split.train_start, spec.split.test_end)}
) as f on f.{key} = l.{key}
where (l.{date} between %(train_start)s and %(train_end)s or l.{date} between %(test_start)s and %(test_end)s)
    and l.{quote(label.column)} is not null
    and l.{quote(label.known_at)} is not null {where}
order by l.{date}, l.{key} collate "C"
"""


def _refuse_bad_rows(wh: Warehouse, spec: ModelSpec, relation: str) -> None:
    key = quote(spec.key_column)
    sql = f"""select count(*) - count(distinct {key}) as double_keys,
                     count(*) filter (where prediction_at is null) as without_prediction_time,
                     count(*) filter (where features_known_at is null or features_known_at > prediction_at)
                         as features_too_late,
                     count(*) filter (where label_known_at <= prediction_at) as labels_too_early
              from {relation}"""
    wrong = {reason: count for reason, count in wh.query(sql)[0].items() if count}
    if wrong:
        found = ", ".join(f"{reason} {count}" for reason, count in wrong.items())
        raise TrainingSetError(
            f"{file_of(spec)}: rows that may not be trained on: {found}; allowed: 0 of each. "
            f"Each {spec.key_column} must occur once in every feature table, known_at must not be after "
            f"prediction_at, and {spec.label.table}.{spec.label.known_at} must be after it."
        )


def _drop_late_labels(wh: Warehouse, relation: str) -> int:
    """Delete training rows whose label became known at or after the first prediction of the test window;
    how many.
    """
    first = f"(select min(prediction_at) from {relation} where split = 'test')"
    return wh.execute(f"delete from {relation} where split = 'train' and label_known_at >= {first}")


def _unlabelled(wh: Warehouse, spec: ModelSpec, relation: str, too_late: int) -> dict[str, int]:
    label, date = spec.label, quote(spec.date_column)
    has_label = f"{quote(label.column)} is not null and {quote(label.known_at)} is not null"
    if label.where:
        has_label += f" and {quote(label.where)}"
    sql = f"""select count(*) filter (where not coalesce({has_label}, false)) as without_label,
                     count(*) filter (where {has_label}) - (select count(*) from {relation}) - %(too_late)s
                         as without_features
              from {quote(*label.table.split("."))}
              where {date} between %(train_start)s and %(train_end)s
                 or {date} between %(test_start)s and %(test_end)s"""
    return wh.query(sql, {**spec.split.model_dump(), "too_late": too_late})[0]


def _split_counts(wh: Warehouse, spec: ModelSpec, relation: str) -> dict[str, int]:
    sql = f"""select count(*) as rows, count(*) filter (where split = 'train') as train_rows,
                     count(*) filter (where split = 'test') as test_rows from {relation}"""
    counts = wh.query(sql)[0]
    if not counts["train_rows"] or not counts["test_rows"]:
        split = spec.split
        raise TrainingSetError(
            f"{file_of(spec)}: field split: {counts['train_rows']} training rows from {split.train_start} to "
            f"{split.train_end} and {counts['test_rows']} test rows from {split.test_start} to "
            f"{split.test_end}; allowed: at least one of each. "
            "Load and build these dates, or change the split."
        )
    return counts
