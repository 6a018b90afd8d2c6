//! TLS for vendors that prove who they are with a certificate.
//!
//! A client is asked for a certificate and may have none: then it has a key. The handshake proves that it holds the private half;
//! which vendor that is, and until when, is what the certificate is registered for (`identity`). So nobody's signature below it
//! matters, and a stranger's certificate is told so in words, with a status, instead of by a handshake that breaks off.

use std::sync::Arc;

use arc_swap::ArcSwap;
use identity::certificate_digest;
use model::{Blame, Fault};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::wire::PeerCertificate;

/// A listener's own certificate, and what it asks of others. A clone is the same one.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ArcSwap<ServerConfig>>,
}

/// A connection on which both sides have said who they are.
pub(crate) struct Accepted {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) certificate: Option<PeerCertificate>,
    /// Whether both agreed (ALPN) on HTTP/2.
    pub(crate) http2: bool,
}

/// Takes any certificate whose private half the client holds.
#[derive(Debug)]
struct WhoeverHoldsTheKey {
    algorithms: WebPkiSupportedAlgorithms,
}

// === impl Tls ===

impl Tls {
    /// A certificate with those above it, and its private key, in PEM. Error: they are none, or not of each other (blame
    /// `Operator`).
    pub fn new(certificates: &[u8], key: &[u8]) -> Result<Self, Fault> {
        let wrong = |said: &'static str| Fault::new(Blame::Operator, "operator.tls", said);
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.map_err(|error| wrong("the certificate is not in PEM").because(error))?;
        if chain.is_empty() {
            return Err(wrong("there is no certificate in PEM").hint("`-----BEGIN CERTIFICATE-----` is how one begins"));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
            wrong("there is no private key in PEM").hint("`-----BEGIN PRIVATE KEY-----` is how one begins")
        })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("TLS cannot be spoken").because(error))?
            .with_client_cert_verifier(Arc::new(WhoeverHoldsTheKey { algorithms }))
            .with_single_cert(chain, key)
            .map_err(|error| wrong("certificate and private key are not of each other").because(error))?;
        // What the client offers of both, in this order.
        config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(ArcSwap::from_pointee(config)) })
    }

    /// Shows the other's certificate from the next connection on.
    pub fn replace(&self, other: &Self) {
        self.config.store(other.config.load_full());
    }

    /// The connection once both sides have said who they are. The caller bounds the time.
    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<Accepted> {
        let stream = TlsAcceptor::from(self.config.load_full()).accept(stream).await?;
        let (_, session) = stream.get_ref();
        let own = session.peer_certificates().and_then(<[_]>::first);
        let certificate = own.map(|der| PeerCertificate(certificate_digest(der)));
        let http2 = session.alpn_protocol() == Some(HTTP2);
        Ok(Accepted { stream, certificate, http2 })
    }
}

impl ClientCertVerifier for WhoeverHoldsTheKey {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

const HTTP2: &[u8] = b"h2";

#[cfg(test)]
mod tests;
