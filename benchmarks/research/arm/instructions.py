"""Count the instructions of one inference on emulated ARM processors.

    python -m research.arm.instructions [MODEL]... --json docs/results/arm.json

`python -m research.arm.setup` installs the emulator. The count is compared with a lower bound: the
number of instructions if each of them did multiply-accumulates at the full vector width.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click

from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle, Precision
from fer_sdk.bundles.inspect import inspect
from fer_sdk.bundles.registry import find_model, shipped_models
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.errors import InputError, RuntimeFailure
from research.arm.count import Layout, count_inference, find_layout
from research.arm.machine import FOLDER, Cpu, Machine
from research.arm.profile import Kernel, count_kinds, find_kernels

SCHEMA: Final = 2
RUNS: Final = 2
CPUS: Final[tuple[Cpu, ...]] = ("cortex-a76", "cortex-a53")
Progress = Callable[[int], None]

_INT8: Final[tuple[Precision, ...]] = ("int8", "dynamic")
_KERNELS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class ArmCount:
    """Instructions of one model for one face.

    Attributes:
        name: File name.
        sha256: Hash of the file.
        cpu: Emulated processor.
        precision: Precision stated by the sidecar.
        multiply_accumulates: Multiply-accumulate operations per face.
        instructions: Instructions per face, identical in `processes` processes.
        processes: Number of processes.
        per_instruction: Multiply-accumulates of the processor's widest instruction for the
            precision.
        kinds: Instructions by kind, see `research.arm.profile.kind_of`.
        kernels: Instructions by routine, largest first.
    """

    name: str
    sha256: str
    cpu: Cpu
    precision: str
    multiply_accumulates: int
    instructions: int
    processes: int
    per_instruction: int
    kinds: dict[str, int]
    kernels: tuple[Kernel, ...]

    @property
    def lower_bound(self) -> float:
        """Number of instructions if each multiplied at the full vector width."""
        return self.multiply_accumulates / self.per_instruction

    @property
    def times_lower_bound(self) -> float:
        """Counted instructions divided by the lower bound."""
        return self.instructions / self.lower_bound


@click.command(cls=FerCommand)
@click.argument("models", nargs=-1)
@click.option("--cpu", "cpus", type=click.Choice(CPUS), multiple=True, default=CPUS,
              show_default=True, help="Emulated processor; can be repeated.")  # fmt: skip
@click.option("--json", "json_path", type=click.Path(path_type=Path),
              help="Write the counts as JSON.")  # fmt: skip
@click.option("--machine", type=click.Path(path_type=Path), default=FOLDER, show_default=True,
              help="Folder of `python -m research.arm.setup`.")  # fmt: skip
def main(
    models: tuple[str, ...], cpus: tuple[Cpu, ...], json_path: Path | None, machine: Path
) -> None:
    """Count instructions of MODELS (names or .tflite files; default: all shipped ones)."""
    machines = [Machine.find(cpu, machine) for cpu in cpus]
    shipped = [name for name, path in shipped_models().items() if path.suffix == ".tflite"]
    paths = [find_model(model) for model in models or shipped]
    with progress_bar(total=len(cpus) * steps(len(paths)), desc="counting", unit=" runs") as bar:
        counts = [count_models(emulated, paths, bar.update) for emulated in machines]
    if json_path is not None:
        write_json([count for of_cpu in counts for count in of_cpu], machines[0], json_path)
    click.echo("python -m research.arm.instructions (benchmarks/research/arm/instructions.py)\n")
    click.echo("\n\n".join(table(of_cpu) for of_cpu in counts))


def steps(models: int) -> int:
    """Return the number of progress steps of `count_models` for so many models."""
    return models * RUNS


def count_models(
    machine: Machine, models: Sequence[Path], progress: Progress = lambda steps: None
) -> list[ArmCount]:
    """Count the instructions of each model in two separate processes.

    Args:
        machine: Emulated processor.
        models: .tflite files with sidecars.
        progress: Called with 1 after each of `steps` steps.

    Raises:
        InputError: If a model is not a .tflite file.
        RuntimeFailure: If the two counts of a model differ.
    """
    for model in models:
        if model.suffix != ".tflite":
            raise InputError(f"only .tflite models can be counted, but got {model.name}")
    # The file name is on the stack, so its length affects addresses: each model has its own layout.
    return [_count(machine, model, find_layout(machine, model), progress) for model in models]


def _count(machine: Machine, model: Path, layout: Layout, progress: Progress) -> ArmCount:
    bundle = ModelBundle.load(model)
    totals = []
    for _ in range(RUNS):
        inference = count_inference(machine, model, layout)
        totals.append(inference.instructions)
        progress(1)
    if len(set(totals)) > 1:
        raise RuntimeFailure(f"counts of {model.name} differ between processes: {totals}")
    return ArmCount(
        name=model.name,
        sha256=sha256_of(model),
        cpu=machine.cpu,
        precision=bundle.precision,
        multiply_accumulates=_multiply_accumulates(model),
        instructions=totals[0],
        processes=len(totals),
        per_instruction=macs_per_instruction(machine.cpu, bundle.precision),
        kinds=count_kinds(inference.blocks.items()),
        kernels=find_kernels(inference, layout),
    )


def _multiply_accumulates(model: Path) -> int:
    with captured_native_log():
        return inspect(model).multiply_accumulates


def macs_per_instruction(cpu: Cpu, precision: Precision) -> int:
    """Return the multiply-accumulates of a processor's widest instruction for a precision.

    8-bit integers: 16 by SDOT, or 8 by SMLAL on processors without SDOT. Floats: 4 by FMLA. 16-bit
    activations: 4 by SMLAL. Source: Arm Architecture Reference Manual for A-profile, 128-bit
    vectors.
    """
    if precision in _INT8:
        return 8 if cpu == "cortex-a53" else 16
    return 4


def write_json(counts: Sequence[ArmCount], machine: Machine, path: Path) -> None:
    """Write the counts and the versions of the emulator's packages as JSON."""
    models = [
        {**asdict(c), "lower_bound": c.lower_bound, "times_lower_bound": c.times_lower_bound}
        for c in counts
    ]
    environment = {**describe_environment(), **machine.description}
    found = {"schema": SCHEMA, "environment": environment, "models": models}
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def table(counts: Sequence[ArmCount]) -> str:
    """Return the counts as text: one line per model, then its instructions by kind and routine."""
    lines = [
        f"instructions inside LiteRT for one face on {counts[0].cpu} (qemu), one thread; "
        f"identical in {RUNS} processes",
        f"{'model':<30}{'MMACs':>8}{'instructions':>14}{'lower bound':>13}{'ratio':>7}",
    ]
    for count in counts:
        lines.append(
            f"{count.name:<30}{count.multiply_accumulates / 1e6:>8.2f}"
            f"{count.instructions:>14,}{count.lower_bound:>13,.0f}{count.times_lower_bound:>7.2f}"
        )
    for count in counts:
        lines.append(
            f"{count.name}, lower bound: {count.per_instruction} multiply-accumulates per "
            "instruction"
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


if __name__ == "__main__":
    main()
