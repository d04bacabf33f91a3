package org.fersdk.core

/**
 * Maps boxes from an upright image to the view that shows it edge to edge.
 *
 * A front camera's preview is mirrored, but its frames are not. Boxes are mirrored here only.
 */
class ViewTransform {
    private var imageWidth = 1.0
    private var imageHeight = 1.0
    private var viewWidth = 1f
    private var viewHeight = 1f
    private var mirrored = false
    private var turnedDegrees = 0
    private val turned = DoubleArray(4)

    /**
     * Sets the sizes.
     *
     * @param turnedDegrees clockwise rotation of the image relative to what the view shows: 0, 90, 180
     *   or 270. It is not 0 when the phone is turned but its screen is not.
     */
    fun set(
        imageWidth: Int, imageHeight: Int, viewWidth: Int, viewHeight: Int, mirrored: Boolean,
        turnedDegrees: Int = 0,
    ) {
        require(turnedDegrees in 0..270 && turnedDegrees % 90 == 0) {
            "turnedDegrees must be 0, 90, 180 or 270, but is $turnedDegrees"
        }
        this.imageWidth = imageWidth.toDouble()
        this.imageHeight = imageHeight.toDouble()
        this.viewWidth = viewWidth.toFloat()
        this.viewHeight = viewHeight.toFloat()
        this.mirrored = mirrored
        this.turnedDegrees = turnedDegrees
    }

    /** Maps left, top, right, bottom of [box] to [view]; left stays below right. */
    fun map(box: DoubleArray, view: FloatArray) {
        turnBack(box)
        val sideways = turnedDegrees % 180 != 0
        val width = if (sideways) imageHeight else imageWidth
        val height = if (sideways) imageWidth else imageHeight
        val left = (turned[0] / width * viewWidth).toFloat()
        val right = (turned[2] / width * viewWidth).toFloat()
        view[0] = if (mirrored) viewWidth - right else left
        view[1] = (turned[1] / height * viewHeight).toFloat()
        view[2] = if (mirrored) viewWidth - left else right
        view[3] = (turned[3] / height * viewHeight).toFloat()
    }

    /** Writes the box, turned counter-clockwise by [turnedDegrees], to [turned]. */
    private fun turnBack(box: DoubleArray) {
        when (turnedDegrees) {
            0 -> box.copyInto(turned, 0, 0, 4)
            90 -> set(box[1], imageWidth - box[2], box[3], imageWidth - box[0])
            180 -> set(imageWidth - box[2], imageHeight - box[3], imageWidth - box[0], imageHeight - box[1])
            else -> set(imageHeight - box[3], box[0], imageHeight - box[1], box[2])
        }
    }

    private fun set(left: Double, top: Double, right: Double, bottom: Double) {
        turned[0] = left
        turned[1] = top
        turned[2] = right
        turned[3] = bottom
    }
}
