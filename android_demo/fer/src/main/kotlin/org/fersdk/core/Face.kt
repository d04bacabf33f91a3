package org.fersdk.core

/** A face that a detector found, in pixels of the image; refilled by the next call. */
class Face {
    /** Left, top, right, bottom, counted from the image's edge; may reach beyond the image. */
    val box = DoubleArray(4)

    /** Eyes and middle of the mouth. */
    val landmarks = Landmarks()

    var noseX = 0.0
        internal set
    var noseY = 0.0
        internal set

    /** The detector's confidence, 0 to 1. */
    var score = 0.0
        internal set
}

/** Finds faces with eyes and mouth; the crop rests on those points alone. */
interface FaceDetector : AutoCloseable {
    /** Returns the faces of an image, best score first; they are refilled by the next call. */
    fun detect(image: Image): List<Face>
}
