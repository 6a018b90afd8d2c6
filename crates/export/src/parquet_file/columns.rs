//! The columns of one row group, before they are written.

use std::io::Write;

use parquet::basic::{Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::Type;

/// One value of one row.
pub(super) enum Cell {
    Number(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
    Flag(bool),
    MaybeFlag(Option<bool>),
    Texts(Vec<String>),
}

/// As many as the schema has leaves, in its order.
pub(super) struct Columns {
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

struct Column {
    values: Values,
    /// Whether a value may be missing, or there may be any number of them.
    optional: bool,
    repeated: bool,
    /// Whether each value is there.
    definition: Vec<i16>,
    /// Whether it goes on with the row of the value before.
    repetition: Vec<i16>,
}

enum Values {
    Numbers(Vec<i64>),
    Texts(Vec<ByteArray>),
    Digests(Vec<FixedLenByteArray>),
    Flags(Vec<bool>),
}

// === impl Columns ===

impl Columns {
    pub(super) fn of(schema: &Type) -> Self {
        Self { columns: schema.get_fields().iter().map(|field| Column::of(field)).collect(), rows: 0, bytes: 0 }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of all values whose length is their own.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, row: &[Cell]) {
        debug_assert_eq!(row.len(), self.columns.len(), "a value for each column");
        for (column, cell) in self.columns.iter_mut().zip(row) {
            self.bytes += column.push(cell);
        }
        self.rows += 1;
    }

    pub(super) fn clear(&mut self) {
        self.columns.iter_mut().for_each(Column::clear);
        (self.rows, self.bytes) = (0, 0);
    }

    pub(super) fn write<W: Write + Send>(
        &self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        for column in &self.columns {
            let Some(mut to) = group.next_column()? else { break };
            let definition = (column.optional || column.repeated).then_some(column.definition.as_slice());
            let repetition = column.repeated.then_some(column.repetition.as_slice());
            match &column.values {
                Values::Numbers(values) => to.typed::<Int64Type>().write_batch(values, definition, repetition)?,
                Values::Texts(values) => to.typed::<ByteArrayType>().write_batch(values, definition, repetition)?,
                Values::Digests(values) => {
                    to.typed::<FixedLenByteArrayType>().write_batch(values, definition, repetition)?
                }
                Values::Flags(values) => to.typed::<BoolType>().write_batch(values, definition, repetition)?,
            };
            to.close()?;
        }
        Ok(())
    }
}

// === impl Column ===

impl Column {
    fn of(field: &Type) -> Self {
        let repeated = field.is_group();
        let physical = if repeated { Physical::BYTE_ARRAY } else { field.get_physical_type() };
        let values = match physical {
            Physical::INT64 => Values::Numbers(Vec::new()),
            Physical::BOOLEAN => Values::Flags(Vec::new()),
            Physical::FIXED_LEN_BYTE_ARRAY => Values::Digests(Vec::new()),
            _ => Values::Texts(Vec::new()),
        };
        let optional = !repeated && field.get_basic_info().repetition() == Repetition::OPTIONAL;
        Self { values, optional, repeated, definition: Vec::new(), repetition: Vec::new() }
    }

    /// Takes one value; how many bytes it has.
    fn push(&mut self, cell: &Cell) -> usize {
        let there = match cell {
            Cell::Number(value) => value.is_some(),
            Cell::Text(value) => value.is_some(),
            Cell::MaybeFlag(value) => value.is_some(),
            Cell::Texts(texts) => return self.push_texts(texts),
            Cell::Bytes(_) | Cell::Flag(_) => true,
        };
        if self.optional {
            self.definition.push(i16::from(there));
        }
        match (cell, &mut self.values) {
            (Cell::Number(Some(value)), Values::Numbers(values)) => values.push(*value),
            (Cell::Text(Some(text)), Values::Texts(values)) => {
                values.push(ByteArray::from(text.as_str()));
                return text.len();
            }
            (Cell::Bytes(bytes), Values::Texts(values)) => {
                values.push(ByteArray::from(bytes.as_slice()));
                return bytes.len();
            }
            (Cell::Bytes(bytes), Values::Digests(values)) => {
                values.push(FixedLenByteArray::from(bytes.clone()));
                return bytes.len();
            }
            (Cell::Flag(flag) | Cell::MaybeFlag(Some(flag)), Values::Flags(values)) => values.push(*flag),
            _ => {}
        }
        0
    }

    /// A row of any number of texts: one that is empty has one place without a value.
    fn push_texts(&mut self, texts: &[String]) -> usize {
        let Values::Texts(values) = &mut self.values else { return 0 };
        if texts.is_empty() {
            self.definition.push(0);
            self.repetition.push(0);
        }
        for (place, text) in texts.iter().enumerate() {
            self.definition.push(1);
            self.repetition.push(i16::from(place > 0));
            values.push(ByteArray::from(text.as_str()));
        }
        texts.iter().map(String::len).sum()
    }

    fn clear(&mut self) {
        self.definition.clear();
        self.repetition.clear();
        match &mut self.values {
            Values::Numbers(values) => values.clear(),
            Values::Texts(values) => values.clear(),
            Values::Digests(values) => values.clear(),
            Values::Flags(values) => values.clear(),
        }
    }
}
