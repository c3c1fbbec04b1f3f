"""The warehouse: the only Python that opens a database connection, and the dbt project beside it.

Belongs here: `client` (settings, server, connection) and `loaders` (sources to raw tables). Does not belong
here: models, serving or orchestration, which import from here and are never imported by it.
"""
