//! What connects to an address, and whom it trusts.

use std::sync::OnceLock;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use model::{Blame, Fault};
use rustls::{ClientConfig, RootCertStore};

/// What connects.
pub type Connector = HttpsConnector<HttpConnector>;

/// How an address is connected to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Connecting {
    /// Whether HTTP/2 is spoken with whoever offers it over TLS. Over plain TCP nobody can offer it.
    pub http2: bool,
    /// How long TCP may take.
    pub time_max: Option<Duration>,
}

/// What connects to such addresses. The system's certificate authorities are read once, when the first connection that needs
/// them is made. Error: they cannot be read (blame `Operator`).
pub fn connector(url: &Uri, how: Connecting) -> Result<Connector, Fault> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(how.time_max);
    // A stream on which nothing is said for hours must notice that the other side is gone.
    tcp.set_keepalive(Some(KEEP_ALIVE));
    let builder = HttpsConnectorBuilder::new().with_tls_config(trust(url)?).https_or_http().enable_http1();
    Ok(if how.http2 { builder.enable_http2().wrap_connector(tcp) } else { builder.wrap_connector(tcp) })
}

fn trust(url: &Uri) -> Result<ClientConfig, Fault> {
    static TRUSTING: OnceLock<ClientConfig> = OnceLock::new();
    static PLAIN: OnceLock<ClientConfig> = OnceLock::new();
    // One that never speaks TLS trusts nobody: the authorities take time and memory to read.
    match (url.scheme() == Some(&Scheme::HTTP), TRUSTING.get()) {
        (true, _) => Ok(PLAIN.get_or_init(|| trusting(RootCertStore::empty())).clone()),
        (false, Some(config)) => Ok(config.clone()),
        (false, None) => {
            let native = ClientConfig::builder().with_native_roots().map_err(|error| {
                let said = "the system's certificate authorities could not be read";
                Fault::new(Blame::Operator, "operator.no_roots", said)
                    .hint("install the package `ca-certificates`")
                    .because(error)
            })?;
            Ok(TRUSTING.get_or_init(|| native.with_no_client_auth()).clone())
        }
    }
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

const KEEP_ALIVE: Duration = Duration::from_secs(60);
