package org.fersdk.core

import java.util.Base64
import kotlin.math.abs

/** The face of the SDK's sample photo (NASA, public domain), 48 x 48 grey levels, cropped as for the models. */
object SampleFace {
    /** Largest difference of a probability that [check] accepts; float16 arithmetic reaches .01. */
    const val MAX_DIFFERENCE = 0.02

    /** Returns the face in a model's input size. */
    fun input(spec: InputSpec): ByteArray {
        val face = Image(48, 48, 1)
        Base64.getDecoder().decode(LEVELS).copyInto(face.levels)
        return ByteArray(spec.width * spec.height).also { Preprocessor(spec).resize(face, it) }
    }

    /**
     * Checks that a classifier gives a reference's probabilities for this face.
     *
     * @param reference the same model on another device, usually the CPU.
     * @throws EngineException if a probability differs by more than [MAX_DIFFERENCE] or is not finite.
     */
    fun check(classifier: ExpressionClassifier, reference: ExpressionClassifier) {
        val given = probabilities(classifier)
        val expected = probabilities(reference)
        val largest = given.indices.maxOf { abs(given[it] - expected[it]) }
        if (largest > MAX_DIFFERENCE) {
            throw EngineException(
                "%s gives other probabilities for the sample face than %s: they differ by %.2f, over %.2f"
                    .format(null, classifier.place, reference.place, largest, MAX_DIFFERENCE)
            )
        }
    }

    private fun probabilities(classifier: ExpressionClassifier): DoubleArray {
        val expression = Expression(classifier.bundle.labels)
        classifier.classify(input(classifier.bundle.input), expression)
        return expression.probabilities
    }

