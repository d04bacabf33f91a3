"""`fer-bench --arm`: instructions of each model on an emulated processor, against the floor."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle, Precision
from fer_sdk.bundles.inspect import inspect
from fer_sdk.errors import InputError, RuntimeFailure
from research.arm.count import Layout, count_answer, find_layout
from research.arm.machine import Cpu, Machine
from research.arm.profile import Kernel, count_kinds, find_kernels

SCHEMA: Final = 1
RUNS: Final = 2
Report = Callable[[int], None]

_INT8: Final[tuple[Precision, ...]] = ("int8", "dynamic")
_KERNELS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class ArmCount:
    """Instructions of one model for one face.

    Attributes:
        name: File name.
        sha256: Of the file.
        core: Emulated processor.
        precision: As its sidecar states.
        multiply_accumulates: For one face.
        instructions: For one face, counted in `processes` processes, each time the same.
        processes: How many.
        per_instruction: Multiply-accumulates of the widest multiplying instruction for this
            precision that the processor has.
        kinds: Instructions by kind, as `research.arm.profile.kind_of` tells them apart.
        kernels: Where they ran, most first.
    """

    name: str
    sha256: str
    core: Cpu
    precision: str
    multiply_accumulates: int
    instructions: int
    processes: int
    per_instruction: int
    kinds: dict[str, int]
    kernels: tuple[Kernel, ...]

    @property
    def floor(self) -> float:
        """Instructions that would do if every one multiplied at full width."""
        return self.multiply_accumulates / self.per_instruction

    @property
    def times_floor(self) -> float:
        """Instructions that ran, in floors."""
        return self.instructions / self.floor


def steps(models: int) -> int:
    """Return how many steps `count_models` reports for that many models."""
    return models * RUNS


def count_models(
    machine: Machine, models: Sequence[Path], report: Report = lambda steps: None
) -> list[ArmCount]:
    """Count each model's instructions in two processes.

    Args:
        machine: Emulated processor.
        models: .tflite files with sidecars.
        report: Told about each of `steps` steps.

    Raises:
        InputError: If a model is no .tflite file.
        RuntimeFailure: If the two processes do not count the same.
    """
    for model in models:
        if model.suffix != ".tflite":
            raise InputError(f"--arm counts .tflite models, but got {model.name}")
    # A file's name is on the stack, so its length can move what lies beside.
    return [_count(machine, model, find_layout(machine, model), report) for model in models]


def _count(machine: Machine, model: Path, layout: Layout, report: Report) -> ArmCount:
    bundle = ModelBundle.load(model)
    totals = []
    for _ in range(RUNS):
        answer = count_answer(machine, model, layout)
        totals.append(answer.instructions)
        report(1)
    if len(set(totals)) > 1:
        raise RuntimeFailure(f"{model.name} does not repeat: {totals} instructions")
    return ArmCount(
        name=model.name,
        sha256=sha256_of(model),
        core=machine.cpu,
        precision=bundle.precision,
        multiply_accumulates=_products(model),
        instructions=totals[0],
        processes=len(totals),
        per_instruction=products_per_instruction(machine.cpu, bundle.precision),
        kinds=count_kinds(answer.blocks.items()),
        kernels=find_kernels(answer, layout),
    )


def _products(model: Path) -> int:
    with captured_native_log():
        return inspect(model).multiply_accumulates


def products_per_instruction(cpu: Cpu, precision: Precision) -> int:
    """Return the multiply-accumulates of the widest instruction that fits a precision.

    8-bit numbers: 16 in SDOT; 8 in SMLAL where there is no SDOT, whose 16-bit sums need further
    instructions. Floats: 4 in FMLA. 16-bit activations: 4 in SMLAL. From the Arm Architecture
    Reference Manual for A-profile, 128-bit vectors.
    """
    if precision in _INT8:
        return 8 if cpu == "cortex-a53" else 16
    return 4


def write_json(counts: Sequence[ArmCount], machine: Machine, path: Path) -> None:
    """Write the counts of one or more cores with the emulated machine's packages."""
    models = [{**asdict(c), "floor": c.floor, "times_floor": c.times_floor} for c in counts]
    environment = {**describe_environment(), **machine.description}
    found = {"schema": SCHEMA, "environment": environment, "models": models}
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def table(counts: Sequence[ArmCount]) -> str:
    """Return the counts as text: a line a model, then where its instructions go."""
    lines = [
        f"instructions inside LiteRT for one face on {counts[0].core} (qemu), one thread; "
        f"the same in {RUNS} processes",
        f"{'model':<30}{'MMACs':>8}{'instructions':>14}{'floor':>12}{'x floor':>9}",
    ]
    for count in counts:
        lines.append(
            f"{count.name:<30}{count.multiply_accumulates / 1e6:>8.2f}"
            f"{count.instructions:>14,}{count.floor:>12,.0f}{count.times_floor:>9.2f}"
        )
    for count in counts:
        lines.append(
            f"{count.name}, floor: {count.per_instruction} multiply-accumulates an instruction"
        )
        lines.append(f"  by kind: {_shares(count.kinds, count.instructions)}")
        for kernel in count.kernels[:_KERNELS_SHOWN]:
            lines.append(
                f"  {kernel.instructions / count.instructions:>6.1%} at "
                f"{kernel.library}+{kernel.offset:#x}: {_shares(kernel.kinds, kernel.instructions)}"
            )
    return "\n".join(lines)


def _shares(kinds: dict[str, int], total: int) -> str:
    return ", ".join(f"{kind} {times / total:.1%}" for kind, times in kinds.items())
