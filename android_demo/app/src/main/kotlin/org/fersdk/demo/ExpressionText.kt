package org.fersdk.demo

import android.content.res.Resources
import kotlin.math.roundToInt
import org.fersdk.core.TrackedFace

/** A face's expression and confidence, with a question mark if the model is uncertain, and its change. */
fun expressionText(resources: Resources, face: TrackedFace): String {
    val expression = resources.getString(
        if (face.uncertain) R.string.expression_uncertain else R.string.expression,
        face.label,
        (100 * face.confidence).roundToInt(),
    )
    return withChange(resources, expression, face)
}

/** A face's expression and its change, without numbers. */
fun spokenText(resources: Resources, face: TrackedFace): String =
    withChange(resources, face.label, face)

private fun withChange(resources: Resources, text: String, face: TrackedFace): String = when (face.changedTo) {
    null -> text
    face.label -> resources.getString(R.string.changed, text)
    else -> resources.getString(R.string.changed_to, text, face.changedTo)
}
