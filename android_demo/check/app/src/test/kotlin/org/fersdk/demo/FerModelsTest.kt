package org.fersdk.demo

import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.CompiledModel.GpuOptions.Precision
import org.fersdk.android.Choice
import org.fersdk.android.FerModels
import org.fersdk.android.Runtime
import org.fersdk.core.EngineException
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment

/** Models in LiteRT's stub, which computes the same logits for every image. */
@RunWith(RobolectricTestRunner::class)
class FerModelsTest {
    private val created = ArrayList<CompiledModel.Options>()
    private var gpuShift = 0f
    private lateinit var models: FerModels

    @Before
    fun setStub() {
        CompiledModel.stubOpen = 0
        CompiledModel.stubModel = { options ->
            created.add(options)
            val happy = 2f + if (Accelerator.GPU in options.accelerators) gpuShift else 0f
            { FloatArray(7) { if (it == 3) happy else 0f } }
        }
        models = FerModels(RuntimeEnvironment.getApplication())
    }

    @After
    fun restore() {
        CompiledModel.stubModel = null
    }

    private fun gpu() = models.choices.first { it.runtime == Runtime.LITERT_GPU }

    @Test
    fun `a GPU computes in float32`() {
        models.classifier(gpu()).close()
        val options = created.first { Accelerator.GPU in it.accelerators }
        assertEquals(listOf(Accelerator.GPU), options.accelerators)
        assertEquals(Precision.FP32, options.gpuOptions?.precision)
        assertEquals(0, CompiledModel.stubOpen)
    }

    @Test
    fun `a model of other labels replaces no other`() {
        val eight = gpu().bundle.let { it.copy(labels = it.labels + "contempt") }
        assertEquals(Choice(eight, Runtime.LITERT_CPU), models.fallbackOf(Choice(eight, Runtime.LITERT_GPU)))
        assertNull(models.fallbackOf(Choice(eight, Runtime.LITERT_CPU)))
    }

    @Test
    fun `a GPU that predicts the sample face otherwise than the CPU is refused and closed`() {
        for (shift in listOf(-2f, Float.NaN)) {
            gpuShift = shift
            val error = assertThrows("$shift", EngineException::class.java) { models.classifier(gpu()) }
            assertTrue("$error", "LiteRT GPU" in error.message.orEmpty())
            assertEquals(0, CompiledModel.stubOpen)
        }
    }
}
