plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "org.fersdk"
    compileSdk = 36

    defaultConfig {
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    // The models of the SDK and the detector that `fer-convert --android` makes of the SDK's, or with
    // -Pfer.export=DIR the files of `fer-convert --android DIR`.
    val export = providers.gradleProperty("fer.export").orNull
    sourceSets.getByName("main").assets.directories.addAll(
        if (export == null) listOf("../../sdk/fer_sdk/models", "detector")
        else listOf("$export/models", "$export/detector")
    )
    androidResources {
        ignoreAssetsPatterns += listOf("!.*", "!*.keras", "!*.keras.*")
    }
}

dependencies {
    implementation(libs.litert)
    implementation(libs.litert.gpu)
    implementation(libs.onnxruntime.android)

    testImplementation(libs.json)
    testImplementation(libs.junit)
    testImplementation(libs.onnxruntime.desktop)
}
