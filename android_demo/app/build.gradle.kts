plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "org.fersdk.demo"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.fersdk.demo"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64") // the ABIs that LiteRT supports
        }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
            // The debug key makes release builds installable; publish with your own key.
            signingConfig = signingConfigs.getByName("debug")
        }
        create("benchmark") {
            initWith(getByName("release"))
            matchingFallbacks += "release"
        }
    }

    // Release builds contain the int8 models and LiteRT. Debug and benchmark builds also contain the float32
    // models, ONNX Runtime, and with -Pfer.export=DIR the .onnx models of `fer-convert --android DIR`.
    val export = providers.gradleProperty("fer.export").orNull
    for (type in listOf("debug", "benchmark")) {
        sourceSets.getByName(type).assets.directories.add(
            if (export == null) "../../sdk/fer_sdk/models" else "$export/models"
        )
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    androidResources {
        noCompress += "tflite" // compression saves an eighth, and each start would decompress
        ignoreAssetsPatterns += listOf(
            "!.*", "!*.keras", "!*.keras.json", "!*.keras.calibration.json",
            "!*-float-io.tflite", "!*-float-io.tflite.json",
        )
    }

    packaging {
        jniLibs {
            useLegacyPackaging = false // stored uncompressed and aligned, for phones with 16 KB pages
        }
    }
}

dependencies {
    implementation(project(":fer-models"))
    "debugImplementation"(project(":fer-onnx"))
    "benchmarkImplementation"(project(":fer-onnx"))
    implementation(libs.camera.camera2)
    implementation(libs.camera.core)
    implementation(libs.camera.view)
    implementation(libs.lifecycle.runtime)
}
