import base64
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from channel_manager.webhooks.signing import new_secret, sign

BODY = '{"n":"Søren Ærø 🎟️ 王"}'.encode()


def now() -> datetime:
    return datetime.now(UTC)


def test_a_receiver_verifies_the_very_bytes() -> None:
    secret = new_secret()
    headers = sign([secret], "msg_1", now(), BODY)
    assert Webhook(secret).verify(BODY, headers) == {"n": "Søren Ærø 🎟️ 王"}


@given(st.text(), st.integers(min_value=1, max_value=4))
def test_any_text_verifies_with_each_of_the_secrets(text: str, count: int) -> None:
    body = text.encode("utf-8", "replace")
    secrets = [new_secret() for _ in range(count)]
    headers = sign(secrets, "msg_1", now(), body)
    for secret in secrets:
        Webhook(secret).verify(body, headers, json_parse=False)


def test_the_signature_is_the_one_that_the_specification_gives() -> None:
    # Worked out with openssl: printf 'msg_a.1614265330.{}' | openssl dgst -sha256 -mac HMAC ...
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    assert sign([secret], "msg_a", 1614265330, b"{}") == {
        "webhook-id": "msg_a",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,qUN05movORePhWwYvgs8VobbMGnC4phetVCSXG3f/qs=",
    }


def test_during_a_rotation_the_old_and_the_new_secret_both_verify() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    headers = sign([new, old], "msg_1", now(), BODY)
    assert re.fullmatch(r"v1,\S{44} v1,\S{44}", headers["webhook-signature"])
    Webhook(old).verify(BODY, headers)
    Webhook(new).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp"])
def test_a_change_to_anything_signed_is_noticed(change: str) -> None:
    secret = new_secret()
    moment = now()
    headers = sign([secret], "msg_1", moment, BODY)
    body = BODY
    if change == "body":
        body = BODY.replace(b"S", b"s")
    elif change == "webhook-id":
        headers["webhook-id"] = "msg_2"
    else:
        headers["webhook-timestamp"] = str(int(moment.timestamp()) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_an_old_delivery_can_not_be_replayed() -> None:
    secret = new_secret()
    headers = sign([secret], "msg_1", now() - timedelta(minutes=6), BODY)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(BODY, headers)


def test_a_time_is_the_same_in_every_zone() -> None:
    secret = new_secret()
    moment = datetime(2027, 3, 28, 12, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=9)))
    seconds = int(moment.timestamp())
    assert (
        sign([secret], "m", moment, BODY)
        == sign([secret], "m", elsewhere, BODY)
        == sign([secret], "m", seconds, BODY)
    )


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        sign([new_secret()], "m", datetime(2027, 3, 28, 12), BODY)  # noqa: DTZ001 - the case itself


def test_secrets_are_long_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_!!!!",
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_malformed_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="24-64 bytes") as refused:
        sign([secret], "m", 1, BODY)
    if len(secret) > len("whsec_"):
        assert secret not in str(refused.value)


def test_no_secret_is_no_signature() -> None:
    with pytest.raises(ValueError, match="at least one secret"):
        sign([], "m", 1, BODY)


@pytest.mark.parametrize("message_id", ["", "a.b", "a\r\nx: y", "é", "a b", "a" * 101, "a\n"])
def test_an_id_that_could_be_misread_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="message id"):
        sign([new_secret()], message_id, 1, BODY)
