plugins {
    alias(libs.plugins.android.library)
    `maven-publish`
}

android {
    namespace = "org.fersdk.onnx"
    compileSdk = 36

    defaultConfig {
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
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
    api(project(":fer-core"))
    implementation(libs.onnxruntime.android)

    testImplementation(libs.json)
    testImplementation(libs.junit)
    testImplementation(libs.onnxruntime.desktop)
}
