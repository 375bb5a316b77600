"""A real Celery worker on a queue and database of its own: `python -m tests.retrieval.ingestion.celery_worker ...`.

With STOP_AFTER it embeds that many pieces and then hangs, as one does whose endpoint never answers.
"""

import sys
import threading

import django


def main() -> None:
    queue, database, files, home, stop_after = sys.argv[1:]
    django.setup()
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    settings.MEDIA_ROOT, settings.RAGSITE_HOME = files, home
    from ragsite.celery import app
    from retrieval import tasks
    from tests.retrieval.ingestion.parts import WordEncoder, some_ingestion

    class HangingEncoder(WordEncoder):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            if int(stop_after) and len(self.encoded) >= int(stop_after):
                threading.Event().wait()
            return super().encode(texts)

    components = some_ingestion(encoder=HangingEncoder())
    tasks.ingestion_components = lambda: components  # type: ignore[assignment]
    app.worker_main(
        ["worker", "--pool=solo", f"--queues={queue}", f"--hostname={queue}@%h", "--loglevel=ERROR",
         "--without-mingle", "--without-gossip", "--without-heartbeat"]
    )  # fmt: skip


if __name__ == "__main__":
    main()
