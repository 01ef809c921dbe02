"""Runs in the environment of the real Spark NLP: loads saved models, and prints what they make of some texts.

Standard input: a JSON object with ``jars``, ``texts``, ``cache`` (a folder), ``zips`` (of one classifier
each, named as the Models Hub names them), ``cases``: by name a list of folders whose stages follow each
other, and ``catalogue``: a metadata.json, a name and a language. The last line of standard output is a JSON
object: by case, and by zip, the rows, and under ``catalogue`` the file that the name stands for.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def session(jars: list[str]) -> Any:
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[1]")
        .config("spark.driver.memory", "3g")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
        .config("spark.kryoserializer.buffer.max", "1000M")
        .config("spark.jars", ",".join(jars))
        .config("spark.driver.extraClassPath", os.pathsep.join(jars))
        .getOrCreate()
    )


def load(folder: str) -> Any:
    import sparknlp.annotator
    import sparknlp.base
    from pyspark.ml import PipelineModel

    part = next(path for path in sorted(Path(folder, "metadata").iterdir()) if path.name.startswith("part-"))
    name = json.loads(part.read_text())["class"].rpartition(".")[2]
    if name == "PipelineModel":
        return PipelineModel.load(folder)
    return getattr(sparknlp.base if hasattr(sparknlp.base, name) else sparknlp.annotator, name).load(folder)


def unpack(spark: Any, archive: Path, cache: str) -> str:
    """Unpack a zip in the cache folder with Java's ZipInputStream, as Spark NLP's downloader does.

    The downloader itself needs a library for S3 that is not among the jars.
    """
    target = Path(cache, archive.stem)
    jvm = spark.sparkContext._jvm
    stream = jvm.java.util.zip.ZipInputStream(jvm.java.io.FileInputStream(str(archive)))
    no_options = spark.sparkContext._gateway.new_array(jvm.java.nio.file.CopyOption, 0)
    while (entry := stream.getNextEntry()) is not None:
        place = target / entry.getName()
        place.parent.mkdir(parents=True, exist_ok=True)
        jvm.java.nio.file.Files.copy(stream, jvm.java.io.File(str(place)).toPath(), no_options)
        stream.closeEntry()
    stream.close()
    return str(target)


def resolved(spark: Any, catalogue: str, name: str, language: str) -> str:
    """Choose the file of a name, as the downloader does for Spark NLP 5.1.4 on Spark 3.4."""
    jvm = spark.sparkContext._jvm
    pretrained, version = jvm.com.johnsnowlabs.nlp.pretrained, jvm.com.johnsnowlabs.util.Version
    rows = pretrained.ResourceMetadata.readResources(jvm.java.io.FileInputStream(catalogue))
    request = pretrained.ResourceRequest(
        name, jvm.scala.Some(language), "public/models", version.parse("5.1.4"), version.parse("3.4")
    )
    return pretrained.ResourceMetadata.resolveResource(rows, request).get().fileName()


def main() -> None:
    given = json.load(sys.stdin)
    spark = session(given["jars"])
    spark.sparkContext.setLogLevel("OFF")
    texts = spark.createDataFrame([[text] for text in given["texts"]], "text string").coalesce(1)

    def rows(stages: list) -> list:
        frame = texts
        for stage in stages:
            frame = stage.transform(frame)
        return [row.asDict(recursive=True) for row in frame.collect()]

    found = {name: rows([load(folder) for folder in folders]) for name, folders in given["cases"].items()}
    for archive in given["zips"]:
        folder = unpack(spark, Path(archive), given["cache"])
        model = load(folder).setInputCols(["document", "token"]).setOutputCol("class")
        found[archive] = rows([*map(load, given["before"]), model])
    found["catalogue"] = resolved(spark, *given["catalogue"])
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
