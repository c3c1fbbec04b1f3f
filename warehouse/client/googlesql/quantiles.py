"""`percentile_disc` within a group: BigQuery has it only as a window over every row.

The values are counted, and the counts added up in order; the quantile of a share is the first value with at
least so many rows at or before it, by Postgres' own arithmetic.

Belongs here: that one aggregate. Does not belong here: the query around it (`googlesql.queries`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.casts import written
from warehouse.client.googlesql.kinds import FLOAT, Kind, TranslationError, Typed

if TYPE_CHECKING:
    from sqlglot import exp

    from warehouse.client.googlesql.queries import Queries, Select

ADDED = (
    "SELECT v, SUM(c) OVER (ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS upto, "
    "SUM(c) OVER () AS total FROM ({counts})"
)
LEAST_DOUBLE = "COALESCE(MIN(IF(IS_NAN(v), NULL, v)), MIN(v))"
IS_REACHED = "upto >= GREATEST(CEIL(share * total), 1)"


def quantile(node: exp.WithinGroup, of: Select, select: exp.Select, queries: Queries) -> Typed:
    """`percentile_disc(share or array of shares) within group (order by x)`.

    Raises:
        TranslationError: another aggregate, or a query that groups.
    """
    from sqlglot import exp

    if not isinstance(node.this, exp.PercentileDisc) or select.args.get("group"):
        raise TranslationError(
            f"{node.sql('postgres')[:80]} has no translation; allowed: percentile_disc of a whole relation."
        )
    ordered = node.expression.expressions[0].this
    counts, kind = _counts(ordered, select, queries)
    # NaN is above all other doubles in Postgres, and below them in BigQuery.
    order, least = ("IS_NAN(v), v", LEAST_DOUBLE) if kind is FLOAT else ("v", "MIN(v)")
    shares, added = of(node.this.this), ADDED.format(counts=counts.sql("bigquery"), order=order)
    if shares.kind.name != "array":
        text = f"(SELECT {least} FROM ({added}) CROSS JOIN (SELECT {{s}} AS share) WHERE {IS_REACHED})"
        return Typed(written(text.replace("{s}", shares.sql.sql("bigquery"))), kind)
    listed = shares.sql.sql("bigquery")
    cuts = f"SELECT share, {least} AS cut FROM ({added}) CROSS JOIN UNNEST({listed}) AS share"
    text = f"(SELECT ARRAY_AGG(cut ORDER BY share) FROM ({cuts} WHERE {IS_REACHED} GROUP BY share))"
    return Typed(written(text), Kind("array", of=kind))


def _counts(ordered: Any, select: exp.Select, queries: Queries) -> tuple[Any, Kind]:
    """How often each value occurs in the relation of the query around."""
    from sqlglot import exp

    inner = exp.select(exp.alias_(ordered.copy(), "v"))
    for key in ("from_", "joins", "where"):
        if select.args.get(key):
            part = select.args[key]
            inner.set(key, [one.copy() for one in part] if isinstance(part, list) else part.copy())
    sql, columns = queries.query(inner)
    text = "SELECT v, COUNT(*) AS c FROM ({q}) WHERE v IS NOT NULL GROUP BY v"
    return written(text.replace("{q}", sql.sql("bigquery"))), columns["v"]
