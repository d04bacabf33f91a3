package org.fersdk.core

import kotlin.math.hypot
import kotlin.math.min

/** Maps a point of the model input to the image: x' = xx x + xy y + x0, y' = yx x + yy y + y0. */
class Affine(
    var xx: Double = 1.0,
    var xy: Double = 0.0,
    var x0: Double = 0.0,
    var yx: Double = 0.0,
    var yy: Double = 1.0,
    var y0: Double = 0.0,
) {
    /** Image pixels per input pixel, along the axis with the smaller scale. */
    val scale: Double
        get() = min(hypot(xx, yx), hypot(xy, yy))

    /** Sets all six coefficients. */
    fun set(xx: Double, xy: Double, x0: Double, yx: Double, yy: Double, y0: Double) {
        this.xx = xx
        this.xy = xy
        this.x0 = x0
        this.yx = yx
        this.yy = yy
        this.y0 = y0
    }
}
