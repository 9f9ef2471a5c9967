"""The tables' keys let data be spread over machines by company (decision 0001)."""

import pytest
from sqlalchemy import Table as SQLTable

from channel_manager.db import Table
from channel_manager.migrations.models import ALL_MODELS

# Small, alike on every machine, or of no company: copied whole to each machine instead.
REFERENCE_TABLES = {
    "companies": "a row for each company, joined by every order; its address is unique over all",
    "console_users": "people at the venue; they may serve several companies",
    "console_roles": "a row for each of them and company",
    "console_sessions": "who is signed in; a row for each browser",
    "console_sign_ins": "a day's attempts to sign in, by login",
    "installation_secrets": "the installation's own, a handful of rows",
    "rate_counts": "by key for ten minutes; lost, it only counts anew",
}
TABLES = sorted(Table.metadata.tables.values(), key=lambda table: table.name)


def unique_keys(table: SQLTable) -> dict[str, list[str]]:
    """Columns of the primary key and of each unique index or constraint."""
    keys = {"primary key": [column.name for column in table.primary_key]}
    keys |= {
        str(index.name): [column.name for column in index.columns]
        for index in table.indexes
        if index.unique
    }
    return keys


def test_the_models_are_loaded_and_the_list_names_none_that_is_gone():
    assert ALL_MODELS
    assert REFERENCE_TABLES.keys() <= {table.name for table in TABLES}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_key_of_a_table_holds_the_company(table):
    if table.name in REFERENCE_TABLES:
        return
    assert next(column.name for column in table.primary_key) == "company_id"
    for name, columns in unique_keys(table).items():
        assert "company_id" in columns, name
    for key in table.foreign_key_constraints:
        columns = [column.name for column in key.columns]
        assert "company_id" in columns, key.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_reference_table_points_at_one_that_is_spread(table):
    if table.name in REFERENCE_TABLES:
        for key in table.foreign_key_constraints:
            assert key.referred_table.name in REFERENCE_TABLES
