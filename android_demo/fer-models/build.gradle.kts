plugins {
    alias(libs.plugins.android.library)
    `maven-publish`
}

android {
    namespace = "org.fersdk.models"
    compileSdk = 36

    defaultConfig {
        minSdk = 26
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    // The int8 models of the SDK and the detector that `fer-convert --android` makes of the SDK's, or with
    // -Pfer.export=DIR the files of `fer-convert --android DIR`.
    val export = providers.gradleProperty("fer.export").orNull
    sourceSets.getByName("main").assets.directories.addAll(
        if (export == null) listOf("../../sdk/fer_sdk/models", "detector")
        else listOf("$export/models", "$export/detector")
    )
    androidResources {
        // A pattern is a name, `prefix*` or `*suffix`; others match nothing.
        ignoreAssetsPatterns += listOf(
            "!.*", "!*.keras", "!*.keras.json", "!*.keras.calibration.json",
            "!*.onnx", "!*.onnx.json",
            "!*-float-io.tflite", "!*-float-io.tflite.json",
            "!*-float16.tflite", "!*-float16.tflite.json",
            "!*-float32.tflite", "!*-float32.tflite.json",
        )
    }

    publishing {
        singleVariant("release") {
            withSourcesJar()
        }
    }
}

publishing {
    publications {
        register<MavenPublication>("release") {
            afterEvaluate { from(components["release"]) }
        }
    }
}

dependencies {
    api(project(":fer-litert"))
}
