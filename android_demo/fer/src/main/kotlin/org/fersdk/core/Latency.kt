package org.fersdk.core

/** Times of the last [capacity] runs, in nanoseconds; a ring, so that nothing grows. */
class Latency(private val capacity: Int) {
    private val ring = LongArray(capacity)
    private val sorted = LongArray(capacity)
    private var total = 0L

    /** Runs kept, at most [capacity]. */
    val count: Int get() = minOf(total, capacity.toLong()).toInt()

    init {
        require(capacity > 0) { "capacity must be above 0, but is $capacity" }
    }

    fun add(nanoseconds: Long) {
        ring[(total++ % capacity).toInt()] = nanoseconds
    }

    fun clear() {
        total = 0
    }

    /** Kept times, oldest first. */
    fun values(): LongArray = LongArray(count) { ring[((total - count + it) % capacity).toInt()] }

    /** A percentile in milliseconds, interpolated as NumPy's default does; NaN without a run. */
    fun percentileMs(percent: Double): Double {
        require(percent in 0.0..100.0) { "percent must be 0 to 100, but is $percent" }
        if (count == 0) return Double.NaN
        System.arraycopy(ring, 0, sorted, 0, count)
        sorted.sort(0, count)
        val place = percent / 100 * (count - 1)
        val below = place.toInt()
        val above = minOf(below + 1, count - 1)
        return (sorted[below] + (place - below) * (sorted[above] - sorted[below])) / 1e6
    }
}
