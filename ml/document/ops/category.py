"""Categories become numbers: a lookup of text or of a number, an indicator, and buckets of a number.

Belongs here: one-hot, ordinal, target and frequency encoding, all of which are a `lookup`, or a `recode` for
the same on numbers; `member`; `bucket`. Does not belong here: splits on categories (`trees`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.ops.constants import arity, finite, only, several

if TYPE_CHECKING:
    from warehouse.client.dialect import Dialect


@dataclass(frozen=True)
class Categories:
    """A column of text: `codes` (rows,) into `values`, whose last is None, the missing category."""

    codes: np.ndarray
    values: list[str | None]

    def __len__(self) -> int:
        return len(self.codes)


def _optional(value: Any, what: str) -> float:
    # Adding 0 turns -0 into 0: the SQL form gathers equal numbers, to which they are one.
    return float("nan") if value is None else finite(value, what) + 0.0


class Lookup:
    """The number of a category: `values` pairs of text and number; `unknown` for text that is not there,
    `missing` for none; null for either leaves the number missing.
    """

    name, takes = "lookup", "category"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, "values", "unknown", "missing")
        self._check_keys([key for key, _ in node.params["values"]])
        several([number for _, number in node.params["values"]], "values", read=_optional)
        for key in ("unknown", "missing"):
            _optional(node.params[key], key)

    @staticmethod
    def _check_keys(texts: list[Any]) -> None:
        if any(not isinstance(text, str) or "\0" in text for text in texts) or len(set(texts)) < len(texts):
            raise ValueError("values: a category is no text, or stands twice; allowed: each text once")

    @staticmethod
    def _literal(text: str, dialect: Dialect) -> str:
        return dialect.text(text)

    def row(self, node: Any) -> Callable[..., float]:
        unknown, missing = (_optional(node.params[key], key) for key in ("unknown", "missing"))
        known = {text: _optional(number, text) for text, number in node.params["values"]}
        return lambda text: missing if text is None else known.get(text, unknown)

    def batch(self, node: Any, columns: list[Categories]) -> np.ndarray:
        one = self.row(node)
        return np.array([one(value) for value in columns[0].values], dtype=np.float64)[columns[0].codes]

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        def number(value: float | None) -> str:
            zero = dialect.number(0.0)
            # A bare null has no type; this one is a double.
            return f"nullif({zero}, {zero})" if value is None else dialect.number(value + 0.0)

        by_number: dict[float | None, list[str]] = {}
        for key, value in node.params["values"]:
            by_number.setdefault(value, []).append(self._literal(key, dialect))
        x, unknown, missing, branches = operands[0], node.params["unknown"], node.params["missing"], ""
        if missing != unknown:
            branches += f" when {x} is null then {number(missing)}"
        for value, keys in by_number.items():
            if value != unknown:
                test = f"= {keys[0]}" if len(keys) == 1 else f"in ({', '.join(keys)})"
                branches += f" when {x} {test} then {number(value)}"
        return f"case{branches} else {number(unknown)} end" if branches else number(unknown)


class Recode(Lookup):
    """The number that stands for a number: as `lookup`, with pairs of numbers."""

    name, takes = "recode", "number"

    @staticmethod
    def _check_keys(keys: list[Any]) -> None:
        if len(set(several(keys, "values"))) < len(keys):
            raise ValueError("values: a number stands twice; allowed: each once")

    @staticmethod
    def _literal(number: float, dialect: Dialect) -> str:
        return dialect.number(number)

    def row(self, node: Any) -> Callable[..., float]:
        unknown, missing = (_optional(node.params[key], key) for key in ("unknown", "missing"))
        known = {float(key): _optional(number, "values") for key, number in node.params["values"]}
        return lambda x: missing if x != x else known.get(x, unknown)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        x, known = columns[0], sorted(node.params["values"])
        unknown, missing = (_optional(node.params[key], key) for key in ("unknown", "missing"))
        result = np.where(np.isnan(x), missing, unknown)
        if known:
            keys = np.array([key for key, _ in known], dtype=np.float64)
            numbers = np.array([_optional(number, "values") for _, number in known])
            place = np.minimum(np.searchsorted(keys, x), len(keys) - 1)
            result = np.where(keys[place] == x, numbers[place], result)
        return result


class Member:
    """1 where the number x is one of `values`, else 0; a missing x is none of them."""

    name, takes = "member", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, "values")
        if not several(node.params["values"], "values"):
            raise ValueError("values is empty; allowed: at least one number")

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        return np.isin(columns[0], node.params["values"]).astype(np.float64)

    def row(self, node: Any) -> Callable[..., float]:
        values = frozenset(node.params["values"])
        return lambda x: 1.0 if x in values else 0.0

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        values = ", ".join(dialect.number(value) for value in node.params["values"])
        one, zero = dialect.number(1.0), dialect.number(0.0)
        return f"case when {operands[0]} in ({values}) then {one} else {zero} end"


class Bucket:
    """How many of the rising `edges` lie at or below x (`side` right) or below x (left); missing stays
    missing.
    """

    name, takes = "bucket", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, "edges", "side")
        edges = several(node.params["edges"], "edges")
        if any(low >= high for low, high in zip(edges, edges[1:], strict=False)):
            raise ValueError("edges do not rise; allowed: strictly rising numbers")
        if node.params["side"] not in ("left", "right"):
            raise ValueError(f"side is {node.params['side']!r}; allowed: left, right")

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        x = columns[0]
        codes = np.searchsorted(np.asarray(node.params["edges"], float), x, side=node.params["side"])
        return np.where(np.isnan(x), np.nan, codes.astype(np.float64))

    def row(self, node: Any) -> Callable[..., float]:
        edges, count = list(node.params["edges"]), bisect_right
        if node.params["side"] == "left":
            count = bisect_left
        return lambda x: x if x != x else float(count(edges, x))

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        x, sign = operands[0], "<" if node.params["side"] == "right" else "<="
        branches = "".join(
            f" when {x} {sign} {dialect.number(edge)} then {dialect.number(float(code))}"
            for code, edge in enumerate(node.params["edges"])
        )
        last = dialect.number(float(len(node.params["edges"])))
        return f"case{branches} when {x} is not null then {last} end"


OPERATIONS = (Lookup(), Recode(), Member(), Bucket())
