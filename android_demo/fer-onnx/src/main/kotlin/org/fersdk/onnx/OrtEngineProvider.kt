package org.fersdk.onnx

import org.fersdk.core.Engine
import org.fersdk.core.EngineProvider

/** Runs .onnx files; registered for [EngineProvider.forModel] in `META-INF/services`. */
class OrtEngineProvider : EngineProvider {
    override val suffix = ".onnx"

    override fun open(name: String, model: ByteArray, threads: Int): Engine = OrtEngine(name, model, threads)
}
