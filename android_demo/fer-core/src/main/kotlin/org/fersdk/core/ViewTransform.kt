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

    fun set(imageWidth: Int, imageHeight: Int, viewWidth: Int, viewHeight: Int, mirrored: Boolean) {
        this.imageWidth = imageWidth.toDouble()
        this.imageHeight = imageHeight.toDouble()
        this.viewWidth = viewWidth.toFloat()
        this.viewHeight = viewHeight.toFloat()
        this.mirrored = mirrored
    }

    /** Maps left, top, right, bottom of [box] to [view]; left stays below right. */
    fun map(box: DoubleArray, view: FloatArray) {
        val left = (box[0] / imageWidth * viewWidth).toFloat()
        val right = (box[2] / imageWidth * viewWidth).toFloat()
        view[0] = if (mirrored) viewWidth - right else left
        view[1] = (box[1] / imageHeight * viewHeight).toFloat()
        view[2] = if (mirrored) viewWidth - left else right
        view[3] = (box[3] / imageHeight * viewHeight).toFloat()
    }
}
