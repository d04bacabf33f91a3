package org.fersdk.core

import kotlin.math.hypot
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sqrt

/**
 * Conditions for two boxes to be the same face. The defaults are the Python SDK's.
 *
 * @property maxGapS a face that is not detected for longer, in seconds, gets a new id.
 * @property minIou least intersection over union, above 0 to 1, of two boxes of one face.
 * @property maxShift largest distance between the centres of two boxes of one face that overlap
 *   less, as a multiple of the face's size.
 */
data class TrackingSettings(
    val maxGapS: Double = 1.0, val minIou: Double = 0.3, val maxShift: Double = 0.6
) {
    init {
        require(maxGapS >= 0 && maxGapS.isFinite()) { "maxGapS must be 0 or more, but is $maxGapS" }
        require(minIou > 0 && minIou <= 1) { "minIou must be above 0 to 1, but is $minIou" }
        require(maxShift >= 0 && maxShift.isFinite()) { "maxShift must be 0 or more, but is $maxShift" }
    }
}

/** A tracked face: its last box and the time of it. */
class Track internal constructor(val id: Int) {
    /** Left, top, right, bottom in pixels. */
    val box = DoubleArray(4)
    var seenS = 0.0
        internal set
    internal var matched = false
}

/** Assigns an id to each box of a frame, with the algorithm of `fer_sdk.video.tracker`. */
class FaceTracker(private val settings: TrackingSettings = TrackingSettings()) {
    private val current = ArrayList<Track>()
    private var lastId = 0
    private var free = BooleanArray(16)

    /** Tracks whose last box is at most [TrackingSettings.maxGapS] old. */
    val tracks: List<Track> get() = current

    /**
     * Matches a frame's boxes to the tracks.
     *
     * @param boxes left, top, right, bottom of the detected faces, highest score first.
     * @param timeS time of the frame in seconds, not before that of the last frame.
     * @param mayBegin whether a box that matches no track starts a new one.
     * @param ids receives one id per box; [NONE] for a duplicate, and for a box that matches no track
     *   if [mayBegin] is false.
     */
    fun update(boxes: List<DoubleArray>, timeS: Double, mayBegin: Boolean, ids: IntArray) {
        for (at in current.indices.reversed()) {
            if (timeS - current[at].seenS > settings.maxGapS) current.removeAt(at)
        }
        for (at in current.indices) current[at].matched = false
        if (free.size < boxes.size) free = BooleanArray(boxes.size)
        for (number in boxes.indices) {
            ids[number] = NONE
            free[number] = true
            for (earlier in 0 until number) {
                if (free[earlier] && isDuplicate(boxes[number], boxes[earlier])) free[number] = false
            }
        }
        while (matchNearest(boxes, timeS, ids, byOverlap = true)) {}
        while (matchNearest(boxes, timeS, ids, byOverlap = false)) {}
        for (number in boxes.indices) {
            if (!mayBegin || !free[number]) continue
            val track = Track(++lastId)
            current.add(track)
            match(track, boxes, number, timeS, ids)
        }
    }

    /** Ends all tracks. Ids are not reused. */
    fun forget() = current.clear()

    /** Matches the best remaining pair; ties go to the lower id, then to the earlier box. */
    private fun matchNearest(
        boxes: List<DoubleArray>, timeS: Double, ids: IntArray, byOverlap: Boolean
    ): Boolean {
        var best: Track? = null
        var bestNumber = -1
        var bestDistance = Double.POSITIVE_INFINITY
        for (at in current.indices) {
            val track = current[at]
            if (track.matched) continue
            for (number in boxes.indices) {
                if (!free[number]) continue
                val distance =
                    if (byOverlap) overlapDistance(track.box, boxes[number])
                    else centreDistance(track.box, boxes[number])
                if (distance < bestDistance) {
                    best = track
                    bestNumber = number
                    bestDistance = distance
                }
            }
        }
        match(best ?: return false, boxes, bestNumber, timeS, ids)
        return true
    }

    private fun match(
        track: Track, boxes: List<DoubleArray>, number: Int, timeS: Double, ids: IntArray
    ) {
        ids[number] = track.id
        free[number] = false
        track.matched = true
        track.seenS = timeS
        boxes[number].copyInto(track.box, 0, 0, 4)
    }

    private fun overlapDistance(one: DoubleArray, other: DoubleArray): Double {
        val overlap = iou(one, other)
        return if (overlap >= settings.minIou) -overlap else Double.POSITIVE_INFINITY
    }

    private fun centreDistance(one: DoubleArray, other: DoubleArray): Double {
        val old = size(one)
        val new = size(other)
        val larger = max(old, new)
        if (larger <= 0 || larger > MAX_GROWTH * min(old, new)) return Double.POSITIVE_INFINITY
        val across = (one[0] + one[2] - other[0] - other[2]) / 2
        val down = (one[1] + one[3] - other[1] - other[3]) / 2
        val shift = hypot(across, down) / ((old + new) / 2)
        return if (shift <= settings.maxShift) shift else Double.POSITIVE_INFINITY
    }

    companion object {
        /** Marks a box without an id. */
        const val NONE = 0
        internal const val DUPLICATE_ABOVE = 0.6
        internal const val MAX_GROWTH = 2.0

        /** Intersection over union of two boxes, 0 to 1. */
        fun iou(one: DoubleArray, other: DoubleArray): Double {
            val shared = shared(one, other)
            val covered = area(one) + area(other) - shared
            return if (shared > 0 && covered > 0) shared / covered else 0.0
        }

        /** Whether the boxes share more than [DUPLICATE_ABOVE] of the smaller one's area. */
        private fun isDuplicate(one: DoubleArray, other: DoubleArray) =
            shared(one, other) > DUPLICATE_ABOVE * min(area(one), area(other))

        private fun shared(one: DoubleArray, other: DoubleArray): Double {
            val across = min(one[2], other[2]) - max(one[0], other[0])
            val down = min(one[3], other[3]) - max(one[1], other[1])
            return if (across <= 0 || down <= 0) 0.0 else across * down
        }

        private fun area(box: DoubleArray) = (box[2] - box[0]) * (box[3] - box[1])

        private fun size(box: DoubleArray) = sqrt(max(area(box), 0.0))
    }
}
