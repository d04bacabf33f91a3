package org.fersdk.demo

/**
 * Texts of the camera screen.
 *
 * @property expression labels of the faces, and what they changed to. Without numbers, because TalkBack
 *   reads each new text.
 * @property details confidences, runtime and times; changes twice a second and is not read.
 * @property rest progress of the resting face, or "".
 * @property restButton text of the button that measures it.
 * @property warning what failed or was replaced, or "".
 */
data class UiState(
    val expression: String = "",
    val details: String = "",
    val rest: String = "",
    val restButton: String = "",
    val warning: String = "",
)
