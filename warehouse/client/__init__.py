"""The warehouse client: settings, the embedded server, and one connection type. Everything public is
importable here.

Belongs here: whatever opens a connection or reads the environment. Does not belong: sources, models, metrics.
Importing it loads no driver and touches neither network nor database.
"""

from warehouse.client.embedded.server import ServerStatus, server_status, start_server, stop_server
from warehouse.client.environment import export_environment, subprocess_env
from warehouse.client.errors import ServerError, SettingsError, WarehouseError
from warehouse.client.identifiers import quote
from warehouse.client.profile import write_profile
from warehouse.client.settings import Settings, load_settings
from warehouse.client.sqlalchemy_source import SqlAlchemySource, sqlalchemy_source
from warehouse.client.urls import Urls, connection_urls
from warehouse.client.warehouse import Warehouse, open_warehouse

__all__ = [
    "ServerError", "ServerStatus", "Settings", "SettingsError", "Urls", "Warehouse", "WarehouseError",
    "connection_urls", "export_environment", "load_settings", "open_warehouse", "quote", "server_status",
    "SqlAlchemySource", "sqlalchemy_source", "start_server", "stop_server", "subprocess_env", "write_profile",
]  # fmt: skip
