"""The example file is what its README says it is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from rubriek.files import open_source

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_example_holds_25_items_of_each_section():
    source = open_source(EXAMPLES / "nieuws.csv")
    assert list(source.columns) == ["id", "title", "text", "section"]
    survey = source.survey(["title", "text"], pytest.fail)
    table = pa.concat_tables(source.tables(survey, ["title", "text"]))
    sections = Counter(table["section"].to_pylist())
    assert len(sections) == 9
    assert set(sections.values()) == {25}
    assert all(table[name].to_pylist().count("") == 0 for name in ("title", "text"))


def test_its_readme_says_that_nothing_in_it_is_a_fact():
    assert "None of them is a fact" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
