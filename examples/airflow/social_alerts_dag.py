"""The reference alert set every 15 minutes, for Airflow 3. Put this folder's files into the folder of DAGs.

The file is parsed again and again, so nothing heavy is imported at its top. `max_active_runs=1` keeps runs in order; a
run that was missed needs no catch-up: with a ledger the next one judges the missed slots. A retry repeats no message.
"""

from datetime import timedelta

import pendulum
from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException


@dag(schedule="*/15 * * * *", start_date=pendulum.datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def social_alerts():
    """Judge the newest complete slot, and tell."""

    @task(retries=2, retry_delay=timedelta(seconds=30), execution_timeout=timedelta(minutes=5))
    def judge_and_tell():
        from reference_pipeline import pipeline

        from anomalert.errors import ConfigurationError

        context = get_current_context()
        # Not the logical date, which may be a slot early; a run that was triggered by hand has no interval.
        at = context.get("data_interval_end") or context["dag_run"].run_after
        try:
            report = pipeline().run(at=at)
        except ConfigurationError as error:
            raise AirflowFailException(str(error)) from error  # Trying again would not mend it.
        told = report.to_dict()
        del told["judgements"]  # The ledger keeps them; after a missed week they would be megabytes.
        context["ti"].xcom_push(key="report", value=told)
        report.raise_for_status()  # An anomaly is a success; a source or a channel that failed is not.

    judge_and_tell()


social_alerts()
