"""The parts that the Models Hub's cards have in common: labels, links, code in tabs, tables of facts.

Each is written as the hub writes it (kramdown's ``{:.class}`` lines included) and read again from any card.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from rubriek.hub.cards import ATTRIBUTES, fenced

LINK = re.compile(
    r"^[ \t]*\[(Live Demo|Open in Colab|Download|Copy S3 URI)\]\(([^()\s]*)\)(?:\{:[^{}\n]*\})?", re.M
)
BUTTON = "{:.button.button-orange"
NLU = "{:.nlu-block}"
INCLUDE = "{% include programmingLanguageSelectScalaPythonNLU.html %}"


@dataclass(frozen=True)
class Links:
    """The buttons of a card; an empty one is shown disabled, or not at all.

    Attributes
    ----------
    demo, colab : str
        Pages to try the model.
    download : str
        The zip, by HTTP.
    s3 : str
        The zip, as ``s3://bucket/key``.
    """

    demo: str = ""
    colab: str = ""
    download: str = ""
    s3: str = ""


TITLES = {"demo": "Live Demo", "colab": "Open in Colab", "download": "Download", "s3": "Copy S3 URI"}
STYLES = {
    "demo": "}",
    "colab": "}",
    "download": ".button-orange-trans.arr.button-icon}",
    "s3": ".button-orange-trans.button-icon.button-copy-s3}",
}


def write_labels(labels: Iterable[str]) -> str:
    """Write labels as code, with commas between.

    Examples
    --------
    >>> write_labels(["Cultuur & Media", "Tech"])
    '`Cultuur & Media`, `Tech`'
    """
    return ", ".join(_span(" ".join(label.split()) or "-") for label in labels)


def _span(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def read_labels(text: str) -> tuple[str, ...]:
    """Read the labels of a section: what stands in it as code, up to the buttons.

    Examples
    --------
    >>> read_labels("`Economie`, ``a`b``")
    ('Economie', 'a`b')
    """
    text = text.partition("{:.btn-box}")[0]
    runs = [match.span() for match in re.finditer("`+", text)]
    closing: dict[int, int] = {}  # of each run, the next one that is as long
    last: dict[int, int] = {}
    for number, (start, end) in reversed(list(enumerate(runs))):
        closing[number] = last.get(end - start, -1)
        last[end - start] = number
    found, number = [], 0
    while number < len(runs):
        partner = closing[number]
        if partner > 0:
            found.append(_unpadded(text[runs[number][1] : runs[partner][0]].replace("\n", " ")))
        number = max(number, partner) + 1
    return tuple(found)


def _unpadded(code: str) -> str:
    return code[1:-1] if code.strip() and code[0] == code[-1] == " " else code


def write_links(links: Links) -> str:
    """Write the buttons of a card, the disabled ones as the hub does.

    Examples
    --------
    >>> print(write_links(Links(s3="s3://news/model.zip")))
    {:.btn-box}
    <button class="button button-orange" disabled>Live Demo</button>
    <button class="button button-orange" disabled>Open in Colab</button>
    <button class="button button-orange" disabled>Download</button>
    [Copy S3 URI](s3://news/model.zip){:.button.button-orange.button-orange-trans.button-icon.button-copy-s3}
    """
    lines = ["{:.btn-box}"]
    for kind, address in asdict(links).items():
        if address:
            lines.append(f"[{TITLES[kind]}]({_in_link(address)}){BUTTON}{STYLES[kind]}")
        else:
            lines.append(f'<button class="button button-orange" disabled>{TITLES[kind]}</button>')
    return "\n".join(lines)


def _in_link(address: str) -> str:
    return re.sub(r"[\s()<>]", lambda sign: "".join(f"%{byte:02X}" for byte in sign[0].encode()), address)


def read_links(text: str) -> Links:
    """Read the buttons of a card."""
    kinds = {title: kind for kind, title in TITLES.items()}
    found = {kinds[match[1]]: match[2] for match in LINK.finditer(text)}
    return Links(**found)


def write_examples(examples: Mapping[str, str]) -> str:
    """Write code in tabs.

    Parameters
    ----------
    examples : mapping of str to str
        Code by language: ``python``, ``scala``, ``java``, ``nlu``, ...

    Returns
    -------
    str

    Examples
    --------
    >>> print(write_examples({"python": "import rubriek"}))
    <div class="tabs-box" markdown="1">
    {% include programmingLanguageSelectScalaPythonNLU.html %}
    ```python
    import rubriek
    ```
    </div>
    """
    blocks = []
    for language, code in examples.items():
        longest = max((len(run) for run in re.findall("`{3,}", code)), default=2)
        fence = "`" * (longest + 1)
        before, name = (f"\n{NLU}\n", "python") if language == "nlu" else ("", language)
        blocks.append(f"{before}{fence}{name}\n{code}\n{fence}")
    return "\n".join(['<div class="tabs-box" markdown="1">', INCLUDE, *blocks, "</div>"])


def read_examples(text: str) -> dict[str, str]:
    r"""Read the code of a section: the first block of each language, an NLU block as ``nlu``.

    Examples
    --------
    >>> read_examples("```python\nimport rubriek\n```")
    {'python': 'import rubriek'}
    """
    found: dict[str, str] = {}
    for before, language, code in _blocks(text):
        found.setdefault("nlu" if before == NLU else language, code)
    return found


def read_example_texts(text: str) -> list[str]:
    r"""Read the texts of a section: the items of its list, each with the lines that belong to it.

    Examples
    --------
    >>> read_example_texts("Invented.\n\n- A title\n  and a text\n- Another")
    ['A title\nand a text', 'Another']
    """
    found: list[list[str]] = []
    for line, part in fenced(text.split("\n")):
        if part:
            continue
        if re.match(r"[-*] +\S", line):
            found.append([line[1:].strip()])
        elif found and line.startswith("  ") and line.strip():
            found[-1].append(line.strip())
    return ["\n".join(lines) for lines in found]


def _blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield each fenced block: the line before it, its language, its code."""
    before, language = "", ""
    held: list[str] = []
    for line, part in fenced(text.split("\n")):
        if part == "opens":
            language = line.strip(" `~").partition(" ")[0].lower() or "text"
            held = []
        elif part == "inside":
            held.append(line)
        elif part == "closes":
            yield before, language, "\n".join(held)
            before = ""
        else:
            before = line.strip() or before


def write_facts(facts: Mapping[str, str]) -> str:
    """Write a table of names and values.

    Examples
    --------
    >>> print(write_facts({"Language": "nl"}))
    {:.table-model}
    |---|---|
    |Language:|nl|
    """
    rows = [f"|{_cell(name)}:|{_cell(value)}|" for name, value in facts.items()]
    return "\n".join(["{:.table-model}", "|---|---|", *rows])


def _cell(text: str) -> str:
    return re.sub(r"([\\|])", r"\\\1", " ".join(text.split()))


def read_facts(text: str) -> dict[str, str]:
    """Read the rows of two cells in a section's table, the names without their colon."""
    found: dict[str, str] = {}
    for line, code in fenced(text.split("\n")):
        cells = _cells(line.strip()) if not code else []
        if len(cells) == 2 and cells[0]:
            found.setdefault(cells[0].removesuffix(":"), cells[1])
    return found


def _cells(line: str) -> list[str]:
    if not line.startswith("|") or set(line) <= set("|-: \t"):
        return []
    cells, start = [], 1
    for sign in re.finditer(r"\\.|\|", line[1:]):
        if sign[0] == "|":
            cells.append(line[start : sign.start() + 1])
            start = sign.end() + 1
    cells += [line[start:]] if line[start:] else []
    return [re.sub(r"\\([\\|])", r"\1", cell.strip()) for cell in cells]


def prose(text: str, *, without: Literal["code", "tables"] | None = None) -> str:
    r"""Return a section as plain Markdown: without buttons, kramdown's lines and Liquid's tags.

    Parameters
    ----------
    text : str
        Of a section.
    without : {"code", "tables"}, optional
        What else to leave out, since it is shown in another way.

    Examples
    --------
    >>> prose("{:.table-model}\n|---|---|\n|Language:|nl|\n\nMore.", without="tables")
    'More.'
    """
    kept = []
    for line, code in fenced(text.split("\n")):
        bare = line.strip()
        dropped = (
            without == "code"
            if code
            else ATTRIBUTES.fullmatch(bare)
            or bare.startswith(("{%", '<div class="tabs-box"', "</div>", "<button"))
            or LINK.match(line)
            or (without == "tables" and bare.startswith("|"))
        )
        if not dropped:
            kept.append(line)
    return "\n".join(kept).strip("\n")
