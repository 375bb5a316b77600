"""A supervisor whose web server and worker are small programs: `python up_program.py HOME PORT [WORKER]`."""

import sys
from pathlib import Path

from ragsite.embedded.children import adopt_orphans
from ragsite.embedded.errors import CannotStart
from ragsite.embedded.paths import Places
from ragsite.up.lock import sole_supervisor
from ragsite.up.plan import Part, Plan, check_port
from ragsite.up.screen import Screen
from ragsite.up.supervisor import Supervisor

ROOT = Path(__file__).resolve().parent.parent.parent

WEB = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""
# Notes that it ran and, as the real one does, what it prepared for.
PREPARE = """
import pathlib, sys
sys.path.insert(0, sys.argv[3])
from ragsite.up.prepared import Prepared, fingerprint
home, root = map(pathlib.Path, sys.argv[1:3])
(home / "prepared-times").open("a").write("once\\n")
Prepared(home=home).remember(fingerprint=fingerprint(root))
"""
WORKER = "import subprocess; subprocess.run(['sleep', '600'])"


def plan_for(home: Path, port: int, worker: str = WORKER, redis_url: str = "") -> Plan:
    # A checkout of its own, that nobody edits while a test runs.
    checkout = home.parent
    (checkout / "requirements.lock").touch()
    return Plan(
        root=checkout,
        places=Places(home=home),
        port=port,
        prepare=(sys.executable, "-c", PREPARE, str(home), str(checkout), str(ROOT)),
        parts=(
            Part(name="web", command=(sys.executable, "-c", WEB, str(port))),
            Part(name="worker", command=(sys.executable, "-c", worker)),
        ),
        redis_url=redis_url,
    )


def main(home: str, port: str, worker: str = WORKER) -> int:
    adopt_orphans()
    plan = plan_for(Path(home), int(port), worker)
    try:
        with sole_supervisor(plan.places.home, plan.address):
            check_port(plan.port)
            return Supervisor(plan=plan, screen=Screen()).serve()
    except CannotStart as reason:
        sys.stderr.write(f"ragsite: {reason}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
