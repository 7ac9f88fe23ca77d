"""The demo's HTTP interface: one page, and the JSON behind it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from t2s.demo import request as limits
from t2s.demo.guard import Guard
from t2s.demo.jobs import Job, JobQueue, QueueFullError
from t2s.demo.media import media_answer
from t2s.demo.request import GenerateRequest
from t2s.demo.studio import Studio

PAGE = Path(__file__).parent / "page"
MEDIA_TYPES = {"mp4": "video/mp4", "gif": "image/gif", "png": "image/png"}
STATIC = {"app.js": "text/javascript", "style.css": "text/css"}


def create_app(studio: Studio, folder: Path, names: Sequence[str], defaults: dict[str, Any]) -> FastAPI:
    """The application at `names`; `folder` takes the files, `defaults` is what the form starts with."""
    queue = JobQueue(studio.make, folder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        queue.close()

    # The generated documentation pages load scripts from elsewhere: none of them.
    app = FastAPI(title="t2s demo", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(Guard, names=names)
    app.add_exception_handler(RequestValidationError, _explain_mistake)
    app.add_exception_handler(StarletteHTTPException, _explain_refusal)

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(PAGE / "index.html", media_type="text/html")

    @app.get("/static/{name}")
    def static(name: str) -> FileResponse:
        if name not in STATIC:
            raise HTTPException(404, "no such file")
        return FileResponse(PAGE / name, media_type=STATIC[name])

    @app.get("/api/model")
    def model() -> dict[str, Any]:
        return {
            "prompts": studio.prompts,
            "facts": studio.facts,
            "defaults": defaults,
            "limits": {
                "num_samples": limits.MAX_SAMPLES,
                "num_steps": min(limits.MAX_STEPS, studio.num_timesteps),
                "guidance_scale": limits.MAX_GUIDANCE,
                "characters": limits.MAX_CHARACTERS,
                "seed": limits.MAX_SEED - limits.MAX_SAMPLES,
            },
        }

    @app.get("/api/signs")
    def signs(text: str) -> dict[str, list[str]]:
        """Which known signs a text names, and which of its words are unknown."""
        found = studio.read(text[: limits.MAX_CHARACTERS])
        return {"signs": found.signs, "unknown": found.unknown}

    @app.post("/api/jobs", status_code=202)
    def submit(asked: GenerateRequest) -> dict[str, Any]:
        try:
            return _describe(queue, queue.submit(asked))
        except QueueFullError:
            raise HTTPException(429, "many are waiting; try again soon", {"Retry-After": "10"}) from None

    @app.get("/api/jobs/{job_id}")
    def progress(job_id: str) -> dict[str, Any]:
        return _describe(queue, _find(queue, job_id))

    @app.delete("/api/jobs/{job_id}")
    def cancel(job_id: str) -> dict[str, Any]:
        job = _find(queue, job_id)
        queue.cancel(job)
        return _describe(queue, job)

    @app.get("/api/jobs/{job_id}/{number}.{kind}")
    def clip(request: Request, job_id: str, number: int, kind: str) -> Response:
        content = studio.file(_find(queue, job_id), number, kind)
        if content is None:
            raise HTTPException(404, "no such clip, or not any more")
        return media_answer(content, MEDIA_TYPES[kind], request.headers.get("range"))

    @app.get("/api/real")
    def real(prompt: str) -> dict[str, str | None]:
        """Whether there is a real clip of a prompt, and where it comes from."""
        found = studio.real_clip(prompt)
        return {"origin": found[0] if found else None}

    @app.get("/api/real.mp4")
    def real_clip(prompt: str) -> FileResponse:
        found = studio.real_clip(prompt)
        if found is None:
            raise HTTPException(404, "no real clip of this here")
        return FileResponse(found[1], media_type="video/mp4")

    return app


def _find(queue: JobQueue, job_id: str) -> Job:
    job = queue.find(job_id)
    if job is None:
        raise HTTPException(404, "this job is not known any more")
    return job


def _describe(queue: JobQueue, job: Job) -> dict[str, Any]:
    made = job.clips if job.state == "done" else None
    return {
        "id": job.id,
        "state": job.state,
        "ahead": queue.ahead_of(job),
        "step": job.step,
        "num_steps": job.num_steps,
        "message": job.message,
        "remarks": job.remarks,
        "clips": [{"seed": seed, "facts": made.metadata(i)} for i, seed in enumerate(made.seeds)] if made else [],
    }


async def _explain_mistake(_: Request, error: Exception) -> JSONResponse:
    """A form that cannot be right, in one line for the visitor."""
    assert isinstance(error, RequestValidationError)
    lines = [f"{item['loc'][-1]}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()]
    return JSONResponse({"message": "; ".join(lines)[:500]}, 422)


async def _explain_refusal(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    return JSONResponse({"message": error.detail}, error.status_code, error.headers)
