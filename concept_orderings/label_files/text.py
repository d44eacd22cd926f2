"""Decode the text of label files, and refuse files that hold no text."""

import re

from concept_orderings.label_files.base import unreadable

_ENCODINGS = (
    # Bytes that a file begins with. The longer mark of UTF-32 begins with that of UTF-16.
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_FOREIGN = {
    b"\x1f\x8b": "is compressed with gzip; unpack it first.",
    b"PK\x03\x04": "is a ZIP archive, as spreadsheets and .npz files are; save the class names as text.",
    b"\x93NUMPY": "is a NumPy array; save the class names as text.",
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`.",
}
_PAGES = ("<!doctype", "<html", "<?xml")


def decode(file: str, data: bytes) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Raises
    ------
    BadValue
        ``bad_file``: the file is empty, or holds something else than text.
    """
    for start, sentence in _FOREIGN.items():
        if data.startswith(start):
            raise unreadable(file, sentence)
    encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise unreadable(
            file, f"is not text in UTF-8: line {line} has the byte 0x{data[error.start]:02x}; save it as UTF-8."
        ) from error
    if not text.strip():
        raise unreadable(file, "is empty; it needs a class per line, or JSON.")
    if "\0" in text:
        raise unreadable(file, "is not text: it has null characters.")
    if text.lstrip().lower().startswith(_PAGES):
        raise unreadable(file, "is a web page or XML; download the file itself.")
    return text


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, ended by line feeds, carriage returns or both."""
    # `str.splitlines` also splits at characters that a class name may have.
    return re.split(r"\r\n|\n|\r", text)
