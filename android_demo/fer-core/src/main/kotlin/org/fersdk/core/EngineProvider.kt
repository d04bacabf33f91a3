package org.fersdk.core

import java.util.ServiceLoader

/** Opens the model files of one runtime. A module such as `fer-onnx` registers its provider in `META-INF/services`. */
interface EngineProvider {
    /** The end of the file names that the runtime reads, such as ".onnx". */
    val suffix: String

    /**
     * Opens a model.
     *
     * @param name file name, for messages.
     * @param model content of the file.
     * @param threads number of CPU threads, 1 or more.
     * @throws EngineException if the runtime cannot load the model.
     */
    fun open(name: String, model: ByteArray, threads: Int): Engine

    companion object {
        /** Returns the provider that reads the file, or null if the app contains none. */
        fun forModel(name: String): EngineProvider? =
            ServiceLoader.load(EngineProvider::class.java, EngineProvider::class.java.classLoader)
                .firstOrNull { name.endsWith(it.suffix) }
    }
}
