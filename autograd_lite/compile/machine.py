"""Machine code as functions of Python: kept on disk, and linked by LLVM without numba.

Numba takes half a second to be imported. What it made is an object file, that needs Python's C
interface, NumPy's layout of arrays, and the mathematics of C; so llvmlite alone can load it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.util
import json
import os
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

WORD: int = np.dtype(np.intp).itemsize
DATA: int = object.__basicsize__
"""Where NumPy's C interface has the address of an array's entries: after the head of an object."""

ND, DIMENSIONS, STRIDES, BASE, DESCR, FLAGS = range(DATA + WORD, DATA + 7 * WORD, WORD)

NO_ARGUMENTS, ARGUMENTS = 0x0004, 0x0080
"""How Python calls a built-in function: alone, or with an array of arguments and how many."""


@functools.cache
def available() -> bool:
    """Return whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def words_at(address: int, count: int) -> list[int]:
    """Return words from memory."""
    found: list[int] = np.frombuffer(ctypes.string_at(address, count * WORD), np.intp).tolist()
    return found


@functools.cache
def arrays_lie_so() -> bool:
    """Return whether arrays lie in memory as is thought."""
    x = np.empty((3, 5))
    head = words_at(id(x), FLAGS // WORD)
    data, nd, shape, strides, _, dtype = head[DATA // WORD :]
    return (
        sys.implementation.name == "cpython"
        and [head[DATA // WORD - 1], data, dtype] == [id(np.ndarray), x.ctypes.data, id(x.dtype)]
        and 2 in np.array([nd], np.intp).view(np.intc)
        and strides - shape == 2 * WORD
        and words_at(shape, 4) == [*x.shape, *x.strides]
    )


def cache_folder() -> Path:
    """Return where compiled code is kept: ``AUTOGRAD_LITE_CACHE``, or the user's cache."""
    given = os.environ.get("AUTOGRAD_LITE_CACHE")
    if given:
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / __name__.partition(".")[0]


@functools.cache
def llvm() -> Any:
    """Return LLVM, ready to make and to load code for this machine."""
    import llvmlite.binding as found

    with contextlib.suppress(RuntimeError):  # Since 0.45, it does that itself.
        found.initialize()
    found.initialize_native_target()
    found.initialize_native_asmprinter()
    return found


@functools.cache
def process() -> Any:
    """Return LLVM's engine, with which it finds what is in this process."""
    return new_engine()


def target() -> Any:
    """Return LLVM's machine to make code for."""
    return (
        llvm()
        .Target.from_triple(llvm().get_process_triple())
        .create_target_machine(
            cpu=llvm().get_host_cpu_name(), features=llvm().get_host_cpu_features().flatten()
        )
    )


def object_code(module: Any, names: list[str], level: int = 2) -> tuple[bytes, Any, list[str]]:
    """Return what `code` keeps of a module that was written for LLVM."""
    parsed, machine = llvm().parse_assembly(str(module)), target()
    options = llvm().create_pipeline_tuning_options(speed_level=level)
    passes = llvm().create_pass_builder(machine, options)
    passes.getModulePassManager().run(parsed, passes)
    return machine.emit_object(parsed), parsed, names


def new_engine() -> Any:
    """Return what links machine code."""
    return llvm().create_mcjit_compiler(llvm().parse_assembly(""), target())


@functools.cache
def _here() -> str:
    """Return what machine code depends on besides its source."""
    spec = importlib.util.find_spec("numba")
    assert spec is not None
    assert spec.origin is not None
    made = os.stat(spec.origin).st_mtime_ns  # Another numba, another code.
    options = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    emitters = [
        Path(__file__).with_name(name)
        for name in ("straight.py", "handing.py", "words.py", "fused.py", "machine.py")
    ]
    cpu = (
        llvm().get_process_triple(),
        llvm().get_host_cpu_name(),
        llvm().get_host_cpu_features().flatten(),
    )
    ours = zlib.crc32(b"".join(file.read_bytes() for file in emitters))
    return repr(
        (llvm().llvm_version_info, spec.origin, made, options, cpu, sys.version, DATA, ours)
    )


class Code:
    """Machine code in memory, until this goes.

    - `data`: an object file.
    - `names`: functions in it.
    """

    def __init__(self, data: bytes, names: Sequence[str]) -> None:
        self._engine = new_engine()
        self._engine.add_object_file(llvm().ObjectFileRef.from_data(data))
        self._engine.finalize_object()
        find = self._engine.get_function_address
        self._addresses: dict[str, int] = {name: find(name) for name in names}

    def address(self, name: str = "") -> int:
        """Return where a function begins; without a name, the first."""
        return self._addresses[name or next(iter(self._addresses))]


def kept_code(source: str) -> Code | None:
    """Return machine code from the disk, if it has been made before."""
    found = _read(_file(source))
    return None if found is None else Code(*found)


def _file(source: str) -> Path:
    digest = hashlib.sha256(f"{_here()}\n{source}".encode()).hexdigest()[:32]
    return cache_folder() / f"{digest}.o"


def code(source: str, make: Callable[[], tuple[bytes, Any, Sequence[str]]]) -> Code:
    """Return machine code, from the disk if it has been made before.

    - `source`: what it is made of.
    - `make`: returns an object file, its LLVM module, and the functions in it that are wanted.
    """
    found = kept_code(source)
    if found is not None:
        return found
    data, module, names = make()
    needed = [
        x.name
        for x in (*module.functions, *module.global_variables)
        if x.is_declaration and not x.name.startswith("llvm.")
    ]
    kept = json.dumps([names, needed]).encode() + b"\n" + data
    file = _file(source)
    with contextlib.suppress(OSError):  # It is made again, the next time.
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_bytes(b"%08x" % zlib.crc32(kept) + kept)
        partial.replace(file)
    return Code(data, names)


def _read(file: Path) -> tuple[bytes, list[str]] | None:
    """Return an object file that is whole and can be linked, and its functions."""
    try:
        kept = file.read_bytes()
    except OSError:
        return None
    if kept[:8] != b"%08x" % zlib.crc32(kept[8:]):
        return None
    head, _, data = kept[8:].partition(b"\n")
    names, needed = json.loads(head)
    process()
    return (data, names) if all(map(llvm().address_of_symbol, needed)) else None


# -------------------------------------------------------------- functions of Python


class Table(bytearray):
    """Words that machine code reads, and what must live as long."""

    def __init__(self, words: Sequence[int], *kept: Any) -> None:
        super().__init__(np.array([*words, 0, 0, 0], np.intp).tobytes())
        self.words = memoryview(self).cast("q" if WORD == 8 else "i")
        self.begin = ctypes.addressof(ctypes.c_char.from_buffer(self))
        self.end = self.begin + len(self) - 3 * WORD
        self.kept: list[Any] = [*kept]


class _Method(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("code", ctypes.c_void_p),
        ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    )  # fmt: skip


_make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
    ("PyCFunction_NewEx", ctypes.pythonapi)
)
_method = functools.cache(_Method)
"""It is never freed: a built-in function that the collector frees reads it last of all."""


def built_in(name: bytes, address: int, table: Table, how: int = NO_ARGUMENTS) -> Any:
    """Return a built-in function of machine code that gets a table."""
    method = _method(name, address, how, name + b"($self, /, *args)\n--\n\n")
    return _make(ctypes.addressof(method), table, None)
