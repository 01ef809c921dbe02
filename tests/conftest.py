"""Models for the tests: tiny ones made on the spot, and two trained ones with the logits they should give."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

import programs
import tiny
from rubriek.models import Bundle, import_model

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DATA = Path(__file__).parent / "data"
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

# A busy machine is no failure: nothing here may depend on how long an example takes.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this test run's own: tests neither see nor change the user's models."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUBRIEK_CACHE", str(folder))
        patch.setenv("RUBRIEK_HUB", str(folder / "no-hub"))  # no test may ask the public one
        yield folder


@pytest.fixture(scope="session")
def data() -> Path:
    """The data that tests share."""
    return DATA


@pytest.fixture(scope="session")
def shared() -> Path | None:
    """What lies beside the repository and does not belong into it; None where it is not there."""
    folder = Path(os.environ.get("RUBRIEK_SHARED") or DATA.parent.parent.parent / "shared")
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def tiny_a(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A trained Dutch classifier with nine labels, [PAD] = 0."""
    return import_model(DATA / "tiny-a", tmp_path_factory.mktemp("bundles") / "tiny-a")


@pytest.fixture(scope="session")
def tiny_b(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same weights with [UNK] = 0 and [PAD] = 3."""
    return import_model(DATA / "tiny-b", tmp_path_factory.mktemp("bundles") / "tiny-b")


@pytest.fixture
def huggingface_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tiny Hugging Face folder with random weights; `tiny.huggingface_folder` says what it takes."""

    def write(name: str = "model", **options: object) -> Path:
        return tiny.huggingface_folder(tmp_path / name, **options)  # type: ignore[arg-type]

    return write


@pytest.fixture(scope="session")
def multi_label(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A random multi-label classifier, uncased, with [PAD] in the midst of the vocabulary."""
    folder = tmp_path_factory.mktemp("multi-label")
    source = tiny.huggingface_folder(
        folder / "source", problem_type="multi_label_classification", cased=False, special_at=5, seed=1
    )
    return import_model(source, folder / "multi-label")


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A random regression model."""
    folder = tmp_path_factory.mktemp("regression")
    source = tiny.huggingface_folder(folder / "source", labels=["score"], problem_type="regression", seed=2)
    return import_model(source, folder / "regression")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window, driven by Playwright; it finds no address but this machine's own.

    It lasts a module, not the session: Playwright's synchronous interface leaves an event loop running in
    this thread, and tests of other modules start loops of their own in it.
    """
    from playwright.sync_api import sync_playwright

    program = programs.require_chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, headless=True, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with Spark meet a warning of pyspark's own about new versions of pandas."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(
                pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
            )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Every run ends with what it left out: which tests, and what they would have needed."""
    yield
    left_out: dict[str, Counter[str]] = {}
    for report in terminalreporter.getreports("skipped"):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        left_out.setdefault(reason, Counter())[report.nodeid.partition("::")[0]] += 1
    if left_out:
        terminalreporter.section("NOT RUN", sep="=", yellow=True)
    for reason, files in sorted(left_out.items()):
        terminalreporter.write_line(reason)
        for file, tests in sorted(files.items()):
            terminalreporter.write_line(f"  {file}: {tests} test{'s' if tests > 1 else ''}")


@pytest.fixture(scope="session")
def spark(cache: Path) -> Iterator[Any]:
    """Spark on two cores of this machine, one for all tests: it takes seconds to start."""
    from rubriek import sparknlp

    programs.require_java()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        session = sparknlp.start(
            memory="1G",
            params={
                "spark.master": "local[2]",
                "spark.ui.enabled": "false",
                "spark.sql.shuffle.partitions": "2",
                "spark.driver.host": "127.0.0.1",
                "spark.ui.showConsoleProgress": "false",
            },
        )
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()
