//! `worker`: takes messages off the queue until it is told to stop.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use shared::telemetry;
use tokio::runtime::Runtime;
use worker::settings::Task;

/// A picture that is still being decoded when the worker has handed back its message is not waited
/// for.
const LAST_BREATH: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let task = match Task::from_arguments() {
        Ok(task) => task,
        Err(mistakes) => return mistakes.report(),
    };
    telemetry::start("info,worker=info");
    let runtime = Runtime::new().expect("the system has threads and timers to give");
    let ended = runtime.block_on(perform(task));
    runtime.shutdown_timeout(LAST_BREATH);
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!(error = telemetry::chain(&*error), "the worker cannot go on");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well at the end.
async fn perform(task: Task) -> Result<bool, Box<dyn Error + Send + Sync>> {
    match task {
        Task::Work(settings) => {
            worker::run(*settings, worker::stop_signal()).await?;
            Ok(true)
        }
        Task::Render(settings) => Ok(worker::render_files(&settings).await?),
    }
}
