import com.android.ide.common.resources.PatternBasedFileFilter

/**
 * Prints the file names on stdin that an app's assets contain, according to the Android Gradle plugin.
 *
 * Arguments: the build file's `ignoreAssetsPatterns`. The filter is the plugin's own class.
 */
fun main(arguments: Array<String>) {
    val filter = PatternBasedFileFilter(arguments.toList())
    generateSequence(::readlnOrNull).filterNot { filter.isIgnored(it, false) }.forEach(::println)
}
