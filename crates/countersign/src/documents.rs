//! Documents that contracts stand for, as they lie on disk.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use contract::DocumentFile;
use model::limits::DOCUMENT_BYTES_MAX;
use model::{Blame, Fault};

/// A format that a document can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Its bytes are its text.
    Text,
    /// Not known here, such as RTF: its bytes are compared and quoted, but they are not what a reader sees.
    Unknown,
    /// Word, since 2007. The formats before it are told apart by their bytes.
    Word,
    /// Read by `pdftotext`.
    Pdf,
}

/// Which format a file's name says.
pub fn format_of(path: &Path) -> Format {
    match path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase().as_str() {
        "pdf" => Format::Pdf,
        "docx" | "docm" | "dotx" | "doc" => Format::Word,
        "md" | "markdown" | "txt" | "text" => Format::Text,
        _ => Format::Unknown,
    }
}

/// A document for a contract's quotations. Error: a sentence without its subject.
pub fn read(path: &Path) -> Result<DocumentFile, String> {
    let bytes = bytes_of(path)?;
    let text = match format_of(path) {
        Format::Word => Some(docx::read(&bytes).map_err(|error| error.to_string())?.text),
        Format::Text | Format::Pdf | Format::Unknown => None,
    };
    Ok(DocumentFile { bytes, text })
}

/// The bytes of a document. Error: why not, a sentence without its subject.
pub fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("it cannot be read: {error}"),
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(format!("it is larger than {DOCUMENT_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

/// The text of a PDF, by a program of its own that cannot reach anything of ours.
pub fn text_of_pdf(path: &Path) -> Result<String, Fault> {
    let wrong = |said: String| Fault::new(Blame::Operator, "operator.document", said);
    let ran = Command::new("pdftotext").args(["-layout", "-enc", "UTF-8"]).arg(path).arg("-").output();
    let ran = ran.map_err(|error| {
        let hint = "install poppler-utils, or draft from text";
        wrong("`pdftotext` cannot be started".to_owned()).hint(hint).because(error)
    })?;
    if !ran.status.success() {
        return Err(wrong(format!("`pdftotext` could not read `{}`", path.display())));
    }
    String::from_utf8(ran.stdout).map_err(|error| wrong("what `pdftotext` gave is not text".to_owned()).because(error))
}
