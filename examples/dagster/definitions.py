"""The reference alert set in Dagster: an asset for each monitor, partitioned by slot.

Put `social_alerts.py` beside it. `dagster dev -f definitions.py` shows it; its daemon starts both assets when a slot
has ended. A retry and a re-materialized partition repeat no message; a back-fill of older partitions is told to nobody.
"""

import dagster


def asset_of(monitor: str) -> dagster.AssetsDefinition:
    """Return the asset that judges one monitor; by its name its pipeline has a memory of its own in the ledger."""

    @dagster.asset(
        name=f"{monitor}_alerts",
        partitions_def=SLOTS,
        retry_policy=dagster.RetryPolicy(max_retries=2, delay=30),
    )
    def judged(context: dagster.AssetExecutionContext) -> dagster.MaterializeResult:
        from social_alerts import pipeline  # In the run: this file is loaded by every code server.

        from anomalert import Pipeline
        from anomalert.errors import ConfigurationError

        try:
            whole = pipeline()
            watched = [each for each in whole.monitors if each.name == monitor]
            name = f"{whole.name}/{monitor}"
            own = Pipeline(watched, whole.notifiers, whole.ledger, name=name, language=whole.language)
            report = own.run(at=context.partition_time_window.end)
        except ConfigurationError as error:
            raise dagster.Failure(str(error), allow_retries=False) from error  # Trying again would not mend it.
        report.raise_for_status()  # An anomaly is a success; a source or a channel that failed is not.
        told = report.to_dict()
        del told["judgements"]  # The ledger keeps them; after a missed week they would be megabytes.
        return dagster.MaterializeResult(metadata={"report": dagster.MetadataValue.json(told)})

    return judged


SLOTS = dagster.TimeWindowPartitionsDefinition(
    start="2026-01-01-00:00", fmt="%Y-%m-%d-%H:%M", cron_schedule="*/15 * * * *", timezone="UTC"
)
assets = [asset_of("feed"), asset_of("messages")]
job = dagster.define_asset_job("social_alerts", assets, tags={"dagster/max_runtime": "300"})
definitions = dagster.Definitions(
    assets=assets, jobs=[job], schedules=[dagster.build_schedule_from_partitioned_job(job)]
)
