//! The database of the trace, where that is not kept in the data directory.

use std::path::Path;

use broker::Source;
use model::Fault;
use serde_saphyr::Spanned;
use store::{Address, Location};

use super::super::raw::RawTrace;
use super::{Checker, Config};
use crate::config::kept::kept_secret;
use crate::gateway::files;

/// A database, and how its password is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Where it is.
    pub address: Address,
    /// Where the password is kept; none where the server wants none.
    pub password: Option<Source>,
}

impl Config {
    /// Where the trace is kept. Error: the password cannot be had.
    pub fn trace(&self) -> Result<Location, Fault> {
        let Some(database) = &self.database else { return Ok(Location::File(self.data.join(files::TRACE))) };
        let address = database.address.clone();
        Ok(Location::Database(match &database.password {
            Some(source) => address.with_password(&kept_secret(
                source,
                "`trace: password:` says where the password of the database is kept",
            )?),
            None => address,
        }))
    }
}

impl Checker<'_> {
    pub(super) fn database(&mut self, raw: &RawTrace, data: &Path) -> Option<Database> {
        let Some(store) = &raw.store else {
            for written in raw.log.iter().chain(&raw.password) {
                let said = "this is about a database, and the trace is kept in the data directory".to_owned();
                self.problem(written, said, Some("say in which: `store: postgres://…`".to_owned()));
            }
            return None;
        };
        let text = self.substitute(&store.value, store)?;
        let log = raw.log.as_ref().map_or(LOG, |log| &log.value);
        let address = match Address::parse(&text, log, &data.join(files::TRACE_KEYS)) {
            Ok(address) => Some(address),
            Err(error) => {
                self.problem(store, error.to_string(), Some(error.hint().to_owned()));
                None
            }
        };
        let password = match &raw.password {
            Some(written) => Some(self.password(written)?),
            None => None,
        };
        Some(Database { address: address?, password })
    }

    fn password(&mut self, written: &Spanned<String>) -> Option<Source> {
        let source = self.source(written)?;
        if matches!(source, Source::Vault(_)) {
            let said = "the vault is opened behind the trace and cannot hold its password".to_owned();
            self.problem(written, said, Some("name a file (`file:PATH`) or a variable (`env:NAME`)".to_owned()));
            return None;
        }
        Some(source)
    }
}

/// The lines that may hold a password.
pub(super) fn lines_with_secrets(raw: &RawTrace) -> impl Iterator<Item = u64> {
    let written = raw.store.iter().chain(&raw.password);
    written.flat_map(|written| [written.referenced.line(), written.defined.line()])
}

/// Which log of a database is meant where nothing is said.
const LOG: &str = "main";
