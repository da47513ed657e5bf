//! `worker`: takes messages off the queue until it is told to stop.

use std::process::ExitCode;
use std::time::Duration;

use shared::telemetry;
use tokio::runtime::Runtime;
use worker::settings::Settings;

/// A picture that is still being decoded when the worker has handed back its message is not waited
/// for.
const LAST_BREATH: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let settings = match Settings::from_arguments() {
        Ok(settings) => settings,
        Err(mistakes) => return mistakes.report(),
    };
    telemetry::start("info,worker=info");
    let runtime = Runtime::new().expect("the system has threads and timers to give");
    let ended = runtime.block_on(async { worker::run(settings, worker::stop_signal()).await });
    runtime.shutdown_timeout(LAST_BREATH);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = telemetry::chain(&error), "the worker cannot go on");
            ExitCode::FAILURE
        }
    }
}
