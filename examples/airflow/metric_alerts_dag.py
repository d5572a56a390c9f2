"""The reference alert set with a task for each metric, so that each is retried, watched and cleared on its own.

Each task is a process, and reads the table for itself; messages of several metrics are no longer put together. Where
that is not what you want, take `social_alerts_dag.py`.
"""

from datetime import timedelta

import pendulum
from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException


@dag(schedule="*/15 * * * *", start_date=pendulum.datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def metric_alerts():
    """Judge every metric in a task of its own."""

    @task(retries=2, retry_delay=timedelta(seconds=30))
    def metrics() -> list[str]:
        from reference_pipeline import pipeline

        return [metric.name for monitor in pipeline().monitors for metric in monitor.metrics]

    @task(
        retries=2,
        retry_delay=timedelta(seconds=30),
        execution_timeout=timedelta(minutes=5),
        map_index_template="{{ metric }}",
    )
    def judge_and_tell(metric: str):
        from reference_pipeline import pipeline_of

        from anomalert.errors import ConfigurationError

        context = get_current_context()
        context["metric"] = metric  # What the template above shows.
        at = context.get("data_interval_end") or context["dag_run"].run_after
        try:
            report = pipeline_of(metric).run(at=at)
        except ConfigurationError as error:
            raise AirflowFailException(str(error)) from error
        told = report.to_dict()
        del told["judgements"]
        context["ti"].xcom_push(key="report", value=told)
        report.raise_for_status()

    judge_and_tell.expand(metric=metrics())


metric_alerts()
