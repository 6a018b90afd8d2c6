//! The style, the script and the mark: ours, one file each, served under the digest of what they hold.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use front::{Body, full};
use http::{HeaderValue, Response, header};

/// What pages load.
#[derive(Debug)]
pub(crate) struct Assets {
    pub(crate) style: Asset,
    pub(crate) script: Asset,
    pub(crate) mark: Asset,
}

#[derive(Debug)]
pub(crate) struct Asset {
    /// Where it is: changes with what it holds, so that browsers may keep it.
    pub(crate) path: String,
    kind: &'static str,
    text: &'static str,
}

// === impl Assets ===

impl Assets {
    pub(crate) fn new() -> Self {
        Self {
            style: Asset::new("console", "css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
            script: Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
            mark: Asset::new("mark", "svg", "image/svg+xml", include_str!("../assets/mark.svg")),
        }
    }

    /// The response for this path, if it is one of them.
    pub(crate) fn serve(&self, path: &str) -> Option<Response<Body>> {
        let asset = [&self.style, &self.script, &self.mark].into_iter().find(|asset| asset.path == path)?;
        let mut response = Response::new(full(asset.text));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        Some(response)
    }
}

// === impl Asset ===

impl Asset {
    fn new(name: &str, end: &str, kind: &'static str, text: &'static str) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()).as_ref());
        let short: String = hash.chars().take(16).collect();
        Self { path: format!("/assets/{name}.{short}.{end}"), kind, text }
    }
}
