//! Fields: what Word computes (a reference, a page's number, a table of contents) with what it computed last (`w:fldChar`,
//! ECMA-376-1, 17.16.18).

/// The fields that are open where a document is being read, the outermost first.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    open: Vec<Field>,
}

#[derive(Debug, Default)]
struct Field {
    instruction: String,
    /// Its result has begun.
    results: bool,
}

// === impl Fields ===

impl Fields {
    /// `w:fldChar` of this type.
    pub(crate) fn mark(&mut self, kind: &str) {
        match kind {
            "begin" if self.open.len() < FIELDS_MAX => self.open.push(Field::default()),
            "separate" => {
                if let Some(field) = self.open.last_mut() {
                    field.results = true;
                }
            }
            "end" => {
                self.open.pop();
            }
            _ => {}
        }
    }

    /// `w:instrText`
    pub(crate) fn instruct(&mut self, words: &str) {
        if let Some(field) = self.open.last_mut().filter(|field| field.instruction.len() < INSTRUCTION_BYTES_MAX) {
            field.instruction.push_str(words);
        }
    }

    /// Whether text here is shown, and is the document's own: a table of contents says the headings a second time.
    pub(crate) fn show(&self) -> bool {
        self.open.iter().all(|field| field.results && !is_list_of_places(&field.instruction))
    }

    /// How many never ended.
    pub(crate) fn unended(&self) -> usize {
        self.open.len()
    }
}

/// Whether a field lists what stands elsewhere in the document.
pub(crate) fn is_list_of_places(instruction: &str) -> bool {
    let word = instruction.split_whitespace().next().unwrap_or_default();
    ["TOC", "INDEX", "TOA"].iter().any(|name| word.eq_ignore_ascii_case(name))
}

/// Fields in fields; Word itself goes to twenty.
const FIELDS_MAX: usize = 64;
const INSTRUCTION_BYTES_MAX: usize = 4 << 10;
