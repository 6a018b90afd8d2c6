//! What a reader of the document sees and its text does not have, or the other way, gathered on the way and said in sentences.

/// Gathered while the document is walked through.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) inserted: Passages,
    pub(crate) deleted: Passages,
    pub(crate) hidden: Passages,
    pub(crate) struck: Passages,
    pub(crate) other_forms: Passages,
    /// In markup that is not known here.
    pub(crate) unknown_markup: Passages,
    /// Fields of which the file does not have what they show.
    pub(crate) unkept: Passages,
    /// Of lists of places, what stands nowhere else.
    pub(crate) contents: Passages,
    pub(crate) footnotes: usize,
    pub(crate) comments: usize,
    pub(crate) pictures: usize,
    pub(crate) embedded: usize,
    /// Tables of which the style hides, shows or strikes out rows, columns or cells.
    pub(crate) partly_hidden: usize,
    pub(crate) to_fill_in: usize,
    pub(crate) bound: usize,
    pub(crate) unknown_signs: usize,
    pub(crate) unknown_numbers: usize,
    pub(crate) open_fields: usize,
}

/// Passages of one sort: how many, and how the first ones begin.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    count: usize,
    beginnings: Vec<Beginning>,
    /// The next words belong to the last one.
    goes_on: bool,
}

/// How a passage begins, with single spaces.
#[derive(Debug, Default)]
struct Beginning {
    words: String,
    chars: usize,
    /// A space stands before what comes next.
    parted: bool,
    /// There is more of it than is kept.
    more: bool,
}

// === impl Passages ===

impl Passages {
    /// Another passage begins with what is said next.
    pub(crate) fn begin(&mut self) {
        self.goes_on = false;
    }

    /// Something that has no words: a mark, a row.
    pub(crate) fn count(&mut self) {
        self.begin();
        self.count += 1;
    }

    pub(crate) fn say(&mut self, words: &str) {
        if words.trim().is_empty() {
            return;
        }
        if !self.goes_on {
            self.count += 1;
            self.goes_on = true;
            if self.beginnings.len() < SHOWN_MAX {
                self.beginnings.push(Beginning::default());
            }
        }
        if self.count <= SHOWN_MAX
            && let Some(last) = self.beginnings.last_mut()
        {
            last.say(words);
        }
    }

    /// A whole passage, which may have no words.
    pub(crate) fn whole(&mut self, words: &str) {
        self.begin();
        if words.trim().is_empty() {
            self.count();
        } else {
            self.say(words);
        }
    }

    fn shown(&self) -> String {
        let quoted = self.beginnings.iter().map(|Beginning { words, more, .. }| {
            let more = if *more { "…" } else { "" };
            format!("“{words}{more}”")
        });
        let mut shown: Vec<String> = quoted.collect();
        if self.count > shown.len() {
            shown.push(format!("{} more", self.count - shown.len()));
        }
        shown.join(", ")
    }
}

// === impl Beginning ===

impl Beginning {
    /// Takes what still fits. Each letter is looked at once, and none once it is full.
    fn say(&mut self, words: &str) {
        for letter in words.chars() {
            if self.more {
                return;
            }
            if letter.is_whitespace() {
                self.parted = self.chars > 0;
                continue;
            }
            if self.chars + usize::from(self.parted) >= SHOWN_CHARS_MAX {
                self.more = true;
                return;
            }
            if std::mem::take(&mut self.parted) {
                self.words.push(' ');
                self.chars += 1;
            }
            self.words.push(letter);
            self.chars += 1;
        }
    }
}

// === impl Notes ===

impl Notes {
    /// Sentences, the weightiest first.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut out = Vec::new();
        let changes = [("inserted", &self.inserted), ("deleted", &self.deleted)];
        let changes: Vec<String> = changes
            .iter()
            .filter(|(_, passages)| passages.count > 0)
            .map(|(what, passages)| format!("{what} {}", passages.shown()))
            .collect();
        if !changes.is_empty() {
            out.push(format!(
                "it has tracked changes, so it is not what anybody signed: {}; what was inserted counts here, what was deleted does not",
                changes.join("; ")
            ));
        }
        if self.hidden.count > 0 {
            out.push(format!("it has hidden text, which is left out: {}", self.hidden.shown()));
        }
        if self.struck.count > 0 {
            out.push(format!("it has text that is struck out, and counts here: {}", self.struck.shown()));
        }
        if self.other_forms.count > 0 {
            out.push(format!(
                "it says something else in programs that know less than Word: {}; what Word shows counts",
                self.other_forms.shown()
            ));
        }
        if self.unknown_markup.count > 0 {
            out.push(format!(
                "it has text in markup that is not known here, which is left out, and which Word may show: {}",
                self.unknown_markup.shown()
            ));
        }
        if self.unkept.count > 0 {
            out.push(format!(
                "it has fields that show what is not kept in the file, like numbers that Word counts in a line, which is left out: {}",
                self.unkept.shown()
            ));
        }
        if self.contents.count > 0 {
            out.push(format!(
                "it has a table of contents, which is left out, and says there what stands nowhere else: {}",
                self.contents.shown()
            ));
        }
        let mut count = |count: usize, one: &str, many: &str| {
            if count > 0 {
                out.push(if count == 1 { one.to_owned() } else { many.replace('#', &count.to_string()) });
            }
        };
        count(
            self.embedded,
            "a document is embedded in it, and left out",
            "# documents are embedded in it, and left out",
        );
        count(self.footnotes, "a footnote is left out: read it", "# footnotes are left out: read them");
        count(self.comments, "a comment is left out", "# comments are left out");
        count(
            self.pictures,
            "a picture is left out: look whether it says something",
            "# pictures are left out: look whether they say something",
        );
        count(
            self.partly_hidden,
            "a table's style hides, shows or strikes out some of its cells, and here all count alike: look which ones",
            "# tables have a style that hides, shows or strikes out some of their cells, and here all count alike: look which ones",
        );
        count(self.to_fill_in, "a place to fill in is empty", "# places to fill in are empty");
        count(
            self.bound,
            "a place is filled from data that is not read: Word may show something else there",
            "# places are filled from data that is not read: Word may show something else there",
        );
        count(
            self.unknown_signs,
            "a sign of a font of signs stands as `\u{fffd}`",
            "# signs of fonts of signs stand as `\u{fffd}`",
        );
        count(
            self.unknown_numbers,
            "an automatic number is of a kind that is not known here, and written in digits",
            "# automatic numbers are of a kind that is not known here, and written in digits",
        );
        count(
            self.open_fields,
            "a field never ends, and what follows its beginning may be left out",
            "# fields never end, and what follows their beginning may be left out",
        );
        out
    }
}

/// Passages of one sort that are quoted.
const SHOWN_MAX: usize = 3;
/// Of a passage.
const SHOWN_CHARS_MAX: usize = 60;
