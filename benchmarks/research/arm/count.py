"""Exact instruction count of one inference, from qemu's log of executed blocks.

qemu translates code in blocks that contain no branch. Its log lists the instructions of each block
when it is translated (in_asm) and the address of each executed block (exec; nochain logs every
execution). Only code inside LiteRT's libraries is counted, not the C library, such as memcpy.
"""

import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_sdk.errors import RuntimeFailure
from research.arm.machine import Machine

PROGRAM: Final = Path(__file__).with_name("emulated_predictions.py")
WARM_UPS: Final = 1


@dataclass(frozen=True, slots=True)
class Instruction:
    """One machine instruction: its address, its 32-bit word and its mnemonic."""

    address: int
    word: int
    mnemonic: str


Block = tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Inference:
    """The blocks executed by one inference, with the number of executions of each."""

    blocks: dict[Block, int]

    @property
    def instructions(self) -> int:
        """Number of executed instructions."""
        return sum(len(block) * times for block, times in self.blocks.items())


@dataclass(frozen=True, slots=True)
class Library:
    """Address range [low, high) of a library's code in the emulated memory, and its file name."""

    low: int
    high: int
    name: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Addresses in the emulated memory, identical in all runs of a model.

    Attributes:
        libraries: Libraries of LiteRT that contain code.
        mark: Address of the marker function, which is called before and after each inference.
    """

    libraries: tuple[Library, ...]
    mark: int


def find_layout(machine: Machine, model: Path) -> Layout:
    """Load a .tflite model there and return the addresses; raises as `count_inference` does."""
    return _read_layout(_run(machine, model, 0, (), 0)[0])


def count_inference(machine: Machine, model: Path, layout: Layout) -> Inference:
    """Count the instructions of one inference on one thread, after a warm-up inference.

    Args:
        machine: Emulated processor.
        model: .tflite file.
        layout: Addresses for this machine and model.

    Raises:
        RuntimeFailure: If the program fails there or the log has another form than expected.
    """
    spans = [f"{library.low:#x}..{library.high - 1:#x}" for library in layout.libraries]
    options = ("-d", "in_asm,exec,nochain", "-dfilter", ",".join([*spans, f"{layout.mark:#x}+4"]))
    printed, inferences = _run(machine, model, WARM_UPS + 1, options, layout.mark)
    if _read_layout(printed) != layout or len(inferences) != WARM_UPS + 1:
        raise RuntimeFailure(
            f"two runs on the emulated {machine.cpu} have different memory layouts, or the log has "
            f"not {WARM_UPS + 1} inferences but {len(inferences)}"
        )
    return inferences[-1]


def _read_layout(printed: str) -> Layout:
    found = json.loads(printed)
    return Layout(tuple(Library(*entry) for entry in found["code"]), found["mark"])


def _run(
    machine: Machine, model: Path, count: int, options: tuple[str, ...], mark: int
) -> tuple[str, list[Inference]]:
    """Run the program; return its output and the inferences in its log."""
    reader, writer = os.pipe()
    arguments = [str(PROGRAM), str(model.resolve()), str(count)]
    process = subprocess.Popen(
        machine.command(arguments, (*options, "-D", f"/dev/fd/{writer}") if options else ()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=machine.environment(),
        pass_fds=(writer,),
    )
    os.close(writer)
    found: list[Inference] = []
    with os.fdopen(reader, "rb") as log:
        thread = threading.Thread(target=lambda: found.extend(read_log(log, mark)))
        thread.start()
        stdout, stderr = process.communicate()
        thread.join()
    if process.returncode != 0:
        last = (stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeFailure(f"{model.name} on the emulated {machine.cpu} failed: {last}")
    return stdout, found


def read_log(lines: Iterable[bytes], mark: int) -> Iterator[Inference]:
    """Parse qemu's log with the items in_asm, exec and nochain.

    Args:
        lines: Lines of the log.
        mark: Address of the marker function, which is called before and after each inference.

    Yields:
        The blocks of each inference.
    """
    blocks: dict[bytes, Block] = {}
    translated: list[bytes] | None = None
    inside = False
    times: Counter[bytes] = Counter()
    for line in lines:
        if line.startswith(b"Trace "):
            # "Trace 0: 0x<translation> [<cs base>/<address>/<flags>/...] <symbol>"
            if translated is not None:
                blocks[line], translated = _block(translated), None
            times[line] += 1
            if blocks[line][0].address == mark:
                if inside:
                    del times[line]
                    yield Inference(_by_block(times, blocks))
                inside = not inside
                times = Counter()
        elif line.startswith(b"IN:"):
            translated = []
        elif translated is not None and line.startswith(b"0x"):
            translated.append(line)


def _block(lines: list[bytes]) -> Block:
    """Read "0x<address>:  <word>  <mnemonic> <operands>" lines."""
    words = [line.split() for line in lines]
    return tuple(Instruction(int(w[0][:-1], 16), int(w[1], 16), w[2].decode()) for w in words)


def _by_block(times: Counter[bytes], blocks: dict[bytes, Block]) -> dict[Block, int]:
    found: Counter[Block] = Counter()
    for line, count in times.items():
        found[blocks[line]] += count
    return dict(found)
