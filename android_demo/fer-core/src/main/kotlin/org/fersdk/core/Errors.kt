package org.fersdk.core

/** Base class of this library's exceptions; the message states the cause and, if known, a remedy. */
open class FerException(message: String, cause: Throwable? = null) : Exception(message, cause)

/** A model's sidecar is invalid, or belongs to another model file. */
class BundleException(message: String) : FerException(message)

/** A runtime cannot load or run a model, or its output is not finite. */
class EngineException(message: String, cause: Throwable? = null) : FerException(message, cause)
