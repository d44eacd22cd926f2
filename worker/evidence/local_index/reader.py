"""Counting the documents of a published index that contain a name.

Searches are avoided where possible, since each one reads every segment of the index. Names with the same tokens are one
phrase. The count of a phrase of one token is the document frequency of the token, which is in the dictionary of terms.
The count of a phrase with a token that is in no document is 0. For a longer phrase, its two rarest neighbouring tokens
are searched first: class names come in families ("small blue sphere on a red floor with a green wall"), where many
phrases have the same two. If no document has these two next to each other, the counts of all these phrases are 0.
"""

import os
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import tantivy

from concept_orderings.errors import SourceError
from concept_orderings.progress import Report, silent
from worker.evidence.local_index import cutting, layout
from worker.evidence.local_index.layout import Published

_Phrase = tuple[str, ...]
_Family = tuple[_Phrase, list[_Phrase]]
"""Two neighbouring tokens, and the phrases that contain them."""
_Choice = frozenset[_Phrase]
_Item = TypeVar("_Item")
_Key = TypeVar("_Key")

_SEARCHED_AT_ONCE = 32
_REPORT_SECONDS = 0.5


class LocalIndex:
    """A published index, as it was when it was opened.

    Attributes
    ----------
    name : str
        Name of its directory.
    fingerprint : str
        SHA-256 of the indexed shards and of the version of the token rule.
    documents : int
        Number of documents.
    published : Published
        What was published at that time.
    warnings : tuple of str
        The warnings about its shards.
    """

    def __init__(self, name: str, published: Published, index: tantivy.Index, warnings: tuple[str, ...] = ()) -> None:
        self.name = name
        self.published = published
        self.warnings = warnings
        self.fingerprint = published.summary.fingerprint
        self.documents = published.summary.documents
        self._schema = index.schema
        self._searcher = index.searcher()

    @classmethod
    def open(cls, directory: Path) -> "LocalIndex":
        """Open the published index in a directory.

        Raises
        ------
        SourceError
            ``source_not_configured`` if there is none; ``source_damaged`` if it is of another version, has no
            documents, or cannot have been written by a build.
        """
        while True:
            published = layout.read(directory)
            if published is None:
                raise layout.missing(directory)
            try:
                return cls._of(directory, published)
            except SourceError:
                # A build may have published a new index and removed these files since index.json was read.
                if layout.read(directory) == published:
                    raise

    @classmethod
    def _of(cls, directory: Path, published: Published) -> "LocalIndex":
        layout.check_files(directory, published)
        layout.check_has_documents(directory, published)
        warnings = layout.read_warnings(directory, published)
        view = _view(directory / published.generation, list(published.files))
        try:
            index = tantivy.Index.open(str(view))
            index.config_reader("manual")
            opened = cls(directory.name, published, index, warnings)
        except (ValueError, OSError) as error:
            shutil.rmtree(view, ignore_errors=True)
            raise layout.damaged(directory, str(error)) from error
        # Not earlier: for a moment after opening, a thread of the library may still create a lock file in it.
        weakref.finalize(opened, shutil.rmtree, view, ignore_errors=True)
        if opened._searcher.num_docs != opened.documents:
            raise layout.damaged(directory, f"{opened._searcher.num_docs} documents instead of {opened.documents}")
        # Document frequencies, which serve as counts, still include deleted documents.
        ever = layout.documents_ever(directory / published.generation)
        if ever != opened.documents:
            raise layout.damaged(directory, f"{ever - opened.documents} documents were deleted, and builds delete none")
        return opened

    def count(self, names: Sequence[str], *, report: Report = silent) -> list[int]:
        """Count the documents that contain each name.

        A document contains a name if it has the tokens of the name next to each other, in order; `tokens` has the rule
        for tokens. Upper and lower case are the same. The count of a name without tokens is 0.

        Parameters
        ----------
        names : sequence of str
            Class names, searched exactly as given.
        report : Report
            Called with the names counted and all names.

        Returns
        -------
        list of int
            The count of each name, in their order, from 0 to `documents`.
        """
        phrases = cutting.tokenise(names)
        times = Counter(phrases)
        counts, families = self._without_search(list(times))
        done = sum(times[phrase] for phrase in counts)
        report(done, len(names))
        for part in _in_parallel(self._search_families, families):
            counts.update(part)
            done += sum(times[phrase] for phrase in part)
            report(done, len(names))
        return [counts[phrase] for phrase in phrases]

    def count_any(self, spellings: Sequence[Sequence[str]], *, report: Report = silent) -> list[int]:
        """Count the documents that contain any of several spellings.

        Parameters
        ----------
        spellings : sequence of sequences of str
            The spellings of each query.
        report : Report
            Called with the queries counted and all queries.

        Returns
        -------
        list of int
            The count of each query, in their order, from 0 to `documents`.
        """
        tokenised = iter(cutting.tokenise(list(chain.from_iterable(spellings))))
        choices = [frozenset(islice(tokenised, len(each))) for each in spellings]
        counts: dict[_Choice, int] = {}
        report(0, len(choices))
        for part in _in_parallel(self._search_choices, list(dict.fromkeys(choices))):
            counts.update(part)
            report(min(len(counts), len(choices)), len(choices))
        return [counts[choice] for choice in choices]

    def _without_search(self, phrases: Sequence[_Phrase]) -> tuple[dict[_Phrase, int], list[_Family]]:
        """Return the counts that follow from the dictionary of terms, and the other phrases in families."""
        # No document is ever deleted from an index, so the document frequency of a token is its count.
        frequencies = {
            token: int(self._searcher.doc_freq(layout.FIELD, token)) for token in set(chain.from_iterable(phrases))
        }
        counts: dict[_Phrase, int] = {}
        families: dict[_Phrase, list[_Phrase]] = {}
        for phrase in phrases:
            found = [frequencies[token] for token in phrase]
            if len(found) < 2 or 0 in found:
                counts[phrase] = min(found, default=0)
            else:
                at = _rarest_neighbours(found)
                families.setdefault(phrase[at : at + 2], []).append(phrase)
        return counts, list(families.items())

    def _search_families(self, families: Sequence[_Family]) -> dict[_Phrase, int]:
        counts: dict[_Phrase, int] = {}
        for neighbours, phrases in families:
            most = self._search(neighbours)
            for phrase in phrases:
                counts[phrase] = self._search(phrase) if most and len(phrase) > 2 else most
        return counts

    def _search_choices(self, choices: Sequence[_Choice]) -> dict[_Choice, int]:
        return {choice: self._search_any([self._phrase(phrase) for phrase in choice if phrase]) for choice in choices}

    def _search(self, phrase: _Phrase) -> int:
        return self._search_any([self._phrase(phrase)])

    def _phrase(self, phrase: _Phrase) -> tantivy.Query:
        if len(phrase) == 1:  # a phrase query needs two tokens or more
            return tantivy.Query.term_query(self._schema, layout.FIELD, phrase[0])
        return tantivy.Query.phrase_query(self._schema, layout.FIELD, list(phrase))

    def _search_any(self, queries: Sequence[tantivy.Query]) -> int:
        if not queries:
            return 0
        any_of = [(tantivy.Occur.Should, each) for each in queries]
        query = queries[0] if len(queries) == 1 else tantivy.Query.boolean_query(any_of)
        # The library requires a limit of at least one hit; the count is of all documents. The call releases Python's
        # global lock, so that threads search at the same time.
        return int(self._searcher.search(query, limit=1, count=True).count)  # type: ignore[attr-defined]


