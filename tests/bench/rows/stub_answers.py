"""A stubbed answer without a delay, beside the two best known stub servers on Node."""

from contextlib import ExitStack
from typing import Final

import msgspec

from tests.bench.bench import Bench
from tests.bench.contest import COLUMNS, Contestant, contest, lines
from tests.bench.node_peers import NodePeers
from tests.bench.processes import BenchError
from tests.bench.report import Goal, Report
from tests.bench.rows.stubbing import ANSWER, CONTROLLED, LICENCE, STUBBED, add, reset, rule
from tests.bench.servers import serving

HEXASTAR: Final = "Hexastar, one rule, journal on"
PRISM: Final = "Prism"
MOUNTEBANK: Final = "mountebank"


def measure(bench: Bench) -> Report:
    """Measure the three, one process each; all answer the same document, from memory."""
    peers = NodePeers()
    ready = STUBBED.first_path()
    with ExitStack() as stack:
        deployment = bench.deployment("stub-answers", ["verification"])
        ours = stack.enter_context(bench.hexastar("stub-hexastar", deployment, CONTROLLED))
        add(ours, rule({"method": "GET", "path": LICENCE}))
        stack.callback(reset, ours)
        launches = {PRISM: peers.prism(), MOUNTEBANK: peers.mountebank(bench.folder, LICENCE, ANSWER)}
        servers = {HEXASTAR: ours} | {
            name: stack.enter_context(serving(name.lower(), launch, bench.folder, ready, {}))
            for name, launch in launches.items()
        }
        for name, server in servers.items():
            if msgspec.json.decode(server.get(ready, STUBBED.headers)) != ANSWER:
                raise BenchError(f"{name} answers something else")
        results = contest([Contestant(name, server, STUBBED) for name, server in servers.items()], bench.effort)
    ours_per_second = results[HEXASTAR].requests_per_second
    return Report(
        "Stubbed answer without a delay, one process each, 32 connections",
        COLUMNS,
        lines(results, PRISM),
        [Goal("requests/s against Prism", ours_per_second / results[PRISM].requests_per_second, at_least=1.4)],
        [
            f"against mountebank: {ours_per_second / results[MOUNTEBANK].requests_per_second:.2f} x",
            "Hexastar authenticates, counts, logs and journals every request; the peers do none of it",
        ],
    )
