"""The page at ``/``, driven in headless Chromium: what it does."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from page_driver import TEXT, answered, explained, file_of, opened, submit, submit_file
from serving_process import serving

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "nieuws.csv"
HOSTILE = '<img src=x onerror="document.title=1"><b>koning</b> & <script>document.title=1</script>'


@pytest.fixture
def tab(browser, two_models) -> Iterator[Tab]:
    with opened(browser, two_models.url) as tab:
        yield tab


def test_a_text_gets_its_label_bars_and_words(tab):
    submit(tab)
    assert tab.inner_text("#label") == "Koningshuis"
    assert "99" in tab.inner_text("#verdict")
    assert tab.locator("#scores li").count() == 9
    assert tab.locator("#scores li").first.inner_text().startswith("Koningshuis")
    strongest = tab.locator("#marked mark.strong")
    assert strongest.all_inner_texts() == ["koning"]
    assert "‘koning’" in tab.inner_text("#why")
    assert tab.inner_text("#marked") == TEXT
    assert "12 tokens" in tab.inner_text("#facts")
    assert tab.inner_text("#status") == "Koningshuis, 99%."


def test_another_label_is_explained_when_its_bar_is_chosen(tab):
    submit(tab)
    with tab.expect_response("**/v1/explain"):
        tab.click("#scores button:has-text('Binnenland')")
    explained(tab)
    assert tab.inner_text("#why-title") == "Waarop Binnenland rust"
    assert tab.locator("#marked mark.against", has_text="koning").count() == 1
    assert tab.evaluate("document.activeElement.textContent").startswith("Binnenland")


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_examples_are_ours_and_said_to_be_invented(tab):
    assert "verzonnen" in tab.inner_text("#examples-title")
    known = {row["title"]: row["text"] for row in rows_of(EXAMPLES)}
    titles = tab.locator("#examples li").all_inner_texts()
    assert len(titles) == 9
    assert set(titles) <= set(known)
    tab.click("#examples li:nth-child(3) button")
    explained(tab)
    assert tab.inner_text("#label") == "Economie"
    assert tab.input_value("#input") == f"{titles[2]}\n{known[titles[2]]}"


def test_what_was_not_read_is_shown_as_such(tab):
    tab.select_option("#model", "klein")
    submit(tab, f"{TEXT}. " * 60)
    assert "niet verder gelezen" in tab.inner_text("#marked .cut")
    assert tab.inner_text("#marked .unread").strip().endswith("Assen.")
    assert re.match(r"256 van \d\d\d tokens gelezen", tab.inner_text("#facts"))


def test_places_in_the_text_survive_signs_outside_the_basic_plane(tab):
    text = "👑👑 De koning 𝔨 opent 👩‍👩‍👧 een museum"
    submit(tab, text)
    assert tab.inner_text("#marked") == text
    assert "koning" in tab.locator("#marked mark.for").all_inner_texts()


def test_half_a_surrogate_pair_does_no_harm(tab):
    tab.evaluate("document.getElementById('input').value = 'De koning \\ud83d opent een museum'")
    tab.click("#submit")
    explained(tab)
    assert tab.inner_text("#marked") == "De koning \ufffd opent een museum"


def test_markup_in_a_text_stays_text(tab):
    title = tab.title()
    submit(tab, HOSTILE)
    assert tab.inner_text("#marked") == HOSTILE
    assert tab.locator("#marked img, #marked b, #marked script").count() == 0
    submit_file(
        tab,
        file_of(
            f"{HOSTILE[:20]}.csv",
            f'title,"{HOSTILE[:4]}"\n"{HOSTILE.replace(chr(34), chr(34) * 2)}",x\ny,z\n',
        ),
    )
    assert tab.locator("#rows button").first.inner_text() == HOSTILE
    assert tab.locator("main img, main b, main script").count() == 0
    assert tab.title() == title


def test_each_line_may_be_a_text_of_its_own(tab):
    tab.fill("#input", "De koning opent een museum\n\nBeurs sluit hoger na rentebesluit\n")
    tab.check("#lines")
    tab.click("#submit")
    answered(tab)
    assert tab.locator("#rows tr").count() == 2
    assert tab.locator("#rows tr td:nth-child(3)").all_inner_texts() == ["Koningshuis", "Economie"]


def test_a_csv_is_answered_row_by_row_and_saved_with_its_columns(tab, tmp_path):
    tab.set_input_files("#upload", EXAMPLES)
    tab.wait_for_selector("#file:not([hidden])")
    chosen = tab.locator("#columns input:checked").evaluate_all("all => all.map(one => one.value)")
    assert chosen == ["title", "text"]
    tab.uncheck("#columns input[value=text]")
    tab.click("#submit")
    answered(tab)
    assert "225 teksten gelezen" in tab.inner_text("#status")
    assert tab.locator("#rows tr").count() == 100
    tab.click("#more")
    tab.click("#more")
    assert tab.locator("#rows tr").count() == 225
    assert tab.is_hidden("#more")
    tab.locator("#rows tr").nth(1).locator("button").click()
    explained(tab)
    assert tab.inner_text("#label") == tab.locator("#rows tr").nth(1).locator("td").nth(2).inner_text()
    with tab.expect_download() as download:
        tab.click("#download-csv")
    assert download.value.suggested_filename == "nieuws.classified.csv"
    download.value.save_as(tmp_path / "saved.csv")
    rows, originals = rows_of(tmp_path / "saved.csv"), rows_of(EXAMPLES)
    assert [{name: row[name] for name in originals[0]} for row in rows] == originals
    assert set(rows[0]) - set(originals[0]) == {"label", "score", "scores", "tokens", "truncated"}
    for row in rows:
        scores = json.loads(row["scores"])
        assert max(scores, key=scores.get) == row["label"]


def test_jsonl_goes_in_and_out_as_it_was(tab, tmp_path):
    values = [
        {"text": "De koning opent een museum", "id": 7, "label": "x"},
        {"text": "Beurs hoger", "tags": ["a"]},
    ]
    submit_file(tab, file_of("items.jsonl", "\n".join(map(json.dumps, values))))
    with tab.expect_download() as download:
        tab.click("#download-jsonl")
    download.value.save_as(tmp_path / "saved.jsonl")
    first, second = map(json.loads, (tmp_path / "saved.jsonl").read_text("utf-8").splitlines())
    assert (first["id"], first["label"], first["rubriek_label"]) == (7, "x", "Koningshuis")
    assert (second["id"], second["tags"]) == (None, ["a"])


def test_numbers_come_back_as_they_were_written(tab):
    line = '{"text": "De koning", "numbers": [1.0, 1e5, 12345678901234567890, -0.10]}'
    submit_file(tab, file_of("numbers.jsonl", line))
    for button in ("#download-jsonl", "#download-csv"):
        with tab.expect_download() as download:
            tab.click(button)
        assert "[1.0,1e5,12345678901234567890,-0.10]" in download.value.path().read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "wanted", "header"),
    [
        ("a.csv", "\ufeffid;text+\r\n007;De koning+\r\n", ";label;score;scores;tokens;truncated"),
        ("a.csv", '"id";"text"+\n"1";"a ""b"";\nc"+\n"2";"De koning"+', ';"label";"score";"scores"'),
        ("a.csv", 'sep=|\r\nid|text+\r\n1|"De ""koning"""+\r\n', "|label|score"),
        ("a.csv", "id\ttext+\r1\tDe koning, en meer+\r", "\tlabel\tscore"),
        ("a.csv", 'text,"id"+\nDe 12" koning , "1"+\n', ",label,score"),
        ("a.tsv", '\ufeff"text"\tlabel+\n"De koning"\t1+\n', "\trubriek_label\tscore"),
    ],
)
def test_a_file_comes_back_as_it_came_with_the_results_at_each_end(tab, name, wanted, header):
    submit_file(tab, file_of(name, wanted.replace("+", "")))
    with tab.expect_download() as download:
        tab.click("#download-csv")
    assert download.value.suggested_filename == f"a.classified.{name[2:]}"
    saved = download.value.path().read_bytes().decode("utf-8")
    results = re.escape(header[0]) + r"[^\r\n]+"
    assert re.fullmatch(results.join(map(re.escape, wanted.split("+"))), saved)
    assert header in saved


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"text\n\xff\n", "geen UTF-8"),
        ("a.csv", b'id,text\n1,"open\n2,b\n', "Regel 2: een aanhalingsteken"),
        ("a.csv", b"id,text\n1,a\n2,b,c\n", "Regel 3: 3 velden, waar de kop er 2 heeft"),
        ("a.csv", b"text,text\n1,a\n", "kolom ‘text’ twee keer"),
        ("a.csv", b"id;text,x\n1;a,b\n", "niet duidelijk wat de kolommen scheidt"),
        ("a.csv", b"id,text\n", "geen rijen"),
        ("a.csv", b"", "geen rijen"),
        ("a.jsonl", b'{"text": "a"}\n[1]\n', "Regel 2 is geen JSON-object"),
        ("a.txt", b"a\n" * 10_001, "10001 rijen"),
        ("a.xlsx", b"PK", "van een soort die de pagina niet leest"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_cause(tab, name, content, told):
    tab.set_input_files("#upload", {"name": name, "mimeType": "text/plain", "buffer": content})
    assert told in tab.wait_for_selector("#alert:not([hidden])").inner_text()


def test_cells_are_read_as_they_stand(tab):
    content = 'id;text\r\n007;"a ""b"";\r\nc"\r\n\r\n8; d \r\n'
    read = tab.evaluate(
        """async (content) => {
          const tables = await import("/static/page/tables.js");
          return tables.read(new File([content], "a.csv"));
        }""",
        content,
    )
    assert read["columns"] == ["id", "text"]
    assert read["rows"] == [["007", 'a "b";\r\nc'], ["8", " d "]]


def test_a_file_may_be_dropped(tab):
    transfer = tab.evaluate_handle(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(new File(["text\\nDe koning opent een museum\\n"], "los.csv"));
          return transfer;
        }"""
    )
    tab.dispatch_event("body", "drop", {"dataTransfer": transfer})
    assert tab.wait_for_selector("#file-name").inner_text() == "los.csv"
    tab.click("#submit")
    explained(tab)
    assert tab.inner_text("#label") == "Koningshuis"


def test_the_model_can_be_chosen(tab):
    assert tab.locator("#model option").all_inner_texts() == ["nl-news", "klein"]
    tab.select_option("#model", "klein")
    assert "klein" in tab.inner_text("#engine")
    with tab.expect_request("**/v1/classify") as request:
        submit(tab)
    assert request.value.post_data_json["model"] == "klein"


def test_a_model_without_a_card_is_spoken_of_in_general_words(tab):
    assert tab.title() == f"{tab.inner_text('#title')} · rubriek"
    assert "rubriek" in tab.inner_text("#title")
    tab.select_option("#model", "klein")
    assert tab.inner_text("#title") == "tiny-a"
    assert tab.title() == "tiny-a · rubriek"
    assert tab.is_hidden("#examples-block")
    assert "9 labels" in tab.inner_text("#engine")
    submit(tab)
    assert tab.inner_text("#one-kicker") == "Label"
    said = tab.inner_text("main").lower()
    assert not re.search(r"rubriek(?!\.|\b.classify)", said.replace("import rubriek", ""))
    assert "bericht" not in said


def test_title_words_and_examples_follow_from_the_card(browser, own_model):
    with opened(browser, own_model.url) as tab:
        assert tab.inner_text("#title") == "Waar gaan deze stukken over?"
        assert "3 onderwerpen" in tab.inner_text("#engine")
        assert tab.locator("#examples li").all_inner_texts() == ["De minister zegt", "Het café"]
        tab.click("#examples li:first-child button")
        explained(tab)
        assert tab.input_value("#input") == "De minister zegt\nde Kamer."
        assert tab.inner_text("#one-kicker") == "Onderwerp"
        tab.click("[data-language=en]")
        assert tab.inner_text("#title") == "What are these documents about?"
        assert tab.inner_text("#one-kicker") == "Topic"
        assert "3 topics" in tab.inner_text("#engine")


def answering(tab: Tab, *results: dict[str, object]) -> None:
    """Answer with these results for a text each, in place of the model."""
    tab.context.route(
        "**/v1/classify", lambda route: route.fulfill(json={"model": "stukken", "results": list(results)})
    )


def result(scores: dict[str, float]) -> dict[str, object]:
    best = max(scores, key=lambda label: scores[label])
    over = [label for label, score in scores.items() if score >= 0.5]
    row = {"label": best, "score": scores[best], "scores": scores, "labels": over}
    return {**row, "tokens": 4, "truncated": False, "windows": 1, "empty": False}


TWO = result({"Sport": 0.6, "Economie": 0.1, "Cultuur & Media": 0.9})
NONE = result({"Sport": 0.3, "Economie": 0.2, "Cultuur & Media": 0.1})


def test_every_label_over_the_threshold_is_shown(browser, own_model):
    with opened(browser, own_model.url) as tab:
        answering(tab, TWO)
        submit(tab, "De minister zegt")
        assert tab.inner_text("#label") == "Cultuur & Media, Sport"
        assert tab.inner_text("#verdict") == "2 onderwerpen halen de drempel van 50%."
        assert tab.locator("#scores .best .name").all_inner_texts() == ["Cultuur & Media", "Sport"]
        assert tab.inner_text("#status") == "Cultuur & Media, Sport."


def test_no_label_is_shown_where_none_reaches_the_threshold(browser, own_model):
    with opened(browser, own_model.url) as tab:
        answering(tab, NONE)
        submit(tab, "De minister zegt")
        assert tab.inner_text("#label") == "Geen onderwerp"
        assert "geen enkele kans" in tab.inner_text("#verdict")
        assert tab.locator("#scores .best").count() == 0


def test_the_division_counts_every_label_and_the_texts_without_one(browser, own_model):
    with opened(browser, own_model.url) as tab:
        answering(tab, TWO, NONE)
        submit_file(tab, file_of("a.txt", "De minister\nHet café\n"))
        assert tab.locator("#rows td:nth-child(3)").all_inner_texts() == [
            "Cultuur & Media, Sport",
            "Geen onderwerp",
        ]
        counted = tab.locator("#division .name").all_inner_texts()
        assert sorted(counted) == ["Cultuur & Media", "Geen onderwerp", "Sport"]
        with tab.expect_download() as download:
            tab.click("#download-csv")
        rows = rows_of(download.value.path())
        assert [json.loads(row["labels"]) for row in rows] == [["Sport", "Cultuur & Media"], []]


def test_code_is_copied(browser, two_models):
    with opened(browser, two_models.url, permissions=["clipboard-read", "clipboard-write"]) as tab:
        text = 'Koning\'s "museum"\nin Assen'
        submit(tab, text)
        tab.click("summary")
        tab.click("#copy-python")
        tab.wait_for_selector("#status:has-text('Gekopieerd')")
        python = tab.evaluate("navigator.clipboard.readText()")
        seen: list[str] = []
        model = type("Model", (), {"predict": seen.append, "explain": seen.append})
        code = python.replace("import rubriek\n", "").replace("rubriek.load", "load")
        exec(code, {"load": lambda name: model, "print": lambda value: None})
        assert seen == [text, text]
        tab.click("#copy-curl")
        curl = tab.inner_text("#curl")
        assert f"{two_models.url}/v1/classify" in curl
        assert "'\\''" in curl


def test_where_copying_is_forbidden_the_code_is_selected(browser, two_models):
    with opened(browser, two_models.url) as tab:
        tab.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
        submit(tab)
        tab.click("summary")
        tab.click("#copy-python")
        tab.wait_for_selector("#status:has-text('geselecteerd')")
        assert "import rubriek" in tab.evaluate("getSelection().toString()")


def test_errors_of_the_service_are_shown_in_its_words(tab):
    tab.click("#submit")
    assert "nog geen tekst" in tab.inner_text("#alert")
    tab.context.route(
        "**/v1/classify",
        lambda route: route.fulfill(status=413, json={"error": "Te lang.", "hint": "korter"}),
    )
    tab.fill("#input", TEXT)
    tab.click("#submit")
    tab.wait_for_selector("#alert:has-text('Te lang. (korter)')")
    tab.context.unroute("**/v1/classify")


def test_answers_that_were_given_are_kept_when_the_service_fails(tab):
    asked = []

    def answer(route):
        asked.append(route)
        if len(asked) == 1:
            route.continue_()
        else:
            route.fulfill(status=500, json={"error": "Stuk."})

    tab.context.route("**/v1/classify", answer)
    tab.set_input_files("#upload", file_of("veel.txt", "De koning lacht\n" * 100))
    tab.click("#submit")
    tab.wait_for_selector("#alert:has-text('Stuk.')")
    given = tab.locator("#rows tr").count()
    assert 0 < given < 100
    with tab.expect_download() as download:
        tab.click("#download-jsonl")
    assert len(download.value.path().read_text("utf-8").splitlines()) == given


def test_a_failed_explanation_leaves_the_answer(tab):
    tab.context.route("**/v1/explain", lambda route: route.abort())
    tab.fill("#input", TEXT)
    tab.click("#submit")
    tab.wait_for_selector("#alert:has-text('niet te bereiken')")
    assert tab.inner_text("#label") == "Koningshuis"
    assert tab.inner_text("#why") == ""


def test_a_long_run_can_be_stopped(tab):
    asked = []
    tab.context.route(
        "**/v1/classify", lambda route: asked.append(route) or len(asked) > 1 or route.continue_()
    )
    tab.set_input_files("#upload", file_of("veel.txt", "De koning lacht\n" * 100))
    tab.click("#submit")
    tab.wait_for_selector("#rows tr")
    tab.click("#stop")
    tab.wait_for_selector("#status:has-text('Gestopt: 32 van 100')")
    assert tab.is_visible("#download-csv")


def test_it_waits_when_the_service_is_busy(tab):
    answers = iter([429])

    def answer(route):
        if next(answers, None):
            route.fulfill(status=429, headers={"Retry-After": "1"}, json={"error": "busy"})
        else:
            route.continue_()

    tab.context.route("**/v1/classify", answer)
    submit(tab)
    assert tab.inner_text("#label") == "Koningshuis"


def test_a_service_with_keys_asks_for_one(browser, tiny_a, tmp_path):
    (tmp_path / "keys").write_text("een-heel-lange-sleutel\n", encoding="utf-8")
    with (
        serving("--model", f"klein={tiny_a.folder}", "--keys", str(tmp_path / "keys")) as locked,
        opened(browser, locked.url) as tab,
    ):
        tab.wait_for_selector("#alert:has-text('sleutel')")
        assert tab.evaluate("document.activeElement.id") == "key"
        tab.fill("#key", "een-heel-lange-sleutel")
        submit(tab)
        assert tab.inner_text("#label")
        assert tab.is_hidden("#alert")
        assert "Bearer $RUBRIEK_KEY" in tab.text_content("#curl")
        assert "een-heel-lange-sleutel" not in tab.text_content("#curl")
