"""The test kit: a real database, a running application, a client, a worker, a clock and fakes, as pytest fixtures.

Installed as a pytest plugin. A plugin's own tests ask for `admin_client`, `client`, `app`, `storage`, `units`,
`clock`, `mail` and `run_jobs`, and say what is composed by overriding `hexastar_environ` in their conftest. Needs
`asyncio_mode = "auto"` with loops of session scope.
"""
