"""A file is left out unread only where each of its tests would be left out."""

from __future__ import annotations

import pytest

from tests.marks import leaves_out

UNIT = "not server and not e2e and not long"


@pytest.mark.parametrize(
    "line",
    [
        "pytestmark = pytest.mark.server",
        "pytestmark = pytest.mark.e2e",
        "pytestmark = [pytest.mark.anyio, pytest.mark.long]",
        "pytestmark = [\n    pytest.mark.server,\n    pytest.mark.anyio,\n]",
    ],
)
def test_a_file_of_an_unwanted_kind_is_left_out(line: str) -> None:
    assert leaves_out(UNIT, f"import pytest\n\n{line}\n\n\ndef test_it() -> None: ...\n")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "pytestmark = pytest.mark.anyio\n",
        "pytestmark = pytest.mark.usefixtures('server')\n",
        "@pytest.mark.server\ndef test_it() -> None: ...\n",
        "class TestIt:\n    pytestmark = pytest.mark.server\n",
    ],
)
def test_a_file_that_may_have_a_wanted_test_is_read(source: str) -> None:
    assert not leaves_out(UNIT, source)


@pytest.mark.parametrize(
    "expression",
    ["server", "", "not server or long", "not (server and long)", "server and not long"],
)
def test_another_expression_leaves_every_file_to_pytest(expression: str) -> None:
    source = "pytestmark = [pytest.mark.server, pytest.mark.long]\n"
    assert not leaves_out(expression, source)
