"""Sources declared in YAML beside their staging models: read, held against a contract, kept as versions.

Belongs here: what every declared source shares from its declaration to committed, counted rows, and the
connectors. Does not belong here: sources written in Python (`warehouse.loaders.nycflights13`), dbt models.
"""
