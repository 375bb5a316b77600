"""Starting `process`, and waiting for it."""

import os
import subprocess
import sys

from django.db import connection

from tests.retrieval.reembedding.parts import World, database


def started(world: World, *arguments: str, point: str = "-") -> subprocess.Popen[str]:
    connection.close()
    program = [sys.executable, "-m", "tests.retrieval.reembedding.process", point, database(), *arguments]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "ragsite.settings",
        "RAGSITE_NEXT_ENCODER": "openai",
        "RAGSITE_NEXT_EMBEDDINGS_BASE_URL": world.server.base_url,
        "RAGSITE_NEXT_EMBEDDINGS_MODEL": "next-model",
        "RAGSITE_NEXT_EMBEDDINGS_DIMENSIONS": str(world.server.dimensions),
    }
    return subprocess.Popen(
        program, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    said, complained = process.communicate(timeout=120)
    return process.returncode, said, complained
