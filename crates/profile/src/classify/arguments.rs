//! What the arguments of a tool say of it: each alone, and some together.

use std::collections::HashSet;

use model::Class;
use serde_json::Value;

use super::Finding;
use crate::words::{self, among};

/// One argument as the schema describes it.
pub(crate) struct Argument<'a> {
    pub(super) name: &'a str,
    words: Vec<String>,
    schema: &'a Value,
}

/// All arguments, nested ones and those behind `$ref` too. Each part of the schema is looked at once, however many references lead
/// to it.
pub(super) fn arguments(schema: &Value) -> Vec<Argument<'_>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut waiting = vec![schema];
    while let Some(part) = waiting.pop() {
        if !seen.insert(std::ptr::from_ref(part)) {
            continue;
        }
        match part {
            Value::Object(members) => {
                if let Some(Value::Object(properties)) = members.get("properties") {
                    found.extend(properties.iter().map(|(name, schema)| Argument::new(name, schema)));
                }
                for reference in ["$ref", "$dynamicRef"].iter().filter_map(|key| members.get(*key)?.as_str()) {
                    waiting.extend(targets(schema, reference));
                }
                // Only at the root are these words the schema's own: deeper, an argument may be called so.
                let root = std::ptr::eq(part, schema);
                waiting.extend(
                    members
                        .iter()
                        .filter(|(key, _)| !(root && ASIDE.contains(&key.as_str())))
                        .map(|(_, member)| member),
                );
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    found
}

/// What a reference leads to; where that is not plain, everything that something could refer to.
fn targets<'a>(schema: &'a Value, reference: &str) -> Vec<&'a Value> {
    match reference.strip_prefix('#').and_then(|pointer| schema.pointer(pointer)) {
        Some(target) => vec![target],
        None => ASIDE.iter().filter_map(|key| schema.get(*key)).collect(),
    }
}

/// Whether a schema leaves open what the arguments are.
pub(super) fn undescribed(schema: &Value) -> bool {
    !["type", "properties", "$ref", "anyOf", "oneOf", "allOf"].iter().any(|word| schema.get(word).is_some())
}

/// What one argument says, of a tool whose description speaks of a language or does not.
pub(super) fn one_says(finding: &mut Finding, argument: &Argument<'_>, reads: bool, language: bool) {
    let name = argument.name;
    let whole = argument.whole();
    if argument.any(DANGER) {
        finding.raise(Class::Destructive, || format!("argument `{name}` is called dangerous by the server itself"));
    }
    if !reads && (among(PUBLIC, &whole) || argument.choices().any(|choice| choice == "public")) {
        finding.raise(Class::External, || format!("argument `{name}` may make it public"));
    }
    if argument.is("boolean") {
        if !reads && argument.any(FORCING) {
            finding.raise(Class::Destructive, || format!("argument `{name}` overrides a safeguard"));
        }
        return;
    }
    if argument.is("integer") || argument.is("number") {
        return;
    }
    code_says(finding, argument, reads, language);
    let last = argument.last();
    if among(ADDRESS, &whole) || (among("url urls", last) && argument.any(ADDRESS_OF)) {
        finding.raise(Class::External, || format!("argument `{name}` is an address that the caller chooses"));
    }
    if !reads && argument.is_called() {
        finding.raise(Class::External, || format!("argument `{name}` is an address that will be called"));
    }
    if !reads && argument.names_a_recipient() {
        finding.raise(Class::External, || format!("argument `{name}` names who receives it"));
    }
    if !reads && argument.any(RIGHTS) && (among(RIGHTS, last) || among(OF_RIGHTS, last)) {
        finding.raise(Class::Destructive, || format!("argument `{name}` says who has access"));
    }
    if argument.is_written_to() {
        finding
            .raise(Class::Destructive, || format!("argument `{name}` is a file that is written, and may be replaced"));
    }
    if among(ACTION, &whole) {
        for choice in argument.choices() {
            if let Some(said) = super::name_says(choice) {
                finding.raise(said.class, || format!("argument `{name}` may be `{choice}`"));
            }
        }
    }
}

