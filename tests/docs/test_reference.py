"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

from scripts.generate_docs import REFERENCE, pages


@pytest.mark.parametrize("name", pages())
def test_a_reference_page_is_what_the_code_makes_of_it(name: str) -> None:
    assert (REFERENCE / name).read_text() == pages()[name], "run `make docs`"
