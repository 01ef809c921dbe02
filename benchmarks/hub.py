"""How long 20,000 model cards take: to index, to search, to make a site of.

    .venv/bin/python -m benchmarks.hub [--cards 20000] [--site]

The cards are generated in the form of the Models Hub's, with its mix of tasks, languages and lengths.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.machine import describe
from rubriek.hub.card_parts import Links, write_examples, write_facts, write_labels, write_links
from rubriek.hub.cards import Card, Section, card_text
from rubriek.hub.describing import PYTHON, SCALA
from rubriek.hub.index import Index
from rubriek.hub.queries import Query

TASKS = {
    "Automatic Speech Recognition": 6179,
    "Translation": 3285,
    "Named Entity Recognition": 2362,
    "Question Answering": 2037,
    "Embeddings": 1770,
    "Text Classification": 1113,
    "Image Classification": 668,
    "Part of Speech Tagging": 396,
}
LANGUAGES = {
    "en": 8686,
    "xx": 3528,
    "de": 507,
    "fr": 499,
    "es": 482,
    "pt": 328,
    "it": 292,
    "nl": 273,
    "zh": 264,
}
"""How many cards of the Models Hub have them, as counted in 2023."""
ANNOTATORS = {
    "Automatic Speech Recognition": "Wav2Vec2ForCTC",
    "Translation": "MarianTransformer",
    "Named Entity Recognition": "BertForTokenClassification",
    "Question Answering": "BertForQuestionAnswering",
    "Embeddings": "BertEmbeddings",
    "Text Classification": "BertForSequenceClassification",
    "Image Classification": "ViTForImageClassification",
    "Part of Speech Tagging": "PerceptronModel",
}
TOPICS = [
    "news",
    "reviews",
    "emotion",
    "sentiment",
    "toxicity",
    "legal",
    "medical",
    "sports",
    "tweets",
    "finance",
]
LABELS = {
    "news": [
        "Economie",
        "Buitenland",
        "Politiek",
        "Regionaal nieuws",
        "Tech",
        "Koningshuis",
        "Cultuur & Media",
    ],
    "sentiment": ["positive", "negative", "neutral"],
    "emotion": ["joy", "anger", "fear", "sadness", "love", "surprise"],
}
QUERIES = {
    "task, language and a word": Query("news", "Text Classification", "nl"),
    "a word": Query("sentiment"),
    "the start of most words": Query("be"),
    "two words": Query("bert news"),
    "a language": Query(language="nl"),
    "a task": Query(task="Automatic Speech Recognition"),
    "everything": Query(),
}


def cards(count: int, seed: int = 0) -> Iterator[Card]:
    """Generate cards."""
    rng = random.Random(seed)
    tasks = rng.choices(list(TASKS), list(TASKS.values()), k=count)
    languages = rng.choices(list(LANGUAGES), list(LANGUAGES.values()), k=count)
    for number, task, language in zip(itertools.count(), tasks, languages):
        annotator, topic, owner = ANNOTATORS[task], rng.choice(TOPICS), f"owner{rng.randrange(900)}"
        name = f"bert_{task.split()[0].lower()}_{topic}_{owner}_{number}"
        labels = LABELS.get(topic, ["LABEL_0", "LABEL_1"]) if "Classification" in task else []
        file = f"{name}_{language}_5.1.4_3.4_1698789{number:06}.zip"
        date = f"{rng.randrange(2020, 2024)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        code = {"name": name, "language": language, "text": "I love Spark NLP"}
        facts = {"Model Name": name, "Compatibility": "Spark NLP 5.1.4+", "License": "Open Source"}
        facts |= {"Language": language, "Size": f"{rng.randrange(17, 1638)}.0 MB", "Case sensitive": "true"}
        front = {
            "layout": "model",
            "title": f"{language.upper()} {annotator} Cased model (from {owner})",
            "author": "John Snow Labs",
            "name": name,
            "date": date,
            "tags": ["bert", topic, "open_source", language, "onnx"],
            "task": task,
            "language": language,
            "edition": "Spark NLP 5.1.4",
            "spark_version": "3.4",
            "supported": "true",
            "engine": rng.choice(["onnx", "tensorflow"]),
            "annotator": annotator,
            "article_header": {"type": "cover"},
            "use_language_switcher": "Python-Scala-Java",
        }
        links = Links(
            download=f"https://example.org/public/models/{file}", s3=f"s3://example/public/models/{file}"
        )
        yield Card(
            front,
            (
                Section(
                    "Description", f"Pretrained {annotator} model about {topic}, trained by `{owner}`." * 2
                ),
                Section("Predicted Entities", f"{write_labels(labels)}\n\n{write_links(links)}".strip()),
                Section(
                    "How to use",
                    write_examples(
                        {
                            "python": PYTHON.format(**code),
                            "scala": SCALA.format(**code),
                            "nlu": f'import nlu\nnlu.load("{language}.classify.{topic}.by_{owner}")',
                        }
                    ),
                ),
                Section("Model Information", write_facts(facts), "{:.model-param}"),
                Section("References", f"References\n\n- https://huggingface.co/{owner}/{name}"),
            ),
        )


def write_cards(folder: Path, count: int) -> None:
    for number, card in enumerate(cards(count)):
        place = folder / f"{number // 1000:03}"
        place.mkdir(exist_ok=True, parents=True)
        (place / f"{card.text('date')}-{card.name}_{card.language}.md").write_text(
            card_text(card), encoding="utf-8"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.hub", description=__doc__)
    parser.add_argument("--cards", type=int, default=20_000)
    parser.add_argument("--site", action="store_true", help="make a site of them too")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="rubriek-") as place:
        folder = Path(place, "cards")
        write_cards(folder, given.cards)
        machine = describe()
        print(
            f"{machine['date']}, {machine['cores']} cores of {machine['cpu']}, Python {machine['python']}\n"
        )
        with Index(folder, Path(place, "index.sqlite")) as index:
            print(
                f"index {given.cards:,} cards        {timed(index.refresh):8.2f} s   (reach: 60 s for 20,000)"
            )
            print(f"look for changes           {1000 * timed(index.refresh):8.1f} ms")
            print(f"the index takes            {index.file.stat().st_size / 1e6:8.1f} MB\n")
            print("query, the 20 best          found    median      most")
            for name, query in QUERIES.items():
                times = [timed(partial(index.search, query)) for _ in range(50)]
                print(
                    f"{name:<26} {index.count(query):>6,} {1000 * statistics.median(times):6.1f} ms "
                    f"{1000 * max(times):6.1f} ms   (reach: 50 ms)"
                )
        if given.site:
            from rubriek.hub.site import build

            os.environ["RUBRIEK_CACHE"] = str(Path(place, "cache"))
            output = Path(place, "site")
            print(f"\nmake the site              {timed(partial(build, folder, output)):8.1f} s")
            print(
                f"data of the list           {(output / 'assets' / 'cards.js').stat().st_size / 1e6:8.1f} MB"
            )


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
