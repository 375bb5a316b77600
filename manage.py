#!/usr/bin/env python
"""Django's command line for ragsite."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    # A person at a terminal reads what the command says, not the events of the services.
    os.environ.setdefault("RAGSITE_LOG_LEVEL", "warning")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
