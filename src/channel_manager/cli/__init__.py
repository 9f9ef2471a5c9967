"""The command `channel-manager`."""

from channel_manager.cli.main import main

__all__ = ["main"]
