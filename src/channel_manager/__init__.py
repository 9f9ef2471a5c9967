"""OTA channel manager for attractions."""
