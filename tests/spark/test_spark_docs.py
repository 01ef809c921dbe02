"""The code of docs/spark.md, run as it stands."""

from __future__ import annotations

import csv
import re
import shutil

import pytest


@pytest.fixture
def code(request) -> str:
    page = (request.config.rootpath / "docs/spark.md").read_text(encoding="utf-8")
    marked = r"<!-- not run: needs Spark; tests/spark/test_spark_docs.py runs it -->\n```python\n(.*?)^```$"
    blocks = re.findall(marked, page, re.M | re.S)
    assert len(blocks) == 4
    return "\n".join(blocks)


def test_the_code_of_the_page_runs(spark, code, request, tmp_path, monkeypatch, capsys):
    shutil.copytree(request.config.rootpath / "examples", tmp_path / "examples")
    code = code.replace('"examples/', f'"file://{tmp_path}/examples/').replace(
        '"out"', f'"file://{tmp_path}/out"'
    )
    exec(compile(code, "docs/spark.md", "exec"), {"spark": spark})
    printed = capsys.readouterr().out
    assert "Regionaal nieuws" in printed
    with (tmp_path / "examples/nieuws.csv").open(encoding="utf-8", newline="") as file:
        articles = sum(1 for _ in csv.DictReader(file))
    assert spark.read.parquet(f"file://{tmp_path}/out").count() == articles
    assert re.search(rf"^{articles} \d+ 0\.\d+$", printed, re.M)
