import java.io.File
import java.net.URLClassLoader
import kotlin.system.exitProcess
import org.jetbrains.kotlin.cli.common.ExitCode
import org.jetbrains.kotlin.cli.jvm.K2JVMCompiler
import org.junit.runner.Description
import org.junit.runner.JUnitCore
import org.junit.runner.Request
import org.junit.runner.notification.Failure
import org.junit.runner.notification.RunListener
import org.junit.runner.notification.RunNotifier
import org.junit.runner.notification.StoppedByUserException

/**
 * Compiles and tests mutants of the library's core in one JVM.
 *
 * Arguments: the folder of the core's classes, the folder of its tests' classes, and a file with one mutant a line:
 * name, folder of the changed source files ("-" for none) and repository root, separated by tabs. Only the changed files
 * are compiled, against the core's classes, which they then replace. Each mutant's tests run in a class loader of their
 * own and stop at the first failure.
 *
 * Prints for each mutant `RESULT`, its name, `detected`, `survived` or `uncompiled`, and the failed test or the
 * compiler's messages in one line, separated by tabs. The tests' own output goes to stderr.
 */
fun main(arguments: Array<String>) {
    val (core, tests, list) = arguments.map(::File)
    val output = System.out
    System.setOut(System.err)
    val names = tests.walk().filter { it.name.endsWith("Test.class") }
        .map { it.toRelativeString(tests).removeSuffix(".class").replace(File.separatorChar, '.') }
        .sortedWith(compareBy({ "Memory" in it }, { it })).toList() // the memory test takes longest
    check(names.isNotEmpty()) { "$tests contains no class whose name ends in Test" }
    for (line in list.readLines()) {
        val (name, source, repository) = line.split("\t")
        val result = try {
            val classes = if (source == "-") listOf(core) else listOf(compile(File(source), core), core)
            System.setProperty("fer.repository", repository)
            firstFailure(names, classes, tests)?.let { "detected\t$it" } ?: "survived\t"
        } catch (error: CompilationFailed) {
            "uncompiled\t${error.message}"
        }
        output.println("RESULT\t$name\t$result")
        output.flush()
    }
    exitProcess(0) // tests may have left threads
}

private class CompilationFailed(message: String) : Exception(message)

/** Compiles changed files of the core into a folder beside them, as part of its module, and returns that folder. */
private fun compile(source: File, core: File): File {
    val module = File(core, "META-INF").listFiles().orEmpty().single { it.extension == "kotlin_module" }
    val classes = source.resolveSibling("${source.name}-classes")
    val messages = java.io.ByteArrayOutputStream()
    val code = K2JVMCompiler().exec(
        java.io.PrintStream(messages), "-no-stdlib", "-no-reflect", "-jvm-target", "17", "-nowarn",
        "-module-name", module.nameWithoutExtension, "-Xfriend-paths=$core",
        "-classpath", "$core:${System.getProperty("java.class.path")}", "-d", classes.path, source.path,
    )
    if (code != ExitCode.OK) throw CompilationFailed(messages.toString().replace(Regex("\\s+"), " "))
    return classes
}

/** Runs the test classes in turn; returns the first test that fails, or null. */
private fun firstFailure(names: List<String>, classes: List<File>, tests: File): String? {
    val urls = (classes + tests).map { it.toURI().toURL() }.toTypedArray()
    URLClassLoader(urls, JUnitCore::class.java.classLoader).use { loader ->
        for (name in names) {
            var failed: String? = null
            var finished = 0
            val notifier = RunNotifier()
            notifier.addListener(object : RunListener() {
                override fun testFailure(failure: Failure) {
                    failed = failed ?: failure.description.displayName
                    notifier.pleaseStop()
                }

                override fun testFinished(description: Description) {
                    finished++
                }
            })
            try {
                Request.aClass(loader.loadClass(name)).runner.run(notifier)
            } catch (_: StoppedByUserException) {
                check(failed != null)
            }
            if (failed != null) return failed
            check(finished > 0) { "$name contains no test" }
        }
    }
    return null
}
