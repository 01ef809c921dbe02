"""What a message tells people to type exists: every command and option that the source names is looked up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import rubriek
from rubriek.cli import main

SOURCE = Path(rubriek.__file__).parent
# What follows the name where a sentence is about rubriek; whatever else follows has to be a command.
PROSE = "bundle|does|for|has|knows|on|reads|runs|writes|wrote"
COMMAND = re.compile(rf"\brubriek (?!(?:{PROSE})\b)((?:[a-z][a-z-]+ ?)+)")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z])(?![\w-])")
FOREIGN = re.compile(r"(?:iconv|pip|curl|python|spark-submit|keytool|jq) .*")


def texts(tree: ast.AST) -> Iterator[ast.expr]:
    """Find every text but docstrings: messages, hints, lines that are printed."""
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or (is_text(node) and node not in docstrings):
            yield node


def flat(node: ast.expr) -> str:
    """Return a text; X stands for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        return "".join(map(str, parts))
    return str(node.value)


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield str(path.relative_to(SOURCE)), ast.parse(path.read_text(encoding="utf-8"))


def named() -> list[tuple[str, str]]:
    found = {(place, flat(node)) for place, tree in sources() for node in texts(tree)}
    # One option alone is an argument of another program, and a style sheet names variables.
    sentences = [
        (place, text) for place, text in found if not (OPTION.fullmatch(text.strip()) or ":root" in text)
    ]
    return sorted((place, text) for place, text in sentences if COMMAND.search(text) or OPTION.search(text))


def worded() -> list[tuple[str, str, str | None]]:
    """The options that `rubriek.errors.Worded` names, with their values where the source has them."""
    return [
        (place, str(flat(option.elts[0])), flat(option.elts[1]) if is_text(option.elts[1]) else None)
        for place, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Worded"
        for option in node.args[1:]
        if isinstance(option, ast.Tuple) and is_text(option.elts[0])
    ]


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def command_of(words: list[str]) -> tuple[list[str], click.Command]:
    """Follow words as far as they name commands."""
    command: click.Command = main
    taken: list[str] = []
    while words and isinstance(command, click.Group) and words[0] in command.commands:
        taken.append(words[0])
        command = command.commands[words.pop(0)]
    return taken, command


def helped(words: list[str]) -> str:
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0
    return result.output


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name)


HELP = {words: helped(list(words)) for words in commands(main)}
MESSAGES = named()


def test_the_walk_finds_what_messages_name():
    assert any("rubriek models quantize" in text for _, text in MESSAGES)
    assert any("--on-error skip" in text for _, text in MESSAGES)
    assert ("frames.py", "prefix", "predicted_") in worded()


@pytest.mark.parametrize(("place", "text"), MESSAGES)
def test_a_command_and_its_options_exist(place, text):
    text = FOREIGN.sub("", text)
    helps = list(HELP.values())
    for found in COMMAND.finditer(text):
        words, command = command_of(found[1].split())
        assert words, f"{place}: rubriek {found[1]}"
        if not isinstance(command, click.Group):
            helps = [helped(words)]
    for option in OPTION.findall(text):
        assert any(re.search(rf"(?<![\w-]){option}(?![\w-])", shown) for shown in helps), f"{place}: {option}"


@pytest.mark.parametrize(("place", "name", "value"), worded())
def test_an_option_of_python_exists_on_the_command_line_with_its_value(place, name, value):
    option = f"--{name.replace('_', '-')}"
    takes = [
        parameter
        for words in HELP
        for parameter in command_of(list(words))[1].params
        if option in parameter.opts
    ]
    assert takes, f"{place}: {option}"
    if value is not None:
        for parameter in takes:
            if isinstance(parameter.type, click.Choice):
                assert value in parameter.type.choices
