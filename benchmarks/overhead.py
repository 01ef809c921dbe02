"""What the drop-in pipeline costs beside `Classifier.predict` on the same texts and model.

    python -m benchmarks.overhead nl-news headlines.csv

Prints the time of one headline through LightPipeline.annotate, and of all of them through a three-stage
pipeline, each beside Classifier.predict, measured alternately. The tokenisation named sparknlp reads fewer
pieces of a text than the model's own, so a ratio under 1 is no mistake.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

import rubriek
from rubriek.files.texts import read_texts
from rubriek.sparknlp.annotator import BertForSequenceClassification, Tokenizer
from rubriek.sparknlp.base import DocumentAssembler, LightPipeline, Pipeline


def seconds(run: Callable[[], object], times: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times


def compare(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int, times: int
) -> None:
    pairs = [(seconds(ours, times), seconds(theirs, times)) for _ in range(rounds)]
    pipeline, predict = (statistics.median(pair[place] for pair in pairs) for place in (0, 1))
    ratios = ", ".join(f"{one / other:.2f}" for one, other in pairs)
    print(f"{name}: pipeline {pipeline:.4f} s, predict {predict:.4f} s; ratios {ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("file", type=Path, help="texts, in any format that rubriek classify reads")
    parser.add_argument("--column", default=[], action="append", help="column of the text")
    parser.add_argument("--rows", type=int, default=10_000, help="how many; the file is repeated if need be")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    texts = [text for text in read_texts(options.file, options.column).to_pylist() if text]
    for number in range(options.rows - len(texts)):  # another number makes another text
        texts.append(f"{texts[number]} {number}")
    data = pa.table({"text": texts[: options.rows]})
    classifier = rubriek.load(options.model)
    stage = BertForSequenceClassification.pretrained(options.model, "nl")
    stage.setInputCols(["document", "token"]).setOutputCol("class")
    model = Pipeline(stages=[DocumentAssembler().setInputCol("text"), Tokenizer(), stage]).fit(data)
    light = LightPipeline(model)
    one = texts[0]
    compare(
        "one text",
        lambda: light.annotate(one),
        lambda: classifier.predict(one),
        rounds=options.rounds + 1,  # the first opens the engines
        times=50,
    )
    compare(
        f"{data.num_rows:,} texts",
        lambda: model.transform(data),
        lambda: classifier.predict(data, text_column="text"),
        rounds=options.rounds,
        times=1,
    )


if __name__ == "__main__":
    main()
