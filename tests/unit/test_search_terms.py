from uuid import UUID

import pytest

from channel_manager.orders.search_terms import LONGEST, read_term

ID = UUID("01a21ca1-f8ea-7148-8b74-75c2c062f509")
TENANT = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize("text", ["", "  ", "\x00", "\t\n \x00 "])
def test_what_says_nothing_is_no_term(text):
    assert read_term(text) is None


@pytest.mark.parametrize(
    "text",
    [
        str(ID),
        f"  {str(ID).upper()} ",
        f"https://venue.example/wallets/manifest?mid={ID}",
        f"https://venue.example/wallets/manifest/pdf?mid={ID}&lang=da",
        f"/{TENANT}/production/CRONUS/channelManager/{ID}/confirm",
        f"https://venue.example/console/orders/{ID}",
    ],
)
def test_an_id_by_itself_or_as_the_last_of_an_address(text):
    term = read_term(text)
    assert term
    assert term.uuid == ID


@pytest.mark.parametrize("text", ["venue.example/none", f"x{ID}", f"{ID}x", "{" + str(ID) + "}"])
def test_what_is_no_id_is_none(text):
    term = read_term(text)
    assert term
    assert term.uuid is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("TM-IMPORT-000042", 42),
        ("tm-import-2147483647", 2_147_483_647),
        ("TM-IMPORT-2147483648", None),
        ("TM-IMPORT-99999999999999999999", None),
        ("TM-IMPORT-٤٢", None),
        ("TM-IMPORT-", None),
        ("000042", None),
    ],
)
def test_a_job_number_that_there_can_be(text, number):
    term = read_term(text)
    assert term
    assert term.job_number == number


def test_blanks_and_dashes_of_a_number_count_for_nothing():
    term = read_term(" 1234 5678-9012\x003456 ")
    assert term
    assert term.plain == "1234567890123456"
    assert not term.words


def test_a_term_without_end_is_cut():
    term = read_term("x" * 100_000)
    assert term
    assert len(term.said) == LONGEST
