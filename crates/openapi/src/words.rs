//! The words that documents use for the same things, and names made of theirs.

/// `listForOrg`, `list-for-org`, `List for org` → `list_for_org`.
pub(crate) fn snake(text: &str) -> String {
    let mut name = String::new();
    let mut before = ' ';
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            let begins = letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
            if begins && !name.ends_with('_') && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        before = letter;
    }
    let name = name.trim_end_matches('_');
    name.get(..name.len().min(NAME_BYTES_MAX)).unwrap_or_default().to_owned()
}

/// `candidates` → `candidate`, `companies` → `company`; good enough for a name that a person looks at.
pub(crate) fn singular(name: &str) -> String {
    let endings = [
        ("ies", "y"),
        ("sses", "ss"),
        ("xes", "x"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("ss", "ss"),
        ("us", "us"),
        ("s", ""),
    ];
    for (many, one) in endings {
        if let Some(stem) = name.strip_suffix(many).filter(|stem| stem.len() > 1) {
            return format!("{stem}{one}");
        }
    }
    name.to_owned()
}

/// A field's name in a path: quoted where it has other characters than a name has.
pub(crate) fn step(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'));
    if plain { name.to_owned() } else { format!("['{}']", name.replace('\'', "''")) }
}

/// Whether a name is one of some words, however it is written.
pub(crate) fn is_one_of(name: &str, words: &[&str]) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    words.contains(&plain.as_str())
}

pub(crate) const TENANT: &[&str] = &[
    "tenant",
    "tenantid",
    "client",
    "clientid",
    "customerid",
    "organizationid",
    "organisationid",
    "orgid",
    "accountid",
    "companyid",
    "workspaceid",
    "merchantid",
    "businessid",
];
pub(crate) const STATE: &[&str] = &["status", "state", "stage", "phase", "lifecyclestate"];
pub(crate) const ID: &[&str] = &["id", "uuid", "guid", "key", "number", "slug", "code"];
pub(crate) const ROWS: &[&str] =
    &["data", "items", "results", "records", "values", "entries", "list", "rows", "objects", "resources"];
pub(crate) const TOTAL: &[&str] =
    &["total", "totalcount", "count", "totalresults", "totalitems", "totalrecords", "size"];
pub(crate) const CURSOR: &[&str] =
    &["next", "nextcursor", "nextpage", "nextpagetoken", "nexttoken", "cursor", "nexturl", "nextlink"];
pub(crate) const PAGE_SIZE: &[&str] =
    &["limit", "perpage", "pagesize", "maxresults", "first", "top", "count", "size", "take"];
pub(crate) const PAGE: &[&str] = &[
    "cursor",
    "page",
    "offset",
    "after",
    "before",
    "startingafter",
    "endingbefore",
    "pagetoken",
    "skip",
    "start",
    "pagenumber",
];
pub(crate) const SORT: &[&str] =
    &["sort", "sortby", "orderby", "order", "sortorder", "sortdirection", "direction", "ordering"];
pub(crate) const SELECT: &[&str] =
    &["fields", "select", "columns", "properties", "attributes", "fieldmask", "excludefields"];
pub(crate) const EXPAND: &[&str] = &["expand", "include", "includes", "embed", "with", "populate"];
pub(crate) const SEARCH: &[&str] = &["search", "query", "lookup", "filter", "find"];
/// What leads to a field, and the name of a parameter, in bytes: either may be written many times.
pub(crate) const PATH_BYTES_MAX: usize = 512;
/// Longest name that is made, in bytes.
const NAME_BYTES_MAX: usize = 120;
