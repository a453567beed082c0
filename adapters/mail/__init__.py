"""The system's own mail: a folder of real messages, or an SMTP server."""
