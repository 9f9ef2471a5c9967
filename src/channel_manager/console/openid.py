"""Signing in by the venue's OpenID Connect provider: the talk with it (extra `oidc`).

Authorization code flow with PKCE, by Authlib; the provider's tokens are checked by joserfc.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from joserfc.jwt import JWTClaimsRegistry

from channel_manager.clock import Clock
from channel_manager.errors import Unauthorized, Unavailable
from channel_manager.settings import Settings

log = structlog.get_logger(__name__)

SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
KEPT = timedelta(minutes=10)
SECONDS = 5.0
# What a provider's clock may be wrong by.
LEEWAY_SECONDS = 60
LARGEST_REPLY = 1_000_000


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the browser is sent, and what must be there again when it comes back."""

    address: str
    state: str
    nonce: str
    verifier: str


@dataclass(slots=True)
class Provider:
    """The venue's provider, as it describes itself; asked anew every ten minutes."""

    issuer: str
    client_id: str
    client_secret: str
    # The claim that is somebody's login here.
    claim: str
    clock: Clock
    # For tests, where it is on this machine without HTTPS.
    development: bool = False
    _told: dict[str, Any] = field(default_factory=dict)
    _keys: KeySet | None = None
    _good_until: float = 0.0

    async def begin(self, back: str, state: str, nonce: str, verifier: str) -> Beginning:
        """An address at the provider that leads back to `back`. Errors: `Unavailable`."""
        told = await self._description()
        async with self._client(back) as client:
            address, _ = client.create_authorization_url(
                told["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return Beginning(address, state, nonce, verifier)

    async def login_of(self, back: str, code: str, nonce: str, verifier: str) -> str:
        """Who came back with this code: the login that the provider vouches for.

        Errors: `Unauthorized` for a code or token that isn't good; `Unavailable`.
        """
        told = await self._description()
        try:
            async with self._client(back) as client:
                reply = await client.fetch_token(
                    told["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                )
        except OAuthError as error:
            raise _not_vouched(error) from error
        except (httpx.HTTPError, ValueError) as error:
            raise _away(error) from error
        try:
            assert self._keys is not None  # noqa: S101 - read with the description
            token = jwt.decode(str(reply.get("id_token", "")), self._keys, algorithms=SIGNATURES)
            self._check(token.claims, nonce)
        except (JoseError, ValueError) as error:
            raise _not_vouched(error) from error
        return self._login(token.claims)

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        now = int(self.clock().timestamp())
        JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(dict(claims))
        if claims.get("azp", self.client_id) != self.client_id:
            raise ValueError("the token is for another client")

    def _login(self, claims: Mapping[str, Any]) -> str:
        # An address that nobody has checked could be anybody's.
        if self.claim == "email" and claims.get("email_verified") is not True:
            raise _not_vouched(ValueError("the provider doesn't say that the e-mail is verified"))
        login = claims.get(self.claim)
        if not isinstance(login, str) or not login:
            raise _not_vouched(ValueError(f"the token has no {self.claim}"))
        return login

    async def _description(self) -> dict[str, Any]:
        now = self.clock().timestamp()
        if now >= self._good_until:
            where = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                async with httpx.AsyncClient(timeout=SECONDS) as client:
                    told = await _read(client, where)
                    self._check_description(told)
                    found = await _read(client, told["jwks_uri"])
                    keys = KeySet.import_key_set(cast("KeySetSerialization", found))
            except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
                raise _away(error) from error
            self._told, self._keys = told, keys
            self._good_until = now + KEPT.total_seconds()
        return self._told

    def _check_description(self, told: Mapping[str, Any]) -> None:
        if told["issuer"] != self.issuer:
            raise ValueError(f"it calls itself {told['issuer']}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if urlsplit(told[name]).scheme != "https" and not self.development:
                raise ValueError(f"its {name} is not https")

    def _client(self, back: str) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self.client_id,
            self.client_secret,
            scope="openid email profile",
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=SECONDS,
        )


def provider_of(settings: Settings, clock: Clock) -> Provider | None:
    """The provider that the settings name, if they do."""
    if not settings.oidc_issuer:
        return None
    secret = settings.oidc_client_secret
    return Provider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        secret.get_secret_value() if secret else "",
        settings.oidc_claim,
        clock,
        development=settings.development,
    )


async def _read(client: httpx.AsyncClient, where: str) -> dict[str, Any]:
    reply = (await client.get(where)).raise_for_status()
    if len(reply.content) > LARGEST_REPLY:
        raise ValueError(f"{where} is too long")
    told = reply.json()
    if not isinstance(told, dict):
        raise TypeError(f"{where} is not an object")
    return told


def _away(error: Exception) -> Unavailable:
    log.warning("openid_away", error=str(error))
    return Unavailable("The venue's sign-in service can't be reached; try again shortly.")


def _not_vouched(error: Exception) -> Unauthorized:
    log.warning("openid_refused", error=str(error))
    return Unauthorized("The venue's sign-in service doesn't vouch for you.", code="openid_refused")
