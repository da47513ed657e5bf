//! From settings to a running worker, and from a signal to its end.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use shared::catalog::Catalog;
use shared::queue::{Queue, QueueError};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::announce::Announcer;
use crate::consumer::Consumer;
use crate::http::{self, Health};
use crate::ingest::{IngestSetupError, Ingester};
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::renderer::{Renderer, RendererError};
use crate::settings::Settings;
use crate::storage::Storage;
use crate::turns::Turns;

/// The exit code of a process that was told to stop twice: 128 + SIGTERM, as a shell would report
/// it.
const IMPATIENT_EXIT: i32 = 143;

/// Why a worker could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The queue is not there, not ours, or not to be reached.
    #[error("the queue is not usable")]
    Queue(#[from] QueueError),
    /// The address for health checks and metrics cannot be bound.
    #[error("cannot listen on {address}: choose another --listen address")]
    Listen {
        /// As set.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The watermark is not there, or is no picture.
    #[error(transparent)]
    Renderer(#[from] RendererError),
    /// The HTTP client for URLs cannot be built.
    #[error(transparent)]
    Ingest(#[from] IngestSetupError),
}

/// Works until `shutdown` resolves, then finishes what is in flight. The caller decides what a
/// shutdown is.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>) -> Result<(), StartError> {
    let config = shared::aws::config().await;
    let queue = Queue::new(&config, &settings.queue_url);
    let mut shutdown = pin!(shutdown);
    let queue_settings = tokio::select! {
        biased;
        () = &mut shutdown => return Ok(()),
        settings = queue.settings() => settings?,
    };
    let renderer = Renderer::new(&settings.render).await?;
    let metrics = Arc::new(Metrics::new(settings.slots));
    let health = Arc::new(Health::default());
    health.set_polls(true); // The queue has just told its settings.

    let listener = TcpListener::bind(settings.listen).await;
    let listener = listener.map_err(|source| StartError::Listen {
        address: settings.listen,
        source,
    })?;
    tokio::spawn(http::serve(
        listener,
        Arc::clone(&health),
        Arc::clone(&metrics),
    ));

    let pipeline = Pipeline {
        catalog: Catalog::new(&config, &settings.table),
        storage: Storage::new(&config, &settings),
        ingester: Ingester::new(&settings)?,
        announcer: Announcer::new(&config, &settings.topic_arn),
        metrics: Arc::clone(&metrics),
        renders: Arc::new(tokio::sync::Semaphore::new(settings.cores)),
        turns: Turns::default(),
        renderer,
        settings: settings.clone(),
    };
    let consumer = Consumer::new(queue, queue_settings, pipeline, metrics, health, &settings);
    consumer.run(shutdown).await;
    Ok(())
}

/// Resolves at the first SIGTERM or SIGINT. From then on a second one ends the process at once:
/// nothing is lost, what was in flight comes back when its visibility timeout ends.
pub fn stop_signal() -> impl Future<Output = ()> {
    let listen = |kind| signal(kind).expect("SIGTERM and SIGINT can always be listened for");
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate()),
        listen(SignalKind::interrupt()),
    );
    async move {
        next(&mut terminate, &mut interrupt).await;
        tokio::spawn(async move {
            next(&mut terminate, &mut interrupt).await;
            tracing::warn!("told to stop twice: leaving at once");
            std::process::exit(IMPATIENT_EXIT);
        });
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
