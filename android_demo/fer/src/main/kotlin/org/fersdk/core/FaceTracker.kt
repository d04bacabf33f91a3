package org.fersdk.core

import kotlin.math.hypot
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sqrt

/**
 * What counts as the same face; defaults are the Python SDK's.
 *
 * @property maxGapS a face unseen for longer, in seconds, is another one when it comes back.
 * @property minIou overlap, above 0 to 1, from which two boxes are one face.
 * @property maxShift distance between centres, in sizes of the face, up to which two boxes without
 *   such an overlap are one face.
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

/** A face that is being followed: where and when it was seen last. */
class Track internal constructor(val id: Int) {
    /** Left, top, right, bottom in pixels. */
    val box = DoubleArray(4)
    var seenS = 0.0
        internal set
    internal var joined = false
}

/** Gives each box of a frame the id of the face that it shows, as `fer_sdk.video.tracker`. */
class FaceTracker(private val settings: TrackingSettings = TrackingSettings()) {
    private val known = ArrayList<Track>()
    private var begun = 0
    private var free = BooleanArray(16)

    /** Faces seen at most [TrackingSettings.maxGapS] ago. */
    val tracks: List<Track> get() = known

    /**
     * Joins a frame's boxes to the tracks.
     *
     * @param boxes left, top, right, bottom of the faces that were found, best score first.
     * @param timeS of the frame, in seconds, not before the last one's.
     * @param mayBegin whether a box that joins no track begins one.
     * @param ids receives one id a box; [NONE] for a face found twice and where none may begin.
     */
    fun update(boxes: List<DoubleArray>, timeS: Double, mayBegin: Boolean, ids: IntArray) {
        for (at in known.indices.reversed()) {
            if (timeS - known[at].seenS > settings.maxGapS) known.removeAt(at)
        }
        for (at in known.indices) known[at].joined = false
        if (free.size < boxes.size) free = BooleanArray(boxes.size)
        for (number in boxes.indices) {
            ids[number] = NONE
            free[number] = true
            for (earlier in 0 until number) {
                if (free[earlier] && double(boxes[number], boxes[earlier])) free[number] = false
            }
        }
        while (joinNearest(boxes, timeS, ids, byOverlap = true)) Unit
        while (joinNearest(boxes, timeS, ids, byOverlap = false)) Unit
        for (number in boxes.indices) {
            if (!mayBegin || !free[number]) continue
            val track = Track(++begun)
            known.add(track)
            join(track, boxes, number, timeS, ids)
        }
    }

    /** Ends all tracks; ids go on. */
    fun forget() = known.clear()

    /** Joins the best pair left; of equal pairs the lower id's, then the lower box's. */
    private fun joinNearest(
        boxes: List<DoubleArray>, timeS: Double, ids: IntArray, byOverlap: Boolean
    ): Boolean {
        var best: Track? = null
        var bestNumber = -1
        var bestDistance = Double.POSITIVE_INFINITY
        for (at in known.indices) {
            val track = known[at]
            if (track.joined) continue
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
        join(best ?: return false, boxes, bestNumber, timeS, ids)
        return true
    }

    private fun join(
        track: Track, boxes: List<DoubleArray>, number: Int, timeS: Double, ids: IntArray
    ) {
        ids[number] = track.id
        free[number] = false
        track.joined = true
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
        if (larger <= 0 || larger > MOST_GROWTH * min(old, new)) return Double.POSITIVE_INFINITY
        val across = (one[0] + one[2] - other[0] - other[2]) / 2
        val down = (one[1] + one[3] - other[1] - other[3]) / 2
        val shift = hypot(across, down) / ((old + new) / 2)
        return if (shift <= settings.maxShift) shift else Double.POSITIVE_INFINITY
    }

    companion object {
        /** Stands for "no id". */
        const val NONE = 0
        private const val DOUBLE_ABOVE = 0.6
        private const val MOST_GROWTH = 2.0

        /** Area that two boxes share over the area that they cover, 0 to 1. */
        fun iou(one: DoubleArray, other: DoubleArray): Double {
            val shared = shared(one, other)
            val covered = area(one) + area(other) - shared
            return if (shared > 0 && covered > 0) shared / covered else 0.0
        }

        /** Whether over half of the smaller box lies in the other one. */
        private fun double(one: DoubleArray, other: DoubleArray) =
            shared(one, other) > DOUBLE_ABOVE * min(area(one), area(other))

        private fun shared(one: DoubleArray, other: DoubleArray): Double {
            val across = min(one[2], other[2]) - max(one[0], other[0])
            val down = min(one[3], other[3]) - max(one[1], other[1])
            return if (across <= 0 || down <= 0) 0.0 else across * down
        }

        private fun area(box: DoubleArray) = (box[2] - box[0]) * (box[3] - box[1])

        private fun size(box: DoubleArray) = sqrt(max(area(box), 0.0))
    }
}
