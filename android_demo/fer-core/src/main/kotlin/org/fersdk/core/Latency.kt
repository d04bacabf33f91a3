package org.fersdk.core

/** Ring buffer of the last [capacity] latencies in nanoseconds. */
class Latency(private val capacity: Int) {
    private val ring = LongArray(capacity)
    private val sorted = LongArray(capacity)
    private var total = 0L

    /** Number of latencies in the buffer, at most [capacity]. */
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

    /** Latencies in the buffer, oldest first. */
    fun values(): LongArray = LongArray(count) { ring[((total - count + it) % capacity).toInt()] }

    /** A percentile in milliseconds, interpolated linearly as in NumPy; NaN if the buffer is empty. */
    fun percentileMs(percent: Double): Double {
        require(percent in 0.0..100.0) { "percent must be 0 to 100, but is $percent" }
        if (count == 0) return Double.NaN
        System.arraycopy(ring, 0, sorted, 0, count)
        sorted.sort(0, count)
        val position = percent / 100 * (count - 1)
        val below = position.toInt()
        val above = minOf(below + 1, count - 1)
        return (sorted[below] + (position - below) * (sorted[above] - sorted[below])) / 1e6
    }
}
