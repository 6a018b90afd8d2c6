//! Receipts that stand in a page of evidence, as `contract evidence` writes it.

/// A receipt as it stands in a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Embedded {
    /// The record that the page says it is of.
    pub(super) sequence: u64,
    /// The receipt.
    pub(super) text: String,
}

/// Whether this is a page rather than a receipt.
pub(super) fn is_page(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(PAGE.len()).collect();
    start.eq_ignore_ascii_case(PAGE)
}

/// The receipts of a page, in its order. Error: one of them has no end or no number.
pub(super) fn receipts(page: &str) -> Result<Vec<Embedded>, String> {
    let mut all = Vec::new();
    for piece in page.split(OPEN).skip(1) {
        let (number, rest) = piece.split_once("\">Record ").ok_or("a receipt has no number")?;
        let sequence = number.parse().map_err(|_| "a receipt has no number")?;
        let begun = rest.split_once(BEGIN).filter(|(between, _)| !between.contains('\n'));
        let (_, rest) = begun.ok_or_else(|| format!("the receipt of record {sequence} is missing"))?;
        let (text, _) =
            rest.split_once("</pre>").ok_or_else(|| format!("the receipt of record {sequence} has no end"))?;
        all.push(Embedded { sequence, text: plain(text) });
    }
    Ok(all)
}

/// Markup as the text that it shows.
fn plain(markup: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    pairs.into_iter().fold(markup.to_owned(), |text, (written, shown)| text.replace(written, shown))
}

const PAGE: &str = "<!doctype html>";
const OPEN: &str = "<h3 id=\"record-";
const BEGIN: &str = "<pre class=\"receipt\">";

#[cfg(test)]
mod tests;
