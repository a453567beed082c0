"""What the application tells about itself: traces, metrics and logs, under the names of OpenTelemetry's conventions."""
