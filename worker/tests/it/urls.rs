//! URL jobs become images.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use shared::identity::SourceUrl;
use shared::job::Ingest;
use shared::record::Status;

use crate::samples::jpeg;
use crate::support::Stack;

/// A web server on loopback with pictures and misfortunes.
pub(crate) struct Server {
    address: SocketAddr,
    visitors: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let visitors = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&visitors);
        let picture = (
            [(header::CONTENT_TYPE, "text/html; charset=lies")],
            jpeg(640, 480),
        );
        let again = picture.clone();
        let slow = async move |Path((seconds, _)): Path<(u64, String)>| {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            picture.clone()
        };
        let router = Router::new()
            .route("/picture.jpg", get(async move || again.clone()))
            .route("/slow/{seconds}/{name}", get(slow))
            .route("/moved", get(async || Redirect::temporary("/picture.jpg")))
            .route("/round", get(async || Redirect::temporary("/round")))
            .route(
                "/file",
                get(async || {
                    (
                        StatusCode::FOUND,
                        [(header::LOCATION, "file:///etc/passwd")],
                    )
                        .into_response()
                }),
            )
            .route("/busy", get(async || StatusCode::SERVICE_UNAVAILABLE))
            .route("/page", get(async || "<html>"))
            .route("/large", get(async || vec![0xffu8; 200_000]));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, visitors }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn wait_for_visitors(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.visitors.load(Ordering::Relaxed) < count {
            assert!(Instant::now() < deadline, "nobody came");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) fn key(url: &str) -> String {
    url.parse::<SourceUrl>().unwrap().key("images/")
}

/// The message body that the producer would send.
pub(crate) fn job(url: &str) -> String {
    let url: SourceUrl = url.parse().unwrap();
    Ingest {
        url: url.as_str().to_owned(),
        key: url.key("images/"),
    }
    .body()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_becomes_an_image() {
    let stack = Stack::start().await;
    let server = Server::start().await;
    let _worker = stack.worker(&["--allow-private-urls"]);
    for path in ["/picture.jpg?size=large", "/moved"] {
        let url = server.url(path);
        stack.queue.send(&job(&url)).await.unwrap();
        let record = stack.wait_for_record(&key(&url)).await;
        assert_eq!((record.status, record.variants.len()), (Status::Ready, 4));
        assert_eq!(record.url, Some(url));
        assert_eq!(
            record.source.content_type.as_deref(),
            Some("image/jpeg"),
            "by its bytes, not by its header"
        );
    }
    stack.wait_until_drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_can_never_work_is_rejected() {
    let stack = Stack::start().await;
    let server = Server::start().await;
    let _worker = stack.worker(&["--allow-private-urls", "--max-source-bytes", "100000"]);
    for (path, code) in [
        ("/absent.jpg", "url_refused"),
        ("/round", "url_forbidden"),
        ("/file", "url_forbidden"),
        ("/page", "unsupported_format"),
        ("/large", "too_large"),
    ] {
        let url = server.url(path);
        stack.queue.send(&job(&url)).await.unwrap();
        let record = stack.wait_for_record(&key(&url)).await;
        let reason = record.reason.unwrap();
        assert_eq!(
            (record.status, reason.code.as_str()),
            (Status::Rejected, code),
            "{path}: {}",
            reason.detail
        );
        assert_eq!(record.url, Some(url));
    }
    stack.wait_until_drained().await;
    stack.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_refused_unless_allowed() {
    let stack = Stack::start().await;
    let server = Server::start().await;
    let _worker = stack.worker(&[]);
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "2130706433",
        "169.254.169.254",
    ] {
        let url = format!("http://{host}:{port}/picture.jpg");
        stack.queue.send(&job(&url)).await.unwrap();
        let record = stack.wait_for_record(&key(&url)).await;
        assert_eq!(record.reason.unwrap().code, "url_forbidden", "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_may_work_later_is_tried_again_and_then_given_up_visibly() {
    let stack = Stack::with(&[
        "LongPollSeconds=1",
        "VisibilityTimeoutSeconds=4",
        "MaxReceiveCount=2",
    ])
    .await;
    let server = Server::start().await;
    let _worker = stack.worker(&["--allow-private-urls"]);
    let url = server.url("/busy");
    stack.queue.send(&job(&url)).await.unwrap();
    let record = stack.wait_for_record(&key(&url)).await;
    assert_eq!((record.status, record.attempts), (Status::Failed, 2));
    assert!(record.reason.unwrap().detail.contains("answers 503"));
    stack.wait_for_dead_letters(1).await;
    stack.wait_until_drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_there_survives_a_url_that_is_gone() {
    let stack = Stack::start().await;
    let server = Server::start().await;
    let worker = stack.worker(&["--allow-private-urls"]);
    let url = server.url("/absent.jpg");
    stack.put(&key(&url), jpeg(300, 200)).await;
    let ready = stack.wait_for_record(&key(&url)).await;
    stack.wait_until_drained().await;
    stack.queue.send(&job(&url)).await.unwrap();
    stack.wait_until_drained().await;
    assert_eq!(stack.record(&key(&url)).await, Some(ready));
    assert_eq!(
        worker
            .metric(r#"image_fleet_skips_total{reason="superseded"}"#)
            .await,
        1.0
    );
}
