"""Parameters, their checks, and pipelines that do not fit together."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from rubriek.errors import (
    FileError,
    InputError,
    OptionError,
    PipelineError,
    RubriekWarning,
    UnsupportedModelError,
)
from rubriek.sparknlp.annotation import Annotation
from rubriek.sparknlp.annotator import (
    BertForSequenceClassification,
    SentenceDetector,
    Tokenizer,
    TokenizerModel,
)
from rubriek.sparknlp.base import DocumentAssembler, Finisher, LightPipeline, Pipeline, PipelineModel

DATA = pa.table({"text": ["De koning (67) opent het Noord-Hollandse museum. Hij spreekt kort."]})
DEFAULTS = {
    DocumentAssembler: {"outputCol": "document", "cleanupMode": "disabled"},
    Tokenizer: {
        "inputCols": ["document"],
        "outputCol": "token",
        "targetPattern": r"\S+",
        "contextChars": [".", ",", ";", ":", "!", "?", "*", "-", "(", ")", '"', "'"],
        "caseSensitiveExceptions": True,
        "minLength": 0,
    },
    BertForSequenceClassification: {
        "batchSize": 8,
        "maxSentenceLength": 128,
        "caseSensitive": True,
        "coalesceSentences": False,
        "activation": "softmax",
        "multilabel": False,
        "threshold": 0.5,
        "engine": "onnx",
        "lazyAnnotator": False,
        "tokenization": "sparknlp",
    },
    SentenceDetector: {
        "useAbbreviations": True,
        "detectLists": True,
        "useCustomBoundsOnly": False,
        "customBounds": [],
        "explodeSentences": False,
        "minLength": 0,
    },
    Finisher: {
        "valueSplitSymbol": "#",
        "annotationSplitSymbol": "@",
        "cleanAnnotations": True,
        "includeMetadata": False,
        "outputAsArray": True,
        "parseEmbeddingsVectors": False,
    },
}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_defaults_are_spark_nlps(kind):
    stage = kind()
    for name, value in DEFAULTS[kind].items():
        assert stage.getOrDefault(name) == value
        assert getattr(stage, f"get{name[0].upper()}{name[1:]}")() == value
    assert stage.uid.startswith(kind.UID_PREFIX)


@pytest.mark.parametrize("kind", DEFAULTS)
def test_every_parameter_has_a_setter_that_returns_the_stage(kind):
    stage = kind()
    for param in stage.params:
        assert callable(getattr(stage, f"set{param.name[0].upper()}{param.name[1:]}"))
        assert param.doc
    assert stage.setLazyAnnotator(True) is stage if hasattr(stage, "lazyAnnotator") else True


def tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    model = PipelineModel([DocumentAssembler().setInputCol("text"), tokenizer.model()])
    return [item["result"] for item in model.transform(pa.table({"text": [text]}))["token"].to_pylist()[0]]


def test_parameters_of_the_tokenizer_take_effect(tmp_path):
    assert tokens(Tokenizer().addContextChars("€"), "€15") == ["€", "15"]
    assert tokens(Tokenizer().addSplitChars("-").addSplitChars("/"), "a-b/c") == ["a", "b", "c"]
    assert tokens(Tokenizer().addException("New York"), "in New York.") == ["in", "New York."]
    assert tokens(Tokenizer().setMinLength(2).setMaxLength(3), "a bb ccc dddd") == ["bb", "ccc"]
    assert tokens(Tokenizer().addInfixPattern(r"(\p{L}+)(/)(\p{L}+)"), "en/of") == ["en", "/", "of"]
    assert tokens(Tokenizer().setSplitPattern("-|#"), "a-b#c") == ["a", "b", "c"]
    (tmp_path / "exceptions.txt").write_text("den Haag\n")
    listed = Tokenizer().setExceptionsPath(str(tmp_path / "exceptions.txt")).addException("de Bilt")
    assert listed.getExceptions() == ["den Haag", "de Bilt"]
    assert tokens(listed, "van den Haag naar de Bilt") == ["van", "den Haag", "naar", "de Bilt"]


def bounds(detector: SentenceDetector, text: str) -> list[tuple[str, int, int]]:
    model = PipelineModel([DocumentAssembler().setInputCol("text"), detector.setOutputCol("sentence")])
    rows = model.transform(pa.table({"text": [text]}))["sentence"].to_pylist()
    return [(item["result"], item["begin"], item["end"]) for item in rows[0]]


def test_parameters_of_the_sentence_detector_take_effect():
    text = "Een. Twee|drie. Vier"
    assert [found[0] for found in bounds(SentenceDetector().setCustomBounds([r"\|"]), text)] == [
        "Een.",
        "Twee",
        "drie.",
        "Vier",
    ]
    only = SentenceDetector().setCustomBounds([r"\|"]).setUseCustomBoundsOnly(True)
    assert bounds(only, text) == [("Een. Twee", 0, 8), ("drie. Vier", 10, 19)]
    assert bounds(only.setCustomBoundsStrategy("append"), text)[0][0] == "Een. Twee|"
    assert bounds(only.setCustomBoundsStrategy("prepend"), text)[1][0] == "|drie. Vier"
    assert bounds(SentenceDetector().setMinLength(4), "Ja. Twee woorden.") == [("Twee woorden.", 4, 16)]
    assert bounds(SentenceDetector().setMaxLength(4), "Ja. Twee woorden.") == [("Ja.", 0, 2)]
    halves = [("een twee", 0, 7), ("drie", 9, 12)]
    assert bounds(SentenceDetector().setSplitLength(9), "een twee drie") == halves
    assert len(bounds(SentenceDetector(), "Dr. Bibber komt. Mr. Bibber ook.")) == 2
    assert len(bounds(SentenceDetector().setUseAbbreviations(False), "Dr. Bibber komt.")) == 2
    listed = "Punten 1. een"
    assert [found[0] for found in bounds(SentenceDetector(), listed)] == ["Punten", "1. een"]
    unlisted = bounds(SentenceDetector().setDetectLists(False), listed)
    assert [found[0] for found in unlisted] == ["Punten 1.", "een"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: DocumentAssembler().setCleanupMode("scrub"), "Clean up mode not supported"),
        (lambda: Tokenizer().setContextChars(["ab"]), "length == 1"),
        (lambda: Tokenizer().setSplitChars(["abc"]), "length == 1"),
        (lambda: Tokenizer().setMinLength(-1), "greater equal than 0"),
        (lambda: Tokenizer().setMinLength(3).setMaxLength(2), "greater equal than minLength"),
        (lambda: Tokenizer().setTargetPattern("[").model(), "regular expression"),
        (lambda: BertForSequenceClassification().setMaxSentenceLength(513), "longer than 512"),
        (lambda: BertForSequenceClassification().setMaxSentenceLength(0), "at least 1"),
        (lambda: BertForSequenceClassification().setBatchSize(0), "greater than 0"),
        (lambda: BertForSequenceClassification().setThreshold(1.5), "not a score"),
        (lambda: BertForSequenceClassification().setTokenization("own"), "no such tokenisation"),
        (lambda: SentenceDetector().setCustomBoundsStrategy("both"), "no such strategy"),
    ],
)
def test_values_that_cannot_be_used_are_refused_when_they_are_set(change, message):
    with pytest.raises(OptionError, match=message):
        change()


def test_values_of_the_wrong_type_are_refused():
    with pytest.raises(TypeError):
        Tokenizer().setSplitPattern(7)
    with pytest.raises(TypeError):
        BertForSequenceClassification().setCaseSensitive("yes")


def test_an_exceptions_file_that_is_not_there():
    with pytest.raises(FileError, match="nowhere"):
        Tokenizer().setExceptionsPath("nowhere.txt")


def test_the_mode_is_trimmed_and_lower_cased():
    assert DocumentAssembler().setCleanupMode(" Shrink_Full ").getCleanupMode() == "shrink_full"


def test_the_number_of_input_columns_is_checked_when_they_are_set():
    with pytest.raises(PipelineError, match=r"expecting 2 columns. Provided column amount: 1"):
        BertForSequenceClassification().setInputCols(["document"])
    with pytest.raises(TypeError):
        Tokenizer().setInputCols(["document", "token"])


def test_inputs_are_found_by_type_not_by_order(tiny_a):
    stages = [DocumentAssembler().setInputCol("text"), Tokenizer()]
    results = []
    for names in (["document", "token"], ["token", "document"]):
        stage = BertForSequenceClassification.of(tiny_a).setInputCols(names).setOutputCol("class")
        results.append(Pipeline(stages=[*stages, stage]).fit(DATA).transform(DATA)["class"])
    assert results[0].equals(results[1])


def test_a_wrong_pipeline_is_told_in_spark_nlps_words_and_how_to_right_it(tiny_a):
    stage = (
        BertForSequenceClassification.of(tiny_a).setInputCols(["document", "tokens"]).setOutputCol("class")
    )
    stages = [DocumentAssembler().setInputCol("text"), Tokenizer().setOutputCol("woord"), stage]
    with pytest.raises(PipelineError) as error:
        Pipeline(stages=stages).fit(DATA).transform(DATA)
    told = str(error.value)
    assert told.startswith(
        f"requirement failed: Wrong or missing inputCols annotators in {stage.uid}.\n\n"
        "Current inputCols: document,tokens. Dataset's columns:\n"
        "(column_name=text,is_nlp_annotator=false)\n"
        "(column_name=document,is_nlp_annotator=true,type=document)\n"
    )
    assert "'woord' (token): name it in setInputCols" in told


def test_stages_that_are_not_ready_say_what_is_missing(tiny_a):
    document = DocumentAssembler().setInputCol("text")
    with pytest.raises(PipelineError, match="setInputCol"):
        DocumentAssembler().transform(DATA)
    without_model = BertForSequenceClassification().setInputCols(["document", "token"]).setOutputCol("class")
    with pytest.raises(PipelineError, match="has no model"):
        PipelineModel([document, Tokenizer().model(), without_model]).transform(DATA)
    stage = BertForSequenceClassification.of(tiny_a).setInputCols(["document", "token"])
    with pytest.raises(PipelineError, match="setOutputCol"):
        PipelineModel([document, Tokenizer().model(), stage]).transform(DATA)
    with pytest.raises(PipelineError, match="annotator stages incomplete"):
        Finisher().setInputCols("class").transform(DATA)
    with pytest.raises(PipelineError, match="must be an NLP Annotation column"):
        PipelineModel([document, Finisher().setInputCols("text")]).transform(DATA)
    with pytest.raises(PipelineError, match="length must match"):
        PipelineModel([document, Finisher().setInputCols("document").setOutputCols("a", "b")]).transform(DATA)
    with pytest.raises(PipelineError, match="Cannot recognize a pipeline stage"):
        Pipeline(stages=["document"]).fit(DATA)


def test_more_pieces_than_the_model_has_positions(tiny_a, tmp_path):
    stage = BertForSequenceClassification.of(tiny_a).setInputCols(["document", "token"]).setOutputCol("class")
    positions = tiny_a.encoder["max_positions"]
    if positions >= 512:
        assert stage.setMaxSentenceLength(512)
        return
    stages = [DocumentAssembler().setInputCol("text"), Tokenizer(), stage.setMaxSentenceLength(positions + 1)]
    with pytest.raises(OptionError, match="cannot read"):
        Pipeline(stages=stages).fit(DATA).transform(DATA)


@pytest.fixture
def model(tiny_a):
    classifier = BertForSequenceClassification.of(tiny_a).setInputCols(["document", "token"])
    stages = [DocumentAssembler().setInputCol("text"), Tokenizer(), classifier.setOutputCol("class")]
    return Pipeline(stages=stages).fit(DATA)


def test_the_tokenisation_is_chosen_by_name(model):
    import rubriek

    classifier = model.stages[2]
    text = DATA["text"].to_pylist()[0]
    scores = {}
    for name in ("sparknlp", "huggingface"):
        classifier.setTokenization(name).setMaxSentenceLength(256)
        (annotation,) = LightPipeline(model).fullAnnotate(text)[0]["class"]
        scores[name] = {label: float(annotation.metadata[label]) for label in classifier.getClasses()}
    own = rubriek.load(classifier.bundle.folder).predict(text).scores
    assert scores["huggingface"] == pytest.approx(own, abs=1e-5)
    assert scores["sparknlp"] != pytest.approx(own, abs=1e-3)


def test_the_mask_of_id_zero_is_an_option(tiny_b):
    """In tiny-b id 0 is [UNK]: hidden as Spark NLP does, or read as the model was trained."""
    found = []
    for hidden in (True, False):
        stage = BertForSequenceClassification.of(tiny_b).setIdZeroMask(hidden)
        stage.setInputCols(["document", "token"]).setOutputCol("class")
        light = LightPipeline(
            PipelineModel([DocumentAssembler().setInputCol("text"), Tokenizer().model(), stage])
        )
        found.append([light.fullAnnotate(text)[0]["class"][0].metadata for text in ("Kamer", "Kamer 日本")])
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]


def test_a_threshold_takes_effect_after_loading(model, tmp_path):
    model.stages[2].setActivation("sigmoid")
    model.save(str(tmp_path / "saved"))
    loaded = PipelineModel.load(str(tmp_path / "saved"))
    counts = []
    for threshold in (0.0, 0.5, 1.0):
        loaded.stages[2].setThreshold(threshold)
        counts.append(len(loaded.transform(DATA)["class"].to_pylist()[0]))
    assert counts[0] == 9
    assert counts[0] > counts[1] >= counts[2] == 0


def test_what_is_saved_is_loaded_the_same(model, tmp_path):
    model.stages[0].setCleanupMode("shrink")
    model.stages[1].setSplitChars(["-"])
    model.stages[2].setMaxSentenceLength(77).setCoalesceSentences(True)
    model.write().overwrite().save(str(tmp_path / "saved"))
    loaded = PipelineModel.load(str(tmp_path / "saved"))
    assert loaded.transform(DATA).equals(model.transform(DATA))
    for one, other in zip(loaded.stages, model.stages, strict=True):
        assert one.uid == other.uid
        assert {param.name: value for param, value in one.extractParamMap().items()} == {
            param.name: value for param, value in other.extractParamMap().items()
        }


def test_single_stages_are_saved_and_loaded(model, tmp_path):
    for number, stage in enumerate([*model.stages, SentenceDetector().setMinLength(3), Finisher()]):
        stage.save(str(tmp_path / str(number)))
        loaded = type(stage).load(str(tmp_path / str(number)))
        assert loaded.uid == stage.uid
        assert type(stage).read().load(str(tmp_path / str(number))).uid == stage.uid
    with pytest.raises(UnsupportedModelError, match=r"TokenizerModel.load"):
        DocumentAssembler.load(str(tmp_path / "1"))


def test_what_the_format_cannot_hold_is_said(model, tmp_path):
    model.stages[2].setTokenization("huggingface")
    with pytest.warns(RubriekWarning, match="no place for tokenization"):
        model.save(str(tmp_path / "saved"))


def test_nothing_is_overwritten_unasked(model, tmp_path):
    model.stages[0].save(str(tmp_path / "saved"))
    with pytest.raises(Exception, match="saved"):
        model.stages[1].save(str(tmp_path / "saved"))
    assert DocumentAssembler.load(str(tmp_path / "saved")).uid == model.stages[0].uid


def test_stages_travel_without_their_network(model):
    sent = pickle.loads(pickle.dumps(model.stages))
    assert len(pickle.dumps(model.stages)) < 20_000
    assert PipelineModel(sent).transform(DATA).equals(model.transform(DATA))


def test_nested_pipelines(model):
    nested = PipelineModel([PipelineModel(model.stages[:2]), model.stages[2]])
    assert nested.transform(DATA).equals(model.transform(DATA))
    fitted = Pipeline(stages=[Pipeline(stages=[DocumentAssembler().setInputCol("text"), Tokenizer()])]).fit(
        DATA
    )
    assert fitted.transform(DATA)["token"].equals(model.transform(DATA)["token"])
    assert isinstance(next(iter(list(fitted.flat())[1:])), TokenizerModel)


def test_light_pipelines(model):
    light = LightPipeline(model)
    assert light.annotate([]) == []
    assert light.transform(DATA).equals(model.transform(DATA))
    (full,) = light.fullAnnotate("Ja")
    assert full["document"] == [Annotation("document", 0, 1, "Ja", {}, [])]
    filtered = LightPipeline(PipelineModel([*model.stages, Finisher().setInputCols("class")]))
    assert list(filtered.annotate("Ja")) == ["class"]
    for wrong in (7, [7], [["a"]], None):
        with pytest.raises(InputError):
            light.annotate(wrong)
    with pytest.raises(OptionError, match="same size"):
        light.annotate(["a", "b", "c"], ["a", "b"])
    with pytest.warns(RubriekWarning, match="second input"):
        assert light.annotate("Ja", "Nee")["document"] == ["Ja"]


def test_three_documents_of_one_text():
    stages = [
        DocumentAssembler().setInputCol("text").setOutputCol(name)
        for name in ("document", "document2", "document3")
    ]
    expected = {"document": ["Mijn"], "document2": ["Mijn"], "document3": ["Mijn"]}
    assert LightPipeline(PipelineModel(stages)).annotate("Mijn") == expected


def test_a_path_of_a_file_is_a_text(model, tmp_path):
    (tmp_path / "foto.png").write_bytes(b"x")
    path = str(tmp_path / "foto.png")
    assert LightPipeline(model).annotate(path)["document"] == [path]


def test_annotations_are_equal_by_all_their_fields():
    one = Annotation("token", 0, 1, "ja", {"sentence": "0"}, [])
    assert one == Annotation("token", 0, 1, "ja", {"sentence": "0"}, [])
    assert one != one.copy("nee")
    assert one != Annotation("token", 0, 1, "ja", {"sentence": "1"}, [])
    assert one != "ja"


def test_parameters_given_to_fit_reach_the_stages():
    assembler, tokenizer = DocumentAssembler().setInputCol("text"), Tokenizer()
    model = Pipeline(stages=[assembler, tokenizer]).fit(DATA, {tokenizer.splitChars: ["-"]})
    found = [item["result"] for item in model.transform(DATA)["token"].to_pylist()[0]]
    assert "Hollandse" in found
    assert not tokenizer.isSet("splitChars")
