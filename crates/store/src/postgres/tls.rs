//! Encrypted links to a server.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use trace::{StoreFault, StoreFaultKind};

/// How a link is protected on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Not at all: it does not leave this machine, or somebody has said so.
    None,
    /// Against those who listen. Who answers is not looked at.
    Required,
    /// Against those who answer in the server's place, too: its certificate is for its name and by one of these authorities, or by
    /// one of the system's.
    Verified(Option<PathBuf>),
}

/// Makes encrypted links.
#[derive(Clone)]
pub(super) struct Tls(TlsConnector);

/// One link that is to be encrypted, and whom it should lead to.
pub(super) struct Handshake {
    connector: TlsConnector,
    server: ServerName<'static>,
}

/// An encrypted link.
pub(super) struct Encrypted<S>(TlsStream<S>);

/// Takes any certificate whose key the other side has.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

// === impl Encryption ===

impl Encryption {
    /// What makes such links; none where they are not encrypted. Error: the authorities cannot be read.
    pub(super) fn connector(&self) -> Result<Option<Tls>, StoreFault> {
        let config = match self {
            Self::None => return Ok(None),
            Self::Required => {
                let provider = Arc::clone(ClientConfig::builder().crypto_provider());
                let any = Arc::new(AnyServer(provider));
                ClientConfig::builder().dangerous().with_custom_certificate_verifier(any).with_no_client_auth()
            }
            Self::Verified(file) => {
                let roots = match file {
                    Some(file) => authorities_in(file)?,
                    None => authorities_of_the_system()?,
                };
                ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
            }
        };
        Ok(Some(Tls(TlsConnector::from(Arc::new(config)))))
    }
}

fn authorities_in(file: &Path) -> Result<RootCertStore, StoreFault> {
    let unreadable = |why: String| {
        let said = format!("`{}` holds no certificates of authorities: {why}", file.display());
        StoreFault::new(StoreFaultKind::Broken, said)
            .with_hint("`sslrootcert` names a file in PEM with the certificate that signed the server's")
    };
    let mut roots = RootCertStore::empty();
    for found in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))? {
        let found = found.map_err(|error| unreadable(error.to_string()))?;
        roots.add(found).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unreadable("there is none in it".to_owned())) } else { Ok(roots) }
}

fn authorities_of_the_system() -> Result<RootCertStore, StoreFault> {
    let mut roots = RootCertStore::empty();
    let _taken = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let said = "the system's certificate authorities could not be read";
        return Err(StoreFault::new(StoreFaultKind::Broken, said)
            .with_hint("install the package `ca-certificates`, or name a file: `sslrootcert=`"));
    }
    Ok(roots)
}

// === impl Tls, Handshake, Encrypted ===

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Encrypted<S>;
    type TlsConnect = Handshake;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, Self::Error> {
        Ok(Handshake { connector: self.0.clone(), server: ServerName::try_from(domain)?.to_owned() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.server, stream).await.map(Encrypted) })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Encrypted<S> {
    /// The server's certificate is not bound to the password: who answers is known by `verify-full`.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

// === impl AnyServer ===

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _server: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
