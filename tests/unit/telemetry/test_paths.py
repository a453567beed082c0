"""What of a path is shown."""

import pytest

from core.telemetry.paths import shown_path

ID = "0192f0c1-5a8e-7cc2-8b9f-1f2e3d4c5b6a"


@pytest.mark.parametrize(
    ("path", "route", "shown"),
    [
        ("/health/live", "/health/live", "/health/live"),
        ("/items/7", "/items/{item}", "/items/7"),
        (f"/items/{ID}/parts/12345678", "/items/{item}/parts/{part}", f"/items/{ID}/parts/12345678"),
        ("/reset/rt-canary", "/reset/{token}", "/reset/***"),
        ("/cards/4929123456789015", "/cards/{card}", "/cards/***"),
        ("/people/Ada", "/people/{name}", "/people/***"),
        ("/files/a/b", "/files/{path}", "/files/***/***"),
        ("/api/v1/doctrs", "", "/api/v1/doctrs"),
        ("/wp-login.php", "", "/wp-login.php"),
        ("/reset/rt81kQmP40", "", "/reset/***"),
        ("/say/two words", "", "/say/***"),
        ("/a\nb/\x1b[2J", "", "/***/***"),
        ("", "", ""),
    ],
)
def test_templates_ids_and_plain_words_are_shown_and_nothing_else(path: str, route: str, shown: str) -> None:
    assert shown_path(path, route) == shown


def test_a_path_of_a_million_segments_is_cut() -> None:
    assert len(shown_path("/a" * 500_000, "")) < 100
