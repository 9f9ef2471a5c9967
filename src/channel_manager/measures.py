"""What each process counts and times of its own work, for Prometheus.

`serve` sets PROMETHEUS_MULTIPROC_DIR, so that its processes write into files that each of them can
add up; a process by itself tells of itself. Names and labels hold nothing of partners or guests.
"""

from prometheus_client import Counter, Gauge, Histogram

# Seconds, from a quick look-up to a request that times out.
_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WAIT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600)

REQUEST_SECONDS = Histogram(
    "channel_manager_request_seconds",
    "Time from a request's head to its whole reply.",
    ["operation", "status"],
    buckets=_REQUEST,
)
REFUSALS = Counter(
    "channel_manager_refusals_total", "Error replies, by the code that they carry.", ["code"]
)
ORDERS_ACCEPTED = Counter(
    "channel_manager_orders_accepted_total", "Submissions accepted: each POST, and each PUT."
)
ORDERS_SETTLED = Counter(
    "channel_manager_orders_settled_total",
    "Submissions settled, by what became of them.",
    ["status"],
)
ISSUANCE_SECONDS = Histogram(
    "channel_manager_issuance_seconds",
    "Time from an order's receipt until it was first settled, by the database's clock.",
    buckets=_WAIT,
)
DELIVERY_SECONDS = Histogram(
    "channel_manager_delivery_seconds",
    "Time from an event until its receiver had taken it.",
    buckets=_WAIT,
)
GATE_ANSWERS = Counter(
    "channel_manager_gate_answers_total", "Codes that were scanned, by the gate's answer.", ["code"]
)
DATABASE_AWAY = Counter(
    "channel_manager_database_away_total", "Work that met a database that was away or busy."
)
POOL_SIZE = Gauge(
    "channel_manager_pool_connections",
    "Database connections that the processes may open.",
    multiprocess_mode="livesum",
)
POOL_IN_USE = Gauge(
    "channel_manager_pool_in_use",
    "Database connections that were in use when they were last looked at, each second.",
    multiprocess_mode="livesum",
)
