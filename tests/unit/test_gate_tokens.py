from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from channel_manager.gate.tokens import LIFETIME, Token, read_token, write_token

NOW = datetime(2027, 6, 1, tzinfo=UTC)
SECRET = b"s" * 32
TOKEN = Token(uuid4(), uuid4(), "CASTLE", "scanner-1")


def test_a_token_is_read_as_it_was_written():
    text = write_token(TOKEN, SECRET, NOW)
    assert read_token(text, TOKEN.company_id, SECRET, NOW + LIFETIME) == TOKEN


def test_a_token_runs_out():
    text = write_token(TOKEN, SECRET, NOW)
    late = NOW + LIFETIME + timedelta(seconds=1)
    assert read_token(text, TOKEN.company_id, SECRET, late) is None


def test_another_company_or_secret_can_not_use_it():
    text = write_token(TOKEN, SECRET, NOW)
    assert read_token(text, uuid4(), SECRET, NOW) is None
    assert read_token(text, TOKEN.company_id, b"t" * 32, NOW) is None


@given(st.text())
def test_any_other_text_is_no_token(text):
    assert read_token(text, TOKEN.company_id, SECRET, NOW) is None
