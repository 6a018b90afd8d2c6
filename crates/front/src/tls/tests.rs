use std::time::Duration;

use http::{Response, StatusCode};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::body::full;
use crate::listen::{Front, HANDSHAKES_MAX, Port, serve_tls};
use crate::places::Places;
use crate::wire::{Exchange, Wire, WireFuture};

const GATEWAY: (&[u8], &[u8]) = (include_bytes!("gateway.pem"), include_bytes!("gateway.key"));
const VENDOR: (&[u8], &[u8]) = (include_bytes!("vendor.pem"), include_bytes!("vendor.key"));
const OTHER: (&[u8], &[u8]) = (include_bytes!("other.pem"), include_bytes!("other.key"));

/// Answers with the digest of the certificate that it was asked with.
struct Tells;

impl Wire for Tells {
    fn owns(&self, _: &str) -> bool {
        true
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        let digest = exchange.request.extensions().get::<PeerCertificate>().map(|certificate| certificate.0);
        let said = digest.map_or("none".to_owned(), |digest| digest.to_string());
        let mut response = Response::new(full(said));
        *response.status_mut() = StatusCode::OK;
        Box::pin(std::future::ready(response))
    }
}

async fn gateway() -> (std::net::SocketAddr, tokio::task::JoinSet<()>, CancellationToken) {
    gateway_of(64).await
}

/// With so many places for connections.
async fn gateway_of(connections_max: usize) -> (std::net::SocketAddr, tokio::task::JoinSet<()>, CancellationToken) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let in_flight = Arc::new(Places::new(10));
    let front = Front { access: None, origins: None, wires: vec![Arc::new(Tells)], in_flight };
    let stop = CancellationToken::new();
    let tls = Tls::new(GATEWAY.0, GATEWAY.1).unwrap();
    let mut serving = tokio::task::JoinSet::new();
    let port = Port { listener, connections_max };
    serving.spawn(serve_tls(port, tls, Arc::new(front), stop.clone(), Duration::from_secs(5)));
    (address, serving, stop)
}

/// What a client with this certificate, and this private key, is told.
async fn told(
    address: std::net::SocketAddr,
    version: &'static SupportedProtocolVersion,
    own: Option<(&[u8], &[u8])>,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(GATEWAY.0).unwrap()).unwrap();
    let config = ClientConfig::builder_with_protocol_versions(&[version]).with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(key).unwrap();
            let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
            let resolver = Always(Arc::new(rustls::sign::CertifiedKey::new(chain, key)));
            config.with_client_cert_resolver(Arc::new(resolver))
        }
    };
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("gateway.test").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"GET /x HTTP/1.1\r\nhost: gateway.test\r\nconnection: close\r\n\r\n").await?;
    let mut said = String::new();
    stream.read_to_string(&mut said).await?;
    Ok(said.rsplit("\r\n").next().unwrap_or_default().to_owned())
}

/// A client that presents what it has, whether or not key and certificate are of each other.
#[derive(Debug)]
struct Always(Arc<rustls::sign::CertifiedKey>);

impl rustls::client::ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_request_is_known_by_the_certificate_of_its_connection() {
    let (address, _serving, _) = gateway().await;
    for version in [&TLS12, &TLS13] {
        for (own, certificate) in [(Some(VENDOR), VENDOR.0), (Some(OTHER), OTHER.0)] {
            let der = CertificateDer::from_pem_slice(certificate).unwrap();
            assert_eq!(told(address, version, own).await.unwrap(), certificate_digest(&der).to_string());
        }
        assert_eq!(told(address, version, None).await.unwrap(), "none");
    }
}

// INVARIANT: a certificate is no secret, so whoever presents one must hold its private half.
#[tokio::test]
async fn nobody_comes_in_with_the_certificate_of_somebody_else() {
    let (address, _serving, _) = gateway().await;
    for version in [&TLS12, &TLS13] {
        let stolen = told(address, version, Some((VENDOR.0, GATEWAY.1))).await;
        assert!(stolen.is_err(), "{stolen:?}");
    }
}

#[tokio::test]
async fn whoever_does_not_go_on_with_a_handshake_keeps_nobody_from_stopping() {
    let (address, mut serving, stop) = gateway().await;
    let _silent = TcpStream::connect(address).await.unwrap();
    assert_eq!(told(address, &TLS13, None).await.unwrap(), "none");
    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(4), serving.join_next()).await;
    assert!(ended.is_ok(), "it waits for a client that says nothing");
}

#[tokio::test]
async fn whoever_does_not_go_on_with_a_handshake_keeps_nobody_from_beginning_one() {
    let (address, _serving, _) = gateway_of(8 * HANDSHAKES_MAX).await;
    let mut silent = Vec::new();
    for _ in 0..HANDSHAKES_MAX + 10 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(told(address, &TLS13, None).await.unwrap(), "none");
    let mut closed = Vec::new();
    for (number, one) in silent.iter_mut().enumerate() {
        let ended = tokio::time::timeout(Duration::from_millis(5), one.read(&mut [0])).await;
        closed.extend(ended.is_ok().then_some(number));
    }
    assert_eq!(closed, (0..=10).collect::<Vec<_>>(), "the oldest are closed");
}

#[test]
fn what_is_no_certificate_with_its_key_is_refused() {
    for (certificate, key) in
        [(b"x".as_slice(), GATEWAY.1), (GATEWAY.0, b"x"), (GATEWAY.1, GATEWAY.1), (GATEWAY.0, VENDOR.1)]
    {
        let refused = Tls::new(certificate, key).err().map(|fault| fault.to_string());
        assert!(refused.is_some());
    }
}
