//! What the tests of every crate stand on: an emulator per test process, started by
//! `deploy/local/up`, with an account and a stack per test, and the real binaries as processes.
//! Nothing is mocked.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "the tests of each crate use another part"
)]
#![allow(
    clippy::print_stdout,
    reason = "cargo test shows the log of a failed test's worker"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use shared::catalog::Catalog;
use shared::identity::{ImageId, ObjectRef};
use shared::queue::Queue;
use shared::record::Record;

/// Long enough for a slow machine and several visibility timeouts; reached only by a test that
/// fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A stack of its own in the emulator of this test process.
pub struct Stack {
    environment: HashMap<String, String>,
    pub config: SdkConfig,
    pub queue: Queue,
    pub catalog: Catalog,
    pub s3: aws_sdk_s3::Client,
    pub sqs: aws_sdk_sqs::Client,
}

impl Stack {
    /// Short polls and a short visibility timeout, so that crashes are repaired while a test waits.
    pub async fn start() -> Self {
        Self::with(&["LongPollSeconds=1", "VisibilityTimeoutSeconds=4"]).await
    }

    /// With these parameters of the template.
    pub async fn with(parameters: &[&str]) -> Self {
        static ACCOUNTS: AtomicU64 = AtomicU64::new(100_000_000_000);
        let account = ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string();
        let pid = std::process::id().to_string();
        let mut up = Command::new(repository().join("deploy/local/up"));
        up.args([
            "--name",
            &format!("test-{pid}"),
            "--until-pid",
            &pid,
            "--account",
            &account,
        ]);
        up.args(
            parameters
                .iter()
                .flat_map(|parameter| ["--parameter", parameter]),
        );
        let environment = exports(&run_blocking(up).await);
        let config = config(&environment).await;
        Self {
            queue: Queue::new(&config, &environment["IMAGE_FLEET_QUEUE_URL"]),
            catalog: Catalog::new(&config, &environment["IMAGE_FLEET_TABLE"]),
            s3: aws_sdk_s3::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            environment,
            config,
        }
    }

    /// One of the variables that `deploy/local/up` prints.
    pub fn variable(&self, name: &str) -> &str {
        &self.environment[name]
    }

    pub fn object(&self, key: &str) -> ObjectRef {
        ObjectRef {
            bucket: self.variable("IMAGE_FLEET_SOURCE_BUCKET").to_owned(),
            key: key.to_owned(),
        }
    }

    /// Drops a file into the source bucket and returns its ETag.
    pub async fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) -> String {
        let ObjectRef { bucket, key } = self.object(key);
        let body = bytes.into().into();
        let answer = self
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(body)
            .send()
            .await
            .unwrap();
        answer.e_tag.unwrap().trim_matches('"').to_owned()
    }

    pub async fn record(&self, key: &str) -> Option<Record> {
        self.catalog
            .get(&ImageId::of(&self.object(key)))
            .await
            .unwrap()
    }

    /// Waits until there is a record of `key` that `is_it`.
    pub async fn record_when(&self, key: &str, is_it: impl Fn(&Record) -> bool) -> Record {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let record = self.record(key).await;
            match record {
                Some(record) if is_it(&record) => return record,
                other => assert!(
                    Instant::now() < deadline,
                    "waited in vain for {key}: {other:?}"
                ),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn wait_for_record(&self, key: &str) -> Record {
        self.record_when(key, |_| true).await
    }

    /// Waits until nothing is visible, hidden or delayed on the queue.
    pub async fn wait_until_drained(&self) {
        self.wait_until_depth(self.queue_url(), (0, 0)).await;
    }

    /// Waits until so many messages are visible on the dead-letter queue.
    pub async fn wait_for_dead_letters(&self, count: u64) {
        let url = self.dead_letter_queue().await;
        self.wait_until_depth(&url, (count, 0)).await;
    }

    async fn wait_until_depth(&self, url: &str, depth: (u64, u64)) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.depth_of(url).await;
            if now == depth {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "(visible, hidden) of {url} is {now:?}, not {depth:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn queue_url(&self) -> &str {
        self.variable("IMAGE_FLEET_QUEUE_URL")
    }

    pub async fn dead_letter_queue(&self) -> String {
        let name = "image-fleet-dead-letters";
        self.sqs
            .get_queue_url()
            .queue_name(name)
            .send()
            .await
            .unwrap()
            .queue_url
            .unwrap()
    }

    /// Visible and hidden messages.
    pub async fn depth_of(&self, url: &str) -> (u64, u64) {
        use aws_sdk_sqs::types::QueueAttributeName as Name;
        let request = self
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(Name::All);
        let attributes = request.send().await.unwrap().attributes.unwrap();
        let number = |name: Name| attributes[&name].parse::<u64>().unwrap();
        let visible = number(Name::ApproximateNumberOfMessages)
            + number(Name::ApproximateNumberOfMessagesDelayed);
        (visible, number(Name::ApproximateNumberOfMessagesNotVisible))
    }

    /// Takes every message off the queue and returns the bodies: events before any worker has seen
    /// them.
    pub async fn take_messages(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let messages = self
                .queue
                .receive(10, Duration::from_secs(1))
                .await
                .unwrap();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                self.queue.delete(&message).await.unwrap();
                bodies.push(message.body);
            }
        }
    }

    /// The bytes of a variant.
    pub async fn variant(&self, key: &str) -> Vec<u8> {
        let bucket = self.variable("IMAGE_FLEET_VARIANTS_BUCKET");
        let answer = self.s3.get_object().bucket(bucket).key(key).send().await;
        answer
            .unwrap_or_else(|error| panic!("{key}: {error:?}"))
            .body
            .collect()
            .await
            .unwrap()
            .to_vec()
    }

    /// Whether a variant is marked for removal.
    pub async fn is_superseded(&self, key: &str) -> bool {
        let bucket = self.variable("IMAGE_FLEET_VARIANTS_BUCKET");
        let tags = self
            .s3
            .get_object_tagging()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .unwrap()
            .tag_set;
        tags.iter()
            .any(|tag| (tag.key(), tag.value()) == ("superseded", "true"))
    }

    /// Every key in the variants bucket.
    pub async fn variant_keys(&self) -> Vec<String> {
        let bucket = self.variable("IMAGE_FLEET_VARIANTS_BUCKET");
        let answer = self
            .s3
            .list_objects_v2()
            .bucket(bucket)
            .send()
            .await
            .unwrap();
        answer
            .contents
            .unwrap_or_default()
            .into_iter()
            .map(|object| object.key.unwrap())
            .collect()
    }

    /// Starts a worker with these further arguments.
    pub fn worker(&self, arguments: &[&str]) -> Worker {
        static WORKERS: AtomicU64 = AtomicU64::new(0);
        let serial = WORKERS.fetch_add(1, Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!(
            "image-fleet-worker-{}-{serial}.log",
            std::process::id()
        ));
        let stderr = std::fs::File::create(&log).unwrap();
        let mut command = self.command(&binary("worker"));
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stderr(stderr)
            .stdout(Stdio::null());
        Worker {
            process: command.spawn().unwrap(),
            log,
        }
    }

    /// Runs the producer to its end.
    pub async fn producer(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(&binary("producer"));
        command.args(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.environment)
            .env("RUST_LOG", "info,worker=debug");
        command
    }
}

