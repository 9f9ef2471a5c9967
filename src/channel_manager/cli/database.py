from collections.abc import Iterator
from contextlib import contextmanager

from channel_manager.embedded import EmbeddedPostgres
from channel_manager.settings import settings


@contextmanager
def the_database() -> Iterator[str]:
    """The address of the database to use: DATABASE_URL, or the embedded one, kept up meanwhile."""
    configured = settings().database_url
    if configured:
        yield configured
        return
    embedded = EmbeddedPostgres(settings().home_path)
    try:
        yield embedded.start()
    finally:
        embedded.release()
