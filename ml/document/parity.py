"""The proof that all evaluators of a document give the same bits, on rows made to tell them apart.

Belongs here: answering rows on every surface, comparing 64-bit patterns, the report. Does not belong here:
making the rows (`ml.document.adversarial`), stored answers (`ml.document.golden`), when a check is due.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.adversarial import adversarial_rows, random_rows
from ml.document.evaluate import Answers, Evaluator
from ml.document.golden import golden_margins, golden_table
from ml.document.schema import DocumentError
from ml.document.warehouse_answers import warehouse_answers

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document
    from warehouse.client import Warehouse

Surface = Callable[["pa.Table"], Answers]
"""Answers to rows of the inputs, in their order. A missing margin is NaN, no decision is -1."""

EXAMPLES = 5


@dataclass(frozen=True)
class Difference:
    """One row on which a surface differs: in which part (`margin`, `score`, `decision`) and column, the
    row's kind and inputs, and both numbers, floats in hex, which shows every bit.
    """

    kind: str
    inputs: Mapping[str, Any]
    part: str
    column: int
    expected: str
    got: str


@dataclass(frozen=True)
class SurfaceReport:
    """One surface: rows compared, rows that differ, some of them; `failure` where it gave no answer."""

    name: str
    rows: int
    differing: int = 0
    examples: tuple[Difference, ...] = ()
    failure: str | None = None

    @property
    def is_equal(self) -> bool:
        return self.failure is None and not self.differing


@dataclass(frozen=True)
class ParityReport:
    """The outcome of one check: `rows` by kind (golden, random, adversarial), and every surface."""

    document: str
    rows: Mapping[str, int]
    surfaces: tuple[SurfaceReport, ...]

    @property
    def is_equal(self) -> bool:
        """Whether every surface answered, and every bit was the same."""
        return bool(self.surfaces) and all(surface.is_equal for surface in self.surfaces)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it; floats in hex."""
        return {**asdict(self), "rows": dict(self.rows), "is_equal": self.is_equal}

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {kind} rows" for kind, count in self.rows.items())
        lines = [f"document {self.document}: {counts}"]
        for one in self.surfaces:
            lines.append(f"{one.name}: {one.failure or f'{one.differing} of {one.rows} rows differ'}")
            lines += [
                f"  {e.kind} row {dict(e.inputs)}: {e.part} {e.column} expected {e.expected}, got {e.got}"
                for e in one.examples
            ]
        return "\n".join(lines)

    def require(self) -> None:
        """Raise DocumentError with the whole report unless every surface agrees."""
        if not self.is_equal:
            raise DocumentError(
                f"the evaluators disagree, so the model may not be used. {self}\n"
                "Compare the operation's three forms at the row shown."
            )


def check_parity(
    wh: Warehouse,
    document: Document,
    sample: pa.Table | None = None,
    *,
    golden: Sequence[Mapping[str, Any]] | None = None,
    http: Surface | None = None,
    rows: int = 200,
    adversarial: int = 2_000,
    seed: int = 0,
) -> ParityReport:
    """Compare the evaluators on golden rows (`golden_rows`), `rows` random and `adversarial` special rows.

    The one-row Python evaluator says what is expected, the stored margins do for the golden rows; NumPy, the
    warehouse's SQL and `http` are compared with that, Python itself with the stored margins. A surface that
    raises is reported with its failure, which is no parity either.

    Raises:
        DocumentError: the sample lacks an input, or the golden rows belong to another document.
    """
    parts = {
        "golden": golden_table(document, golden or []),
        "random": random_rows(document, sample, rows, seed),
        "adversarial": adversarial_rows(document, seed, sample=sample, cap=adversarial),
    }
    surfaces: dict[str, Surface] = {
        "python": lambda table: row_answers(document, table),
        "numpy": Evaluator(document).table,
        "sql": lambda table: warehouse_answers(wh, document, table),
    }
    stored = golden_margins(document, golden or [])
    report = compare(document, parts, surfaces, stored)
    if http is None:
        return report
    # JSON has no infinity, and a service refuses what is none: those rows are left out there.
    carried, kept = _finite(parts, stored)
    over_http = compare(document, carried, {"python": surfaces["python"], "http": http}, kept)
    return replace(report, surfaces=(*report.surfaces, *over_http.surfaces[1:]))


def _finite(parts: Mapping[str, pa.Table], stored: np.ndarray) -> tuple[dict[str, pa.Table], np.ndarray]:
    """The rows without an infinite number, by kind, and the stored margins of those that are golden."""
    found = {}
    for kind, part in parts.items():
        numbers = [column.to_numpy() for column in part.columns if _is_number(column)]
        keep = np.ones(part.num_rows, dtype=bool)
        for column in numbers:
            keep &= ~np.isinf(column)
        found[kind] = part.filter(keep)
        if kind == "golden" and len(stored):
            stored = stored[keep]
    return found, stored


