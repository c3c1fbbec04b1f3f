"""BigQuery by the same spec: Postgres statements of this project as GoogleSQL that gives the same values.

Belongs here: translating what `ml` writes for Postgres, and a warehouse that does so on the way. Does not
belong here: a connection (`warehouse.client`), or what is computed.
"""

from warehouse.client.googlesql.kinds import TranslationError
from warehouse.client.googlesql.statements import Translation, translate
from warehouse.client.googlesql.warehouse import TranslatedWarehouse

__all__ = ["TranslatedWarehouse", "Translation", "TranslationError", "translate"]
