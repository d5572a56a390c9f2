"""The reference alert set as a Prefect flow, every 15 minutes. Needs `social_alerts.py` beside it.

`python social_alerts_flow.py` serves it until it is stopped. The instant judged is that which the run was planned for:
a retry, and a run that began late, judge the same slot and repeat no message.
"""

from prefect import flow, task
from prefect.runtime import flow_run


def may_mend(_task, _run, state) -> bool:
    """Return whether trying again may help: it does not mend a mistake in the configuration."""
    from anomalert.errors import ConfigurationError

    return not isinstance(state.result(raise_on_failure=False), ConfigurationError)


@task(retries=2, retry_delay_seconds=30, retry_condition_fn=may_mend, timeout_seconds=300)
def judge_and_tell(at) -> dict:
    """Judge the newest slot that is complete at `at`, and tell."""
    from social_alerts import pipeline

    report = pipeline().run(at=at)
    report.raise_for_status()  # An anomaly is a success; a source or a channel that failed is not.
    told = report.to_dict()
    del told["judgements"]  # The ledger keeps them; after a missed week they would be megabytes.
    return told


@flow(name="social-alerts")
def social_alerts() -> dict:
    """Judge and tell."""
    return judge_and_tell(flow_run.scheduled_start_time)


if __name__ == "__main__":
    social_alerts.serve("every-slot", cron="*/15 * * * *", limit=1)
