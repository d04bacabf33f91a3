"""Instructions of one answer, counted exactly from qemu's log of executed blocks.

qemu translates code in blocks without a branch inside. Its log names each block's instructions when
it is translated (in_asm) and each block that runs (exec; nochain: none is skipped). Counted is what
runs inside LiteRT's own libraries; the C library's memcpy and the like are not.
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
class Answer:
    """What ran for one answer: blocks and how often each of them."""

    blocks: dict[Block, int]

    @property
    def instructions(self) -> int:
        """Number of instructions that ran."""
        return sum(len(block) * times for block, times in self.blocks.items())


@dataclass(frozen=True, slots=True)
class Library:
    """Code of a library in the emulated memory: [low, high) and the file's name."""

    low: int
    high: int
    name: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in the emulated memory, the same for every run on a model.

    Attributes:
        libraries: LiteRT's, with code.
        mark: Address of the function that stands before and after each answer.
    """

    libraries: tuple[Library, ...]
    mark: int


def find_layout(machine: Machine, model: Path) -> Layout:
    """Load a .tflite model there and say where its runtime lies; errors as `count_answer`."""
    return _read_layout(_run(machine, model, 0, (), 0)[0])


def count_answer(machine: Machine, model: Path, layout: Layout) -> Answer:
    """Count a .tflite model's instructions for one face, one thread, after one to warm up.

    Args:
        machine: Emulated processor.
        model: .tflite file.
        layout: Of this machine and model.

    Raises:
        RuntimeFailure: If the program fails there or the log is not as expected.
    """
    spans = [f"{library.low:#x}..{library.high - 1:#x}" for library in layout.libraries]
    options = ("-d", "in_asm,exec,nochain", "-dfilter", ",".join([*spans, f"{layout.mark:#x}+4"]))
    printed, answers = _run(machine, model, WARM_UPS + 1, options, layout.mark)
    if _read_layout(printed) != layout or len(answers) != WARM_UPS + 1:
        raise RuntimeFailure(
            f"two runs on the emulated {machine.cpu} lay differently in memory, or the log has "
            f"not {WARM_UPS + 1} answers but {len(answers)}"
        )
    return answers[-1]


def _read_layout(printed: str) -> Layout:
    found = json.loads(printed)
    return Layout(tuple(Library(*entry) for entry in found["code"]), found["mark"])


def _run(
    machine: Machine, model: Path, answers: int, options: tuple[str, ...], mark: int
) -> tuple[str, list[Answer]]:
    """Run the program; returns what it printed and the answers in its log."""
    reader, writer = os.pipe()
    arguments = [str(PROGRAM), str(model.resolve()), str(answers)]
    process = subprocess.Popen(
        machine.command(arguments, (*options, "-D", f"/dev/fd/{writer}") if options else ()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=machine.environment(),
        pass_fds=(writer,),
    )
    os.close(writer)
    found: list[Answer] = []
    with os.fdopen(reader, "rb") as log:
        thread = threading.Thread(target=lambda: found.extend(read_log(log, mark)))
        thread.start()
        stdout, stderr = process.communicate()
        thread.join()
    if process.returncode != 0:
        last = (stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeFailure(f"{model.name} on the emulated {machine.cpu} failed: {last}")
    return stdout, found


def read_log(lines: Iterable[bytes], mark: int) -> Iterator[Answer]:
    """Read qemu's log of in_asm, exec and nochain.

    Args:
        lines: The log.
        mark: Address of the function that stands before and after each answer.

    Yields:
        Each answer's blocks.
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
                    yield Answer(_by_block(times, blocks))
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
