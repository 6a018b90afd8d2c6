//! Where the trace goes as it grows.

use std::path::{Path, PathBuf};

use export::{Headers, SinkSpec, Target, TextFormat, Transport};
use http::{HeaderMap, HeaderName, HeaderValue};
use model::UnixMicros;
use model::limits::{EXPORT_FILE_BYTES_MAX, EXPORT_FILES_KEPT_MAX, EXPORT_FILES_SET_MAX, EXPORTS_MAX};
use serde_saphyr::Spanned;
use trace::Query;

use super::super::problem::nearest;
use super::super::raw::{Named, RawExport};
use super::{Checker, shown};

impl Checker<'_> {
    pub(super) fn exports(&mut self, raw: &Named<RawExport>) -> Vec<SinkSpec> {
        if let Some((name, _)) = raw.0.get(EXPORTS_MAX) {
            self.problem(name, format!("there are more than {EXPORTS_MAX} exports"), None);
        }
        let specs: Vec<SinkSpec> = raw.0.iter().filter_map(|(name, export)| self.export(name, export)).collect();
        self.one_for_each_file(raw, &specs);
        specs
    }

    /// Two that write into one file cut off each other's lines: each takes a line that is not whole for one of a crash.
    fn one_for_each_file(&mut self, raw: &Named<RawExport>, specs: &[SinkSpec]) {
        let file = |spec: &SinkSpec| match &spec.target {
            Target::File { path, kept, .. } => Some((spec.name.clone(), wherever_written(path), *kept)),
            _ => None,
        };
        let files: Vec<(String, PathBuf, u32)> = specs.iter().filter_map(file).collect();
        for (place, (name, path, kept)) in files.iter().enumerate() {
            let mut before = files.iter().take(place);
            let met = before.find(|(_, other, others)| {
                path == other || is_full_one(path, other, *others) || is_full_one(other, path, *kept)
            });
            let written = raw.0.iter().find(|(raw, _)| raw.value == *name).and_then(|(_, raw)| raw.file.as_ref());
            if let (Some((other, ..)), Some(written)) = (met, written) {
                let said = format!("`{name}` and `{other}` would write into one file: `{}`", path.display());
                let hint = "give each a file of its own, or make them one export whose `only:` finds what both are for";
                self.problem(written, said, Some(hint.to_owned()));
            }
        }
    }

    fn export(&mut self, name: &Spanned<String>, raw: &RawExport) -> Option<SinkSpec> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.value.is_empty() || name.value.len() > NAME_CHARS_MAX || !name.value.chars().all(fits) {
            let said = format!("`{}` is no name for an export: it takes 1 to 64 of `a-z 0-9 -`", name.value);
            self.problem(name, said, None);
            return None;
        }
        let only = match &raw.only {
            Some(written) => Some(self.only(written)?),
            None => None,
        };
        self.superfluous(raw);
        let target = match raw.kind.value.as_str() {
            "jsonl" => self.file_target(raw, TextFormat::Jsonl),
            "cef" => self.file_target(raw, TextFormat::Cef),
            "ocsf" if raw.url.is_some() => {
                let (url, headers) = (self.there(raw, raw.url.as_ref(), "url: https://…")?, self.headers(raw)?);
                Some(Target::Ocsf { url: self.url(url)?, headers })
            }
            "ocsf" => self.file_target(raw, TextFormat::Ocsf),
            "otlp" => {
                let (url, headers) = (self.there(raw, raw.url.as_ref(), "url: http://…:4318")?, self.headers(raw)?);
                let metrics = raw.metrics.as_ref().is_none_or(|metrics| metrics.value);
                Some(Target::Otlp { url: self.url(url)?, headers, metrics })
            }
            "syslog" => self.syslog_target(raw),
            other => {
                let hint = nearest(other, KINDS.into_iter());
                self.problem(&raw.kind, format!("there is no kind of export `{other}`"), Some(hint));
                None
            }
        };
        Some(SinkSpec { name: name.value.clone(), target: target?, only })
    }

    /// Which records. Everything from some moment on is no choice for what never ends.
    fn only(&mut self, written: &Spanned<String>) -> Option<Query> {
        match Query::parse(&written.value, UnixMicros(0)) {
            Ok(query) if query.since.is_none() && query.until.is_none() => Some(query),
            Ok(_) => {
                self.problem(written, "an export takes no `since:` and no `until:`".to_owned(), None);
                None
            }
            Err(error) => {
                self.problem(written, error.to_string(), error.way_out().map(str::to_owned));
                None
            }
        }
    }

    /// Tells what means nothing to this kind.
    fn superfluous(&mut self, raw: &RawExport) {
        let kind = raw.kind.value.as_str();
        let over_http = kind == "otlp" || (kind == "ocsf" && raw.url.is_some());
        let into_file = matches!(kind, "jsonl" | "cef") || (kind == "ocsf" && raw.url.is_none());
        if let Some(file) = raw.file.as_ref().filter(|_| !into_file) {
            self.unused(file, "file", kind);
        }
        if let Some(url) = raw.url.as_ref().filter(|_| !over_http) {
            self.unused(url, "url", kind);
        }
        if let Some(address) = raw.address.as_ref().filter(|_| kind != "syslog") {
            self.unused(address, "address", kind);
        }
        if let Some(value) = raw.headers.iter().flat_map(|headers| headers.values()).next().filter(|_| !over_http) {
            self.unused(value, "headers", kind);
        }
        if let Some(metrics) = raw.metrics.as_ref().filter(|_| kind != "otlp") {
            self.unused(metrics, "metrics", kind);
        }
        if let Some(bytes) = raw.bytes_max.as_ref().filter(|_| !into_file) {
            self.unused(bytes, "bytes_max", kind);
        }
        if let Some(kept) = raw.kept.as_ref().filter(|_| !into_file) {
            self.unused(kept, "kept", kind);
        }
    }

    fn unused<T>(&mut self, written: &Spanned<T>, key: &str, kind: &str) {
        let said = format!("an export of the kind `{kind}` has no use for `{key}:` here");
        self.problem(written, said, Some(format!("leave `{key}:` away")));
    }

    fn file_target(&mut self, raw: &RawExport, format: TextFormat) -> Option<Target> {
        let written = self.there(raw, raw.file.as_ref(), "file: PATH")?;
        let path = self.substitute(&written.value, written)?;
        // A file that never ends is for its reader to decide; it is bounded by the disk.
        let bytes_max = raw.bytes_max.as_ref().map_or(EXPORT_FILE_BYTES_MAX, |written| self.bound(written, u64::MAX));
        let kept = raw.kept.as_ref().map_or(EXPORT_FILES_KEPT_MAX, |kept| kept.value);
        if let Some(written) = raw.kept.as_ref().filter(|_| kept > EXPORT_FILES_SET_MAX) {
            self.problem(written, format!("this bound can be {EXPORT_FILES_SET_MAX} at most"), None);
        }
        Some(Target::File { path: self.path(&path), format, bytes_max, kept })
    }

    fn syslog_target(&mut self, raw: &RawExport) -> Option<Target> {
        let written = self.there(raw, raw.address.as_ref(), "address: tcp://HOST:PORT")?;
        let text = self.substitute(&written.value, written)?;
        let parted = text.split_once("://").filter(|(_, address)| {
            address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        });
        match parted {
            Some(("tcp", address)) => Some(Target::Syslog { address: address.to_owned(), transport: Transport::Tcp }),
            Some(("udp", address)) => Some(Target::Syslog { address: address.to_owned(), transport: Transport::Udp }),
            _ => {
                let said =
                    format!("`{}` is no address: it takes `tcp://HOST:PORT` or `udp://HOST:PORT`", shown(written));
                self.problem(written, said, None);
                None
            }
        }
    }

    fn there<'w>(
        &mut self,
        raw: &RawExport,
        written: Option<&'w Spanned<String>>,
        wanted: &str,
    ) -> Option<&'w Spanned<String>> {
        if written.is_none() {
            let said = format!("an export of the kind `{}` does not say where to", raw.kind.value);
            self.problem(&raw.kind, said, Some(format!("add `{wanted}`")));
        }
        written
    }

    /// Tokens may stand in them: their lines are never shown.
    fn headers(&mut self, raw: &RawExport) -> Option<Headers> {
        let mut headers = HeaderMap::new();
        for (name, written) in raw.headers.iter().flatten() {
            let value = self.substitute(&written.value, written)?;
            let parsed = (name.parse::<HeaderName>().ok(), HeaderValue::from_str(&value).ok());
            let (Some(key), Some(mut value)) = parsed else {
                self.problem(written, format!("`{name}` and what it says are no header of HTTP"), None);
                return None;
            };
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Some(Headers(headers))
    }
}

/// The path of a file that need not be there yet, however it is written.
fn wherever_written(path: &Path) -> PathBuf {
    let folder = || path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    path.canonicalize().ok().unwrap_or_else(|| match path.file_name() {
        Some(name) => wherever_written(folder()).join(name),
        None => path.to_owned(),
    })
}

/// Whether a path is that of a full file behind one that grows.
fn is_full_one(path: &Path, of: &Path, kept: u32) -> bool {
    let number = path.as_os_str().as_encoded_bytes().strip_prefix(of.as_os_str().as_encoded_bytes());
    let number = number.and_then(|number| std::str::from_utf8(number).ok()?.strip_prefix('.')?.parse::<u32>().ok());
    number.is_some_and(|number| (1..=kept).contains(&number))
}

const KINDS: [&str; 5] = ["jsonl", "ocsf", "cef", "otlp", "syslog"];
const NAME_CHARS_MAX: usize = 64;
