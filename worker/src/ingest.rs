//! Downloads what a URL points to, guarding the network that the worker lives in.
//!
//! The address that is checked is the one that is connected to: checking happens in the resolver of
//! the HTTP client, for every host of every redirect, and addresses written as numbers are checked
//! before the request.

use std::error::Error as StdError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use shared::identity::SourceUrl;
use url::{Host, Url};

use crate::render::{Format, Rejection, RejectionCode, sniff};
use crate::settings::Settings;

/// As browsers and curl need at most a handful; more is a loop.
const MAX_REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that sends nothing for this long is not going to.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
const USER_AGENT: &str = concat!("image-fleet/", env!("CARGO_PKG_VERSION"));

/// Fetches URLs.
#[derive(Clone, Debug)]
pub struct Ingester {
    client: Client,
    allow_private: bool,
    max_bytes: u64,
    timeout: Duration,
}

/// A picture from elsewhere.
#[derive(Debug)]
pub struct Download {
    /// What it is, by its bytes.
    pub format: Format,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Why a URL is not ingested now.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It never will be, as it is.
    #[error("{}", .0.detail)]
    Rejected(Rejection),
    /// The server says that it cannot at the moment.
    #[error("{url} answers {status}")]
    Unavailable {
        /// Without its query.
        url: String,
        /// 429 or 5xx.
        status: StatusCode,
        /// How long the server asks to wait, when it does so in seconds.
        retry_after: Option<Duration>,
    },
    /// The download did not end in time.
    #[error("{url} took longer than {} s", .limit.as_secs())]
    TimedOut {
        /// Without its query.
        url: String,
        /// As set.
        limit: Duration,
    },
    /// The network failed.
    #[error("cannot download {url}")]
    Network {
        /// Without its query.
        url: String,
        /// What failed.
        source: reqwest::Error,
    },
}

/// The HTTP client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client for URLs")]
pub struct IngestSetupError(#[from] reqwest::Error);

impl Ingester {
    /// Guarded as the settings say.
    pub fn new(settings: &Settings) -> Result<Self, IngestSetupError> {
        let allow_private = settings.allow_private_urls;
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none()) // Each hop is checked in `open`.
            .no_proxy() // A proxy would connect for us, past the guard.
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(IDLE_TIMEOUT)
            .dns_resolver(GuardedResolver { allow_private })
            .build()?;
        Ok(Self {
            client,
            allow_private,
            max_bytes: settings.render.limits.max_bytes,
            timeout: settings.ingest_timeout,
        })
    }

    /// The picture behind `url`, bounded in bytes and time.
    pub async fn download(&self, url: &SourceUrl) -> Result<Download, IngestError> {
        let limit = self.timeout;
        let timed_out = |_| IngestError::TimedOut {
            url: url.to_string(),
            limit,
        };
        let bytes = tokio::time::timeout(limit, self.read(url))
            .await
            .map_err(timed_out)??;
        let format = sniff(&bytes).map_err(IngestError::Rejected)?;
        Ok(Download { format, bytes })
    }

    async fn read(&self, url: &SourceUrl) -> Result<Vec<u8>, IngestError> {
        let mut response = self.open(url).await?;
        self.check_size(url, response.content_length().unwrap_or_default())?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|source| network(url.as_url(), source))?
        {
            self.check_size(url, (bytes.len() + chunk.len()) as u64)?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn open(&self, source: &SourceUrl) -> Result<Response, IngestError> {
        let mut url = source.as_url().clone();
        for _ in 0..=MAX_REDIRECTS {
            self.check_target(&url)?;
            let response = self
                .client
                .get(url.clone())
                .send()
                .await
                .map_err(|source| refused_or_failed(&url, source))?;
            match response.status() {
                status if status.is_success() => return Ok(response),
                status if status.is_redirection() => url = redirect_target(&url, &response)?,
                status => return Err(answer(&url, status, &response)),
            }
        }
        Err(rejected(
            RejectionCode::UrlForbidden,
            format!("{source} redirects more than {MAX_REDIRECTS} times"),
        ))
    }

    /// The resolver is not asked about hosts that are addresses.
    fn check_target(&self, url: &Url) -> Result<(), IngestError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(rejected(
                RejectionCode::UrlForbidden,
                format!(
                    "{} leads to scheme {:?}: only http and https are followed",
                    shown(url),
                    url.scheme()
                ),
            ));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        if self.allow_private || is_public(address) {
            Ok(())
        } else {
            Err(rejected(
                RejectionCode::UrlForbidden,
                Forbidden(shown(url)).to_string(),
            ))
        }
    }

    fn check_size(&self, url: &SourceUrl, size: u64) -> Result<(), IngestError> {
        if size <= self.max_bytes {
            return Ok(());
        }
        let detail = format!(
            "{url} has more than {} bytes: raise --max-source-bytes or offer a smaller picture",
            self.max_bytes
        );
        Err(rejected(RejectionCode::TooLarge, detail))
    }
}

