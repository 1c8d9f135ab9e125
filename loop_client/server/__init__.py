"""A chat service over the loop client: an ASGI app to mount into FastAPI or Starlette, or to run alone.

Needs the extra ``server`` of this package.
"""

from __future__ import annotations

from loop_client.server.chat_request import ChatRequest
from loop_client.server.hooks import Authenticate, OnFinish, Prepare, Prepared, bearer
from loop_client.server.job_hooks import JobRequest, PrepareJob, as_asked, within_profile
from loop_client.server.metrics import Metrics
from loop_client.server.owners import OwnerOf, owner_in
from loop_client.server.problems import Forbidden, InvalidRequest, Problem, Unauthorized
from loop_client.server.service import ChatService, ServiceSettings

__all__ = [
    "Authenticate",
    "ChatRequest",
    "ChatService",
    "Forbidden",
    "InvalidRequest",
    "JobRequest",
    "Metrics",
    "OnFinish",
    "OwnerOf",
    "Prepare",
    "PrepareJob",
    "Prepared",
    "Problem",
    "ServiceSettings",
    "Unauthorized",
    "as_asked",
    "bearer",
    "owner_in",
    "within_profile",
]
