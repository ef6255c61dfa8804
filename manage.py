#!/usr/bin/env python
"""Polder's command line."""

import os
import signal
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.conf.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if not command.startswith("-"):  # `rotate-keys`, as people type it, is the module rotate_keys
        sys.argv[1:2] = [command.replace("-", "_")] if command else []
    if command == "up":  # until it has something to stop, Ctrl-C ends it at once and in silence
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if command in ("up", "restore") and not {"-h", "--help"} & set(sys.argv):
        from portal.embedded import bootstrap, refusal

        refusal.run(bootstrap.prepare_start if command == "up" else bootstrap.prepare_restore)
    if command == "probe" and any(word.split("=")[0] == "--report" for word in sys.argv[2:]):
        from services.probes import program  # without settings: it has no database

        sys.exit(program.main(sys.argv[2:]))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
