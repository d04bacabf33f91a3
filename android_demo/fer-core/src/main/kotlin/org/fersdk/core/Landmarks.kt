package org.fersdk.core

/** Eyes and centre of the mouth in pixels of the image; right and left as seen by the person. */
data class Landmarks(
    var rightEyeX: Double = 0.0,
    var rightEyeY: Double = 0.0,
    var leftEyeX: Double = 0.0,
    var leftEyeY: Double = 0.0,
    var mouthX: Double = 0.0,
    var mouthY: Double = 0.0,
)
