"""The command ``concept-orderings``.

``order`` needs this package alone. ``serve``, ``worker`` and ``index`` are the service's, which the wheel does not
hold: they run from a checkout or an image, and say so where they cannot.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import BadParameter, BadValue, ConceptOrderingsError, EncoderError, SourceError
from concept_orderings.exporters import EXPORTERS
from concept_orderings.given import Gathered
from concept_orderings.order_files import order, read_request
from concept_orderings.orderings import ORDERINGS
from concept_orderings.orderings.frequency import Frequency
from concept_orderings.orderings.similarity import Similarity
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest
from concept_orderings.version import __version__

_HOW_TO_GET_IT = (
    "needs the service, which this package does not hold. Get it with its source: clone the repository, then "
    "`make setup` there, or use its container images (docker/compose.yaml)."
)
_SERVICE_PACKAGES = ("app", "launcher", "store", "worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except ConceptOrderingsError as error:
        print(f"concept-orderings: {error.detail} [{error.code}]", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".", maxsplit=1)[0] not in _SERVICE_PACKAGES:
            raise
        print(f"concept-orderings: `{options.command}` {_HOW_TO_GET_IT}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0 if options.command in ("serve", "worker") else 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="concept-orderings", description="Orderings of concepts for pretraining.")
    parser.add_argument("--version", action="version", version=f"concept-orderings {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_worker(commands)
    _add_index(commands)
    _add_order(commands)
    return parser


def _add_serve(commands: Any) -> None:  # argparse has no public type for it
    parser = commands.add_parser("serve", help="run Valkey, a worker and the HTTP service, all in one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on (default: %(default)s)")
    _add_data_dir(parser)
    parser.set_defaults(run=_serve)


def _add_worker(commands: Any) -> None:
    parser = commands.add_parser("worker", help="run a worker alone; its settings are environment variables")
    parser.set_defaults(run=_work)


def _add_index(commands: Any) -> None:
    parser = commands.add_parser("index", help="build or extend a local full-text index of C4 shards")
    parser.add_argument("shards", nargs="+", type=Path, metavar="SHARD", help="C4 JSON lines, .json.gz")
    parser.add_argument("--name", default="c4", help="what a frequency ordering calls it (default: %(default)s)")
    _add_data_dir(parser)
    parser.set_defaults(run=_index)


def _add_order(commands: Any) -> None:
    parser = commands.add_parser("order", help="order class-list files without a server")
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="JSON: a list of class names (the file's name is the dataset's), a list of DATASET+++class name, "
        "or an object with datasets or concepts as a request has them",
    )
    parser.add_argument("--kind", choices=ORDERINGS, required=True, help="the ordering")
    _add_parameters(parser)
    tasks = parser.add_mutually_exclusive_group()
    tasks.add_argument("--tasks", type=int, metavar="T", help="cut into T tasks (default: 1)")
    tasks.add_argument("--by", choices=("dataset", "year"), help="cut into one task per contiguous group")
    parser.add_argument(
        "--embeddings",
        type=Path,
        metavar="NPY",
        help="similarity: use these caption embeddings, (n, d): a row per concept, sorted by dataset and class name",
    )
    parser.add_argument(
        "--format",
        choices=EXPORTERS,
        default="fomo",
        help=" ".join(f"{name}: {exporter.summary}" for name, exporter in EXPORTERS.items()),
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there and not to standard output")
    _add_data_dir(parser)
    parser.set_defaults(run=_order)


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    """Add an option for each parameter that the registry has; one left out is left to the ordering."""
    seen = set()
    for kind, ordering in ORDERINGS.items():
        for each in ordering.parameters():
            if each.name in seen:
                continue
            seen.add(each.name)
            shared = each.name in ("seed", "reverse")
            options: dict[str, Any] = {
                "dest": f"parameter_{each.name}",
                "default": None,
                "help": each.description if shared else f"{kind}: {each.description}",
            }
            if each.type == "boolean":
                options["action"] = "store_true"
            else:
                options["type"] = {"integer": int, "string": str}.get(each.type, _integer_or_string)
                options["choices"] = each.choices or None
                options["metavar"] = None if each.choices else each.name.upper()
            parser.add_argument(f"--{each.name.replace('_', '-')}", **options)


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("CONCEPT_ORDERINGS_DATA_DIR", "data")),
        help="where streams, indexes and the queue are kept (default: %(default)s)",
    )


def _integer_or_string(text: str) -> int | str:
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else text


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _serve(options: argparse.Namespace) -> int:
    from app.settings import AppSettings
    from launcher import serve
    from store.settings import read_settings
    from worker.evidence.counts.settings import read_sources
    from worker.settings import WorkerSettings

    # Before anything is started: a wrong setting would otherwise be found by a child, again at each restart.
    read_settings(AppSettings)
    read_sources(read_settings(WorkerSettings))
    return serve(host=options.host, port=options.port, data_dir=options.data_dir)


def _work(options: argparse.Namespace) -> int:
    from worker.__main__ import main as work

    return work()


def _index(options: argparse.Namespace) -> int:
    from store.settings import StoreSettings, read_settings
    from worker.index_command import index

    return index(options.shards, read_settings(StoreSettings, data_dir=options.data_dir).index_dir(options.name))


def _order(options: argparse.Namespace) -> int:
    ordering = {"kind": options.kind, **_given_parameters(options)}
    tasks: dict[str, object] = (
        {"by": options.by} if options.by else {"count": 1 if options.tasks is None else options.tasks}
    )
    body = read_request(options.files, ordering=ordering, tasks=tasks)
    report = _progress_line if sys.stderr.isatty() else silent
    stream = order(body, embed=_embedder(options.embeddings), count=_counter(options.data_dir), report=report)
    for warning in stream.warnings():
        print(f"concept-orderings: {warning}", file=sys.stderr)
    # It is not published: as the first version of a stream that is named as the request is.
    _write(EXPORTERS[options.format]().render(stream.published(1)), options.output)
    return 0


def _given_parameters(options: argparse.Namespace) -> dict[str, object]:
    named = {name.removeprefix("parameter_"): value for name, value in vars(options).items() if "parameter_" in name}
    return {name: value for name, value in named.items() if value is not None}


def _embedder(path: Path | None) -> Callable[[StreamRequest, Similarity, Report], NDArray[np.float32]]:
    def embed(request: StreamRequest, ordering: Similarity, report: Report) -> NDArray[np.float32]:
        if path is not None:
            if ordering.weights:
                raise BadParameter(
                    "bad_parameter", "The weights of given embeddings cannot be checked; leave them out."
                )
            return _read_embeddings(path, len(request.concepts))
        try:
            import asyncio

            from store.settings import read_settings
            from worker.evidence.concept_embeddings import embed_concepts
            from worker.evidence.encoders import load_encoder
            from worker.settings import WorkerSettings
        except ModuleNotFoundError as error:
            raise EncoderError(
                "encoder_not_configured",
                "This package has no text encoders: give the captions' embeddings with --embeddings, "
                f"or get the service, which has ({error}).",
            ) from error

        settings = read_settings(WorkerSettings)
        encoder = load_encoder(ordering.encoder, settings, dtype=ordering.dtype, pinned=ordering.weights)
        found = asyncio.run(embed_concepts(request, encoder, None, report=report))
        for warning in found.warnings:
            print(f"concept-orderings: {warning}", file=sys.stderr)
        return found.rows

    return embed


def _read_embeddings(path: Path, n: int) -> NDArray[np.float32]:
    from concept_orderings.path import quantise

    try:
        embeddings = np.load(path, allow_pickle=False)
    except OSError as error:
        raise BadValue("bad_file", f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, EOFError) as error:
        raise BadValue("bad_file", f"{path} is no .npy file: {error}.") from error
    if not isinstance(embeddings, np.ndarray) or not np.issubdtype(embeddings.dtype, np.floating):
        raise BadValue("bad_file", f"{path} does not hold one array of floats; write it with numpy.save.")
    if embeddings.ndim != 2 or len(embeddings) != n:
        raise SourceError(
            "source_damaged",
            f"{path} has the shape {embeddings.shape}, but there are {n} concepts; "
            "give one row per concept, sorted by dataset and class name.",
        )
    try:
        quantise(embeddings)
    except ValueError as error:
        raise SourceError("source_damaged", f"{path}: {error}.") from error
    return embeddings


def _counter(data_dir: Path) -> Callable[[StreamRequest, Frequency, Report], Gathered]:
    def count(request: StreamRequest, ordering: Frequency, report: Report) -> Gathered:
        try:
            import asyncio

            from store.settings import read_settings
            from worker.evidence.concept_counts import count_in
            from worker.settings import WorkerSettings
        except ModuleNotFoundError as error:
            raise SourceError(
                "source_not_configured",
                "This package cannot ask a source of counts: give counts in the file, or get the service, "
                f"which can ({error}).",
            ) from error

        # Nothing is kept between commands, so everything is counted now: a refresh changes nothing here.
        settings = read_settings(WorkerSettings, data_dir=data_dir)
        return asyncio.run(count_in(ordering.source, request, settings, report=report))

    return count


def _progress_line(done: int, total: int) -> None:
    print(f"\r{done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _write(data: bytes, path: Path | None) -> None:
    if path is None:
        sys.stdout.buffer.write(data)
        return
    try:
        # A device or a pipe is written to, never replaced.
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)
    except OSError as error:
        raise BadValue("bad_file", f"{path} cannot be written: {error.strerror}.") from error


def _replace(path: Path, data: bytes) -> None:
    """Write beside the file and rename, so that a full disk leaves an old file whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
