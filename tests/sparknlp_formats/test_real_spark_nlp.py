"""What rubriek writes, the real Spark NLP loads, and makes the same of it as of what it wrote itself.

Runs where the real one is: its jars in $RUBRIEK_SHARED/peers/sparknlp-jars, an environment with pyspark and
spark-nlp in benchmarks/.peers/sparknlp (scripts/bench makes it), and Java. Where it is not, every test here
is skipped, and pytest's summary says so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from benchmarks.parity.compare import compare
from saved import DATA, GOLDEN, SHARED

from rubriek.hub.publishing import publish
from rubriek.models import import_model
from rubriek.models.sparknlp_export import export_sparknlp
from rubriek.sparknlp import annotator, base
from rubriek.sparknlp.formats import SavedPipeline, read_saved, write_saved, write_saved_zip

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "benchmarks" / ".peers" / "sparknlp" / "bin" / "python"
JARS = sorted(map(str, (SHARED / "peers" / "sparknlp-jars").glob("*.jar")))
HUB_NAME = "bert_classifier_dutch_news_clf_finetuned_nl_5.1.4_3.4_1698789540127"
TEXTS = [
    "De minister heeft in Den Haag gesproken over Noord-Holland en de auto's van 2023/24.",
    "Ajax wint! PSV verliest. Wat een dag; één goal.",
    "",
    "   \t ",
    "“Citaat” van een [CLS] 😀 – 15.000 mensen... (of meer)",
    "a" * 300,
    "woord " * 400,
]
TOKENIZERS = ["default", "context", "patterns", "exceptions", "splitpattern"]


def missing() -> str | None:
    if not PYTHON.is_file():
        return f"no environment with Spark NLP at {PYTHON}; scripts/bench makes one"
    if not JARS or not GOLDEN.is_dir():
        return f"no jars or golden models of Spark NLP in {SHARED}; set RUBRIEK_SHARED"
    return None if shutil.which("java") else "no Java"


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Pairs of lists of folders: written by Spark NLP, and by rubriek."""
    if reason := missing():
        pytest.skip(f"NOT RUN against the real Spark NLP: {reason}")
    home = tmp_path_factory.mktemp("real")
    pairs = {}
    for name in ("pipeline_tiny_a", "pipeline_tiny_a_sentences"):
        with zipfile.ZipFile(GOLDEN / f"{name}.zip") as archive:
            archive.extractall(home / name)
        write_saved(read_saved(home / name), home / f"{name}-ours")
        pairs[name] = [home / name], [home / f"{name}-ours"]
    pipeline = read_saved(home / "pipeline_tiny_a")
    originals = [*sorted((home / "pipeline_tiny_a" / "stages").iterdir())]
    for name in TOKENIZERS:
        stages = [DATA / "stages" / "document", DATA / "stages" / f"tokenizer-{name}"]
        write_saved(SavedPipeline(uid="p", stages=tuple(map(read_saved, stages))), home / name)
        pairs[name] = stages, [home / name]
    finisher = DATA / "stages" / "finisher"
    inner = SavedPipeline(uid="inner", stages=pipeline.stages[:2])
    outer = SavedPipeline(uid="outer", stages=(inner, pipeline.stages[2], read_saved(finisher)))
    write_saved(outer, home / "nested")
    pairs["nested, with a finisher"] = [*originals, finisher], [home / "nested"]
    write_saved(pipeline.stages[2], home / "model")
    pairs["model"] = originals, [*originals[:2], home / "model"]
    bundle = import_model(ROOT / "tests" / "data" / "tiny-a", home / "bundle")
    export_sparknlp(bundle, home / "exported")
    pairs["exported bundle"] = originals, [*originals[:2], home / "exported"]
    pairs["published"] = originals, [Path(publish(bundle, home / "hub", name="tiny", language="nl").archive)]
    write_saved_zip(pipeline.stages[2], home / f"{HUB_NAME}.zip")
    write_with_the_api(home / "pipeline_tiny_a" / "stages", home / "api")
    pairs["api"] = originals, [home / "api"]
    pairs["zip in the cache"] = originals, [home / f"{HUB_NAME}.zip"]
    return home, pairs


