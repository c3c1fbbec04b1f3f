"""A declaration's features at a dimension's grain as a star: checked first, and measured without a join.

Belongs here: the star over the label's fact or over any relation with its keys. Does not belong here: which
table is found how (`ml.feature_tables`), the checks and sums themselves (`ml.indb.star_checks`,
`ml.indb.star_scan`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ml.feature_query import SQL_TYPES
from ml.feature_tables import keyed_tables
from ml.indb.errors import InDatabaseError
from ml.indb.star import Dimension, Star
from ml.indb.star_checks import check_star
from ml.training_checks import TrainingSetError, file_of
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse


def fact_key(column: str) -> str:
    """How a training table calls the label's fact's key: no feature begins with two underscores."""
    return f"__{column}"


def feature_dimensions(spec: ModelSpec, features: Iterable[str]) -> list[Dimension]:
    """The tables at a dimension's grain that any of these features stand in, with those features cast as a
    training table has them, and found by its keys.
    """
    wanted, found = set(features), []
    for table, key in keyed_tables(spec).items():
        taken = [one for one in spec.features if one.table == table and one.name in wanted]
        listed = [quote(key)]
        listed += [
            f"cast({quote(one.name)} as {SQL_TYPES[one.kind]}) as {quote(one.name)}"
            for one in taken
            if one.name != key
        ]
        relation = f"(select {', '.join(listed)} from {quote(*table.split('.'))})"
        if taken:
            names = tuple(one.name for one in taken)
            found.append(Dimension(table, relation, key, names, fact_key(key)))
    return found


def feature_star(
    spec: ModelSpec, fact: str, columns: Sequence[str], features: Sequence[str] | None = None
) -> Star | None:
    """The star of a relation that has `columns` and each key under its name in a training table (`fact_key`),
    with the keyed ones of `features` (all, where None is given). None where no feature has a key.
    """
    dimensions = feature_dimensions(spec, spec.feature_names if features is None else features)
    return Star(fact, tuple(columns), tuple(dimensions)) if dimensions else None


def check_feature_keys(wh: Warehouse, spec: ModelSpec) -> None:
    """Whether each labelled row of the split's windows has exactly one row in every keyed table.

    Raises:
        TrainingSetError: it has not; names the table, its key, how many and examples.
    """
    star = feature_star(spec, _labelled(spec), ())
    if star is None:
        return
    try:
        check_star(wh, star)
    except InDatabaseError as error:
        raise TrainingSetError(f"{file_of(spec)}: field features, key: {error}") from error


def _labelled(spec: ModelSpec) -> str:
    """The fact's keys of the rows that may be trained or tested on."""
    label, date, split = spec.label, quote(spec.date_column), spec.split
    keys = ", ".join(
        f"{quote(key)} as {quote(fact_key(key))}" for key in dict.fromkeys(keyed_tables(spec).values())
    )
    windows = " or ".join(
        f"{date} between date '{low.isoformat()}' and date '{high.isoformat()}'"
        for low, high in ((split.train_start, split.train_end), (split.test_start, split.test_end))
    )
    where = f" and {quote(label.where)}" if label.where else ""
    return (
        f"(select {keys} from {quote(*label.table.split('.'))} where ({windows}) "
        f"and {quote(label.column)} is not null and {quote(label.known_at)} is not null{where})"
    )
