package org.fersdk.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View
import org.fersdk.core.TrackedFace
import org.fersdk.core.ViewTransform

/** Draws boxes and expressions over the preview. */
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
    private val plate = Paint()
    private val letters = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        textSize = 18 * density
        color = context.getColor(R.color.label)
    }
    private val sure = context.getColor(R.color.box)
    private val unsure = context.getColor(R.color.box_uncertain)
    private val shown = ArrayList<Shown>()
    private val transform = ViewTransform()
    private val place = FloatArray(4)
    private var count = 0
    private var imageWidth = 1
    private var imageHeight = 1
    private var mirrored = false

    /** Takes over what is to be drawn; may be called from any thread. */
    @Synchronized
    fun show(faces: List<TrackedFace>, width: Int, height: Int, mirrored: Boolean) {
        imageWidth = width
        imageHeight = height
        this.mirrored = mirrored
        count = faces.size
        for (at in faces.indices) {
            if (at == shown.size) shown.add(Shown())
            faces[at].box.copyInto(shown[at].box)
            shown[at].text = expressionText(resources, faces[at])
            shown[at].uncertain = faces[at].uncertain
        }
        postInvalidate()
    }

    /** Places of the boxes in this view: left, top, right, bottom of each. */
    @Synchronized
    fun places(): List<FloatArray> {
        transform.set(imageWidth, imageHeight, width, height, mirrored)
        return List(count) { at -> FloatArray(4).also { transform.map(shown[at].box, it) } }
    }

    @Synchronized
    override fun onDraw(canvas: Canvas) {
        transform.set(imageWidth, imageHeight, width, height, mirrored)
        for (at in 0 until count) {
            val face = shown[at]
            transform.map(face.box, place)
            val color = if (face.uncertain) unsure else sure
            line.color = color
            plate.color = color
            canvas.drawRect(place[0], place[1], place[2], place[3], line)
            val top = maxOf(place[1] - 1.4f * letters.textSize, 0f)
            val right = place[0] + letters.measureText(face.text) + letters.textSize
            canvas.drawRect(place[0], top, right, top + 1.4f * letters.textSize, plate)
            canvas.drawText(face.text, place[0] + letters.textSize / 2, top + letters.textSize, letters)
        }
    }
}
