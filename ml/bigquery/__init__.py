"""BigQuery by the same spec: Postgres statements of this project as GoogleSQL that gives the same values.

Belongs here: translating what `ml` writes for Postgres, and a warehouse that does so on the way. Does not
belong here: a connection (`warehouse.client`), or what is computed.
"""

from ml.bigquery.kinds import TranslationError
from ml.bigquery.statements import Translation, translate
from ml.bigquery.warehouse import TranslatedWarehouse

__all__ = ["TranslatedWarehouse", "Translation", "TranslationError", "translate"]
