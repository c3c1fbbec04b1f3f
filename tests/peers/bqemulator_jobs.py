"""What bqemulator 1.4.0 lacks of BigQuery's jobs: ids that are taken once, and transactions over many jobs.

Loaded by `bqemulator_shim.py` in the peer's own environment. Belongs here: patches of jobs, each saying what
the emulator lacks. Does not belong here: statements and loads themselves (`bqemulator_shim`).
"""

from __future__ import annotations

import base64
import re
from contextvars import ContextVar
from typing import Any

from bqemulator.api.routes import jobs, upload
from bqemulator.domain.errors import InvalidQueryError, ResourceRef, resource_already_exists
from bqemulator.jobs.executor import JOB_RESULTS, execute_query_job
from bqemulator.scripting.interpreter import ScriptInterpreter, _classify_txn_statement
from bqemulator.sql import parameters
from bqemulator.storage.engine import DuckDBEngine

SESSION: ContextVar[str | None] = ContextVar("session", default=None)
WANTED: ContextVar[str | None] = ContextVar("wanted", default=None)
OPEN: dict[str, ScriptInterpreter] = {}
"""By session, what remembers the tables as they were before its transaction."""
ABORT = re.compile(r"\s*CALL\s+BQ\.ABORT_SESSION\s*\(\s*(?:'([^']*)')?\s*\)", re.IGNORECASE)
DEFINES = re.compile(
    r"\s*(CREATE\s+(?!(OR\s+REPLACE\s+)?TEMP)|ALTER\s|DROP\s+(?!TABLE\s+(IF\s+EXISTS\s+)?`?\w+`?\s*$))",
    re.IGNORECASE,
)
"""Definitions of what lasts: a short-lived table's name has no dot."""
COPIED = re.compile(r"^\s*(CREATE OR REPLACE TABLE \S+) COPY (\S+)\s*$")
ANONYMOUS = re.compile(r'"[^"]+___bqemu_anonymous"."(anon\w+)"')
NOTHING = "BEGIN TRANSACTION; COMMIT TRANSACTION;"


def job_ids_are_taken_once() -> None:
    """A job under an id that was used is refused with 409, as a client counts on that repeats a request whose
    answer was lost. The emulator runs it again, and gives uploads an id of its own.
    """
    before_query, before_load = jobs._handle_query_job, upload._run_load
    before_id, before_envelope = upload._new_job_id, upload._load_configuration_from_envelope

    async def handled(project: str, job_id: str, config: dict[str, Any], **given: Any) -> Any:
        if not given["dry_run"]:
            _refuse_known(given["ctx"], project, job_id)
        token = SESSION.set(_session_of(config["query"]))
        try:
            return await before_query(project, job_id, config, **given)
        finally:
            SESSION.reset(token)

    def configured(envelope: dict[str, Any]) -> dict[str, Any]:
        wanted = envelope.get("jobReference", {}).get("jobId")
        return {**before_envelope(envelope), "wantedJobId": wanted}

    async def loaded(*, project_id: str, configuration: dict[str, Any], media_path: str, ctx: Any) -> Any:
        wanted = configuration.pop("wantedJobId", None)
        if wanted:
            _refuse_known(ctx, project_id, wanted)
        token = WANTED.set(wanted)
        try:
            return await before_load(
                project_id=project_id, configuration=configuration, media_path=media_path, ctx=ctx
            )
        finally:
            WANTED.reset(token)

    jobs._handle_query_job = handled
    upload._run_load = loaded
    upload._load_configuration_from_envelope = configured
    upload._new_job_id = lambda: WANTED.get() or before_id()


def sessions_keep_transactions() -> None:
    """BEGIN, COMMIT and ROLLBACK in jobs of their own, within a session. The emulator makes a session's id,
    but holds a transaction within one script only. As in BigQuery, a transaction takes no definition of a
    table.
    """
    before_mint = jobs._maybe_mint_session

    def minted(query_config: dict[str, Any]) -> str | None:
        session = before_mint(query_config)
        if session is not None:
            SESSION.set(session)
        return session

    async def executed(project: str, job_id: str, sql: str, parameters: Any, ctx: Any, **given: Any) -> Any:
        aborted = ABORT.match(sql)
        session = aborted[1] if aborted and aborted[1] else SESSION.get()
        if session is None:
            return await execute_query_job(project, job_id, sql, parameters, ctx, **given)
        interpreter = OPEN.setdefault(session, ScriptInterpreter(ctx, project, caller=given.get("caller")))
        ended = "ROLLBACK" if aborted else _classify_txn_statement(sql)
        if ended is not None:
            await interpreter._handle_txn_statement(ended)
            return await execute_query_job(project, job_id, NOTHING, None, ctx, **given)
        if interpreter._active_txn is not None:
            if DEFINES.match(sql):
                raise InvalidQueryError(
                    "Transaction control: DDL statements are not supported in a transaction, other than "
                    "those creating or dropping temporary tables or temporary functions."
                )
            await interpreter._snapshot_dml_targets(sql)
        return await execute_query_job(project, job_id, sql, parameters, ctx, **given)

    jobs._maybe_mint_session = minted
    jobs.execute_query_job = executed


def tables_are_copied() -> None:
    """`CREATE OR REPLACE TABLE a COPY b`, which the emulator hands to DuckDB as it stands."""
    before = jobs.execute_query_job

    async def executed(project: str, job_id: str, sql: str, *given: Any, **further: Any) -> Any:
        return await before(project, job_id, COPIED.sub(r"\1 AS SELECT * FROM \2", sql), *given, **further)

    jobs.execute_query_job = executed


def bytes_are_parameters() -> None:
    """A parameter of type BYTES comes as base64; the emulator takes that text for the bytes."""
    parameters._SCALAR_CONVERTERS = {**parameters._SCALAR_CONVERTERS, "BYTES": base64.b64decode}


def results_are_read_by_the_storage_interface() -> None:
    """The Storage Read API reads a query's anonymous result too, which the emulator keeps beside its
    tables.
    """
    before = DuckDBEngine.fetch_arrow

    def fetched(self: DuckDBEngine, sql: str, given: list[Any] | None = None) -> Any:
        for found in ANONYMOUS.finditer(sql):
            self.connection.register(found[1], JOB_RESULTS[found[1].removeprefix("anon")])
            sql = sql.replace(found[0], f'"{found[1]}"')
        return before(self, sql, given)

    DuckDBEngine.fetch_arrow = fetched


def _session_of(query_config: dict[str, Any]) -> str | None:
    entries = query_config.get("connectionProperties") or []
    return next((one.get("value") for one in entries if one.get("key") == "session_id"), None)


def _refuse_known(ctx: Any, project: str, job_id: str) -> None:
    if ctx.catalog.get_job(project, job_id) is not None:
        raise resource_already_exists(ResourceRef("job", project, resource_id=job_id))


PATCHES = (
    job_ids_are_taken_once, sessions_keep_transactions, tables_are_copied, bytes_are_parameters,
    results_are_read_by_the_storage_interface,
)  # fmt: skip
