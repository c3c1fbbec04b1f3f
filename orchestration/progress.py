"""What a person sees while a job runs, and what is remembered of it: a listener on Dagster's own log of the
run.

On a terminal a line with the present step is kept up to date; elsewhere plain lines come, at least one
every `QUIET_SECONDS`. Belongs here: turning events into lines and numbers. Does not belong here: the table
at the end (`orchestration.summary`), or running the job (`orchestration.runner`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from rich.console import Console

QUIET_SECONDS = 20.0
LOGGER_NAME = "starhouse.run"
MARK = "» "  # before what our own stages say, in the UI too


@dataclass
class Record:
    """What one run did, gathered while it ran. `rows` is rows in the table by asset key, `seconds` by
    stage.
    """

    rows: dict[tuple[str, ...], int | None] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    checks_passed: int = 0
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Progress(logging.Handler):
    """Shows and records one run. `stages` maps a step's key to its stage."""

    def __init__(self, console: Console, stages: Mapping[str, str]) -> None:
        super().__init__(logging.DEBUG)
        self.record = Record()
        self._console = console
        self._stages = stages
        self._started = time.monotonic()
        self._step_started: dict[str, float] = {}
        self._step = "starting"
        self._last_line = time.monotonic()
        self._done = threading.Event()
        self._status = console.status("starting") if console.is_terminal else None

    def __enter__(self) -> Progress:
        if self._status:
            self._status.start()
        threading.Thread(target=self._keep_alive, name="progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._status:
            self._status.stop()

    def say(self, text: str, style: str | None = None) -> None:
        """One line, after the seconds since the start."""
        from rich.text import Text

        line = Text(f"[{time.monotonic() - self._started:6.1f} s] ", style="dim").append(
            text, style=style or "not dim"
        )
        self._console.print(line, soft_wrap=True)
        self._last_line = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Called by Dagster for each record of the run."""
        try:
            event = getattr(record, "dagster_event", None)
            if event is not None:
                self._event(event)
                return
            words = _own_words(record)
            if words is not None:
                self.say(f"{self._label():<8} {words}")
        except Exception:  # a line that cannot be shown must not fail the run
            self.handleError(record)

    def _event(self, event: Any) -> None:
        handler = {
            "STEP_START": self._on_start,
            "STEP_SUCCESS": self._on_end,
            "STEP_FAILURE": self._on_failure,
            "ASSET_MATERIALIZATION": self._on_materialization,
            "ASSET_CHECK_EVALUATION": self._on_check,
        }.get(event.event_type_value)
        if handler:
            handler(event)

    def _on_start(self, event: Any) -> None:
        self._step = event.step_key
        self._step_started[event.step_key] = time.monotonic()
        if self._status:
            self._status.update(f"{self._label()}: {self._step}")

    def _on_end(self, event: Any) -> None:
        took = time.monotonic() - self._step_started.get(event.step_key, time.monotonic())
        stage = self._stages.get(event.step_key, "other")
        self.record.seconds[stage] = self.record.seconds.get(stage, 0.0) + took

    def _on_failure(self, event: Any) -> None:
        self._on_end(event)
        if not any(failure.startswith("check ") for failure in self.record.failures[-1:]):
            reason = root_cause(event.event_specific_data)
            self.record.failures.append(f"step {event.step_key}: {reason}")
            self.say(f"{self._label():<8} FAILED {event.step_key}: {reason}", "bold red")

    def _on_materialization(self, event: Any) -> None:
        found = event.step_materialization_data.materialization
        key = tuple(found.asset_key.path)
        is_new = key not in self.record.rows  # a load of a year comes as 365 events, one a day
        rows = found.metadata.get("dagster/row_count")
        self.record.rows[key] = rows.value if rows is not None else None
        if is_new:
            counted = f"{rows.value:>10,} rows" if rows is not None else ""
            self.say(f"{self._label():<8} {'.'.join(key):<42} {counted}".rstrip())

    def _on_check(self, event: Any) -> None:
        found = event.asset_check_evaluation_data
        if found.passed:
            self.record.checks_passed += 1
            return
        is_error = found.severity == dg.AssetCheckSeverity.ERROR
        words = (
            f"check {found.check_name} of {'.'.join(found.asset_key.path)}: {found.description or 'failed'}"
        )
        (self.record.failures if is_error else self.record.warnings).append(words)
        self.say(
            f"{self._label():<8} {'FAILED' if is_error else 'warning:'} {words}",
            "bold red" if is_error else "yellow",
        )

    def _label(self) -> str:
        return self._stages.get(self._step, "run")

    def _keep_alive(self) -> None:
        while not self._done.wait(1.0):
            quiet = time.monotonic() - self._last_line
            if self._status:
                self._status.update(
                    f"{self._label()}: {self._step}, {time.monotonic() - self._started:.0f} s"
                )
            elif quiet >= QUIET_SECONDS:
                since = time.monotonic() - self._step_started.get(self._step, self._started)
                self.say(f"{self._label():<8} {self._step} is still running, {since:.0f} s so far")


def _own_words(record: logging.LogRecord) -> str | None:
    """What a stage of ours says; None for libraries, which log through Dagster in the same way."""
    meta = getattr(record, "dagster_meta", None)
    words = str(meta.get("orig_message", "")) if isinstance(meta, dict) else ""
    return words[len(MARK) :].splitlines()[0] if words.startswith(MARK) else None


def root_cause(data: Any) -> str:
    """The first error of a failed step's chain: its kind and its words, without the trace."""
    error = getattr(data, "error", None)
    while error is not None and getattr(error, "cause", None) is not None:
        error = error.cause
    if error is None:
        return "no reason was recorded"
    return str(error.message).strip()[:2000]


_listener: Progress | None = None


@contextmanager
def listening(progress: Progress) -> Iterator[None]:
    """While this lasts, `progress` gets the records of the logger below."""
    global _listener
    _listener = progress
    try:
        yield
    finally:
        _listener = None


@dg.logger(
    description="Hands the records of a run started by `starhouse` to the terminal and to its log file."
)
def progress_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """The logger of runs that the command line starts."""
    logger = logging.getLogger(LOGGER_NAME)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    for handler in [each for each in logger.handlers if isinstance(each, Progress)]:
        logger.removeHandler(handler)
    if _listener is not None:
        logger.addHandler(_listener)
    return logger
