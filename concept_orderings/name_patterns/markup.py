"""Names with what belongs to web pages, URLs and files: entities, escapes, quotation marks, brackets, suffixes."""

import html
import re
from urllib.parse import unquote

from concept_orderings.name_patterns.base import Pattern, are_most, has_letter, traced, without
from concept_orderings.text import is_plain_text

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_SIGNS = str.maketrans("", "", "®™©")
_ESCAPE = re.compile(r"(?<![0-9%])%[0-9A-Fa-f]{2}")
_URL = re.compile(r"https?://\S*[/#:]([^\s/#:]+)/?")
# Python writes bytes as b'apple', as in the metadata of CIFAR.
_QUOTED = re.compile(r"""b?(?:"([^"]+)"|'([^']+)'|“([^”]+)”|`([^`]+)`|:([A-Za-z][\w-]*):)""")
_BRACKETS = re.compile(r"\[([^\[\]]+)\]|<([^<>]+)>|\{([^{}]+)\}")
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>")
_BULLET = re.compile(r"^\s*[-*•·–]\s+(?=\S)")
_FILE = re.compile(
    r"(?:[ _-]?[0-9]+)?\.(?:jpe?g|png|gif|bmp|tiff?|webp|svg|mp[34]|avi|mov|mkv|webm|wav|flac|ogg|npy|txt|xml|json)$",
    re.IGNORECASE,
)


def _without_entities(name: str) -> str | None:
    if not _ENTITY.search(name):
        return None
    text = html.unescape(name).translate(_SIGNS)
    return text if text != name and is_plain_text(text) and has_letter(text) else None


def _without_escapes(name: str) -> str | None:
    if not _ESCAPE.search(name):
        return None
    text = unquote(name, errors="replace")
    return text if text != name and is_plain_text(text) and "\N{REPLACEMENT CHARACTER}" not in text else None


def _without_quotes(name: str) -> str | None:
    found = _QUOTED.fullmatch(name.strip())
    return next(filter(None, found.groups())) if found else None


def _without_brackets(name: str) -> str | None:
    text = _TAG.sub("", name) if "</" in name else name
    # Twice, because links of wikis have two.
    for _ in range(2):
        text = _BRACKETS.sub(lambda found: next(filter(None, found.groups())), text)
    return text if text != name and has_letter(text) else None


def _end_of_url(name: str) -> str | None:
    found = _URL.fullmatch(name)
    return found[1] if found and has_letter(found[1]) else None


URLS = Pattern(
    "URLs",
    "the form of a URL",
    "http://dbpedia.org/ontology/Island",
    "/",
    traced(r"^https?://"),
    _end_of_url,
)
ENTITIES = Pattern(
    "HTML entities",
    "an HTML entity",
    "Levi's&#174; Shoes",
    "&",
    traced(r"&[#A-Za-z0-9]+;"),
    _without_entities,
)
ESCAPES = Pattern(
    "URL escapes",
    "an escape of URLs",
    "hot%20dog",
    "%",
    traced("%[0-9A-Fa-f]{2}"),
    _without_escapes,
)
QUOTES = Pattern(
    "quotation marks",
    "quotation marks at both ends",
    '"hot dog"',
    "\"'“`:",
    traced("""^\\s*b?["'“`:]"""),
    _without_quotes,
)
FILES = Pattern(
    "file suffixes",
    "the suffix of a file",
    "Abyssinian_100.jpg",
    ".",
    traced(r"\.[A-Za-z0-9]{3,4}$"),
    without(_FILE),
)
BULLETS = Pattern(
    "bullets",
    "a bullet of a list before the words",
    "- hot dog",
    "-*•·–",
    traced(r"^\s*[-*•·–]\s"),
    without(_BULLET),
    is_likely=are_most,
)
BRACKETS = Pattern(
    "brackets",
    "brackets around words",
    "Pushing [something] from left to right",
    "[]<>{}",
    traced(r"[\[<{]"),
    _without_brackets,
)
