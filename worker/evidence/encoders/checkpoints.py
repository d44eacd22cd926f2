"""Where the weights of an open_clip model come from: a local file, or open_clip's download."""

import logging
import re
from pathlib import Path, PurePosixPath

from huggingface_hub import constants, get_session
from open_clip import download_pretrained, get_pretrained_cfg, list_pretrained_tags_by_model

from concept_orderings.errors import EncoderError

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
SUMS = "SHA256SUMS"
SETTING = "CONCEPT_ORDERINGS_CHECKPOINTS"
HUB_SECONDS = 5.0

_log = logging.getLogger(__name__)


def find_checkpoint(checkpoints: Path | None, model: str, tag: str | None) -> Path:
    """Return the weights file of an open_clip model, downloading it if it is to be had no other way.

    Parameters
    ----------
    checkpoints : Path or None
        A weights file, or a directory of them. Those of a tag are named ``MODEL.TAG.safetensors`` (or .pt, .pth, .bin):
        a manifest must not say ``openai`` of a file that nobody called so. Without a tag a directory's file is named
        ``MODEL.safetensors``, and a single file as one likes.
    model : str
        One of open_clip's model names.
    tag : str or None
        One of open_clip's pretrained tags for the model, or of a local file.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the weights are neither here nor to be downloaded.
    """
    local = _find_local(checkpoints, model, tag) if checkpoints else None
    return local or _download(model, tag)


def check_sums(checkpoint: Path, digest: str) -> None:
    """Hold a weights file's digest against the file `SUMS` beside it, if there is one.

    Parameters
    ----------
    checkpoint : Path
        The weights file.
    digest : str
        Its SHA-256, hexadecimal.

    Raises
    ------
    EncoderError
        ``weights_mismatch``: another digest is listed, or none. ``encoder_not_configured``: the list cannot be read.
    """
    sums = checkpoint.with_name(SUMS)
    if not sums.is_file():
        return
    # By the last part of the name: sha256sum writes the path that it was given.
    listed = [expected for expected, name in _read_sums(sums) if PurePosixPath(name.strip()).name == checkpoint.name]
    if not listed:
        raise EncoderError(
            "weights_mismatch",
            f"{sums} pins the weights beside it and does not list {checkpoint.name}: add it "
            f"(sha256sum {checkpoint.name} >> {SUMS}), or remove the list.",
        )
    wrong = next((expected for expected in listed if expected != digest), None)
    if wrong is not None:
        raise EncoderError(
            "weights_mismatch",
            f"{sums} lists {checkpoint.name} with the SHA-256 {wrong}, but the file has {digest}: put the right file "
            f"there, or correct the list (sha256sum {checkpoint.name}).",
        )


def _read_sums(sums: Path) -> list[tuple[str, str]]:
    """Return digest and file name of each line, as sha256sum writes them: ``DIGEST  NAME``, or with ``*`` for binary.

    A line that is none is an error: whoever pins weights wants to know that a pin has no effect.
    """
    try:
        lines = [line for line in sums.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise EncoderError("encoder_not_configured", f"{sums} cannot be read: {error}.") from error
    entries = [re.fullmatch(r"([0-9A-Fa-f]{64}) [ *](?:\./)?(.+)", line) for line in lines]
    found = [(entry[1].lower(), entry[2]) for entry in entries if entry]
    if len(found) != len(lines):
        wrong = lines[entries.index(None)]
        raise EncoderError(
            "encoder_not_configured",
            f"{sums} has the line {wrong[:80]!r}, which is not a SHA-256 and a file name as sha256sum writes them.",
        )
    return found


def wants_quick_gelu(model: str, tag: str | None) -> bool:
    """Whether the pretrained weights were trained with QuickGELU, whatever the model's configuration says.

    open_clip only warns of ``ViT-L-14`` with the tag ``openai`` that the two disagree, and computes other embeddings
    than the model's authors.
    """
    return tag is not None and bool(get_pretrained_cfg(model, tag).get("quick_gelu", False))


def _find_local(checkpoints: Path, model: str, tag: str | None) -> Path | None:
    names = [f"{model}.{tag}{suffix}" if tag else f"{model}{suffix}" for suffix in SUFFIXES]
    if checkpoints.is_file():
        return checkpoints if tag is None or checkpoints.name in names else None
    if not checkpoints.is_dir():
        raise EncoderError("encoder_not_configured", f"{SETTING} is {checkpoints}, which does not exist.")
    return next((checkpoints / name for name in names if (checkpoints / name).is_file()), None)


def _download(model: str, tag: str | None) -> Path:
    tags = list_pretrained_tags_by_model(model)
    if tag is None:
        raise _not_configured(
            model, tag, "No pretrained weights are named" + (f" (there are {', '.join(tags)})" if tags else "")
        )
    weights = get_pretrained_cfg(model, tag)
    if not weights:
        raise _not_configured(model, tag, f"open_clip has no weights {tag!r}; it has {', '.join(tags) or 'none'}")
    if weights["hf_hub"]:
        _check_hub(model, tag)
    _log.info("Downloading the weights %s of %s, unless they are in the cache", tag, model)
    try:
        return Path(download_pretrained(weights))
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_configured(model, tag, f"They cannot be downloaded ({error})") from error


def _check_hub(model: str, tag: str) -> None:
    """Ask once whether the hub answers: without internet, its own client tries again for most of a minute."""
    if constants.HF_HUB_OFFLINE:
        return
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
    except Exception as error:
        # whatever the transport raises, it means the same here
        raise _not_configured(
            model,
            tag,
            f"They cannot be downloaded, as {constants.ENDPOINT} does not answer "
            "(HF_HUB_OFFLINE=1 makes do with what its client has already cached)",
        ) from error


def _not_configured(model: str, tag: str | None, why: str) -> EncoderError:
    name = f"{model}.{tag}" if tag else model
    return EncoderError(
        "encoder_not_configured",
        f"There are no weights for the open_clip model {model} here. {why}. "
        f"Set {SETTING} to a directory that has {name}.safetensors or {name}.pt, or to that file; "
        "or ask for the encoder minilm, which needs no download.",
    )
