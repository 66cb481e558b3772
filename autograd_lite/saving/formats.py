"""The two kinds of files: a zip file of NumPy's arrays, and safetensors. Neither can hold code."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.saving import nest

SAID = "autograd_lite.json"
"""Where a file says how its arrays belong together."""

CHECKSUM = "autograd_lite.crc32"
"""Where a .safetensors file has what a zip file has of itself."""

SUFFIXES = (".npz", ".safetensors")


def checked(name: str, path: str | os.PathLike[str]) -> Path:
    """Return a path whose suffix is known, and whose library is there."""
    try:
        file = Path(path)
    except TypeError:
        order = "al.save(state, path)" if name == "save" else "al.load(path, into=net)"
        raise TypeError(f"{name} needs a path, got {type(path).__name__}. Write {order}.") from None
    if file.suffix not in SUFFIXES:
        raise ValueError(
            f"{name} needs a name that ends in .npz or .safetensors, got "
            f"{file.name or str(path)!r}."
        )
    if file.suffix == ".safetensors":
        try:
            import safetensors.numpy  # noqa: F401  (asked for here, so that nothing is half done)
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f"{name} needs safetensors for {file.name}, which is not installed. Run: pip "
                f"install 'autograd_lite[io]'; or use a name that ends in .npz."
            ) from None
    return file


def write(file: Path, arrays: dict[str, Any], said: dict[str, Any]) -> None:
    """Write a file beside its place, and then move it there: a name is of a complete file."""
    text = json.dumps(said)
    if nest.is_flat(said["state"], arrays) and said["generators"] == {"dict": []}:
        text = ""  # Arrays under their names need no more, and others then read nothing else.
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if file.suffix == ".npz":
            _write_npz(beside, arrays, text)
        else:
            _write_safetensors(beside, arrays, text)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def read(file: Path) -> tuple[dict[str, Any], Any]:
    """Return the arrays of a file, and what it says of itself; None, if that is nothing."""
    if not file.exists():
        raise FileNotFoundError(f"load: there is no file {file}.")
    arrays, text = _read_npz(file) if file.suffix == ".npz" else _read_safetensors(file)
    for name, array in arrays.items():
        if array.dtype.kind not in nest.NUMBERS:
            raise ValueError(
                f"load: {file.name} has an array of dtype {array.dtype}, {name}; only numbers are "
                f"loaded."
            )
    if not text:
        return arrays, None
    try:
        return arrays, json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"load: {file.name} is damaged: {error}.") from error


def _write_npz(file: Path, arrays: dict[str, Any], text: str) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        if text:
            archive.writestr(zipfile.ZipInfo(SAID), text)


def _read_npz(file: Path) -> tuple[dict[str, Any], str]:
    arrays, text = {}, ""
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name == SAID:
                    text = archive.read(name).decode()
                elif name.endswith(".npy"):
                    with archive.open(name) as member:
                        arrays[name.removesuffix(".npy")] = np.lib.format.read_array(
                            member, allow_pickle=False
                        )
                else:
                    raise ValueError(f"it contains {name}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"load: {file.name} is not a complete .npz file: {error}. It may have been cut short, "
            f"or be of another kind."
        ) from error
    except (ValueError, MemoryError) as error:
        raise ValueError(
            f"load: {file.name} has something else than arrays of numbers in it, and is not "
            f"loaded: {error}"
        ) from error
    return arrays, text


def _write_safetensors(file: Path, arrays: dict[str, Any], text: str) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        said = {SAID: text} if text else {}
        save_file(arrays, str(file), {**said, CHECKSUM: _checksum(arrays, text)})
    except (SafetensorError, ValueError, KeyError) as error:
        raise TypeError(
            f"save: safetensors refuses these arrays: {error}. A .npz file takes every dtype."
        ) from error


def _read_safetensors(file: Path) -> tuple[dict[str, Any], str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), framework="np") as opened:
            said, names = opened.metadata() or {}, opened.keys()
            # NumPy has no bfloat16, which is the upper half of a float32.
            slices = {name: opened.get_slice(name) for name in names}
            halves = {x: y.get_shape() for x, y in slices.items() if y.get_dtype() == "BF16"}
            arrays = {x: None if x in halves else opened.get_tensor(x) for x in names}
        content = file.read_bytes() if halves else b""
        begin = 8 + int.from_bytes(content[:8], "little")
        for name, shape in halves.items():
            start, end = json.loads(content[8:begin])[name]["data_offsets"]
            upper = np.frombuffer(content[begin + start : begin + end], "<u2").astype(np.uint32)
            arrays[name] = (upper << 16).view(np.float32).reshape(shape)
    except (SafetensorError, ValueError, TypeError, AttributeError, MemoryError, OSError) as error:
        raise ValueError(
            f"load: {file.name} is not a complete .safetensors file of numbers that NumPy has: "
            f"{error}. It may have been cut short, or be of another kind; save numbers of another "
            f"dtype as float32."
        ) from error
    text = said.get(SAID, "")
    if CHECKSUM in said and said[CHECKSUM] != _checksum(arrays, text):
        raise ValueError(f"load: {file.name} is damaged: its checksum is not that of its numbers.")
    return arrays, text


def _checksum(arrays: dict[str, Any], text: str) -> str:
    """Return a number, as text, that changes when a byte of a file does."""
    found = zlib.crc32(text.encode())
    for name, x in sorted(arrays.items()):
        stored = x.astype(x.dtype.newbyteorder("<"), copy=False)
        for part in (f"{name}{stored.dtype.str}{x.shape}".encode(), stored.tobytes()):
            found = zlib.crc32(part, found)
    return str(found)
