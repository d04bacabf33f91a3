package androidx.lifecycle

abstract class Lifecycle {
    abstract val currentState: State

    enum class State { DESTROYED, INITIALIZED, CREATED, STARTED, RESUMED }
}

interface LifecycleOwner {
    val lifecycle: Lifecycle
}

class LifecycleRegistry(@Suppress("UNUSED_PARAMETER") provider: LifecycleOwner) : Lifecycle() {
    override var currentState: State = State.INITIALIZED
}
