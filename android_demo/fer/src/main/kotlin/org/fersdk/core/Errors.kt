package org.fersdk.core

/** Base of what this library raises; the message says what was asked, what came and what to do. */
open class FerException(message: String, cause: Throwable? = null) : Exception(message, cause)

/** A model's sidecar is unreadable, or belongs to another file. */
class BundleException(message: String) : FerException(message)

/** A runtime refuses a model, fails while running it, or answers with numbers that are not finite. */
class EngineException(message: String, cause: Throwable? = null) : FerException(message, cause)
