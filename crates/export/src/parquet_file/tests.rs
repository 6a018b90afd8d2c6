use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;

use super::*;
use crate::samples::{Log, about, change};

#[test]
fn what_is_written_reads_back() {
    let mut log = Log::with_calls(0..4);
    log.add(&[trace::Row::of_change(&change(9)).unwrap()]);
    let items = log.items();
    let mut file = ParquetFile::new(Vec::new(), &about()).unwrap();
    for (place, item) in items.iter().enumerate() {
        assert_eq!(row(item).len(), file.columns.len(), "a cell for each column");
        file.add(item).unwrap();
        if place == 2 {
            file.flush().unwrap();
        }
    }
    let reader = SerializedFileReader::new(Bytes::from(file.finish().unwrap())).unwrap();
    assert_eq!(reader.num_row_groups(), 2);
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), items.len());
    for (row, item) in rows.iter().zip(&items) {
        let entry = &item.entry;
        assert_eq!(row.get_long(0).unwrap() as u64, entry.sequence);
        assert_eq!(row.get_timestamp_micros(3).unwrap(), entry.at.0);
        assert_eq!(row.get_bool(4).unwrap(), item.security_relevant());
        assert_eq!(row.get_bytes(5).unwrap().data(), entry.leaf.as_bytes());
        assert_eq!(row.get_bytes(6).unwrap().data(), entry.leaf_hash.as_bytes());
        let rules = row.get_list(14).unwrap().len();
        assert_eq!(rules, usize::from(entry.kind == RecordKind::Intent), "those that decided");
        assert_eq!(row.get_string(12).ok().map(String::as_str), entry.verdict.map(model::Verdict::as_str));
    }
}