def _is_number(column: Any) -> bool:
    """Whether an Arrow column holds doubles."""
    return str(column.type) == "double"


def compare(
    document: Document,
    parts: Mapping[str, pa.Table],
    surfaces: Mapping[str, Surface],
    stored: np.ndarray | None = None,
) -> ParityReport:
    """Answer the rows of `parts` (by kind) on every surface; the first one says what is expected, but for
    the first rows, whose margins are `stored` (rows, k).
    """
    import pyarrow as pa

    table = pa.concat_tables(list(parts.values()))
    kinds = [kind for kind, part in parts.items() for _ in range(part.num_rows)]
    expected: Answers | None = None
    reports = []
    for name, surface in surfaces.items():
        answers, failure = _answered(surface, table, len(document.margins))
        if expected is None and answers is not None and not reports:
            expected = _with_stored(answers, stored)
        if failure is None and expected is None:
            failure = "not compared: the surface that says what is expected gave no answer"
        if failure is not None:
            reports.append(SurfaceReport(name, table.num_rows, failure=failure))
        else:
            reports.append(_compared(name, expected, answers, table, kinds))
    counts = {kind: part.num_rows for kind, part in parts.items() if part.num_rows}
    return ParityReport(document.sha256, counts, tuple(reports))


def row_answers(document: Document, table: pa.Table) -> Answers:
    """The one-row evaluator's answers, row by row."""
    evaluator = Evaluator(document)
    found = [evaluator.row(row) for row in table.to_pylist()]
    width = len(document.margins)
    margins = np.array([margins for margins, _, _ in found], dtype=np.float64).reshape(-1, width)
    scores = np.array([scores for _, scores, _ in found], dtype=np.float64).reshape(len(found), -1)
    return Answers(margins, scores, np.array([decision for _, _, decision in found], dtype=np.int64))


def same_bits(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Elementwise: the same 64 bits, or both NaN."""
    one, other = (np.ascontiguousarray(array, dtype=np.float64) for array in (one, other))
    return (one.view(np.uint64) == other.view(np.uint64)) | (np.isnan(one) & np.isnan(other))


def _answered(surface: Surface, table: pa.Table, width: int) -> tuple[Answers | None, str | None]:
    try:
        answers = surface(table)
    except Exception as error:  # whatever a surface raises, it has not answered, and the report says so
        return None, f"no answer: {type(error).__name__}: {error}"
    if np.shape(answers.margins) != (table.num_rows, width) or len(answers.decision) != table.num_rows:
        return None, f"no answer: margins of shape {np.shape(answers.margins)} for {table.num_rows} rows"
    return answers, None


def _with_stored(answers: Answers, stored: np.ndarray | None) -> Answers:
    if stored is None or not len(stored):
        return answers
    margins = np.concatenate([stored, answers.margins[len(stored) :]])
    return Answers(margins, answers.scores, answers.decision)


def _compared(
    name: str, expected: Answers, answers: Answers, table: pa.Table, kinds: list[str]
) -> SurfaceReport:
    parts = {
        "margin": (expected.margins, answers.margins),
        "score": (expected.scores, answers.scores),
        "decision": (expected.decision[:, None], np.asarray(answers.decision)[:, None]),
    }
    if np.shape(expected.scores) != np.shape(answers.scores):
        return SurfaceReport(name, len(kinds), failure=f"scores of shape {np.shape(answers.scores)}")
    differs = {part: ~same_bits(*pair) for part, pair in parts.items()}
    rows = np.flatnonzero(np.any(np.concatenate(list(differs.values()), axis=1), axis=1))
    examples = []
    for row in rows[:EXAMPLES].tolist():
        part = next(part for part, wrong in differs.items() if wrong[row].any())
        column = int(np.flatnonzero(differs[part][row])[0])
        want, got = (_hex(part, array[row, column]) for array in parts[part])
        examples.append(Difference(kinds[row], _shown(table.slice(row, 1)), part, column, want, got))
    return SurfaceReport(name, len(kinds), len(rows), tuple(examples))


def _hex(part: str, value: Any) -> str:
    return str(int(value)) if part == "decision" else float(value).hex()


def _shown(row: pa.Table) -> dict[str, Any]:
    values = row.to_pylist()[0]
    return {name: v.hex() if isinstance(v, float) else v for name, v in values.items()}
