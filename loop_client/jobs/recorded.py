"""Where in a job's record a retry begins."""

from __future__ import annotations

from collections.abc import Mapping

from loop_client.jobs.errors import JobConflict
from loop_client.jobs.job import Job


def first_place(names: Mapping[int, str], job: Job, from_round: int | None) -> int | None:
    """The first place in a job's record that a retry does not take over; None for all of it.

    Raises:
        JobConflict: it is not over, is completed and no round is named, or has no such round.
    """
    if not job.is_over:
        raise JobConflict("the job is not over")
    if from_round is None and job.status == "completed":
        raise JobConflict("the job is completed; name the round from which it is to be done again")
    if from_round is None and job.status == "cancelled":
        return None
    number = from_round if from_round is not None else (job.rounds[-1].number if job.rounds else 1)
    for place, name in sorted(names.items()):
        if name == f"plan {number}":
            return place
    if from_round is None:
        return 1  # it failed before its first round
    raise JobConflict(f"the job has no round {from_round}")
