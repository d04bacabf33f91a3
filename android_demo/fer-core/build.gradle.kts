import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.kotlin.jvm)
    `maven-publish`
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_17
        allWarningsAsErrors = true
    }
}

java {
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
    withSourcesJar()
}

publishing {
    publications {
        register<MavenPublication>("release") {
            from(components["java"])
        }
    }
}

dependencies {
    compileOnly(libs.json) // part of Android; elsewhere an app adds org.json:json

    testImplementation(libs.json)
    testImplementation(libs.junit)
}
