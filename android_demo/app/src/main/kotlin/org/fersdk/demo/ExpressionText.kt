package org.fersdk.demo

import android.content.res.Resources
import kotlin.math.roundToInt
import org.fersdk.core.TrackedFace

/** A face's expression and confidence, with a question mark if the model is uncertain. */
fun expressionText(resources: Resources, face: TrackedFace): String = resources.getString(
    if (face.uncertain) R.string.expression_uncertain else R.string.expression,
    face.label,
    (100 * face.confidence).roundToInt(),
)
