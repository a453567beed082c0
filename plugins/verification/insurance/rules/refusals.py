"""How a rule says no: one exception with a stable code, which the service turns into an answer."""


class Refused(Exception):
    """A rule of the domain refuses what was asked.

    `code` is a stable snake_case word, `detail` one sentence for people, `pointer` the JSON Pointer of the value
    at fault (empty where it is no single value).
    """

    def __init__(self, code: str, detail: str, *, pointer: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.pointer = pointer
