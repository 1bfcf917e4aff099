"""Codebooks as safetensors: no code in the file, readable from any language."""

import json
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from semantic_ids.codebook.codebook import FORMAT, FUSED_FORMAT, Codebook, canonical_json
from semantic_ids.codebook.fusion import Fusion
from semantic_ids.codebook.spec import CodebookSpec
from semantic_ids.errors import ArtefactError, SpecError

_KEY = "semantic_ids"


def save(codebook: Codebook) -> bytes:
    """Return a codebook as safetensors bytes.

    The tensors are ``basis`` (int16) and ``mean`` (float32), and those of ``Fusion.tensors``. One
    metadata key, ``semantic_ids``, holds canonical JSON: the content, the spec as asked, the
    metrics and the codebook_id.

    Examples
    --------
    >>> payload = save(codebook)
    >>> load(payload, expected_id=codebook.codebook_id) == codebook
    True
    """
    header = {
        "codebook_id": codebook.codebook_id,
        "content": codebook.content,
        "spec": codebook.spec.to_dict(),
        "metrics": dict(codebook.metrics),
    }
    tensors: dict[str, npt.NDArray[Any]] = {"basis": codebook.basis, "mean": codebook.mean}
    if codebook.fusion:
        tensors |= codebook.fusion.tensors
    return save_tensors(tensors, metadata={_KEY: canonical_json(header)})


def load(payload: bytes | bytearray | memoryview, expected_id: str | None = None) -> Codebook:
    """Read a codebook from the bytes of ``save``.

    Raises
    ------
    ArtefactError
        If the bytes are damaged, of an unknown format, or of another codebook than `expected_id`.
    """
    if not isinstance(payload, bytes | bytearray | memoryview):
        raise ArtefactError(f"codebook bytes must be bytes, got {type(payload).__name__}")
    payload = bytes(payload)
    try:
        header = _read_header(payload)
        content = header["content"]
        if content["format"] not in (FORMAT, FUSED_FORMAT):
            raise ArtefactError(
                f"codebook format must be {FORMAT} or {FUSED_FORMAT}, got {content['format']!r}"
            )
        tensors = load_tensors(payload)
        spec = CodebookSpec.from_dict(header["spec"])
        is_fused = content["format"] == FUSED_FORMAT
        codebook = Codebook(
            spec=spec,
            collections=content["collections"],
            mean=tensors["mean"],
            basis=tensors["basis"],
            x_exponent=content["x_exponent"],
            basis_exponent=content["basis_exponent"],
            metrics=dict(header["metrics"]),
            fusion=Fusion.of(content["fusion"], tensors, spec) if is_fused else None,
        )
        is_sound = codebook.content == content and codebook.codebook_id == header["codebook_id"]
    except ArtefactError:
        raise
    except (
        SafetensorError,
        SpecError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        said = f"{error} is missing or unknown" if isinstance(error, KeyError) else error
        raise ArtefactError(f"codebook bytes are damaged: {said}") from error
    if not is_sound:
        raise ArtefactError(
            "codebook bytes are damaged: their content does not give their codebook_id"
        )
    if expected_id is not None and codebook.codebook_id != expected_id:
        raise ArtefactError(f"codebook_id must be {expected_id}, got {codebook.codebook_id}")
    return codebook


def save_file(codebook: Codebook, path: str | Path) -> None:
    """Write a codebook to a file, see ``save``."""
    try:
        Path(path).write_bytes(save(codebook))
    except OSError as error:
        raise ArtefactError(f"codebook file {path} cannot be written: {error.strerror}") from error


def load_file(path: str | Path, expected_id: str | None = None) -> Codebook:
    """Read a codebook from a file, see ``load``."""
    try:
        payload = Path(path).read_bytes()
    except OSError as error:
        raise ArtefactError(f"codebook file {path} cannot be read: {error.strerror}") from error
    return load(payload, expected_id)


def _read_header(payload: bytes) -> dict[str, Any]:
    """Return the JSON under our metadata key, from the header that safetensors starts with."""
    length = int.from_bytes(payload[:8], "little")
    header: dict[str, Any] = json.loads(json.loads(payload[8 : 8 + length])["__metadata__"][_KEY])
    return header
