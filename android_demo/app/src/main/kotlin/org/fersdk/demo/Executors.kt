package org.fersdk.demo

import android.content.Context
import android.os.Handler
import java.util.concurrent.Executor

/** Executor of the main thread; Android's `getMainExecutor` requires API 28. */
fun mainExecutorOf(context: Context): Executor {
    val handler = Handler(context.mainLooper)
    return Executor { handler.post(it) }
}
