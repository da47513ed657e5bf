//! `/healthz`, `/readyz` and `/metrics` on one port.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// What the worker says of itself.
#[derive(Debug, Default)]
pub struct Health {
    polls: AtomicBool,
    draining: AtomicBool,
}

impl Health {
    /// The last poll has succeeded, or not.
    pub fn set_polls(&self, succeed: bool) {
        self.polls.store(succeed, Ordering::Relaxed);
    }

    /// No more messages will be taken.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn readiness(&self) -> (StatusCode, &'static str) {
        match (
            self.draining.load(Ordering::Relaxed),
            self.polls.load(Ordering::Relaxed),
        ) {
            (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            (false, false) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the queue has not answered\n",
            ),
            (false, true) => (StatusCode::OK, "ready\n"),
        }
    }
}

/// Answers until the process ends.
pub async fn serve(listener: TcpListener, health: Arc<Health>, metrics: Arc<Metrics>) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "serving /healthz, /readyz and /metrics");
    }
    let scrape = move || async move {
        (
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
            metrics.text(),
        )
            .into_response()
    };
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async move || health.readiness()))
        .route("/metrics", get(scrape));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "health checks and metrics are no longer served");
    }
}
