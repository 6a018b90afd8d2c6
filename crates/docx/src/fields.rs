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

/// What text at some place is to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// It is not shown.
    Nothing,
    /// It lists what stands elsewhere in the document.
    Places,
    /// It is the document's own.
    Text,
}

// === impl Fields ===

impl Fields {
    /// `w:fldChar` of this type. Gives the instruction of a field that ends here and has no result, where it shows something all the
    /// same: Word counts it anew each time, or shows words of the instruction itself.
    pub(crate) fn mark(&mut self, kind: &str) -> Option<String> {
        match kind {
            "begin" if self.open.len() < FIELDS_MAX => self.open.push(Field::default()),
            "separate" => {
                if let Some(field) = self.open.last_mut() {
                    let places = is_list_of_places(&field.instruction);
                    field.result = Some(if places { Shows::Places } else { Shows::Text });
                }
            }
            "end" => {
                let ended = self.open.pop().filter(|field| field.result.is_none() && is_seen(&field.instruction));
                // What stands in another field's instruction is not shown where it stands.
                return ended.filter(|_| self.show() == Shows::Text).map(|field| field.instruction);
            }
            _ => {}
        }
        None
    }

    /// `w:instrText`
    pub(crate) fn instruct(&mut self, words: &str) {
        let Some(field) = self.open.last_mut() else { return };
        let words = if field.instruction.is_empty() { words.trim_start() } else { words };
        let left = INSTRUCTION_BYTES_MAX - field.instruction.len();
        field.instruction.push_str(words.get(..words.floor_char_boundary(left)).unwrap_or_default());
    }

    /// What text is here.
    pub(crate) fn show(&self) -> Shows {
        let of = |field: &Field| field.result.unwrap_or(Shows::Nothing);
        let all = || self.open.iter().map(of);
        let is = |shows: Shows| all().any(|one| one == shows);
        [Shows::Nothing, Shows::Places].into_iter().find(|shows| is(*shows)).unwrap_or(Shows::Text)
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

/// Whether a field without a result shows something.
pub(crate) fn is_seen(instruction: &str) -> bool {
    let word = instruction.split_whitespace().next();
    word.is_some_and(|word| !UNSEEN.iter().any(|name| word.eq_ignore_ascii_case(name)))
}

/// Fields that show nothing: they mark a place, set a value, or move what comes next.
const UNSEEN: &[&str] =
    &["XE", "TC", "TA", "RD", "SET", "ASK", "PRIVATE", "ADDIN", "DATA", "NEXT", "NEXTIF", "SKIPIF", "ADVANCE"];
/// Fields in fields; Word itself goes to twenty.
const FIELDS_MAX: usize = 64;
const INSTRUCTION_BYTES_MAX: usize = 4 << 10;