/// A worker process. Killed, if it still runs, when the test is over; a failed test prints its log.
pub struct Worker {
    process: Child,
    log: PathBuf,
}

impl Worker {
    /// As the kernel, a power failure or an impatient person would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let kill = Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(kill.success());
    }

    /// SIGTERM, and its end. Unlike a killed one it leaves no poll behind that could still be
    /// handed messages.
    pub async fn stop(mut self) {
        self.terminate();
        assert_eq!(self.exit_code().await, Some(0));
    }

    /// The exit code, once there is one.
    pub async fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the worker does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A page of the worker's own HTTP server: status and text.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let deadline = Instant::now() + PATIENCE;
        let address = loop {
            let log = self.log();
            if let Some(rest) = log.split(r#""address":""#).nth(1) {
                break rest.split('"').next().unwrap().to_owned();
            }
            assert!(
                Instant::now() < deadline,
                "the worker does not listen: {log}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        tokio::task::block_in_place(|| http_get(&address, path))
    }

    /// The value of a metric, with its labels as Prometheus writes them; 0 when it has never been
    /// counted.
    pub async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics").await;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            println!("---- log of worker {}:\n{}", self.process.id(), self.log());
        }
        let _ = std::fs::remove_file(&self.log);
    }
}

fn http_get(address: &str, path: &str) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

/// A program of this workspace, next to the running test's directory. `cargo test --workspace`
/// builds them all.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join(name);
    assert!(
        binary.exists(),
        "{} is not built: run cargo build --workspace",
        binary.display()
    );
    binary
}

fn repository() -> &'static Path {
    static REPOSITORY: OnceLock<PathBuf> = OnceLock::new();
    REPOSITORY.get_or_init(|| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap()
            .to_owned()
    })
}

async fn run_blocking(mut command: Command) -> String {
    let output =
        tokio::task::spawn_blocking(move || command.stderr(Stdio::inherit()).output().unwrap())
            .await
            .unwrap();
    assert!(output.status.success(), "deploy/local/up failed");
    String::from_utf8(output.stdout).unwrap()
}

/// The variables in lines such as `export NAME=value`. None of the values needs quotes.
fn exports(text: &str) -> HashMap<String, String> {
    let pairs = text
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

async fn config(environment: &HashMap<String, String>) -> SdkConfig {
    let variable = |name: &str| environment[name].clone();
    let credentials = Credentials::from_keys(
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
        None,
    );
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(variable("AWS_ENDPOINT_URL"))
        .region(Region::new(variable("AWS_REGION")))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .load()
        .await
}
