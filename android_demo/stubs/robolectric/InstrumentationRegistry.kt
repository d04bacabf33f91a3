@file:Suppress("UNUSED_PARAMETER")

package androidx.test.platform.app

import android.app.Instrumentation
import android.os.Bundle

object InstrumentationRegistry {
    private lateinit var registered: Instrumentation

    @JvmStatic
    fun getInstrumentation(): Instrumentation = registered

    @JvmStatic
    fun registerInstance(instrumentation: Instrumentation, arguments: Bundle) {
        registered = instrumentation
    }
}
