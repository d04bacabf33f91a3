import java.io.File
import javax.imageio.ImageIO
import org.fersdk.core.EngineProvider
import org.fersdk.core.Expression
import org.fersdk.core.ExpressionClassifier
import org.fersdk.core.Image
import org.fersdk.core.Landmarks
import org.fersdk.core.ModelBundle
import org.fersdk.core.Preprocessor

/** Prints the label of the face in a photo. Arguments: model, photo, x and y of right eye, left eye and mouth. */
fun main(arguments: Array<String>) {
    val model = File(arguments[0])
    val bytes = model.readBytes()
    val bundle = ModelBundle.parse(model.name, File("$model.json").readText())
    bundle.checkModel(bytes)
    val points = arguments.drop(2).map(String::toDouble)
    val landmarks = Landmarks(points[0], points[1], points[2], points[3], points[4], points[5])
    val face = ByteArray(bundle.input.width * bundle.input.height)
    Preprocessor(bundle.input).cropFace(read(File(arguments[1])), landmarks, face)
    val engine = checkNotNull(EngineProvider.forModel(model.name)) { "no runtime for $model" }.open(model.name, bytes, 1)
    ExpressionClassifier(bundle, engine).use { classifier ->
        val expression = Expression(bundle.labels)
        classifier.classify(face, expression)
        println("${expression.label} ${expression.confidence}")
    }
}

private fun read(file: File): Image {
    val pixels = ImageIO.read(file)
    val image = Image(pixels.width, pixels.height, 3)
    for (y in 0 until pixels.height) for (x in 0 until pixels.width) {
        val rgb = pixels.getRGB(x, y)
        for (channel in 0 until 3) {
            image.levels[3 * (y * pixels.width + x) + channel] = (rgb shr (16 - 8 * channel)).toByte()
        }
    }
    return image
}
