//! `door:`, a listener with TLS for vendors, who may show a certificate there.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;

use front::Tls;
use http::Uri;
use model::Secret;
use model::limits::FILE_BYTES_MAX;
use serde_saphyr::Spanned;

use super::{Checker, read_guarded, shown};
use crate::config::raw::RawDoor;

/// A listener with TLS for vendors.
#[derive(Clone)]
pub struct DoorConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address that vendors use, where it is not the one listened on.
    pub url: Option<Uri>,
    /// Its certificate, and how it asks for others'.
    pub tls: Tls,
}

impl Checker<'_> {
    pub(super) fn door(&mut self, raw: &RawDoor) -> Option<DoorConfig> {
        let listen: Option<SocketAddr> = self.parse(&raw.listen, "an address and a port, for example `0.0.0.0:4443`");
        let url = match &raw.url {
            None => None,
            Some(written) => Some(self.door_url(written)?),
        };
        if let Some(listen) = listen.filter(|listen| !listen.ip().is_loopback() && raw.url.is_none()) {
            let said = format!("`{listen}` is reached from elsewhere, and nothing says by which name");
            self.problem(&raw.listen, said, Some("name its address with `url: https://…`".to_owned()));
        }
        let file = self.path(&raw.certificate.value);
        let certificates = read_guarded(&file).map_err(|problem| {
            let said = format!("the certificate `{}` cannot be used: {}", raw.certificate.value, problem.said);
            self.problem(&raw.certificate, said, problem.hint);
        });
        let key = self.private_key(&raw.key);
        let (certificates, key) = (certificates.ok()?, key?);
        let tls = Tls::new(certificates.as_bytes(), key.expose()).map_err(|fault| {
            let hint = fault.way_out().map(str::to_owned);
            self.problem(&raw.certificate, fault.to_string(), hint);
        });
        Some(DoorConfig { listen: listen?, url, tls: tls.ok()? })
    }

    /// Nobody but its owner and a group may read a private key.
    fn private_key(&mut self, written: &Spanned<String>) -> Option<Secret<Vec<u8>>> {
        let file = self.path(&written.value);
        let read = std::fs::metadata(&file).and_then(|about| {
            let fits = about.is_file() && about.len() <= FILE_BYTES_MAX;
            let content = if fits { std::fs::read(&file)? } else { Vec::new() };
            Ok((about.mode(), Secret::new(content)))
        });
        match read {
            Ok((mode, _)) if mode & 0o027 != 0 => {
                let said = format!("the private key `{}` is open to others (mode {:o})", written.value, mode & 0o777);
                self.problem(written, said, Some(format!("chmod o-rwx,g-w {}", file.display())));
                None
            }
            Ok((_, content)) => Some(content),
            Err(error) => {
                self.problem(written, format!("the private key `{}` cannot be read: {error}", written.value), None);
                None
            }
        }
    }

    fn door_url(&mut self, written: &Spanned<String>) -> Option<Uri> {
        let url = self.url(written)?;
        if url.scheme_str() != Some("https") || !matches!(url.path(), "" | "/") || url.query().is_some() {
            let said = format!("`{}` is not an address of https without a path", shown(written));
            self.problem(written, said, Some("vendors reach `…/api/APP/…` below it".to_owned()));
            return None;
        }
        Some(url)
    }
}