def _in_parallel(
    search: Callable[[Sequence[_Item]], dict[_Key, int]], items: Sequence[_Item]
) -> Iterator[dict[_Key, int]]:
    """Search parts of the items in threads and yield the results in any order.

    An empty dictionary is yielded while no result comes for half a second, so that the caller can stop.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            parts = (items[at : at + _SEARCHED_AT_ONCE] for at in range(0, len(items), _SEARCHED_AT_ONCE))
            pending = {pool.submit(search, part) for part in parts}
            while pending:
                finished, pending = wait(pending, timeout=_REPORT_SECONDS, return_when=FIRST_COMPLETED)
                for part in finished:
                    yield part.result()
                if not finished:
                    yield {}
        finally:
            pool.shutdown(cancel_futures=True)


def _rarest_neighbours(frequencies: Sequence[int]) -> int:
    """Return the position of the two neighbours of which the rarer one has the lowest frequency; ties to the first."""
    return min(range(len(frequencies) - 1), key=lambda at: min(frequencies[at : at + 2]))


def _view(generation: Path, names: Sequence[str]) -> Path:
    """Return a temporary directory with symbolic links to the files.

    The library creates a lock file in the directory that it opens, and the directory of the index may not be writable:
    it may be mounted read-only, or belong to another user.
    """
    view = Path(tempfile.mkdtemp(prefix="local-index-"))
    for name in names:
        (view / name).symlink_to(generation.resolve() / name)
    return view
