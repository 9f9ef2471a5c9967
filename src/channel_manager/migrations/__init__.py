"""The schema's history, and bringing a database up to date."""

from channel_manager.migrations.upgrade import is_current, upgrade

__all__ = ["is_current", "upgrade"]
