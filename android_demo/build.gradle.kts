plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
    // Puts Kotlin 2.4 on the class path in place of the 2.2 that is built into AGP 9.4 and cannot read
    // LiteRT's classes, which are compiled with 2.4.
    alias(libs.plugins.kotlin.jvm) apply false
}

// `./gradlew publishAllPublicationsToLocalRepository` writes the library to build/repository.
subprojects {
    group = "org.fersdk"
    version = "0.1.0"
    plugins.withId("maven-publish") {
        extensions.configure<PublishingExtension> {
            repositories {
                maven {
                    name = "local"
                    url = uri(rootProject.layout.buildDirectory.dir("repository"))
                }
            }
            publications.withType<MavenPublication>().configureEach {
                pom {
                    name = project.name
                    description = "Facial-expression recognition on Android: ${project.name}"
                    licenses {
                        license {
                            name = "Apache-2.0"
                            url = "https://www.apache.org/licenses/LICENSE-2.0"
                        }
                    }
                }
            }
        }
    }
}
