//! The vendor of the story: an integration with an HTTP client, an address and a key.

use reqwest::redirect::Policy;

use crate::error::DemoError;

/// A vendor's integration.
pub struct Vendor {
    base: String,
    key: String,
    http: reqwest::Client,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Vendor {
    /// One that asks at this address with this key.
    pub fn new(base: &str, key: &str) -> Result<Self, DemoError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .map_err(|error| DemoError::Unreachable { url: base.to_owned(), source: error.into() })?;
        Ok(Self { base: base.to_owned(), key: key.to_owned(), http })
    }

    /// Asks for something below the address.
    pub async fn get(&self, path: &str) -> Result<Heard, DemoError> {
        let url = format!("{}{path}", self.base);
        let failed = |error: reqwest::Error| DemoError::Unreachable { url: url.clone(), source: error.into() };
        let response = self.http.get(&url).bearer_auth(&self.key).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        Ok(Heard { status, body: response.text().await.map_err(failed)? })
    }
}