def write_with_the_api(stages, target):
    """Build a pipeline as users do, with settings that reach every stage, and save it."""
    model = next(path for path in stages.iterdir() if "BERT" in path.name)
    document = base.DocumentAssembler().setInputCol("text").setOutputCol("document").setCleanupMode("shrink")
    sentences = annotator.SentenceDetector().setInputCols(["document"]).setOutputCol("sentence")
    tokenizer = annotator.Tokenizer().setInputCols(["sentence"]).setOutputCol("token")
    tokenizer.setContextChars([".", ",", "!", "“", "”", "[", "]"]).setExceptions(["Den Haag"]).setMaxLength(
        250
    )
    classifier = annotator.BertForSequenceClassification.load(str(model)).setInputCols(["sentence", "token"])
    classifier.setOutputCol("class").setActivation("sigmoid").setMaxSentenceLength(64).setBatchSize(64)
    pipeline = base.Pipeline(stages=[document, sentences, tokenizer, classifier])
    data = pa.table({"text": TEXTS})
    pipeline.fit(data).write().overwrite().save(str(target))


@pytest.fixture(scope="module")
def results(places):
    home, pairs = places
    cases = {
        f"{name} {side}": [str(folder) for folder in folders]
        for name, pair in pairs.items()
        for side, folders in zip(("theirs", "ours"), pair, strict=True)
        if folders[0].suffix != ".zip"
    }
    cache = home / "cache"
    cache.mkdir()
    zips = {name: str(ours[0]) for name, (_, ours) in pairs.items() if ours[0].suffix == ".zip"}
    before = cases["model ours"][:2]
    given = {
        "jars": JARS,
        "texts": TEXTS,
        "cache": str(cache),
        "zips": list(zips.values()),
        "before": before,
        "cases": cases,
        "catalogue": [str(home / "hub" / "public" / "models" / "metadata.json"), "tiny", "nl"],
    }
    done = subprocess.run(
        [str(PYTHON), str(Path(__file__).with_name("real_worker.py"))],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {**found, **{f"{name} ours": found[file] for name, file in zips.items()}}


def test_the_real_one_finds_what_was_published(places, results):
    (archive,) = places[1]["published"][1]
    assert results["catalogue"] == archive.name


def test_what_the_api_saved_gives_there_what_it_gives_here(places, results):
    home, _ = places
    table = base.PipelineModel.load(str(home / "api")).transform(pa.table({"text": TEXTS}))
    columns = ("document", "sentence", "token", "class")
    here, there = (
        [{name: plain(row[name]) for name in columns} for row in rows]
        for rows in (table.to_pylist(), results["api ours"])
    )
    found = compare(there, here, most_examples=5)
    assert found.examples == []
    assert found.annotations > len(TEXTS)


def plain(annotations):
    return [[one["begin"], one["end"], one["result"], dict(one["metadata"])] for one in annotations]


def rounded(value):
    """Scores are texts; networks whose operators differ round otherwise."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    try:
        return round(float(value), 5)
    except (TypeError, ValueError):
        return value


@pytest.mark.parametrize(
    "name",
    [
        "pipeline_tiny_a",
        "pipeline_tiny_a_sentences",
        *TOKENIZERS,
        "nested, with a finisher",
        "model",
        "zip in the cache",
    ],
)
def test_the_real_one_makes_the_same_of_ours(results, name):
    ours, theirs = results[f"{name} ours"], results[f"{name} theirs"]
    assert len(theirs) == len(TEXTS)
    assert ours == theirs


@pytest.mark.parametrize("name", ["exported bundle", "published"])
def test_the_real_one_gives_the_same_with_a_bundle(results, name):
    ours, theirs = results[f"{name} ours"], results[f"{name} theirs"]
    assert rounded(ours) == rounded(theirs)
    assert any(row["class"] for row in ours)
