from __future__ import annotations

import pytest

from rubriek.errors import FileError
from rubriek.server.keys import Keys


def test_a_file_of_keys(tmp_path):
    file = tmp_path / "keys"
    file.write_text("# redactie\n\n een-heel-lange-sleutel \nnog-een-lange-sleutel", encoding="utf-8")
    keys = Keys.read(file)
    assert keys.open_to("Bearer een-heel-lange-sleutel")
    assert keys.open_to("bearer  nog-een-lange-sleutel")
    assert not keys.open_to("Bearer # redactie")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"# niets\n",
        b"kort\n",
        b"\xff\xfe",
        b"a" * 1_100_000,
        "een-sleutel-vol-\u00e9\u00e9n-teken\n".encode(),
        b"een-sleutel-met\x00-nul-erin\n",
    ],
)
def test_files_that_hold_no_keys(tmp_path, content):
    file = tmp_path / "keys"
    file.write_bytes(content)
    with pytest.raises(FileError):
        Keys.read(file)


def test_keys_are_not_kept_as_they_are():
    assert "een-heel-lange-sleutel" not in str(vars(Keys(["een-heel-lange-sleutel"])))
