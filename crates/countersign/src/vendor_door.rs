//! Where vendors come in: the wires for them, and a listener with TLS of their own.

use std::net::SocketAddr;
use std::sync::Arc;

use front::{Origins, VendorAccess, VendorTokenEndpoint, Wire};
use http::Uri;
use http_proxy::Door;
use model::{Blame, Directory, Fault};
use tokio::net::TcpListener;

use crate::config::DoorConfig;
use crate::gateway::{Gateway, operator};

/// The listener with TLS, and the address under which vendors reach it, without a slash at its end.
pub struct Listening {
    /// The listener.
    pub listener: TcpListener,
    /// The address.
    pub url: String,
    local: SocketAddr,
}

/// The wires for vendors who know the gateway by this address.
pub fn wires(gateway: &Gateway, url: &str) -> [Arc<dyn Wire>; 2] {
    let (engine, tokens, refusals) = (&gateway.engine, &gateway.vendor_tokens, &gateway.refusals);
    let by_name = profile::unprofiled();
    let door = Door::new(Arc::clone(&gateway.apis), engine.clone(), access(gateway), by_name, url);
    let endpoint = VendorTokenEndpoint::new(Arc::clone(tokens), engine.clone(), Arc::clone(refusals), url);
    [Arc::new(door), Arc::new(endpoint)]
}

/// Who checks what vendors present.
pub fn access(gateway: &Gateway) -> VendorAccess {
    let directory = Arc::clone(&gateway.directory) as Arc<dyn Directory>;
    let (tokens, refusals) = (Arc::clone(&gateway.vendor_tokens), Arc::clone(&gateway.refusals));
    VendorAccess::new(tokens, directory, Arc::clone(gateway.engine.clock()), refusals)
}

impl Listening {
    /// Binds the address.
    pub async fn bind(config: &DoorConfig) -> Result<Self, Fault> {
        let listener = crate::commands::serve::listen(config.listen)
            .await
            .map_err(|fault| fault.hint("choose another address with `door: {listen: …}`"))?;
        let local =
            listener.local_addr().map_err(|error| operator("operator.listen", "the listener has no address", error))?;
        let url = address(config, local);
        Ok(Self { listener, url, local })
    }

    /// Under which names it is reached.
    pub fn origins(&self) -> Result<Origins, Fault> {
        let url: Uri = self
            .url
            .parse()
            .map_err(|_| Fault::new(Blame::Operator, "operator.url", "`door: url` is not an address"))?;
        Ok(Origins::new("door: {url: …}", &url, self.local, None))
    }
}

/// The address under which vendors reach the door.
pub fn address(config: &DoorConfig, local: SocketAddr) -> String {
    let url = config.url.as_ref().map_or_else(|| format!("https://{local}"), ToString::to_string);
    url.trim_end_matches('/').to_owned()
}
