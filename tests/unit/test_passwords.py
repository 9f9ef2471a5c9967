"""What may be a password, and what guessing one costs."""

import pytest

from channel_manager.console.passwords import HASHER, check_choice
from channel_manager.errors import InvalidInput


def test_a_guess_costs_what_the_standard_asks():
    # Taken before the tests put a quicker one in its place. RFC 9106, second choice.
    assert (HASHER.time_cost, HASHER.memory_cost, HASHER.parallelism) == (3, 65_536, 4)
    assert HASHER.hash("x").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaabbbbaaaabbbb", "Anna.Of.The.Office"])
def test_a_poor_choice_is_refused(password: str):
    with pytest.raises(InvalidInput):
        check_choice("anna.of.the.office", password)
