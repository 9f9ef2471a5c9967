import pytest

from channel_manager.catalogues import asked_for


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("da", "da"),
        ("de-AT", "de"),
        ("nn-NO, en", "nb"),
        ("iw", "he"),
        ("fr;q=0.2, sv;q=0.8", "sv"),
        ("xx, *;q=0.5", "en"),
        ("fr;q=x, it;q=0.1", "it"),
        ("", "en"),
        (",;;q=,-", "en"),
        ("DA", "da"),
        ("x" * 100_000, "en"),
    ],
)
def test_the_language_liked_best_of_those_there_are(header: str, language: str):
    assert asked_for(header) == language
