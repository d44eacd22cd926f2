"""Finding the weights of an open_clip model: in a local file, or by open_clip's download."""

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
    """Return the weights file of an open_clip model; download it if it is not in `checkpoints`.

    Parameters
    ----------
    checkpoints : Path or None
        A weights file, or a directory of such files. A file for a tag must be named ``MODEL.TAG.safetensors`` (or .pt,
        .pth, .bin), since the manifest will name the tag. Without a tag, a file in a directory must be named
        ``MODEL.safetensors``; a single file may have any name.
    model : str
        One of open_clip's model names.
    tag : str or None
        A pretrained tag that open_clip has for the model, or the tag of a local file.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: there is no such local file, and the weights cannot be downloaded.
    """
    local = _find_local(checkpoints, model, tag) if checkpoints else None
    return local or _download(model, tag)


def check_sums(checkpoint: Path, digest: str) -> None:
    """Compare a weights file's digest with the list `SUMS` in the same directory, if there is one.

    Parameters
    ----------
    checkpoint : Path
        The weights file.
    digest : str
        Its SHA-256, hexadecimal.

    Raises
    ------
    EncoderError
        ``weights_mismatch``: the list has another digest for the file, or none. ``encoder_not_configured``: the list
        cannot be read.
    """
    sums = checkpoint.with_name(SUMS)
    if not sums.is_file():
        return
    # Only the last part of the path is compared: sha256sum writes the path from its command line.
    listed = [expected for expected, name in _read_sums(sums) if PurePosixPath(name.strip()).name == checkpoint.name]
    if not listed:
        raise EncoderError(
            "weights_mismatch",
            f"{sums} pins the weights in its directory and does not list {checkpoint.name}: add that file "
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
    """Return digest and file name of each line, as sha256sum writes them: ``DIGEST  NAME`` or ``DIGEST *NAME``.

    Any other line is an error: it would be a pin without effect.
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
    """Tell whether the weights of a tag were trained with QuickGELU, even where the model's configuration says no.

    For ``ViT-L-14`` with the tag ``openai`` the two disagree; open_clip only warns then, and computes other embeddings
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
            model, tag, "The name has no pretrained tag" + (f" (there are {', '.join(tags)})" if tags else "")
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
    """Check with one request that the hub answers: without internet, its own client retries for most of a minute."""
    if constants.HF_HUB_OFFLINE:
        return
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
    except Exception as error:
        # Every error of the transport means the same here.
        raise _not_configured(
            model,
            tag,
            f"They cannot be downloaded, because {constants.ENDPOINT} does not answer "
            "(with HF_HUB_OFFLINE=1 only files that are already in the hub's cache are used)",
        ) from error


def _not_configured(model: str, tag: str | None, why: str) -> EncoderError:
    name = f"{model}.{tag}" if tag else model
    return EncoderError(
        "encoder_not_configured",
        f"There are no weights for the open_clip model {model} on this machine. {why}. "
        f"Set {SETTING} to a directory that has {name}.safetensors or {name}.pt, or to that file; "
        "or use the encoder minilm, which needs no download.",
    )
