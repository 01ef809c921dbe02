from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue_row import FILE, SEED, row
from rubriek.errors import CatalogueError, RubriekWarning
from rubriek.hub.catalogue import (
    Resource,
    choose,
    compatible,
    parse_version,
    read_catalogue,
    with_row,
    write_row,
)


def versioned(library: str, spark: str, time: str = "2024-05-01T12:00:00.000Z", **more) -> str:
    parts = [{"parts": [int(part) for part in text.split(".")]} for text in (library, spark)]
    return row(libVersion=parts[0], sparkVersion=parts[1], time=time, **more)


def chosen(rows, library: str, spark: str, name: str = SEED, language: str | None = "nl"):
    return choose(
        read_catalogue(rows),
        name,
        language,
        library=parse_version(library),
        spark=parse_version(spark),
    )


CATALOGUE = [
    versioned("4.1.0", "3.0", "2022-09-19T08:00:00.000Z"),
    versioned("4.2.0", "2.4", "2024-01-01T08:00:00.000Z"),
    versioned("5.1.4", "3.4"),
    versioned("5.1.4", "3.4", "2024-06-01T12:00:00.000Z"),
    versioned("5.2.0", "3.0"),
    versioned("5.2.0", "3.2", "2020-01-01T00:00:00.000Z"),
    versioned("9.9.9", "3.4", language="en"),
    versioned("9.9.9", "3.4", readyToUse=False),
]


@pytest.mark.parametrize(
    ("library", "spark", "expected"),
    [
        ("5.1.4", "3.4.0", "5.1.4_3.4_1717243200000"),  # the same versions: the newest
        ("5.1.4", "3.5.1", "5.1.4_3.4_1717243200000"),
        ("5.1.3", "3.4.0", "4.1.0_3.0_1663574400000"),  # too old a library for the newest
        ("5.1.4", "3.3.9", "4.1.0_3.0_1663574400000"),  # too old a Spark for it
        ("5.3.0", "3.3.0", "5.2.0_3.2_1577836800000"),  # the higher Spark goes before the newer time
        ("5.3.0", "3.4.0", "5.1.4_3.4_1717243200000"),  # and before the higher library
        ("5.3.0", "2.4.8", "4.2.0_2.4_1704096000000"),
        ("4", "3.4.0", None),  # a row may not have more parts than the version in use
        ("3.9.9", "3.4.0", None),
        ("5.3.0", "2.3.0", None),
    ],
)
def test_which_row_answers(library, spark, expected):
    found = chosen(CATALOGUE, library, spark)
    assert (found and found.file) == (expected and f"{SEED}_nl_{expected}.zip")


def test_rubriek_reads_the_files_of_all_versions():
    assert choose(read_catalogue(CATALOGUE), SEED, "nl").library == (5, 1, 4)
    assert choose(read_catalogue(CATALOGUE), SEED, "en").library == (9, 9, 9)
    assert choose(read_catalogue(CATALOGUE), SEED).language == "en"
    assert choose(read_catalogue(CATALOGUE), SEED, "de") is None
    assert choose(read_catalogue(CATALOGUE), SEED, "nl", category="pl") is None


def test_a_row_without_language_answers_to_any():
    assert choose(read_catalogue([row(language=None)]), SEED, "de").language == ""


def test_the_rules_of_upstreams_tests(shared):
    if shared is None:
        pytest.skip("upstream's recorded resolutions do not lie beside the repository: NOT RUN")
    content = json.loads((shared / "conformance/upstream/resource_resolution.json").read_text())
    assert len(content["resolve"]) >= 10
    for case in content["resolve"]:
        rows = [
            row(
                name=name,
                language=language,
                libVersion={"parts": library},
                sparkVersion={"parts": spark},
                time=time,
                category=category,
            )
            for name, language, library, spark, time, category in content["catalogues"][case["catalogue"]]
        ]
        wanted, expected = case["request"], case["expect"]
        found = choose(
            read_catalogue(rows),
            wanted["name"],
            wanted["language"],
            library=tuple(wanted["libVersion"]),
            spark=tuple(wanted["sparkVersion"]),
        )
        assert [list(found.library), list(found.spark)] == [expected["libVersion"], expected["sparkVersion"]]
        if "time" in expected:
            assert found.time == datetime.fromisoformat(expected["time"])
    for text, parts in content["version_parse"]:
        assert parse_version(text) == tuple(parts)
    for case in content["is_compatible"]:
        found = None if case["found"] is None else tuple(case["found"])
        assert compatible(tuple(case["current"]), found) is case["expect"], case
    for case in content["seed_model_4_1_0_and_5_1_4"]["cases"]:
        rows = [row(), row(libVersion={"parts": [4, 1, 0]}, sparkVersion={"parts": [3, 0]})]
        found = choose(
            read_catalogue(rows), SEED, "nl", library=tuple(case["lib"]), spark=tuple(case["spark"])
        )
        assert (found.library == (5, 1, 4)) is case["found"], case


