import org.junit.runner.JUnitCore
import org.junit.runner.Request
import kotlin.system.exitProcess

/**
 * Runs single tests in one JVM. Arguments: `class#test` of each.
 *
 * Prints for each `RESULT`, the argument, `passed` or `failed`, and the failure in one line, separated by tabs. The
 * tests' own output goes to stderr.
 */
fun main(arguments: Array<String>) {
    val output = System.out
    System.setOut(System.err)
    for (argument in arguments) {
        val (type, test) = argument.split("#")
        val result = JUnitCore().run(Request.method(Class.forName(type), test))
        check(result.runCount == 1) { "$argument: ${result.runCount} tests" }
        val failure = result.failures.firstOrNull()?.exception
        val text = generateSequence(failure) { it.cause }.joinToString(": ").replace(Regex("\\s+"), " ")
        output.println("RESULT\t$argument\t${if (failure == null) "passed" else "failed"}\t$text")
        output.flush()
    }
    exitProcess(0) // tests may have left threads
}
