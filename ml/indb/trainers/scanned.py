"""The one scan behind trainers that need only cofactors: measured by block and fold, added up for each fit.

Belongs here: measuring and the parts of folds. Does not belong here: fits (`penalised`, `discriminants`,
`naive_bayes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml.indb.cofactor_scan import Measured, measure
from ml.indb.cofactors import Cofactors, summed
from ml.indb.columns import Category, Number
from ml.indb.errors import InDatabaseError
from ml.indb.exported_cofactors import measure_exported
from ml.indb.star_scan import measure_star
from ml.indb.trainers.encoding import declarations
from ml.indb.trainers.source import BLOCK, LABEL, OPEN

if TYPE_CHECKING:
    from ml.indb.trainers.source import Source
    from warehouse.client import Warehouse


class Scanned:
    """Cofactors of the training rows by block, first fold and, for classes, label; the same whether the way
    is "factorised", over the source's star, "export", in memory, or by one scan of the joined rows.
    """

    def __init__(self, wh: Warehouse, source: Source, way: str = "joined") -> None:
        self.source = source
        self._is_by_class = source.task == "classification"
        names = [*source.numbers, *([] if self._is_by_class else [LABEL])]
        by = [BLOCK, OPEN, *([LABEL] if self._is_by_class else [])]
        numbers = declarations(wh, source, names) if names else []
        categories = [Category(name) for name in source.categories]
        star = source.star if way == "factorised" else None
        self._measured: Measured
        if star is not None:
            self.how = "one scan of sums by the keys of its dimensions for every fit"
            self._measured = measure_star(wh, star, numbers, categories, by)
        elif way == "export" and all(_has_steps(one, source) for one in numbers):
            self.how = "one export, summed in memory for every fit"
            self._measured = measure_exported(wh, source.relation(), numbers, categories, by)
        else:
            self.how = "one scan of sums for every fit"
            self._measured = measure(wh, source.relation(), numbers, categories, by)
        self.bytes_out = self._measured.bytes_out
        self._parts: dict[Any, Any] = {}

    def train(self, fold: int | None) -> Cofactors:
        """Of the rows that the fold trains on."""
        return self._part(("train", fold), lambda block, opens: fold is None or opens <= fold)

    def held(self, fold: int) -> Cofactors:
        """Of the rows that the fold holds out."""
        return self._part(("held", fold), lambda block, opens: block == fold)

    def classes(self, fold: int | None) -> dict[bool, Cofactors]:
        """Of the rows that the fold trains on, by label, false first.

        Raises:
            InDatabaseError: one class.
        """
        found: dict[bool, list[Cofactors]] = {}
        for keys, part in self._measured.groups.items():
            if fold is None or int(keys[1]) <= fold:
                found.setdefault(keys[2] == "true", []).append(part)
        if len(found) < 2:
            raise InDatabaseError(
                f"the label is {next(iter(found), None)} in all training rows{_of(fold)}; allowed: both "
                "values. Widen the window."
            )
        return {label: summed(found[label]) for label in sorted(found)}

    def cached(self, key: Any, make: Any) -> Any:
        """What `make` gives, once for a key."""
        if key not in self._parts:
            self._parts[key] = make()
        return self._parts[key]

    def _part(self, key: Any, belongs: Any) -> Cofactors:
        def make() -> Cofactors:
            parts = [
                part for keys, part in self._measured.groups.items() if belongs(int(keys[0]), int(keys[1]))
            ]
            if not parts:
                raise InDatabaseError(f"no training rows{_of(key[1])}. Use fewer folds, or widen the window.")
            return summed(parts)

        return self.cached(key, make)


def _has_steps(number: Number, source: Source) -> bool:
    """Whether it counts in whole steps, without which it is summed in the warehouse only."""
    return number.decimals is not None or source.features.get(number.name) == "boolean"


def work_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the planner must know: everything comes of one scan."""
    return {"trainer": "cofactors"}


def _of(fold: int | None) -> str:
    return "" if fold is None else f" of fold {fold}"


def features_of(source: Source) -> Sequence[str]:
    return [*source.numbers, *source.categories]
