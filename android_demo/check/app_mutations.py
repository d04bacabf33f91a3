"""Mutation tests of the app and the LiteRT module: each fault must make a certain test fail.

The faults are independent of each other, so one compilation and one JVM check all of them: each
fault has a test of its own, whose failure must contain a certain text.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mutations import replaced

LIMIT_S = 300
"""Time for the tests of all faults."""


@dataclass(frozen=True)
class Fault:
    """A fault of the app.

    Attributes:
        name: What is wrong.
        file: File below android_demo.
        changes: Texts of the file, each of which occurs once, and what replaces them.
        test: Test that must fail, as class#method.
        failure: Text of its failure.
    """

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    test: str
    failure: str


APP = "app/src/main/kotlin/org/fersdk/demo"
LITERT = "fer-litert/src/main/kotlin/org/fersdk/android"
MAIN = "org.fersdk.demo.MainActivityTest"
MODELS = "org.fersdk.demo.FerModelsTest"

FAULTS = (
    Fault("only failures of the engine are caught", f"{APP}/FaceAnalyzer.kt",
          (("catch (error: FerException)", "catch (error: org.fersdk.core.EngineException)"),),
          f"{MAIN}#a face whose points define no crop ends recognition with its reason",
          "FerException: no crop is defined by"),
    Fault("a model of other labels is the fallback", f"{LITERT}/FerModels.kt",
          (("it.labels == wanted.labels && ", ""),),
          f"{MODELS}#a model of other labels replaces no other",
          "contempt"),
    Fault("the default model is every network's fallback", f"{LITERT}/FerModels.kt",
          ((".sortedBy { networkOf(it) != network }", ""),),
          f"{MAIN}#a network on a GPU that gives NaN is replaced by its int8 file",
          "switched to small-int8"),
    Fault("the rotation of the phone without the screen is ignored", f"{APP}/OverlayView.kt",
          (("(rotationDegrees - upright + 360) % 360", "upright - upright"),),
          f"{MAIN}#boxes stay in place when the phone is turned and the screen is not",
          "180: arrays first differed"),
    Fault("system bars replace the padding", f"{APP}/SystemBars.kt",
          (("given[0] + bars[0], given[1] + if (top)", "bars[0], if (top)"),
           ("given[2] + bars[2], given[3] + if (bottom)", "bars[2], if (bottom)")),
          f"{MAIN}#system bars add to the padding", "expected:<["),
    Fault("white icons on a white status bar", f"{APP}/SystemBars.kt",
          (("setSystemBarsAppearance(if (isLight) dark else 0, dark)",
            "setSystemBarsAppearance(0, dark)"),),
          f"{MAIN}#the icons of the system bars contrast with the panels",
          "dark icons, notnight"),
    Fault("the GPU is the default", f"{LITERT}/FerModels.kt",
          (("default = Choice(int8, Runtime.LITERT_CPU)",
            "default = bundles.flatMap(::choicesOf).first { it.runtime == Runtime.LITERT_GPU }"),),
          f"{MAIN}#the int8 model on the CPU is the default, "
          "and each model is offered with its runtimes",
          "expected:<LITERT_CPU> but was:<LITERT_GPU>"),
    Fault("a GPU may compute in float16", f"{LITERT}/LiteRtEngine.kt",
          (("precision = CompiledModel.GpuOptions.Precision.FP32", ""),),
          f"{MODELS}#a GPU computes in float32", "expected:<FP32>"),
    Fault("predictions of a GPU are not compared with the CPU's", f"{LITERT}/FerModels.kt",
          ((".use { SampleFace.check(classifier, it) }", ".close()"),),
          f"{MODELS}#a GPU that predicts the sample face otherwise than the CPU "
          "is refused and closed",
          "expected org.fersdk.core.EngineException to be thrown, but nothing was thrown"),
    Fault("a choice is kept before its first frame", f"{APP}/MainViewModel.kt",
          (("store.begin(choice)", "store.keep(choice)"),),
          f"{MAIN}#a choice is kept after a good run only", "expected:<Choice("),
    Fault("a choice that crashed the app is tried again", f"{APP}/MainViewModel.kt",
          (("val failed = store.takeFailed()", "val failed: String? = null"),),
          f"{MAIN}#a choice that crashed the app is not tried again", "expected:<Choice("),
    Fault("a failed start of the camera is not caught", f"{APP}/MainActivity.kt",
          (("catch (error: ExecutionException)", "catch (error: java.io.IOException)"),),
          f"{MAIN}#a screen says why no camera could be opened",
          "Expected camera missing. Available cameras: 0"),
    Fault("the model is loaded again when the phone is rotated", f"{APP}/MainActivity.kt",
          (("model = lastNonConfigurationInstance as MainViewModel? ?: MainViewModel(this)",
            "model = MainViewModel(this)"),),
          f"{MAIN}#rotating the phone keeps the loaded model, the camera and the resting face",
          "expected:<1> but was:<2>"),
)  # fmt: skip


def run(check: Path, class_path: str, android: Path) -> str:
    """Compile all faults and run their tests; the tests must have passed without them.

    Args:
        check: The folder android_demo/check, after its Maven build.
        class_path: Class path of the module check/tools, with the Kotlin compiler.
        android: JAR with Android's classes, for JUnit.

    Returns:
        The number of detected faults.

    Raises:
        SystemExit: If the faults cannot be compiled, or a test passes or fails otherwise.
    """
    work = check / "target/app-mutants"
    sources, classes = work / "sources", work / "classes"
    shutil.rmtree(work, ignore_errors=True)
    write_sources(check.parent, sources)
    tests = (check / "target/test-class-path.txt").read_text().strip()
    built = [check / f"{module}/target/classes" for module in ("app", "litert")]
    libraries = ":".join(map(str, [*built, tests, android]))
    _compile(sources, classes, built, libraries, class_path)
    path = [classes, check / "app/target/test-classes", libraries, check / "tools/target/classes"]
    process = subprocess.run(
        ["java", "-Xmx1500m", "-XX:TieredStopAtLevel=1", "-Drobolectric.offline=true",
         f"-Drobolectric.dependency.dir={check / 'target/android'}",
         "-cp", ":".join(map(str, path)), "SingleTestsKt", *[fault.test for fault in FAULTS]],
        cwd=check / "app", capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    lines = [line.split("\t") for line in process.stdout.splitlines() if line.startswith("RESULT")]
    if process.returncode or len(lines) != len(FAULTS):
        sys.exit(f"the tests did not all run:\n{process.stdout}{process.stderr[-3000:]}")
    missed = [
        f"not detected ({result}): {fault.name}, by {fault.test}: {failure}"
        for fault, (_, _, result, failure) in zip(FAULTS, lines, strict=True)
        if result != "failed" or fault.failure not in failure
    ]
    if missed:
        sys.exit("\n".join(missed))
    for fault in FAULTS:
        print(f"  detected: {fault.name}, by {fault.test.rpartition('.')[2]}", flush=True)
    shutil.rmtree(work)
    return f"{len(FAULTS)} of {len(FAULTS)} detected"


def write_sources(demo: Path, folder: Path) -> None:
    """Write the files that contain faults, with all their faults, into a new folder.

    Raises:
        SystemExit: If a file no longer contains a text that a fault replaces.
    """
    folder.mkdir(parents=True)
    for file in dict.fromkeys(fault.file for fault in FAULTS):
        changes = [change for fault in FAULTS if fault.file == file for change in fault.changes]
        (folder / Path(file).name).write_text(replaced(demo / file, changes))


def _compile(
    sources: Path, classes: Path, friends: list[Path], libraries: str, class_path: str
) -> None:
    """Compile the files as part of the modules in `friends`, whose internal names they use."""
    process = subprocess.run(
        ["java", "-Xmx1500m", "-XX:TieredStopAtLevel=1", "-cp", class_path,
         "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-no-stdlib", "-no-reflect", "-nowarn",
         "-jvm-target", "17", "-module-name", "app",
         f"-Xfriend-paths={','.join(map(str, friends))}", "-classpath", libraries,
         "-d", str(classes), str(sources)],
        capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    if process.returncode:
        sys.exit(f"the faults of the app cannot be compiled:\n{process.stdout}{process.stderr}")
