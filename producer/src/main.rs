//! `producer`: puts jobs on the queue, shows what became of pictures, replays the dead-letter
//! queue.

use std::process::ExitCode;

use clap::Parser as _;
use producer::cli::{Cli, Command, DlqCommand};
use producer::{dlq, enqueue, status};
use shared::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, output } = Cli::parse();
    telemetry::start("warn");
    let done = match command {
        Command::Enqueue(arguments) => enqueue::run(arguments, output).await,
        Command::Status(arguments) => status::run(arguments, output).await,
        Command::Dlq(DlqCommand::Replay(arguments)) => dlq::replay(arguments, output).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {}", telemetry::chain(error.as_ref()));
        ExitCode::FAILURE
    })
}
