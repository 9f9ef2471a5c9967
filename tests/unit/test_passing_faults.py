"""Which faults of the database are worth the same request again: each was met under load."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from channel_manager.db import is_passing, translated_errors
from channel_manager.errors import Unavailable


@pytest.mark.parametrize(
    "fault",
    [
        asyncpg.SerializationError,
        asyncpg.DeadlockDetectedError,
        asyncpg.ReadOnlySQLTransactionError,  # a standby that is about to lead
        asyncpg.DiskFullError,
        asyncpg.TooManyConnectionsError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.CannotConnectNowError,
        asyncpg.ConnectionDoesNotExistError,
        asyncpg.InvalidCachedStatementError,  # the schema moved on beneath it
    ],
)
async def test_passing_faults_are_told_as_such_by_driver_and_by_sqlalchemy(fault):
    raised = fault("so it says")
    assert is_passing(raised)
    assert is_passing(DBAPIError("SELECT", {}, raised))
    with pytest.raises(Unavailable), translated_errors():
        raise raised


@pytest.mark.parametrize(
    "fault",
    [OSError("gone"), asyncpg.InterfaceError("closed"), asyncpg.InternalClientError("state")],
)
async def test_a_connection_that_is_gone_is_a_passing_fault(fault):
    with pytest.raises(Unavailable), translated_errors():
        raise fault


@pytest.mark.parametrize("fault", [asyncpg.UniqueViolationError, asyncpg.UndefinedColumnError])
async def test_a_fault_of_ours_stays_one(fault):
    raised = fault("so it says")
    assert not is_passing(raised)
    with pytest.raises(fault), translated_errors():
        raise raised


async def test_a_misuse_of_the_library_is_no_passing_fault():
    with pytest.raises(InvalidRequestError), translated_errors():
        raise InvalidRequestError
