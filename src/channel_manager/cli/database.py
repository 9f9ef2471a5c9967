from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from channel_manager.embedded import EmbeddedPostgres
from channel_manager.settings import settings


@contextmanager
def the_database(*, for_long: bool = False) -> Iterator[str]:
    """The address of the database to use: DATABASE_URL, or the embedded one, kept up meanwhile.

    `for_long`, as a service needs it: the embedded one is started again where it dies.
    """
    configured = settings().database_url
    if configured:
        yield configured
        return
    embedded = EmbeddedPostgres(settings().home_path)
    try:
        url = embedded.start()
        with embedded.kept_running() if for_long else nullcontext():
            yield url
    finally:
        embedded.release()
