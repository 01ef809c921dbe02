"""The code of docs/spark.md, run as it stands."""

from __future__ import annotations

import csv
import itertools
import re

import pytest

ROWS = 20


@pytest.fixture
def code(request) -> str:
    page = (request.config.rootpath / "docs/spark.md").read_text(encoding="utf-8")
    marked = r"<!-- not run: needs Spark; tests/spark/test_spark_docs.py runs it -->\n```python\n(.*?)^```$"
    blocks = re.findall(marked, page, re.M | re.S)
    assert len(blocks) == 5
    return "\n".join(blocks)


def test_the_code_of_the_page_runs(spark, code, request, tmp_path, monkeypatch, capsys):
    with (request.config.rootpath / "examples/nieuws.csv").open(encoding="utf-8", newline="") as file:
        rows = list(itertools.islice(csv.reader(file), ROWS + 1))
    (tmp_path / "examples").mkdir()
    with (tmp_path / "examples/nieuws.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    code = code.replace('"examples/', f'"file://{tmp_path}/examples/').replace(
        '"out"', f'"file://{tmp_path}/out"'
    )
    exec(compile(code, "docs/spark.md", "exec"), {"spark": spark})
    printed = capsys.readouterr().out
    assert "Regionaal nieuws" in printed
    assert spark.read.parquet(f"file://{tmp_path}/out").count() == ROWS
    assert re.search(rf"^{ROWS} \d+ 0\.\d+$", printed, re.M)
