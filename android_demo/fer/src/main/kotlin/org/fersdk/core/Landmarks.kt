package org.fersdk.core

/** Eyes and middle of the mouth of one face, in pixels of the image; right is the person's own. */
data class Landmarks(
    var rightEyeX: Double = 0.0,
    var rightEyeY: Double = 0.0,
    var leftEyeX: Double = 0.0,
    var leftEyeY: Double = 0.0,
    var mouthX: Double = 0.0,
    var mouthY: Double = 0.0,
)
