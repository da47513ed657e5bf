//! How the binaries speak: lines for people on a terminal, JSON for machines otherwise.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

/// Sends logs to standard error. `RUST_LOG` overrides `default_filter`, for example `worker=debug`.
pub fn start(default_filter: &str) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if io::stderr().is_terminal() {
        lines.with_target(false).init();
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .init();
    }
}

/// An error and all its causes on one line: `cannot fetch x: dispatch failure: connection refused`.
/// A cause that merely repeats what was said already is left out.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            write!(text, ": {next}").expect("writing to a String cannot fail");
        }
        cause = error.source();
    }
    text
}
