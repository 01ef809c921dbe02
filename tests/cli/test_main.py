"""The command as a whole: quick, helpful, and honest in its exit status."""

from __future__ import annotations

import errno
import shlex
import subprocess
import sys
import warnings

import click
import pytest
from click.testing import CliRunner

import rubriek
from rubriek.cli import main
from rubriek.errors import RubriekWarning


def commands(group: click.Group, name: str = "rubriek"):
    yield name, group
    for child in group.commands.values():
        if isinstance(child, click.Group):
            yield from commands(child, f"{name} {child.name}")
        else:
            yield f"{name} {child.name}", child


ALL = dict(commands(main))


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_help_with_an_example(name):
    result = CliRunner().invoke(main, [*name.split()[1:], "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert name in result.output.partition("Example")[2]


@pytest.mark.parametrize("name", ALL)
def test_every_option_has_help(name):
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help


def test_the_options_in_examples_exist():
    for name, command in ALL.items():
        for line in (command.help or "").splitlines():
            if f"{name} " in line and "Example" not in line:
                arguments = shlex.split(line.partition(f"{name} ")[2].split("|")[-1].split(">")[0])
                if not isinstance(command, click.Group):
                    command.make_context(name, arguments)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from rubriek.cli import main; main(['classify', '--help'], standalone_mode=False); "
        "print([m for m in ('numpy', 'pyarrow', 'onnxruntime', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version():
    assert CliRunner().invoke(main, ["--version"]).output == f"rubriek, version {rubriek.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["classify", "er-is-niets.csv"], 1, "There is no file er-is-niets.csv"),
        (["classify"], 2, "Missing argument"),
        (["classify", "x.csv", "--overflow", "cut"], 2, "'cut' is not one of"),
        (["models", "show", "geen-model"], 1, "There is no model 'geen-model'"),
        (["models", "import", "er-is-niets"], 1, "There is no"),
    ],
)
def test_errors_are_messages_with_a_status(arguments, status, message):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == status
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_warnings_errors_of_the_disk_and_interrupts_become_messages():
    @main.command("fails-in-a-test")
    @click.argument("how")
    def fails(how: str) -> None:
        if how == "warn":
            warnings.warn("De cache is vol.", RubriekWarning, stacklevel=1)
        elif how == "fail":
            raise OSError(errno.ENOSPC, "No space left on device", "/tmp/rubriek")
        else:
            raise KeyboardInterrupt

    try:
        warned = CliRunner().invoke(main, ["fails-in-a-test", "warn"])
        assert (warned.exit_code, warned.stderr) == (0, "Warning: De cache is vol.\n")
        failed = CliRunner().invoke(main, ["fails-in-a-test", "fail"])
        assert failed.exit_code == 1
        assert failed.stderr == "Error: [Errno 28] No space left on device: '/tmp/rubriek'\n"
        stopped = CliRunner().invoke(main, ["fails-in-a-test", "stop"])
        assert (stopped.exit_code, stopped.stderr) == (130, "Interrupted.\n")
    finally:
        del main.commands["fails-in-a-test"]


def test_colours_only_where_they_are_wanted(monkeypatch):
    assert "\x1b" in CliRunner().invoke(main, ["classify", "er-is-niets.csv"], color=True).stderr
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in CliRunner().invoke(main, ["classify", "er-is-niets.csv"], color=True).stderr
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b" not in CliRunner().invoke(main, ["classify", "er-is-niets.csv"]).stderr
