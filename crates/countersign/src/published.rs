//! The log as others read it (c2sp.org/tlog-tiles): its newest checkpoint and its tiles, over HTTP.
//!
//! Hashes tell nothing of what was recorded. Entries, the leaves themselves, name agents, apps and tools: they are read over the
//! operator's socket only.

use std::sync::{Arc, Mutex, PoisonError};

use front::{Body, Exchange, Strangers, Wire, WireFuture, full, text_response};
use http::{HeaderValue, Method, Response, StatusCode, header};
use model::Fault;
use model::limits::LOG_READERS_IN_FLIGHT_MAX;
use tlog::{Tile, TileKind};
use trace::LogReader;

use crate::notary::Latest;

/// `GET /log/checkpoint` and `GET /log/tile/…`.
pub struct LogWire {
    latest: Latest,
    tiles: Arc<Tiles>,
    entries: Entries,
    places: Arc<Strangers>,
}

/// Opens a reader of the log.
pub type Opening = Box<dyn Fn() -> Result<Box<dyn LogReader>, Fault> + Send + Sync>;

/// The tiles of the log. Most gateways are never asked for one: the reader is opened for the first.
struct Tiles {
    open: Opening,
    reader: Mutex<Option<Box<dyn LogReader>>>,
}

/// Who may read the leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Whoever reaches this wire.
    Served,
    /// Nobody here.
    Withheld,
}

impl LogWire {
    /// Serves what such a reader reads.
    pub fn new(latest: Latest, open: Opening, entries: Entries) -> Self {
        let tiles = Arc::new(Tiles { open, reader: Mutex::new(None) });
        Self { latest, tiles, entries, places: Arc::new(Strangers::new(LOG_READERS_IN_FLIGHT_MAX)) }
    }

    async fn respond(&self, exchange: Exchange) -> Response<Body> {
        if !matches!(*exchange.request.method(), Method::GET | Method::HEAD) {
            return text_response(StatusCode::METHOD_NOT_ALLOWED, "the log is only read: use GET\n");
        }
        match exchange.request.uri().path().strip_prefix(PREFIX).unwrap_or_default() {
            "checkpoint" => self.checkpoint(),
            path => self.tile(path).await,
        }
    }

    fn checkpoint(&self) -> Response<Body> {
        let Some(latest) = self.latest.load_full() else {
            return text_response(StatusCode::NOT_FOUND, "nothing has been signed yet\n");
        };
        let mut response = text_response(StatusCode::OK, latest.to_string());
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    async fn tile(&self, path: &str) -> Response<Body> {
        let tile: Tile = match path.parse() {
            Ok(tile) => tile,
            Err(error) => return text_response(StatusCode::NOT_FOUND, format!("{error}\n")),
        };
        if tile.kind() == TileKind::Entries && self.entries == Entries::Withheld {
            return text_response(StatusCode::FORBIDDEN, "the entries are read over the operator's socket\n");
        }
        let tiles = Arc::clone(&self.tiles);
        match tokio::task::spawn_blocking(move || tiles.read(tile)).await {
            Ok(Ok(Some(bytes))) => {
                let mut response = Response::new(full(bytes));
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=604800, immutable"));
                response
            }
            Ok(Ok(None)) => text_response(StatusCode::NOT_FOUND, "the log is not that large\n"),
            Ok(Err(fault)) => {
                tracing::error!(%fault, "a tile could not be read");
                text_response(StatusCode::SERVICE_UNAVAILABLE, "the tile could not be read\n")
            }
            Err(error) => {
                tracing::error!(%error, "reading a tile broke off");
                text_response(StatusCode::INTERNAL_SERVER_ERROR, "the tile could not be read\n")
            }
        }
    }
}

impl Tiles {
    fn read(&self, tile: Tile) -> Result<Option<Vec<u8>>, Fault> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = match reader.as_mut() {
            Some(reader) => reader,
            None => reader.insert((self.open)()?),
        };
        reader.tile(tile).map_err(Fault::from)
    }
}

impl Wire for LogWire {
    fn owns(&self, path: &str) -> bool {
        path.strip_prefix(PREFIX).is_some_and(|rest| rest == "checkpoint" || rest.starts_with("tile/"))
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        Box::pin(self.respond(exchange))
    }

    /// Whoever reads the log has shown nothing, and waits for the disk: not in the place of a call.
    fn places(&self, _: &Method, _: &str) -> Option<&Arc<Strangers>> {
        Some(&self.places)
    }
}

/// Where the log begins, for those who read it: `https://gateway.example/log`.
const PREFIX: &str = "/log/";

#[cfg(test)]
mod tests;
