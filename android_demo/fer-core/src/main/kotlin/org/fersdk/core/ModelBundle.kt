package org.fersdk.core

import java.security.MessageDigest
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/** A point in pixels; (0, 0) is the centre of the top left pixel. */
data class Point(val x: Double, val y: Double)

/** Positions of eyes and mouth in the model input; right and left as seen by the person. */
data class CropSpec(val rightEye: Point, val leftEye: Point, val mouth: Point)

/** Model input: grey, 8 bits, [height] x [width]. */
data class InputSpec(val height: Int, val width: Int, val crop: CropSpec)

/** Throws [BundleException] if a model file is not the one of its sidecar, whose hash is [expected]. */
internal fun checkSha256(model: String, expected: String, bytes: ByteArray) {
    val actual = MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }
    if (actual != expected) {
        throw BundleException(
            "$model has sha256 ${actual.take(12)}..., but its sidecar is for " +
                "${expected.take(12)}...: export both again"
        )
    }
}

/**
 * A model's sidecar, read and validated: the JSON file beside the model, shared with the Python SDK.
 *
 * @property model file name of the model.
 * @property labels names of the model's outputs, in their order.
 * @property temperature divides the logits before softmax (Guo et al. 2017,
 *   https://arxiv.org/abs/1706.04599).
 * @property priors class priors by name, see [Prior]; may be empty.
 * @property defaultPrior prior that a classifier uses by default: a name in [priors], or "training".
 * @property uncertainBelow a prediction with a lower confidence, 0 to 1, is uncertain.
 */
data class ModelBundle(
    val model: String,
    val sha256: String,
    val labels: List<String>,
    val precision: String,
    val input: InputSpec,
    val temperature: Double,
    val uncertainBelow: Double,
    val priors: Map<String, Prior> = emptyMap(),
    val defaultPrior: String = Prior.TRAINING,
) {
    /**
     * Returns the constants of a class prior.
     *
     * @throws FerException if the model has no such prior.
     */
    fun prior(name: String = defaultPrior): Prior =
        if (name == Prior.TRAINING) {
            Prior(DoubleArray(labels.size), temperature)
        } else {
            priors[name]
                ?: throw FerException("$model has no prior '$name': it has ${priors.keys + Prior.TRAINING}")
        }

    /**
     * Checks that a model file is the sidecar's.
     *
     * @throws BundleException if its sha256 differs: truncated, modified or another model.
     */
    fun checkModel(bytes: ByteArray) = checkSha256(model, sha256, bytes)

    companion object {
        const val SCHEMA = 1
        const val RESIZE = "area-then-bilinear"
        const val SIDECAR_SUFFIX = ".json"
        internal val PRECISIONS = setOf("float32", "float16", "dynamic", "int8", "int16x8")

        /**
         * Reads a sidecar.
         *
         * @param model file name of the model.
         * @param sidecar text of `<model>.json`.
         * @throws BundleException if a key is missing or invalid.
         */
        fun parse(model: String, sidecar: String): ModelBundle = try {
            read(model, JSONObject(sidecar))
        } catch (error: JSONException) {
            throw BundleException("$model$SIDECAR_SUFFIX: ${error.message}")
        }

        private fun read(model: String, json: JSONObject): ModelBundle {
            fun check(good: Boolean, key: String, expected: String, actual: Any?) {
                if (!good) {
                    throw BundleException(
                        "$model$SIDECAR_SUFFIX: $key must be $expected, but is $actual"
                    )
                }
            }
            fun number(owner: JSONObject, key: String, expected: String, good: (Double) -> Boolean): Double {
                val value = owner.get(key)
                check(value is Number && good(value.toDouble()), key, expected, value)
                return (value as Number).toDouble()
            }
            fun side(owner: JSONObject, key: String): Int =
                number(owner, key, "a whole number from 8 to 1024") {
                    it in 8.0..1024.0 && it == Math.floor(it)
                }.toInt()
            fun text(owner: JSONObject, key: String, expected: String, good: (String) -> Boolean): String {
                val value = owner.get(key)
                check(value is String && good(value), key, expected, value)
                return value as String
            }
            fun point(owner: JSONObject, key: String): Point {
                val value = owner.get(key)
                val numbers = (value as? JSONArray)?.let { a -> List(a.length()) { a.get(it) } }
                check(
                    numbers?.size == 2 && numbers.all { it is Number && Math.abs(it.toDouble()) < 1e6 },
                    key, "two numbers, x and y, in pixels of the input", value,
                )
                return Point((numbers!![0] as Number).toDouble(), (numbers[1] as Number).toDouble())
            }

            number(json, "schema", "$SCHEMA") { it == SCHEMA.toDouble() }
            text(json, "output", "'logits'") { it == "logits" }
            val input = json.getJSONObject("input")
            text(input, "color", "'grey'") { it == "grey" }
            text(input, "resize", "'$RESIZE'") { it == RESIZE }
            val crop = input.getJSONObject("crop")
            val names = json.getJSONArray("labels")
            val labels = List(names.length()) { names.getString(it) }
            check(
                labels.size >= 2 && labels.none { it.isEmpty() } && labels.toSet().size == labels.size,
                "labels", "at least two different names", names,
            )
            val priors = json.optJSONObject("priors") ?: JSONObject()
            val found = priors.keys().asSequence().associateWith { name ->
                val prior = priors.getJSONObject(name)
                val values = prior.getJSONArray("offsets")
                val offsets = List(values.length()) { values.get(it) }
                check(
                    offsets.size == labels.size &&
                        offsets.all { it is Number && Math.abs(it.toDouble()) < 1e6 },
                    "offsets of the prior $name", "${labels.size} numbers", values,
                )
                Prior(
                    offsets.map { (it as Number).toDouble() }.toDoubleArray(),
                    number(prior, "temperature", "0.01 to 100") { it in 0.01..100.0 },
                )
            }
            val defaultPrior = json.optString("default_prior", Prior.TRAINING)
            val known = found.keys + Prior.TRAINING
            check(defaultPrior in known, "default_prior", "one of $known", defaultPrior)
            return ModelBundle(
                model = model,
                sha256 = text(json, "sha256", "64 hexadecimal digits") { it.length == 64 },
                labels = labels,
                precision = text(json, "precision", "one of $PRECISIONS") { it in PRECISIONS },
                input = InputSpec(
                    height = side(input, "height"),
                    width = side(input, "width"),
                    crop = CropSpec(
                        point(crop, "right_eye"), point(crop, "left_eye"), point(crop, "mouth")
                    ),
                ),
                temperature = number(json, "temperature", "0.01 to 100") { it in 0.01..100.0 },
                uncertainBelow = number(json, "uncertain_below", "a number 0 to 1") { it in 0.0..1.0 },
                priors = found,
                defaultPrior = defaultPrior,
            )
        }
    }
}
