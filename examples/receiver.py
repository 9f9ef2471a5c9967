"""A small receiver of the channel manager's webhooks, to start from and to try things with.

It does what every receiver has to:

1. checks the signature over the very bytes that came, before it looks at them;
2. answers at once (204), and works afterwards;
3. takes each event once, by its `webhook-id`: a delivery may come twice.

It needs Python 3.11 and one package, `pip install standardwebhooks`. Run it with the secret that
was shown when the subscription was made:

    python receiver.py --secret whsec_... --port 9000

Plain http on this machine is for trying out; a channel manager that isn't in development mode
delivers to https addresses only, so put it behind your own web server there.
"""

import argparse
import json
import queue
import threading
from collections import OrderedDict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BODY = 1_000_000
REMEMBERED = 100_000


class Inbox:
    """The events that are still to be worked on, each once.

    This one forgets everything when it stops. A real one writes the id and the event to its
    database, in one transaction, before it answers.
    """

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self.work: queue.Queue[dict[str, Any]] = queue.Queue()

    def take(self, body: bytes, headers: dict[str, str]) -> HTTPStatus:
        """Check, note and answer; takes well under a millisecond."""
        try:
            delivery = self._webhook.verify(body, headers)
        except (WebhookVerificationError, ValueError) as refusal:
            print(f"refused: {refusal}", flush=True)
            return HTTPStatus.UNAUTHORIZED
        if self._is_new(headers["webhook-id"]):
            for event in delivery["value"]:
                self.work.put(event)
        return HTTPStatus.NO_CONTENT

    def _is_new(self, message_id: str) -> bool:
        with self._lock:
            if message_id in self._seen:
                return False
            self._seen[message_id] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            return True


class Handler(BaseHTTPRequestHandler):
    """POST anywhere is a delivery."""

    protocol_version = "HTTP/1.1"  # keeps the connection open for the next delivery
    timeout = 30
    inbox: Inbox

    def do_POST(self) -> None:
        """Read the body as it is; parsing and writing it again would change the bytes."""
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            self._answer(HTTPStatus.LENGTH_REQUIRED)
        elif int(length) > MAX_BODY:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(self.inbox.take(self.rfile.read(int(length)), headers))

    def _answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
        if status is not HTTPStatus.NO_CONTENT:
            # After a refusal there may be an unread body on this connection.
            self.send_header("content-length", "0")
            self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print events only."""


def work(inbox: Inbox) -> None:
    """Do the work. A real one calls getOrder here, and reconciles the order it finds."""
    while True:
        print(json.dumps(inbox.work.get(), ensure_ascii=False), flush=True)


def main() -> None:
    """Receive until interrupted."""
    parser = argparse.ArgumentParser(description="Receives and prints webhooks.")
    parser.add_argument("--secret", required=True, help="the subscription's whsec_... secret")
    parser.add_argument("--port", type=int, default=9000, help="0 takes any free port")
    options = parser.parse_args()

    inbox = Inbox(options.secret)
    Handler.inbox = inbox
    threading.Thread(target=work, args=(inbox,), daemon=True).start()
    with ThreadingHTTPServer(("127.0.0.1", options.port), Handler) as server:
        print(f"receiving on http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
