package org.fersdk.demo

import android.content.Context
import android.os.Handler
import java.util.concurrent.Executor

/** Runs on the main thread; Android's own `getMainExecutor` came after API 26. */
fun mainExecutorOf(context: Context): Executor {
    val handler = Handler(context.mainLooper)
    return Executor { handler.post(it) }
}
