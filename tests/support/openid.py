"""An OpenID Connect provider, over real HTTP: its description, keys, and tokens as it is told."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "the-console", "a secret between the two"


@dataclass
class Provider:
    """What it says of whoever signs in next is `claims`; `key` signs it."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))
    signing_key: RSAKey | None = None
    asked: dict[str, str] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)

    def authorize(self, address: str) -> dict[str, str]:
        """Somebody signs in there: what their browser brings back."""
        query = parse_qs(urlsplit(address).query)
        self.asked = {name: values[0] for name, values in query.items()}
        self.codes.add("a-code")
        return {"code": "a-code", "state": self.asked["state"]}

    async def describe(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def keys(self, _: web.Request) -> web.Response:
        return web.json_response(KeySet([self.key]).as_dict(private=False))

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        code = str(form.get("code"))
        digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        credentials = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        good = (
            code in self.codes
            and challenge == self.asked["code_challenge"]
            and self.asked["code_challenge_method"] == "S256"
            and form.get("redirect_uri") == self.asked["redirect_uri"]
            and request.headers.get("authorization") == f"Basic {credentials}"
        )
        if not good:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.codes.discard(code)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "1",
            "iat": now,
            "exp": now + 300,
            "nonce": self.asked["nonce"],
        } | self.claims
        key = self.signing_key or self.key
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, key)
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": signed})


@asynccontextmanager
async def providing() -> AsyncIterator[Provider]:
    """A provider on a loopback port of its own."""
    provider = Provider()
    application = web.Application()
    application.router.add_get("/.well-known/openid-configuration", provider.describe)
    application.router.add_get("/keys", provider.keys)
    application.router.add_post("/token", provider.token)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()