fn redirect_target(url: &Url, response: &Response) -> Result<Url, IngestError> {
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| url.join(location).ok());
    target.ok_or_else(|| {
        rejected(
            RejectionCode::UrlRefused,
            format!("{} redirects to nowhere", shown(url)),
        )
    })
}

fn answer(url: &Url, status: StatusCode, response: &Response) -> IngestError {
    let passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        );
    if !passing {
        return rejected(
            RejectionCode::UrlRefused,
            format!("{} answers {status}", shown(url)),
        );
    }
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    IngestError::Unavailable {
        url: shown(url),
        status,
        retry_after: retry_after.map(Duration::from_secs),
    }
}

fn refused_or_failed(url: &Url, error: reqwest::Error) -> IngestError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(forbidden) = current.downcast_ref::<Forbidden>() {
            return rejected(RejectionCode::UrlForbidden, forbidden.to_string());
        }
        cause = current.source();
    }
    network(url, error)
}

fn network(url: &Url, source: reqwest::Error) -> IngestError {
    IngestError::Network {
        url: shown(url),
        source: source.without_url(),
    }
}

fn rejected(code: RejectionCode, detail: String) -> IngestError {
    IngestError::Rejected(Rejection { code, detail })
}

/// Without query and credentials, which redirects may carry.
fn shown(url: &Url) -> String {
    format!(
        "{}://{}{}",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        url.path()
    )
}

/// A host of which no address may be connected to.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is not on the public internet: only public addresses are fetched from, unless --allow-private-urls is given"
)]
struct Forbidden(String);

/// Resolves as the system does and leaves out what must not be connected to.
#[derive(Debug)]
struct GuardedResolver {
    allow_private: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| allow_private || is_public(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(Forbidden(name.as_str().to_owned()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is globally reachable unicast, by the IANA special-purpose registries (RFC
/// 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => address
            .to_ipv4_mapped()
            .map_or_else(|| is_public_v6(address), is_public_v4),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127, ..) => true, // this network, private, loopback
        (100, 64..128, _) => true,  // carrier-grade NAT
        (169, 254, _) => true,      // link-local, where EC2 keeps credentials
        (172, 16..32, _) | (192, 168, _) => true, // private
        (192, 0, 0) | (192, 88, 99) => true, // protocols, 6to4 relays
        (198, 18 | 19, _) => true,  // benchmarks
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => true, // documentation
        _ => a >= 224,              // multicast, reserved, broadcast
    };
    !special
}

/// Only 2000::/3 is global unicast, and parts of it are special or hide an IPv4 address.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let special = match segments[..2] {
        [0x2001, 0..0x0200] => true, // protocols, Teredo among them
        [0x2001, 0x0db8] => true,    // documentation
        [0x2002, _] => true,         // 6to4
        [0x3fff, 0..0x1000] => true, // documentation
        _ => false,
    };
    let isatap = matches!(segments[4..6], [0 | 0x0200, 0x5efe]);
    segments[0] & 0xe000 == 0x2000 && !special && !isatap
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: bool) {
        assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn public_addresses_are_public() {
        for address in [
            "1.1.1.1",
            "93.184.215.14",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "223.255.255.255",
        ] {
            check(address, true);
        }
        for address in [
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "::ffff:1.1.1.1",
        ] {
            check(address, true);
        }
    }

    #[test]
    fn special_addresses_are_not_public() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            check(address, false);
        }
    }

    #[test]
    fn an_ipv4_address_cannot_hide_in_ipv6() {
        for address in [
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001::7f00:1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2600::5efe:7f00:1",
            "2600::200:5efe:a00:1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            check(address, false);
        }
    }

    #[test]
    fn a_shown_url_keeps_query_and_credentials_to_itself() {
        assert_eq!(
            shown(&"https://me:secret@e.com/a.jpg?token=t".parse().unwrap()),
            "https://e.com/a.jpg"
        );
    }
}
