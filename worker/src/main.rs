//! `worker`: takes messages off the queue until it is told to stop.

use std::process::ExitCode;

use shared::telemetry;
use worker::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Settings::from_arguments() {
        Ok(settings) => settings,
        Err(mistakes) => return mistakes.report(),
    };
    telemetry::start("info,worker=info");
    match worker::run(settings, worker::stop_signal()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = telemetry::chain(&error), "the worker cannot go on");
            ExitCode::FAILURE
        }
    }
}
