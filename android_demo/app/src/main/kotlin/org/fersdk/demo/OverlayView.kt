package org.fersdk.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View
import org.fersdk.core.ViewTransform

/** Draws boxes and expressions on top of the preview. */
class OverlayView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private class Shown {
        val box = DoubleArray(4)
        var text = ""
        var uncertain = false
    }

    private val density = resources.displayMetrics.density
    private val line = Paint().apply {
        style = Paint.Style.STROKE
        strokeWidth = 3 * density
    }
    private val labelPaint = Paint()
    private val textPaint = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        textSize = 18 * density
        color = context.getColor(R.color.label)
    }
    private val certainColor = context.getColor(R.color.box)
    private val uncertainColor = context.getColor(R.color.box_uncertain)
    private val shown = ArrayList<Shown>()
    private val transform = ViewTransform()
    private val viewBox = FloatArray(4)
    private var count = 0
    private var imageWidth = 1
    private var imageHeight = 1
    private var rotationDegrees = 0
    private var mirrored = false

    /**
     * Returns the rotation that makes a frame upright on a display with a given rotation, or null before
     * the camera is open.
     *
     * CameraX rotates frames by the phone's motion sensor, also while the screen is locked to one
     * orientation. The difference between the two is how far the boxes must be turned.
     */
    var frameRotation: (displayRotation: Int) -> Int? = { null }

    /** Sets the faces to draw; may be called from any thread. */
    @Synchronized
    fun show(frame: FrameFaces, mirrored: Boolean) {
        imageWidth = frame.width
        imageHeight = frame.height
        rotationDegrees = frame.rotationDegrees
        this.mirrored = mirrored
        count = frame.faces.size
        for (at in frame.faces.indices) {
            val face = frame.faces[at]
            if (at == shown.size) shown.add(Shown())
            face.box.copyInto(shown[at].box)
            shown[at].text = expressionText(resources, face)
            shown[at].uncertain = face.uncertain
        }
        postInvalidate()
    }

    /** Removes all boxes. */
    @Synchronized
    fun clear() {
        count = 0
        postInvalidate()
    }

    /** Returns left, top, right, bottom of each box in this view. */
    @Synchronized
    fun boxes(): List<FloatArray> {
        place()
        return List(count) { at -> FloatArray(4).also { transform.map(shown[at].box, it) } }
    }

    private fun place() {
        val upright = display?.let { frameRotation(it.rotation) } ?: rotationDegrees
        val turned = (rotationDegrees - upright + 360) % 360
        transform.set(imageWidth, imageHeight, width, height, mirrored, turned)
    }

    @Synchronized
    override fun onDraw(canvas: Canvas) {
        place()
        for (at in 0 until count) {
            val face = shown[at]
            transform.map(face.box, viewBox)
            val color = if (face.uncertain) uncertainColor else certainColor
            line.color = color
            labelPaint.color = color
            canvas.drawRect(viewBox[0], viewBox[1], viewBox[2], viewBox[3], line)
            val top = maxOf(viewBox[1] - 1.4f * textPaint.textSize, 0f)
            val right = viewBox[0] + textPaint.measureText(face.text) + textPaint.textSize
            canvas.drawRect(viewBox[0], top, right, top + 1.4f * textPaint.textSize, labelPaint)
            canvas.drawText(face.text, viewBox[0] + textPaint.textSize / 2, top + textPaint.textSize, textPaint)
        }
    }
}