fn code_says(finding: &mut Finding, argument: &Argument<'_>, reads: bool, language: bool) {
    let name = argument.name;
    let whole = argument.whole();
    if argument.carries_code() || (!reads && among(CODE_UNLESS_READING, &whole)) {
        finding.raise(Class::Destructive, || format!("argument `{name}` is a command or code that the caller writes"));
    }
    if among(QUERY, &whole) && (language || speaks_a_language(&argument.description())) {
        finding.raise(Class::Destructive, || format!("argument `{name}` is a statement that the caller writes"));
    }
}

/// Whether a text names a language in which a statement can be written.
pub(super) fn speaks_a_language(text: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric()).any(|word| among(LANGUAGES, word))
}

/// What arguments say together, of a tool that changes something.
pub(super) fn together_say(finding: &mut Finding, arguments: &[Argument<'_>], name: &[String]) {
    let some = |list: &str| arguments.iter().find(|argument| among(list, &argument.whole()));
    let verb = |list: &str| name.iter().find(|word| among(list, word));
    let text = arguments.iter().find(|argument| argument.any(TEXT) && !among(ABOUT_TEXT, argument.last()));
    if let (Some(owner), Some(_), Some(text)) = (some(OWNER), some(REPOSITORY), text) {
        let (owner, text) = (owner.name, text.name);
        finding.raise(Class::External, || {
            format!("argument `{text}` is text for a repository of any owner: `{owner}` is the caller's choice")
        });
    }
    if let (Some(branch), Some(_)) = (some(BRANCH), some(CONTENT)) {
        let branch = branch.name;
        finding.raise(Class::Destructive, || format!("changes the branch that argument `{branch}` names"));
    }
    if let (Some(verb), Some(place), Some(_)) = (verb(SETTING), some(PLACE), some(CONTENT)) {
        let place = place.name;
        finding.raise(Class::Destructive, || format!("name says `{verb}`: what stands at `{place}` is replaced"));
    }
    if let (Some(verb), Some(called)) = (verb(CHANGING), arguments.iter().find(|argument| argument.is_called())) {
        let called = called.name;
        finding.raise(Class::Destructive, || format!("name says `{verb}`, and argument `{called}` diverts what runs"));
    }
}

/// Whether an argument may be an address, whatever its name says exactly.
pub(super) fn may_be_an_address(arguments: &[Argument<'_>]) -> bool {
    arguments.iter().any(|argument| argument.any(LIKE_AN_ADDRESS))
}

// === impl Argument ===

impl<'a> Argument<'a> {
    pub(crate) fn new(name: &'a str, schema: &'a Value) -> Self {
        Self { name, words: words::cut(name), schema }
    }

    fn any(&self, wanted: &str) -> bool {
        self.words.iter().any(|word| among(wanted, word))
    }

    /// All its words: `page_url` of `pageUrl`.
    pub(crate) fn whole(&self) -> String {
        self.words.join("_")
    }

    /// Whether its name says that it is code.
    pub(crate) fn carries_code(&self) -> bool {
        self.any(CODE) && !among(ABOUT_CODE, self.last())
    }

    pub(crate) fn last(&self) -> &str {
        self.words.last().map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn is(&self, kind: &str) -> bool {
        self.schema.get("type").and_then(Value::as_str) == Some(kind)
    }

    /// An address to which a system will turn by itself.
    fn is_called(&self) -> bool {
        let text = !self.is("boolean") && !self.is("integer") && !self.is("number");
        text && (among("url urls uri uris", self.last()) || (self.any(CALLED) && !self.any(NOT_CALLED)))
    }

    pub(crate) fn names_a_recipient(&self) -> bool {
        let followed = self.words.first().is_some_and(|word| word == "to")
            && self.words.get(1).is_none_or(|word| among(PERSON, word));
        followed || self.any(RECIPIENT)
    }

    /// A path at which something is put: by its name, or by what is said of it.
    fn is_written_to(&self) -> bool {
        let path = among(PATH, self.last());
        let said = self.description();
        let saved = said.split(|letter: char| !letter.is_alphanumeric()).any(|word| among(SAVING, word));
        path && (self.any(OUTPUT) || saved || WRITTEN.iter().any(|phrase| said.contains(phrase)))
    }

    fn description(&self) -> String {
        self.schema.get("description").and_then(Value::as_str).unwrap_or_default().to_lowercase()
    }

    fn choices(&self) -> impl Iterator<Item = &'a str> {
        let listed = self.schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        let variants = ["oneOf", "anyOf"].into_iter().filter_map(|word| self.schema.get(word)?.as_array()).flatten();
        let constants = variants.flat_map(|variant| {
            let nested = variant.get("enum").and_then(Value::as_array).into_iter().flatten();
            variant.get("const").into_iter().chain(nested)
        });
        let one = self.schema.get("const").into_iter();
        listed.chain(constants).chain(one).filter_map(Value::as_str).collect::<Vec<_>>().into_iter()
    }
}

/// Parts of a schema that count only where something refers to them.
const ASIDE: [&str; 2] = ["$defs", "definitions"];
const CODE: &str = "command commands cmd script scripts sql shell bash javascript js python cypher eval cli";
/// `script_name` names code, it does not carry it.
const ABOUT_CODE: &str = "name names id ids type language title description timeout";
const CODE_UNLESS_READING: &str = "code source_code args argv program function expression statement statements lambda";
const QUERY: &str = "query queries q statement query_string query_text body";
const LANGUAGES: &str = "sql sqlite postgresql mysql cypher mutation mutations partiql insert";
const ADDRESS: &str = "url urls uri uris href website webpage link links webhook endpoint host hostname";
const ADDRESS_OF: &str = "webhook callback target source destination redirect image file page site web website media download \
     remote feed link base start document video audio notification";
const LIKE_AN_ADDRESS: &str = "url urls uri uris href link links address addresses site sites website webpage page pages domain host \
     hostname endpoint source sources target location";
/// `callback_method` says how, not where.
const CALLED: &str = "callback callbacks webhook webhooks";
const NOT_CALLED: &str = "method methods event events id ids sid name type";
const RECIPIENT: &str = "recipient recipients cc bcc phone mailto attendees invitees";
/// What may follow `to` in the name of a recipient: `to_address`, not `to_object_type`.
const PERSON: &str = "email emails mail address addresses addr number numbers phone user users name names list contact contacts \
     person people party recipient recipients channel";
const FORCING: &str = "force overwrite purge prune hard cascade delete remove destroy replace";
const DANGER: &str = "dangerous dangerously danger unsafe insecure";
const PUBLIC: &str = "public private is_public is_private visibility make_public publish";
/// Who may do what.
const RIGHTS: &str = "permission permissions policy policies acl acls privilege privileges grants";
/// What may follow them in a name: `policy_arn`, not `policy_disclosure`.
const OF_RIGHTS: &str = "document documents arn arns json statement statements id ids sid name names list lists";
const ACTION: &str = "action operation op method mode verb http_method command actions operations operation_type \
     action_type";
const OWNER: &str = "owner repo_owner repository_owner org organization organisation";
const REPOSITORY: &str = "repo repository repo_name repository_name";
const TEXT: &str =
    "body title text content contents message description comment comments summary instructions note notes reply";
const ABOUT_TEXT: &str = "id ids sid number count type format";
const BRANCH: &str = "branch branch_name target_branch ref";
const CONTENT: &str = "value values content contents body data files file file_content text patch diff changes";
const SETTING: &str = "set put write save store upload upsert";
const PLACE: &str = "key path file_path filepath filename file_name object_key";
const CHANGING: &str = "update set modify change configure edit replace patch";
const PATH: &str = "path paths file files filename dir directory folder destination";
const OUTPUT: &str = "output out save download dest destination local export log";
const SAVING: &str = "save saves saving";
const WRITTEN: [&str; 3] = ["saved to", "will be written", "write the"];
