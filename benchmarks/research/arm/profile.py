"""Where the instructions of an answer go: by kind, and by the routine they are in."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from research.arm.count import Answer, Block, Instruction, Layout

_REGION_GAP: Final = 0x400
"""Blocks further apart than so many bytes belong to different routines."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Code that lies together, as one routine does; the library carries no names.

    Attributes:
        library: File it is in.
        offset: Of its first instruction that ran, from the beginning of the library's code.
        instructions: That ran in it for one answer.
        kinds: The same by kind.
    """

    library: str
    offset: int
    instructions: int
    kinds: dict[str, int]


def kind_of(instruction: Instruction) -> str:
    """Return "dot product", a key of `_KINDS`, or "other"."""
    word, mnemonic = instruction.word, instruction.mnemonic
    # qemu's disassembler has no names for SDOT and UDOT, by vector and by element.
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
    """Return how many instructions of each kind ran, most first."""
    found: Counter[str] = Counter()
    for block, times in blocks:
        for instruction in block:
            found[kind_of(instruction)] += times
    return dict(found.most_common())


def find_kernels(answer: Answer, layout: Layout) -> tuple[Kernel, ...]:
    """Join blocks that lie close together and say in which library they are."""
    regions: dict[int, list[tuple[Block, int]]] = defaultdict(list)
    begin = end = 0
    for block, times in sorted(answer.blocks.items(), key=lambda entry: entry[0][0].address):
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