@pytest.mark.parametrize(
    ("text", "parts"),
    [("5.1.4", (5, 1, 4)), ("3.5.1-amzn-0", (3, 5)), ("4.0.0rc1", (4, 0)), ("", ()), ("x", ()), ("5.", (5,))],
)
def test_versions_are_read_up_to_what_is_no_number(text, parts):
    assert parse_version(text) == parts


def test_the_seed_models_file_name():
    assert read_catalogue([row()])[0].file == FILE


def test_rows_that_are_not_ready_are_left_out():
    assert read_catalogue([row(readyToUse=False), row(libVersion=None), "", "\n"]) == []


def test_a_row_that_stands_there_twice_counts_once():
    assert len(read_catalogue([row(), row(), row(name="other")])) == 2


@pytest.mark.parametrize("broken", ["{", "[]", "7", "<!DOCTYPE html>", '{"name": "a"', "[" * 100_000])
def test_a_line_that_is_no_object_is_named(broken):
    with pytest.raises(CatalogueError, match="Line 2"):
        read_catalogue([row(), broken])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"time": "yesterday"}, "isoformat"),
        ({"time": None}, "must be str"),
        ({"libVersion": {"parts": ["x"]}}, "invalid literal"),
        ({"sparkVersion": {"parts": 7}}, "line 2"),
        ({"name": None}, "name is no text"),
        ({"name": "../../etc/passwd"}, "a name that leaves it"),
        ({"name": "a\\b"}, "a name that leaves it"),
        ({"name": "\ud800"}, "name is no text"),
        ({"name": "x" * 300}, "too long"),
        ({"language": "n\nl"}, "control character"),
        ({"language": ["nl"]}, "language is no text"),
        ({"checksum": "\ud800"}, "checksum is no text"),
    ],
)
def test_rows_that_lack_something_are_left_out_and_counted(changes, reason):
    with pytest.warns(RubriekWarning, match=f"1 of the rows .* left out.*{reason}"):
        assert len(read_catalogue([row(), row(**changes)])) == 1
    content = json.loads(row())
    del content["time"]
    with pytest.warns(RubriekWarning, match="line 1: 'time' is missing"):
        assert read_catalogue([json.dumps(content)]) == []


def test_times_with_and_without_a_zone_can_be_compared():
    rows = [row(time="2024-01-01T00:00:00"), row(), row(time="2024-01-01T00:30:00+01:00")]
    assert choose(read_catalogue(rows), SEED).time == datetime(2024, 1, 1, tzinfo=UTC)


def test_later_patches_come_after_earlier_ones():
    made = datetime(2024, 1, 1, tzinfo=UTC)
    resources = [Resource("m", "nl", (5, 1, patch), (3, 4), made) for patch in (4, 10, 9)]
    assert choose(resources, "m", "nl").library == (5, 1, 10)


versions = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(tuple)
resources = st.builds(
    Resource,
    name=st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
    language=st.sampled_from(["", "nl", "xx", "zh-cn"]),
    library=versions,
    spark=versions,
    time=st.datetimes(
        datetime(1971, 1, 1),
        datetime(2200, 1, 1),
        timezones=st.just(UTC),
    ).map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)),
    category=st.sampled_from(["ml", "pl", "nd"]),
    checksum=st.sampled_from(["", "0" * 32]),
    annotator=st.sampled_from(["", "BertForSequenceClassification"]),
)


@given(resources)
def test_what_is_written_reads_the_same(resource):
    assert read_catalogue([write_row(resource)]) == [resource]


@given(st.lists(resources))
def test_rows_are_added_once_and_others_are_kept(made):
    text = '{"name": "of another tool"}\n'
    for resource in [*made, *made]:
        text = with_row(text, resource)
    assert text.startswith('{"name": "of another tool"}\n')
    files = [resource.file for resource in read_catalogue(text.splitlines())]
    assert sorted(files) == sorted({resource.file for resource in made})


@given(versions, versions)
def test_a_version_is_compatible_with_itself_and_with_no_longer_one(current, found):
    assert compatible(current, current)
    if len(found) > len(current):
        assert not compatible(current, found)
    elif len(found) == len(current) and found != current:
        assert compatible(current, found) is not compatible(found, current)
