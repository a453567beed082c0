"""Every name under which the application reports: span attributes, log fields, metrics.

The attribute names are those of OpenTelemetry semantic conventions 1.44. HTTP, errors, network and databases are
stable there; messaging is still in development. Names under `app.` are our own. A test refuses attribute names
written anywhere else, so that a change of the conventions is a change of this file.
"""

from typing import Final

TRACER: Final = "hexastar"

# HTTP server and client spans: stable since 1.23.
HTTP_METHOD: Final = "http.request.method"
HTTP_METHOD_ORIGINAL: Final = "http.request.method_original"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
URL_PATH: Final = "url.path"
URL_SCHEME: Final = "url.scheme"
CLIENT_ADDRESS: Final = "client.address"
ERROR_TYPE: Final = "error.type"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"})
UNKNOWN_METHOD: Final = "_OTHER"

# Messaging: in development in 1.44, where each kind of operation has one span.
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_SYSTEM_JOBS: Final = "app_jobs"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"

# Our own.
PLUGIN: Final = "app.plugin"
PORT: Final = "app.port"
ADAPTER: Final = "app.adapter"
JOB_NAME: Final = "app.job.name"
JOB_ATTEMPT: Final = "app.job.attempt"
JOB_WAIT_MS: Final = "app.job.wait_ms"
MAIL_MESSAGE_ID_HASH: Final = "app.mail.message_id_hash"

# Metrics, in the spelling of Prometheus (dots become underscores, units are suffixes).
REQUEST_DURATION: Final = "http_server_request_duration_seconds"
REQUESTS_ACTIVE: Final = "http_server_active_requests"
JOBS_ENQUEUED: Final = "app_jobs_enqueued"
JOBS_COMPLETED: Final = "app_jobs_completed"
JOBS_RETRIED: Final = "app_jobs_retried"
JOBS_DEAD: Final = "app_jobs_dead"
JOBS_RESCUED: Final = "app_jobs_rescued"
JOB_DURATION: Final = "messaging_process_duration_seconds"
JOBS_DEPTH: Final = "app_jobs_depth"
JOBS_OLDEST_AGE: Final = "app_jobs_oldest_age_seconds"
LOOP_LAG: Final = "app_event_loop_lag_seconds"
BUILD: Final = "app_build"
AUTH_FAILED: Final = "app_auth_failed"
AUTH_DENIED: Final = "app_auth_denied"
RATE_LIMITED: Final = "app_ratelimit_rejected"
IDEMPOTENCY_HIT: Final = "app_idempotency_hit"
IDEMPOTENCY_CONFLICT: Final = "app_idempotency_conflict"
SPANS: Final = "app_telemetry_spans"
SPANS_WAITING: Final = "app_telemetry_spans_waiting"
DB_OPERATION_DURATION: Final = "db_client_operation_duration_seconds"
DB_SYSTEM_LABEL: Final = "db_system_name"
DB_SYSTEM_POSTGRESQL: Final = "postgresql"
DB_OPERATION_LABEL: Final = "db_operation_name"
ERROR_TYPE_LABEL: Final = "error_type"
DB_WAIT: Final = "db_client_connection_wait_time_seconds"
DB_TIMEOUTS: Final = "db_client_connection_timeouts"
DB_CONNECTIONS: Final = "db_client_connection_count"
