from __future__ import annotations

import json
from datetime import UTC, datetime

import conformance
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.errors import ModelError
from rubriek.sparknlp.catalogue import Resource, choose, compatible, parse_version, read_catalogue

SEED = "bert_classifier_dutch_news_clf_finetuned"


def line(**changes) -> str:
    row = {
        "name": SEED,
        "language": "nl",
        "libVersion": {"parts": [5, 1, 4]},
        "sparkVersion": {"parts": [3, 4]},
        "readyToUse": True,
        "time": "2023-10-31T21:59:00.127Z",
        "isZipped": True,
        "category": "ml",
        "checksum": "",
    }
    return json.dumps({**row, **changes})


def test_the_rules_of_upstreams_tests():
    for content in conformance.read("resource_resolution.json"):
        for case in content["resolve"]:
            rows = [
                line(
                    name=name,
                    language=language,
                    libVersion={"parts": library},
                    sparkVersion={"parts": spark},
                    time=time,
                    category=category,
                )
                for name, language, library, spark, time, category in content["catalogues"][case["catalogue"]]
            ]
            wanted = case["request"]
            found = choose(
                read_catalogue(rows),
                wanted["name"],
                wanted["language"],
                library=tuple(wanted["libVersion"]),
                spark=tuple(wanted["sparkVersion"]),
            )
            expected = case["expect"]
            assert (found.library, found.spark) == (
                tuple(expected["libVersion"]),
                tuple(expected["sparkVersion"]),
            )
            if "time" in expected:
                assert found.time == datetime.fromisoformat(expected["time"])
        for text, parts in content["version_parse"]:
            assert parse_version(text) == tuple(parts)
        for case in content["is_compatible"]:
            found = None if case["found"] is None else tuple(case["found"])
            assert compatible(tuple(case["current"]), found) is case["expect"], case
        for case in content["seed_model_4_1_0_and_5_1_4"]["cases"]:
            rows = [line(), line(libVersion={"parts": [4, 1, 0]}, sparkVersion={"parts": [3, 0]})]
            found = choose(
                read_catalogue(rows), SEED, "nl", library=tuple(case["lib"]), spark=tuple(case["spark"])
            )
            assert (found.library == (5, 1, 4)) is case["found"], case


def test_the_seed_models_file_name():
    assert read_catalogue([line()])[0].file == f"{SEED}_nl_5.1.4_3.4_1698789540127.zip"


def test_rows_that_are_not_ready_are_left_out():
    assert read_catalogue([line(readyToUse=False), line(libVersion=None), "", "\n"]) == []


@pytest.mark.parametrize(
    "broken", ["{", "[]", "7", line(time="yesterday"), line(libVersion={"parts": ["x"]})]
)
def test_a_broken_line_is_named(broken):
    with pytest.raises(ModelError, match="Line 2"):
        read_catalogue([line(), broken])


def test_later_patches_come_after_earlier_ones():
    made = datetime(2024, 1, 1, tzinfo=UTC)
    resources = [Resource("m", "nl", (5, 1, patch), (3, 4), made) for patch in (4, 10, 9)]
    assert choose(resources, "m", "nl").library == (5, 1, 10)


versions = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(tuple)


@given(versions, versions)
def test_a_version_is_compatible_with_itself_and_with_no_longer_one(current, found):
    assert compatible(current, current)
    if len(found) > len(current):
        assert not compatible(current, found)
    elif len(found) == len(current) and found != current:
        assert compatible(current, found) is not compatible(found, current)
