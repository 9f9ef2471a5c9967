"""The schema's history, and bringing a database up to date."""

from channel_manager.migrations.upgrade import has_schema, is_current, upgrade

__all__ = ["has_schema", "is_current", "upgrade"]
