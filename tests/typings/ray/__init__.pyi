# Ray is an extra, so the checks do without it; its functions are made at run time and have no types worth having.
from typing import Any

def __getattr__(name: str) -> Any: ...
