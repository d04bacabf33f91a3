import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.synthetic import synthetic_faces

from fer_sdk.errors import RuntimeFailure
from fer_sdk.runtimes import open_session
from research.arm.count import Instruction, read_log
from research.arm.instructions import ArmCount, macs_per_instruction, main
from research.arm.machine import DESCRIPTION, FOLDER, Machine
from research.arm.profile import kind_of

MARK = 0x7FFFF000

LOG = b"""\
----------------
IN:
0x7ffe0000:  a9bf7bfd  stp      x29, x30, [sp, #-0x10]!

Trace 0: 0x1 [00001001/000000007ffe0000/00000001/00008200]
----------------
IN: a64l
0x7ffff000:  d2800001  movz     x1, #0
0x7ffff004:  d65f03c0  ret

Trace 0: 0x2 [00001001/000000007ffff000/00000001/00008200] a64l
----------------
IN:
0x7ffe0010:  4e839413  .byte    0x13, 0x94, 0x83, 0x4e
0x7ffe0014:  f1000421  subs     x1, x1, #1
0x7ffe0018:  54ffffc1  b.ne     #0x7ffe0010

Trace 0: 0x3 [00001001/000000007ffe0010/00000001/00008200]
Trace 0: 0x3 [00001001/000000007ffe0010/00000001/00008200]
Trace 0: 0x1 [00001001/000000007ffe0000/00000001/00008200]
Trace 0: 0x2 [00001001/000000007ffff000/00000001/00008200] a64l
Trace 0: 0x1 [00001001/000000007ffe0000/00000001/00008200]
Trace 0: 0x2 [00001001/000000007ffff000/00000001/00008200] a64l
Trace 0: 0x3 [00001001/000000007ffe0010/00000001/00008200]
Trace 0: 0x2 [00001001/000000007ffff000/00000001/00008200] a64l
Trace 0: 0x1 [00001001/000000007ffe0000/00000001/00008200]
"""


def test_only_code_between_two_marks_is_counted() -> None:
    first, second = read_log(LOG.splitlines(keepends=True), MARK)
    loop, push = sorted(first.blocks, key=len, reverse=True)
    assert [i.mnemonic for i in loop] == [".byte", "subs", "b.ne"]
    assert first.blocks == {loop: 2, push: 1}
    assert first.instructions == 7
    assert second.blocks == {loop: 1}


def test_a_retranslated_block_counts_with_its_new_length() -> None:
    again = b"IN: \n0x7ffe0010:  f1000421  subs     x1, x1, #1\n\n"
    trace = b"Trace 0: 0x9 [00001001/000000007ffe0010/00000001/00008200] \n"
    mark = b"Trace 0: 0x2 [00001001/000000007ffff000/00000001/00008200] a64l\n"
    log = LOG + mark + again + trace + mark
    assert [a.instructions for a in read_log(log.splitlines(keepends=True), MARK)] == [7, 3, 1]


@pytest.mark.parametrize(
    ("word", "mnemonic", "kind"),
    [
        (0x4E839413, ".byte", "dot product"),  # sdot v19.4s, v0.16b, v3.16b
        (0x4F83E213, ".byte", "dot product"),  # sdot v19.4s, v16.16b, v3.4b[0]
        (0x6E839413, ".byte", "dot product"),  # udot
        (0x4E238413, "add", "other"),
        (0x4E20CC00, "fmla", "multiply-add"),
        (0x0E238000, "smlal", "multiply-add"),
        (0x4E606800, "sadalp", "widen"),
        (0xA9401400, "ldp", "load"),
        (0x4C007000, "st1", "store"),
        (0x54FFFFC1, "b.ne", "branch"),
        (0x12000000, "bic", "other"),
    ],
)
def test_instructions_are_classified(word: int, mnemonic: str, kind: str) -> None:
    assert kind_of(Instruction(0, word, mnemonic)) == kind


def test_the_lower_bound_depends_on_the_processor_and_the_precision() -> None:
    assert macs_per_instruction("cortex-a76", "int8") == 16
    assert macs_per_instruction("cortex-a53", "int8") == 8
    assert macs_per_instruction("cortex-a76", "float32") == 4
    count = ArmCount("m", "0", "cortex-a76", "int8", 32_000, 5_000, 2, 16, {}, ())
    assert (count.lower_bound, count.times_lower_bound) == (2000, 2.5)


def test_a_missing_emulator_is_a_one_line_error_that_names_the_script(
    tiny_int8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["--cpu", "cortex-a76", str(tiny_int8)])
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "python -m research.arm.setup" in line


@pytest.fixture
def machine() -> Machine:
    if not (FOLDER / DESCRIPTION).exists():
        pytest.skip(
            f"no emulated arm64 machine: `python -m research.arm.setup {FOLDER}` installs it"
        )
    return Machine.find("cortex-a76")


def test_int8_logits_are_identical_on_arm64(machine: Machine, tiny_int8: Path) -> None:
    faces, _ = synthetic_faces(20)
    assert (machine.run_model(tiny_int8, faces) == open_session(tiny_int8).run(faces)).all()


def test_the_error_of_a_failing_program_is_reported(machine: Machine) -> None:
    assert machine.run_python("-c", "import platform; print(platform.machine())") == "aarch64\n"
    with pytest.raises(RuntimeFailure, match="ZeroDivisionError"):
        machine.run_python("-c", "1 / 0")


def test_instructions_are_counted_by_kind(
    machine: Machine, tiny_int8: Path, tmp_path: Path
) -> None:
    out = tmp_path / "arm.json"
    done = CliRunner().invoke(main, ["--cpu", "cortex-a76", str(tiny_int8), "--json", str(out)])
    assert done.exit_code == 0, done.output
    (model,) = json.loads(out.read_text())["models"]
    assert model["instructions"] == sum(model["kinds"].values())
    assert model["instructions"] > 48 * 48 / 16  # it adds up every pixel
    assert (model["cpu"], model["multiply_accumulates"]) == ("cortex-a76", 8 * 7)
    assert Counter(model["kinds"])["load"] > 0
    assert "tiny-int8.tflite" in done.stdout


def test_other_files_than_tflite_are_refused(machine: Machine, golden: Path) -> None:
    done = CliRunner().invoke(main, ["--cpu", "cortex-a76", str(golden / "tiny-float32.onnx")])
    assert done.exit_code == 1
    assert "only .tflite models can be counted" in done.stderr
