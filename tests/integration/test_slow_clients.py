"""Clients that go away in the middle of a request."""

from support.castle import ORDERS_PATH


async def test_a_client_that_goes_away_is_no_fault_of_ours(client, capfd):
    sent: list[dict] = []

    async def receive():
        if not sent_first:
            sent_first.append(True)
            return {"type": "http.request", "body": b'{"partnerId', "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    sent_first: list[bool] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": ORDERS_PATH,
        "raw_path": ORDERS_PATH.encode(),
        "query_string": b"",
        "headers": [
            (b"x-np-api-key", client.headers["x-np-api-key"].encode()),
            (b"content-type", b"application/json"),
        ],
        "scheme": "http",
        "server": ("venue.example", 80),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "root_path": "",
    }
    await client.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert "request_failed" not in capfd.readouterr().err
