"""Label the faces of posted photos: uvicorn --app-dir examples/edge http_endpoint:app.

    curl --data-binary @photo.jpg http://127.0.0.1:8000/faces

The body is a JPEG, PNG, WebP or BMP file; the response is what `ImageResult.to_dict()` returns.
A photo is held in memory while it is labelled, and nothing of it is stored or logged.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from fer_sdk import ExpressionRecognizer, InputError

MAX_BYTES = 20_000_000
AT_ONCE = 2
"""Photos that are decoded at the same time; each may take 300 MB."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the model once; all requests share it."""
    with ExpressionRecognizer() as recognizer:
        app.state.recognizer = recognizer
        app.state.free = asyncio.Semaphore(AT_ONCE)
        yield


app = FastAPI(title="Facial expressions", lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    """Name the model, for load balancers and containers."""
    return {"model": app.state.recognizer.classifier.bundle.path.stem}


@app.post("/faces")
async def faces(request: Request) -> dict[str, Any]:
    """Return the faces of the photo in the body, highest detection score first."""
    photo = await read_body(request)
    async with app.state.free:
        try:
            result = await run_in_threadpool(app.state.recognizer.recognize, photo)
        except InputError as error:
            raise HTTPException(422, str(error)) from error
    return {"faces": [face.to_dict() for face in result]}


async def read_body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        HTTPException: If it is empty, larger than `MAX_BYTES`, or a form.
    """
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        raise HTTPException(
            415,
            f"the body must be a photo, but is {kind.partition(';')[0]}: send the file itself, "
            "such as by curl --data-binary @photo.jpg",
        )
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise HTTPException(
                413, f"the photo has more than {MAX_BYTES // 1_000_000} MB: resize it"
            )
    if not body:
        raise HTTPException(
            400,
            "the body must be a photo, but is empty: send it by curl --data-binary @photo.jpg",
        )
    return bytes(body)
