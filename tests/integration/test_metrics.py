"""What Prometheus is told, and that the dashboard and the alerts ask for what is told."""

import json
import re
from pathlib import Path

import httpx
import pytest
import yaml
from pydantic import SecretStr

from channel_manager.app import make_app
from support.castle import COMPANY_PATH, ORDERS_PATH, order

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\bchannel_manager_\w+")


async def scraped(client) -> dict[str, float]:
    reply = await client.get("/metrics", headers={"x-np-api-key": ""})
    assert reply.status_code == 200
    lines = [line for line in reply.text.splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


async def test_work_is_counted_and_timed(client):
    before = await scraped(client)
    made = await client.post(f"{ORDERS_PATH}?sync=1", json=order())
    await client.post(ORDERS_PATH, json=order(items=[]))
    await client.post(f"{COMPANY_PATH}/speedgate/try", json={"referenceNumber": "NOPE"})
    after = await scraped(client)

    def more(name):
        return after[name] - before.get(name, 0)

    assert made.json()["status"] == "Issued"
    assert more("channel_manager_orders_accepted_total") == 1
    assert more('channel_manager_orders_settled_total{status="Issued"}') == 1
    assert more("channel_manager_issuance_seconds_count") == 1
    assert more('channel_manager_refusals_total{code="invalid_input"}') == 1
    assert more('channel_manager_gate_answers_total{code="not_found"}') == 1
    named = 'channel_manager_request_seconds_count{operation="createOrder",status="201"}'
    assert more(named) == 1


async def test_what_is_in_flight_is_told_with_its_age(client):
    assert (await scraped(client))["channel_manager_order_oldest_seconds"] == 0
    await client.post(ORDERS_PATH, json=order())
    told = await scraped(client)
    assert told['channel_manager_orders_in_flight{status="Submitted"}'] == 1
    assert told["channel_manager_order_oldest_seconds"] > 0
    assert told['channel_manager_jobs{status="queued"}'] == 1


async def test_nothing_of_partners_or_guests_is_told(client):
    await client.post(f"{ORDERS_PATH}?sync=1", json=order())
    told = (await client.get("/metrics")).text
    for secret in ("Jane", "guest@", "CRONUS", "BK-", client.headers["x-np-api-key"]):
        assert secret not in told


@pytest.mark.parametrize(
    ("token", "address", "given", "status"),
    [
        (None, "127.0.0.1", "", 200),
        (None, "192.0.2.1", "", 404),
        ("s3cret", "127.0.0.1", "", 404),
        ("s3cret", "192.0.2.1", "Bearer wrong", 404),
        ("s3cret", "192.0.2.1", "Bearer s3cret", 200),
    ],
)
async def test_who_may_scrape(settings, database_url, token, address, given, status):
    chosen = settings.model_copy(update={"metrics_token": token and SecretStr(token)})
    transport = httpx.ASGITransport(make_app(chosen, database_url), client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://venue.example") as client:
        reply = await client.get("/metrics", headers={"authorization": given})
    assert reply.status_code == status


async def test_the_dashboard_and_the_alerts_ask_for_what_is_told(client):
    told = (await client.get("/metrics")).text
    known = set(re.findall(r"# TYPE (\w+) ", told))
    dashboard = json.loads((DEPLOY / "grafana/channel-manager.json").read_text("utf-8"))
    rules = yaml.safe_load((DEPLOY / "prometheus/channel-manager.rules.yaml").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    asked += [alert["expr"] for alert in alerts]
    for name in {name for expr in asked for name in NAME.findall(expr)}:
        assert name in known or re.sub(r"_(bucket|count|sum)$", "", name) in known, name
    headings = (DEPLOY.parent / "docs/how-to/when-it-alerts.md").read_text("utf-8")
    for alert in alerts:
        assert f"## {alert['alert']}\n" in headings
        assert alert["annotations"]["runbook"].endswith(f"#{alert['alert'].lower()}")
