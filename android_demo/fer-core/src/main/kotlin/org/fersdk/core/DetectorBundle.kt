package org.fersdk.core

import org.json.JSONException
import org.json.JSONObject

/**
 * A face detector's sidecar, read and validated; the format is that of `fer_sdk.bundles.detector`.
 *
 * @property model file name of the model.
 * @property factors factor of each column of the output, for each stride.
 */
class DetectorBundle(val model: String, val sha256: String, val factors: List<DoubleArray>) {
    /**
     * Checks that a model file is the sidecar's.
     *
     * @throws BundleException if its sha256 differs: truncated, modified or another model.
     */
    fun checkModel(bytes: ByteArray) = checkSha256(model, sha256, bytes)

    companion object {
        private const val SCHEMA = 1

        /**
         * Reads a sidecar.
         *
         * @param model file name of the model.
         * @param sidecar text of `<model>.json`.
         * @throws BundleException if a key is missing or invalid.
         */
        fun parse(model: String, sidecar: String): DetectorBundle = try {
            val json = JSONObject(sidecar)
            val output = json.getJSONObject("output")
            val strides = output.getJSONArray("strides").let { List(it.length()) { n -> it.getInt(n) } }
            val rows = output.getJSONArray("factors")
            val factors = List(rows.length()) { stride ->
                val row = rows.getJSONArray(stride)
                DoubleArray(row.length()) { row.getDouble(it) }
            }
            if (json.getInt("schema") != SCHEMA || json.getString("detector") != "yunet" ||
                json.getJSONObject("input").getString("color") != "bgr" || strides != YuNetDecoder.STRIDES ||
                factors.size != strides.size ||
                factors.any { row -> row.size != YuNetDecoder.COLUMNS || row.any { !(it > 0 && it.isFinite()) } }
            ) {
                throw BundleException(
                    "$model${ModelBundle.SIDECAR_SUFFIX} must be the sidecar of a detector \"yunet\" with " +
                        "schema $SCHEMA, BGR input, strides ${YuNetDecoder.STRIDES} and positive factors"
                )
            }
            DetectorBundle(model, json.getString("sha256"), factors)
        } catch (error: JSONException) {
            throw BundleException("$model${ModelBundle.SIDECAR_SUFFIX}: ${error.message}")
        }
    }
}
