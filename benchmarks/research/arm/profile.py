"""Instructions of an inference by kind and by routine."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from research.arm.count import Block, Inference, Instruction, Layout

_REGION_GAP: Final = 0x400
"""Minimum distance in bytes between blocks of different routines."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A contiguous region of executed code, presumably one routine; the libraries have no symbols.

    Attributes:
        library: File name of the library.
        offset: Offset of its first executed instruction from the start of the library's code.
        instructions: Number of executed instructions per inference.
        kinds: Number of executed instructions by kind.
    """

    library: str
    offset: int
    instructions: int
    kinds: dict[str, int]


def kind_of(instruction: Instruction) -> str:
    """Return "dot product", a key of `_KINDS`, or "other"."""
    word, mnemonic = instruction.word, instruction.mnemonic
    # qemu's disassembler does not name SDOT and UDOT, by vector and by element.
    if word & 0x9FE0FC00 == 0x0E809400 or word & 0x9FC0F400 == 0x0F80E000:
        return "dot product"
    for kind, beginnings in _KINDS.items():
        if mnemonic.startswith(beginnings):
            return kind
    return "branch" if mnemonic in _JUMPS else "other"


_JUMPS: Final = ("b", "bl", "br", "blr")
_KINDS: Final = {
    "multiply-add": ("fmla", "fmadd", "mla", "smlal", "umlal", "sqrdmlah", "smull", "umull"),
    "widen": ("sshll", "ushll", "saddw", "uaddw", "sadalp", "uadalp", "saddlp", "uaddlp"),
    "load": ("ld",),
    "store": ("st",),
    "branch": ("b.", "cbz", "cbnz", "tbz", "tbnz", "ret"),
}


def count_kinds(blocks: Iterable[tuple[Block, int]]) -> dict[str, int]:
    """Return the number of executed instructions by kind, largest first."""
    found: Counter[str] = Counter()
    for block, times in blocks:
        for instruction in block:
            found[kind_of(instruction)] += times
    return dict(found.most_common())


def find_kernels(inference: Inference, layout: Layout) -> tuple[Kernel, ...]:
    """Group adjacent blocks into routines, largest first."""
    regions: dict[int, list[tuple[Block, int]]] = defaultdict(list)
    begin = end = 0
    for block, times in sorted(inference.blocks.items(), key=lambda entry: entry[0][0].address):
        if block[0].address > end + _REGION_GAP:
            begin = block[0].address
        end = block[-1].address
        regions[begin].append((block, times))
    kernels = []
    for begin, blocks in regions.items():
        home = next(library for library in layout.libraries if library.low <= begin < library.high)
        count = sum(len(block) * times for block, times in blocks)
        kernels.append(Kernel(home.name, begin - home.low, count, count_kinds(blocks)))
    return tuple(sorted(kernels, key=lambda kernel: -kernel.instructions))
