"""Transactions as the house means them, on an engine whose transactions hold no definition of a table.

BigQuery's transaction takes changes of rows and short-lived tables, and no other definition. So it begins
with the first change of rows that others can see: what a block defines before that is defined at once, and
dropped again where the block fails. At its end the declared rules of every table written are asked for
(`warehouse.client.rules`), which BigQuery does not enforce. Belongs here: when a transaction begins and
ends. Does not belong here: sending (`googlesql.warehouse`), sessions (the engine's own warehouse).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from warehouse.client.errors import WarehouseError
from warehouse.client.googlesql.kinds import TranslationError
from warehouse.client.identifiers import quote
from warehouse.client.rules import CHECK, RAISED, REFERENCE, UNIQUE, rules_after, rules_of

if TYPE_CHECKING:
    from typing import Self

    from warehouse.client.googlesql.statements import Translation
    from warehouse.client.rules import Rule

IN_TURN = (CHECK, UNIQUE, REFERENCE)
WORK = "ml_work."
"""Tables of one run: no transaction is needed for them."""


class Transactions:
    """Mixed into a warehouse with `query` and `_send`."""

    query: Any
    _send: Any
    _engine: Any
    _known: Any

    def __init__(self) -> None:
        self._depth, self._is_begun, self._touched = 0, False, -1
        self._made: list[str] = []
        self._temporary: list[str] = []
        self._broken: dict[str, Rule] = {}

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """All or nothing for changes of rows, and for tables made here; nested ones join the outer one.

        Raises:
            WarehouseError: at its end, where a row written breaks a declared rule; nothing is kept then.
        """
        self._depth += 1
        try:
            yield self
            if self._depth == 1:
                self._end()
        except BaseException:
            if self._depth == 1:
                self._undo()
            raise
        finally:
            self._depth -= 1

    def lock_until_commit(self, name: str) -> None:
        """Hold the lock `name` to the end of the open transaction."""

    def _begin(self) -> None:
        """Begin a transaction of the engine."""

    def _commit(self) -> None:
        """End it."""

    def _rollback(self) -> None:
        """Undo it."""

    def _run(self, made: Translation) -> list[dict[str, Any]]:
        """Send a translated statement, in a transaction where it needs one; the rows of the last text."""
        needs_one = made.changed and not self._is_own(made.changed)
        if needs_one and not self._depth and (made.numbers or rules_after(made.changed, made.change)):
            with self.transaction():
                rows = self._run(made)
                touched = self._touched
            self._touched = touched
            return rows
        if needs_one:
            self._refuse(made)
        if made.numbers and self._depth:  # before the first change, which fixes what is seen
            self.lock_until_commit(made.changed)
        self._begin_for(made, bool(needs_one))
        rows: list[dict[str, Any]] = []
        for text in made.statements:
            rows = self._send(text)
        self._touched = getattr(self._engine, "affected", -1)
        if self._depth:
            self._note(made)
        return rows

    def _is_own(self, path: str) -> bool:
        return path in self._made or path in self._temporary or path.startswith(WORK)

    def _begin_for(self, made: Translation, changes: bool) -> None:
        defines = bool(made.made or made.dropped) and not made.is_temporary
        ends_own = not made.made and all(path in self._temporary for path in made.dropped)
        if self._is_begun and defines and not ends_own:
            raise TranslationError(
                f"{made.statements[0][:80]} stands behind a change of rows in one transaction; allowed on "
                "BigQuery: definitions of tables before the first change."
            )
        if self._depth and not self._is_begun and (changes or made.is_temporary):
            self._begin()
            self._is_begun = True

    def _refuse(self, made: Translation) -> None:
        """What a trigger refuses in Postgres."""
        rules = rules_of(made.changed)
        if rules is not None and made.change in rules.stays:
            raise WarehouseError(
                f"Statement failed: {made.changed}: a row once written stays as it is "
                f"({made.change} refused)",
                RAISED,
            )

    def _note(self, made: Translation) -> None:
        if made.made is not None and made.is_temporary:
            self._temporary.append(made.made)
        elif made.is_new and made.made is not None:
            self._made.append(made.made)
        self._made = [path for path in self._made if path not in made.dropped]
        if made.changed and not self._is_own(made.changed):
            self._broken |= {rule.name: rule for rule in rules_after(made.changed, made.change)}

    def _end(self) -> None:
        if self._broken:  # where a row breaks several, Postgres names a check, then a key
            self._ask(sorted(self._broken.values(), key=lambda rule: IN_TURN.index(rule.sqlstate)))
        for path in self._temporary:
            self._known.pop(path, None)
            self._send(f"DROP TABLE IF EXISTS {quote(*path.split('.'), dialect='bigquery')}")
        if self._is_begun:
            self._commit()
        self._forget()

    def _undo(self) -> None:
        made, temporary = self._made, self._temporary
        try:
            if self._is_begun:
                self._rollback()
            for path in (*temporary, *made):
                self._known.pop(path, None)
                with suppress(WarehouseError):  # the failure itself is what the caller must see
                    self._send(f"DROP TABLE IF EXISTS {quote(*path.split('.'), dialect='bigquery')}")
        finally:
            self._forget()

    def _forget(self) -> None:
        self._is_begun, self._made, self._temporary, self._broken = False, [], [], {}

    def _ask(self, rules: list[Rule]) -> None:
        counts = ", ".join(
            f"(select count(*) from ({rule.broken}) as b) as r{n}" for n, rule in enumerate(rules)
        )
        found = self.query(f"select {counts}")[0]
        for number, rule in enumerate(rules):
            if found[f"r{number}"]:
                raise WarehouseError(
                    f"Commit failed: {found[f'r{number}']} rows or keys break the rule {rule.name!r}; "
                    "allowed: 0. Nothing was written; mend the row.",
                    rule.sqlstate,
                    rule.name,
                )
