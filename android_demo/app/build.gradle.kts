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
            abiFilters += listOf("arm64-v8a", "x86_64") // what LiteRT is built for
        }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
            // So that a release build can be installed and timed; publish with a key of your own.
            signingConfig = signingConfigs.getByName("debug")
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    androidResources {
        noCompress += "tflite" // LiteRT maps them
    }

    packaging {
        jniLibs {
            useLegacyPackaging = false // stored whole and aligned, as phones with 16 KB pages need
        }
    }
}

dependencies {
    implementation(project(":fer"))
    implementation(libs.camera.camera2)
    implementation(libs.camera.core)
    implementation(libs.camera.view)
    implementation(libs.lifecycle.runtime)
}
