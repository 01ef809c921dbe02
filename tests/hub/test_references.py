from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.errors import ModelNotFoundError
from rubriek.hub.references import (
    Address,
    BareName,
    LocalPath,
    Repository,
    SparkNlpName,
    parse,
    spark_nlp_name,
)

SEED = "bert_classifier_dutch_news_clf_finetuned"
FILE = f"{SEED}_nl_5.1.4_3.4_1698789540127.zip"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nl-news", BareName("nl-news")),
        (SEED, BareName(SEED)),
        ("nl.classify.bert.news.finetuned", BareName("nl.classify.bert.news.finetuned")),
        ("./news", LocalPath(Path("news"))),
        ("models/news", LocalPath(Path("models/news"))),
        ("/models/mijn nieuws", LocalPath(Path("/models/mijn nieuws"))),
        ("~/news.zip", LocalPath(Path("~/news.zip"))),
        ("file:///models/mijn%20nieuws.zip", LocalPath(Path("/models/mijn nieuws.zip"))),
        (f"sparknlp://nl/{SEED}", SparkNlpName(SEED, "nl")),
        (f"sparknlp:///{SEED}", SparkNlpName(SEED, None)),
        ("sparknlp://clinical/models/en/ner", SparkNlpName("ner", "en", "clinical/models")),
        ("sparknlp://@someone/nl/news", SparkNlpName("news", "nl", "@someone")),
        ("hf://owner/name", Repository("owner/name")),
        ("hf://owner/na.me-2@refs/pr/1", Repository("owner/na.me-2", "refs/pr/1")),
        ("HF://owner/name/", Repository("owner/name")),
        ("https://example.org/news.zip", Address("https://example.org/news.zip")),
        ("gcs://bucket/news", Address("gs://bucket/news")),
    ],
)
def test_what_a_text_stands_for(text, expected):
    assert parse(text) == expected
    assert parse(expected) is expected


def test_the_links_of_a_card_are_taken_as_they_stand():
    download = f"https://s3.amazonaws.com/auxdata.johnsnowlabs.com/public/models/{FILE}"
    uri = f"s3://auxdata.johnsnowlabs.com/public/models/{FILE}"
    assert parse(download) == Address(download)
    assert parse(uri) == Address(uri)


def test_the_links_of_the_card_that_was_given(shared):
    if shared is None:
        pytest.skip("the model card does not lie beside the repository: NOT RUN")
    card = (shared / "reference" / "model-card.md").read_text()
    links = re.findall(r"\]\(((?:https|s3)://[^)]+\.zip)\)", card)
    assert [parse(link) for link in links] == [Address(link) for link in links]
    assert len(links) == 2


@pytest.mark.parametrize(
    "text",
    [
        *(None, 4, b"nl-news", ["nl-news"]),
        *("", " ", "hf://name", "hf://", "hf://a/b/c", "hf://owner/name@a b"),
        *("sparknlp://", "sparknlp://nl/", "sparknlp://nl/../x", "sparknlp://../nl/x", "sparknlp://n l/x"),
        *("ftp://host/x.zip", "https://", "s3:///", "github://a:b@/x"),
    ],
)
def test_what_no_model_can_be_called(text):
    with pytest.raises(ModelNotFoundError) as caught:
        parse(text)
    assert caught.value.expected


@pytest.mark.parametrize(
    ("name", "language", "place"),
    [
        ("../x", "nl", None),
        ("x", "../nl", None),
        ("x", "nl", "../y"),
        ("x", "nl", "a/../../b"),
        ("", "nl", None),
    ],
)
def test_names_cannot_leave_the_hub(name, language, place):
    with pytest.raises(ModelNotFoundError, match="There can be no model"):
        spark_nlp_name(name, language, place)


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)


@given(
    st.one_of(
        st.builds(
            SparkNlpName,
            names,
            st.sampled_from([None, "nl", "zh-cn"]),
            st.sampled_from(["public/models", "@someone", "clinical/models"]),
        ),
        st.builds(Repository, st.from_regex(r"[a-z]{1,5}/[a-z.-]{1,5}", fullmatch=True), st.none() | names),
        st.builds(BareName, names),
    )
)
def test_what_is_written_reads_the_same(reference):
    assert parse(str(reference)) == reference


@pytest.mark.parametrize("scheme", ["https", "s3", "hf", "sparknlp"])
def test_half_a_surrogate_pair_names_nothing(scheme):
    with pytest.raises(ModelNotFoundError):
        parse(f"{scheme}://models/\ud800.zip")


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_an_error_of_ours(text):
    with contextlib.suppress(ModelNotFoundError):
        parse(text)
