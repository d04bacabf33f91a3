package org.fersdk.core

/** A detected face, in pixels of the image; overwritten by the detector's next call. */
class Face {
    /** Left, top, right, bottom, measured from the image's edge; may extend beyond the image. */
    val box = DoubleArray(4)

    /** Eyes and centre of the mouth. */
    val landmarks = Landmarks()

    var noseX = 0.0
        internal set
    var noseY = 0.0
        internal set

    /** The detector's confidence, 0 to 1. */
    var score = 0.0
        internal set
}

/** Detects faces with eyes and mouth, which define the crop. */
interface FaceDetector : AutoCloseable {
    /** Returns the faces of an image, highest score first; the next call overwrites them. */
    fun detect(image: Image): List<Face>
}
