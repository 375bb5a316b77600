"""Make the local encoder ready before the first start."""

import time

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retrieval.encoders.prepared import prepare
from retrieval.encoders.weights import WEIGHTS_SHA256, WeightsRefused, read_verified, weights_folder


class Command(BaseCommand):
    help = "Build the local encoder's graph where it is absent or outdated, and check its weights."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        started = time.perf_counter()
        try:
            source = weights_folder()
            # Checked here at every start; a process that only loads checks the built graph instead.
            read_verified(source / "model.safetensors", WEIGHTS_SHA256)
            folder = prepare(settings.RAGSITE_MODELS_FOLDER, source, say=self.stdout.write)
        except WeightsRefused as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The encoder cannot be built: {error.strerror}: {error.filename}.") from error
        self.stdout.write(f"Encoder {folder.name} ready in {time.perf_counter() - started:.1f} s.")