    private const val LEVELS =
        "XlhaU1x4jZKekol8ZFRocW9vg4eBfIaQl5iYmZmUnKOoqJWLbllNS0AvGBIoP1ZdWE1ES2FxfoJ9dnFpVUJUZHFsXmdscXeGlJiR" +
        "lpGKjZ61wbylhGRSTDIpKyUmNEVWU0RFXGFtenVpbmpmXFNORFtoanB3fH2NlJWfmZGJjZmdrLiqlHtOOi0nLSokNDs/VUpMW2J1" +
        "fnh5gH57c3FmS01eX2FodIuHfZehnJuZkJiYjZWVkIpiNS0rLDNHWEE3UVNbW2x2dnqIjJGNhn92ZFllbmBse4acmIWKkJagmI+K" +
        "gH+Fd3xuRC42QFVjZFQ8WlxjXW1rW2Z3houLgH13b2lnbnltc3yEi5SMg3uDkoGBfnNzYlRYRDAjKzxMOjs+b2tsZmdcS1hugnl3" +
        "cXJxa3NrbG5ubHiCgHl8fXpwgoJ0e2FjUz5GOiYqLCspKDhEgH16cV5NN1pzhXVnaGtxdHNpaGlrbH18eWxiZmRaXnlrZVpOQjBB" +
        "PyUlOTctL0VDfoWJeVM2J1qBjIxyaWdoc3pyaGdqbGdsbnFxaVdLS1hbT1AyMCIqPCcpNkBBRVZEcIWWeUYxL1WOpKOXfnNsc4CF" +
        "hYiIfX18fIF9dWZRV0xTRDc1IR0cLSchNDs1LCsyboKKZjk5PkyVsbi5spqSmJaZqK2to6Sko6ekn5B9dXZjXUQzHh0YHR8VEyAg" +
        "HSk5bHN3UjY4NVaftcHKzsW/vsSzv9DX0cvFyM7Pzsm6qq+llH9mRzEgFxkbFRgiKTE1ZGxhSzEzMF+ntcLN0szJ0NTR093l5ODZ" +
        "2uPg3tfSy8nHvLOojXJFLi80FA8THTIqXGFVQS0sLGupt8bFt7K9xszW2+Hk5eTg3OLf3NbW0snEwLKijHdqYVxQGwoGCR0xVlxO" +
        "NS8rNHWlrqykqrm9uKuapsvb3eDe2t7Z2NDFp5eZnZeYjntiUldaLQ0IBBYpVVNCNjU0OnuiqK3D0+Df2dXOua++y9Te29nSzcO1" +
        "tLS6xMbGwayLZ1tfPg8MCBEwQUZARjY6Q4KisMHM0s/Fta6wsri2v8/a3dTJvq6dlpOUk5OVoKeYgWtfTA8NDRIwMDM+SDo9SIqk" +
        "r7y0jnFdV1l2jpmuu8ra4NLCqpKGg3pcOz5TUGyGf3FiVRkNDxIkKSo7PThDUJeorLB2VXNATDiEjYmYq8jX3Mq4mH6IipFxKkKJ" +
        "ekdaeHdsWykNDxMgJikzLjJCY5+vsaOAe6lkTEegqoyotcPQ1sarjomGsb1qPGaUjWZgdIZ+YjwSERYcKCYkKTc8c6K2uLKsqLCd" +
        "l5Ono6O1vsPO08KijJu0t7iulY+eknd1hJmNb00bEBofJh0gIDE5d6S7wcPCxMzRz7y0sbK8vcTN0L6njpWywMC/uLi4q5eQnKuV" +
        "dlckFB0lHRwbIy47faS+yNDW09PQy8PCw8XBu8TOzL6vlJCxxcbGxMG/uLGqpqOXeV8sFhsoIRsgJjBBf6TCztPY29jT09bZ2tHA" +
        "vMXKxLqtk5KowsnLy8zMyL+0qKGUeWAvGBYnQicqKDNLfaPCzdTZ3t/b29zX2su+wMPIxrusj5anu8TGxsrLyMW7qpyReFsrGBQh" +
        "iFE9NT1YhKW/ys7V3+Pb1dLU2MvBwr/Dxb6tmJGds8PIycfHxsW7qZeJeFgqGRcdtZJfYVZhjaW7yM3T3OTi2dfRzsjEwLvAw760" +
        "oISNorvKzMvKzMa6ppKFdVcqGBgayr2Vh496kqm0xs7U2+vt49PEuL+/u7u9v762oIGIjqXCyczO0c67ppGAcVo2JRgmzMq5q7aj" +
        "pKe0xsvP2OLk172nrbvBwL/BzsrCp4aMhIemwsjJzsq5o4x+cGdYPEx8zczJvr67t6ivv8bN0tXOv6WZtLy/w77E1cu+m4aIfH6K" +
        "pLzCw761n4h4bXF1c4i3zc7NyMDHzbqot8DEyMe+rZGnvri0o5uruLGZemh3eoGPlKi5vLisk4J4cHyFiqvQzs/OzsW8vK6hrba6" +
        "ubSkiZ7Bwry5p6iomYl9fHp5fYmYoaOptrSgi394dIiWs9HZz87Ozs7Kwriiq6yvrqCKncHHx8TBwcO/r5+YlpCNj5GVmKKgq6yZ" +
        "g315hLrN2Nzbzs/P0NHR08mlrbC2taShtr/Ex8bIy9jZ0cnEua2knZSSjpGxq6+YhIF6jc7c3NzZ0dLT1NXU08+irre+xL+6up2e" +
        "sLi9xMvRzca5rp6LeGVHcrG3wbeeh4B8kNLc3Nva1dXW19bW1tWirbnBy9LNy6hOcJiosautp6SbjYeDa0JZn8HH07qah4Z3mdrc" +
        "3NrY19fY19bV1deprbvAytXZz8yolrnK18nlz8rbt8Olgnyes8TY0riYiIJyrdva2tjW2drZ19bU1Ne5qrm/ytLa1s/HtKvE5Obx" +
        "6+foycKclJmitcnUxqyUin10ydjX1tXT2dnY19TV1NTGo7W/yM7X1c7Jw7Kls8jX0szBtaaSjpKlt87Pu6GOiHeU1dTV1NXUwbOk" +
        "lYZ6eHd4j6y6wsrT087LxMC8wtnVxLyws6KUkJyqu83DrZiPgXi41NLT09LTgXdtZV5XUU5NZJ20vsTO0tHNx8LIyszCvbq2sqye" +
        "mKOuu8a2oJKKe5PL09PT09LTaVxPPC4jHBgVLZSoucDK0c/Oy8fExcXBwrm2sqidoquvuLalmZCEfrrT0dHR09TVJhQGAQABAQED" +
        "IZ6fr7nCy83Pz8/JzcjGv7q0squssLCqrKKWk4Z2hdLT0tHR1NXVAAAAAAAAAAECG6KupbC5wsbL0tDQ0dTPycLAv7u4t6+moJOP" +
        "int0mNbU1NPT09XWAAAAAAAAAAIDGZS9raOwucTM0tPQ09rXz8bDwr66vKedj4uLfHN2qdbW1dXV1NbWAAAAAAEBAQIEEoS9v6eY" +
        "qbnFzNLP0tra0s7Lw8C8r56Pg4V5b3R1vNna2djY1tjXAAAAAAECAgQJGHm3xMOqmaC4xtDW3eHb0tHLyMS3o49/d21oc3d7w93d" +
        "29vb2trZAAIFCg8RDxITHHGzxszGs5qducfS19fRzM3Fwrqnj3huZmdvdXh8qdHe3t3d3dzb"
}
