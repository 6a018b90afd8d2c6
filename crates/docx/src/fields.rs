//! Fields: what Word computes (a reference, a page's number, a table of contents) with what it computed last (`w:fldChar`,
//! ECMA-376-1, 17.16.18).

/// The fields that are open where a document is being read, the outermost first.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    open: Vec<Field>,
}

#[derive(Debug, Default)]
struct Field {
    /// How its instruction begins, without space before it.
    instruction: String,
    /// What it comes to, once that has begun.
    result: Option<Shows>,
}

/// What the result of a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Text,
    /// What stands elsewhere in the document.
    Places,
}

// === impl Fields ===

impl Fields {
    /// `w:fldChar` of this type.
    pub(crate) fn mark(&mut self, kind: &str) {
        match kind {
            "begin" if self.open.len() < FIELDS_MAX => self.open.push(Field::default()),
            "separate" => {
                if let Some(field) = self.open.last_mut() {
                    let places = is_list_of_places(&field.instruction);
                    field.result = Some(if places { Shows::Places } else { Shows::Text });
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
        let Some(field) = self.open.last_mut() else { return };
        let words = if field.instruction.is_empty() { words.trim_start() } else { words };
        let left = INSTRUCTION_BYTES_MAX - field.instruction.len();
        field.instruction.push_str(words.get(..words.floor_char_boundary(left)).unwrap_or_default());
    }

    /// Whether text here is shown, and is the document's own: a table of contents says the headings a second time.
    pub(crate) fn show(&self) -> bool {
        self.open.iter().all(|field| field.result == Some(Shows::Text))
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
