//! Parquet: a row a record, in typed columns, with leaf and leaf hash so that whoever reads it can check it.

mod columns;

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use trace::RecordKind;

use self::columns::{Cell, Columns};
use crate::item::{About, Item};
use crate::limits::{GROUP_BYTES_MAX, GROUP_ROWS_MAX};

/// A file in the making. Rows are kept until a row group is full.
pub(crate) struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Columns,
}

impl<W: Write + Send> ParquetFile<W> {
    pub(crate) fn new(to: W, about: &About) -> Result<Self, ParquetError> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let key = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("countersign version {}", about.version))
            .set_key_value_metadata(Some(vec![key("countersign.log.origin", &about.origin)]))
            .build();
        let columns = Columns::of(&schema);
        let writer = SerializedFileWriter::new(to, schema, Arc::new(properties))?;
        Ok(Self { writer, columns })
    }

    pub(crate) fn add(&mut self, item: &Item) -> Result<(), ParquetError> {
        self.columns.push(&row(item));
        if self.columns.rows() >= GROUP_ROWS_MAX || self.columns.bytes() >= GROUP_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is left, and the end of the file.
    pub(crate) fn finish(mut self) -> Result<W, ParquetError> {
        self.flush()?;
        self.writer.into_inner()
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.columns.rows() == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        self.columns.write(&mut group)?;
        group.close()?;
        self.columns.clear();
        Ok(())
    }
}

/// One record, in the order of the schema.
fn row(item: &Item) -> Vec<Cell> {
    let entry = &item.entry;
    let intent = item.view().filter(|_| entry.kind == RecordKind::Intent);
    let (outcome, change, shown) = (entry.outcome(), entry.change(), entry.shown());
    let text = |value: Option<&str>| Cell::Text(value.map(str::to_owned));
    let number = |value: Option<i64>| Cell::Number(value);
    let answer_bytes = outcome.as_ref().map(|outcome| i64::try_from(outcome.answer_bytes).unwrap_or(i64::MAX));
    let rules = intent.map(|view| view.rules.iter().map(|rule| rule.as_str().to_owned()).collect());
    vec![
        number(Some(i64::try_from(entry.sequence).unwrap_or(i64::MAX))),
        text(Some(entry.kind.as_str())),
        text(Some(entry.call.as_str())),
        number(Some(entry.at.0)),
        Cell::Flag(item.security_relevant()),
        Cell::Bytes(entry.leaf.clone().into_bytes()),
        Cell::Bytes(entry.leaf_hash.as_bytes().to_vec()),
        text(entry.agent.as_deref()),
        text(entry.human.as_deref()),
        text(entry.app.as_deref()),
        text(entry.tool.as_deref()),
        text(entry.class.map(model::Class::as_str)),
        text(entry.verdict.map(model::Verdict::as_str)),
        text(intent.and_then(|view| view.observed.as_ref()).map(|observed| observed.verdict.as_str())),
        Cell::Texts(rules.unwrap_or_default()),
        text(intent.map(trace::IntentView::because)),
        text(intent.map(|view| view.bundle.to_string()).as_deref()),
        text(intent.map(|view| view.method.as_str())),
        text(intent.and_then(|view| view.task.as_deref())),
        text(intent.and_then(|view| view.cause.as_ref()).map(model::CallId::as_str)),
        text(outcome.as_ref().map(|outcome| outcome.effect.as_str())),
        text(outcome.as_ref().map(|outcome| outcome.status.as_str())),
        text(outcome.as_ref().and_then(|outcome| outcome.code.as_deref())),
        number(answer_bytes),
        number(outcome.as_ref().map(|outcome| outcome.took_us)),
        Cell::MaybeFlag(outcome.as_ref().and_then(|outcome| outcome.agrees)),
        number(outcome.as_ref().and_then(|outcome| outcome.http_status).map(i64::from)),
        number(outcome.as_ref().and_then(|outcome| outcome.rpc_code)),
        number(outcome.as_ref().and_then(|outcome| outcome.hidden).map(i64::from)),
        text(change.as_ref().map(|change| change.what.as_str())),
        text(change.as_ref().and_then(|change| change.by.as_deref())),
        text(change.as_ref().and_then(|change| change.subject.as_deref())),
        text(shown.as_ref().map(|shown| shown.salt.as_str())),
        text(shown.as_ref().map(|shown| shown.text.as_str())),
    ]
}

const SCHEMA: &str = "message record {
    required int64 sequence;
    required binary kind (STRING);
    required binary call (STRING);
    required int64 time (TIMESTAMP(MICROS, true));
    required boolean security_relevant;
    required binary leaf;
    required fixed_len_byte_array(32) leaf_hash;
    optional binary agent (STRING);
    optional binary human (STRING);
    optional binary app (STRING);
    optional binary tool (STRING);
    optional binary class (STRING);
    optional binary verdict (STRING);
    optional binary would (STRING);
    required group rules (LIST) { repeated group list { required binary element (STRING); } }
    optional binary because (STRING);
    optional binary bundle (STRING);
    optional binary method (STRING);
    optional binary task (STRING);
    optional binary cause (STRING);
    optional binary effect (STRING);
    optional binary status (STRING);
    optional binary code (STRING);
    optional int64 answer_bytes;
    optional int64 took_us;
    optional boolean agrees;
    optional int64 http_status;
    optional int64 rpc_code;
    optional int64 hidden;
    optional binary what (STRING);
    optional binary by (STRING);
    optional binary subject (STRING);
    optional binary salt (STRING);
    optional binary body (JSON);
}";

#[cfg(test)]
mod tests;
