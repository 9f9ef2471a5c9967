"""The service against its own OpenAPI, by a tool that tries to prove it wrong."""

import asyncio
import os
import sys
from pathlib import Path

from openapi_spec_validator import validate
from sqlalchemy import text

from channel_manager.app import make_app
from channel_manager.settings import Settings
from support import castle
from support.service import serving

SECONDS = os.environ.get("SCHEMATHESIS_SECONDS", "45")
SEED = os.environ.get("SCHEMATHESIS_SEED", "2026")
CONFIG = Path(__file__).parents[1] / "support" / "schemathesis.toml"


def test_the_document_is_valid():
    document = make_app(Settings(), "postgresql://nowhere/none").openapi()
    validate(document)
    operations = [op for methods in document["paths"].values() for op in methods.values()]
    assert not [op["operationId"] for op in operations if "422" in op["responses"]]
    ids = [op["operationId"] for op in operations]
    assert len(ids) == len(set(ids))


async def test_nothing_that_can_be_sent_breaks_the_service(database, database_url, tmp_path):
    company_id = await castle.load_venue(database)
    key = await castle.make_key(database, company_id)
    async with database.transaction() as conn:
        own_key_id = str(await conn.scalar(text("SELECT key_id FROM api_keys")))
    env = {"CHANNEL_MANAGER_DATABASE_URL": database_url, "CHANNEL_MANAGER_DEVELOPMENT": "true"}
    env["CHANNEL_MANAGER_LOG_LEVEL"] = "ERROR"
    async with serving(env) as service:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "schemathesis",
            f"--config-file={CONFIG}",
            "run",
            f"{service.base}/openapi.json",
            f"--header=x-np-api-key:{key}",
            f"--max-time={SECONDS}",
            f"--seed={SEED}",
            "--generation-database=none",
            "--no-color",
            cwd=tmp_path,
            env=os.environ
            | {
                "SCHEMATHESIS_HOOKS": "support.schemathesis_hooks",
                "OWN_KEY_ID": own_key_id,
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "COLUMNS": "120",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
    told = out.decode()
    assert process.returncode == 0, told[-20_000:]
    assert "Authentication failed" not in told, told[-20_000:]
