//! What the worker counts: every name, label and help text. Labels come from closed sets, never
//! from keys.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

/// From a skip that takes milliseconds to a picture that takes a minute.
const DURATION_BUCKETS: [f64; 13] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// From an idle fleet to a backlog of hours.
const LAG_BUCKETS: [f64; 12] = [
    0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0,
];

/// All metrics of a worker.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// By `kind` (`render`, `ingest`, `unreadable`) and `outcome` (`ready`, `rejected`,
    /// `ingested`, `skipped`, `failed`).
    pub jobs: IntCounterVec,
    /// By `reason`.
    pub rejections: IntCounterVec,
    /// By `reason`.
    pub skips: IntCounterVec,
    /// From the first step of a job to its outcome.
    pub job_duration: Histogram,
    /// By `stage`: `look_up`, `fetch`, `render`, `store`, `record`, `announce`, `ingest`.
    pub stage_duration: HistogramVec,
    /// From send to first receive.
    pub queue_lag: Histogram,
    /// Messages in work.
    pub jobs_in_progress: IntGauge,
    /// Messages received.
    pub messages_received: IntCounter,
    /// By `how`: `deleted`, `retried`, `handed_back`, `unsettled`.
    pub messages_settled: IntCounterVec,
    /// By `result`: `extended`, `lost`, `failed`.
    pub heartbeats: IntCounterVec,
    /// Jobs cancelled because their message was no longer ours.
    pub leases_lost: IntCounter,
    /// Failed polls.
    pub poll_failures: IntCounter,
    /// 1 while draining.
    pub draining: IntGauge,
}

impl Metrics {
    /// All at zero, for a worker with that many slots.
    pub fn new(slots: usize) -> Self {
        let registry = Registry::new();
        let r = &registry;
        gauge(r, "slots", "Messages that this worker takes at a time.")
            .set(i64::try_from(slots).unwrap_or(i64::MAX));
        let build = counters(
            r,
            "build_info",
            "1, labelled with the version of this build.",
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).inc();
        Self {
            jobs: counters(
                r,
                "jobs_total",
                "Jobs that came to an outcome.",
                &["kind", "outcome"],
            ),
            rejections: counters(
                r,
                "rejections_total",
                "Pictures that can never succeed, by reason.",
                &["reason"],
            ),
            skips: counters(
                r,
                "skips_total",
                "Jobs with nothing to do, by reason.",
                &["reason"],
            ),
            job_duration: histogram(
                r,
                "job_duration_seconds",
                "Time from a job's first step to its outcome.",
                &DURATION_BUCKETS,
            ),
            stage_duration: stages(r),
            queue_lag: histogram(
                r,
                "queue_lag_seconds",
                "Time from send to first receive of a message.",
                &LAG_BUCKETS,
            ),
            jobs_in_progress: gauge(r, "jobs_in_progress", "Messages in work."),
            messages_received: counter(r, "messages_received_total", "Messages received."),
            messages_settled: counters(
                r,
                "messages_settled_total",
                "Messages settled, by how.",
                &["how"],
            ),
            heartbeats: counters(
                r,
                "heartbeats_total",
                "Visibility timeouts renewed, by result.",
                &["result"],
            ),
            leases_lost: counter(
                r,
                "leases_lost_total",
                "Jobs cancelled because their message was no longer ours.",
            ),
            poll_failures: counter(r, "poll_failures_total", "Polls that failed."),
            draining: gauge(
                r,
                "draining",
                "1 while the worker finishes and takes no more messages.",
            ),
            registry,
        }
    }

    /// Notes a job's outcome, or that it failed.
    pub fn count_job(&self, kind: &str, outcome: &str, reason: Option<&str>, took: Duration) {
        self.jobs.with_label_values(&[kind, outcome]).inc();
        self.job_duration.observe(took.as_secs_f64());
        match (outcome, reason) {
            ("rejected", Some(reason)) => self.rejections.with_label_values(&[reason]).inc(),
            ("skipped", Some(reason)) => self.skips.with_label_values(&[reason]).inc(),
            _ => {}
        }
    }

    /// Notes how long one stage of one job took.
    pub fn observe_stage(&self, stage: &str, took: Duration) {
        self.stage_duration
            .with_label_values(&[stage])
            .observe(took.as_secs_f64());
    }

    /// In Prometheus's text format.
    pub fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}

fn name(name: &str) -> String {
    format!("image_fleet_{name}")
}

fn stages(registry: &Registry) -> HistogramVec {
    let options = HistogramOpts::new(
        name("stage_duration_seconds"),
        "Time that one stage of a job took.",
    );
    let stages = HistogramVec::new(options.buckets(DURATION_BUCKETS.to_vec()), &["stage"]);
    register(registry, stages)
}

fn histogram(registry: &Registry, what: &str, help: &str, buckets: &[f64]) -> Histogram {
    register(
        registry,
        Histogram::with_opts(HistogramOpts::new(name(what), help).buckets(buckets.to_vec())),
    )
}

fn counters(registry: &Registry, what: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(
        registry,
        IntCounterVec::new(Opts::new(name(what), help), labels),
    )
}

fn counter(registry: &Registry, what: &str, help: &str) -> IntCounter {
    register(registry, IntCounter::new(name(what), help))
}

fn gauge(registry: &Registry, what: &str, help: &str) -> IntGauge {
    register(registry, IntGauge::new(name(what), help))
}

fn register<C: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<C>,
) -> C {
    let metric = metric.expect("names and labels are constants that are valid");
    registry
        .register(Box::new(metric.clone()))
        .expect("every name is registered once");
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_the_prefix_and_a_help_text() {
        let metrics = Metrics::new(8);
        metrics.jobs.with_label_values(&["render", "ready"]).inc();
        metrics.observe_stage("fetch", Duration::from_millis(7));
        let text = metrics.text();
        assert!(
            text.contains("# HELP image_fleet_jobs_total Jobs that came to an outcome."),
            "{text}"
        );
        assert!(text.contains("image_fleet_slots 8"), "{text}");
        assert!(
            text.contains(
                r#"image_fleet_stage_duration_seconds_bucket{stage="fetch",le="0.01"} 1"#
            ),
            "{text}"
        );
        assert!(text.lines().all(|line| {
            line.trim_start_matches("# HELP ")
                .trim_start_matches("# TYPE ")
                .starts_with("image_fleet_")
        }));
    }
}
