//! Words that instruct a model against its user, or behind its back.
//!
//! A phrase is a few places, each with the words that fit, and gaps of a few words between them that do not cross the end
//! of a sentence. Case, punctuation and hidden characters make no difference.

use std::collections::HashMap;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::Hit;
use super::Severity::{self, Mark, Quarantine};

/// The phrases in a text.
pub(super) fn look(text: &str) -> Vec<Hit> {
    let mut hits = blocks(text);
    let words = words(text);
    let mut found = [false; PHRASES.len()];
    for (at, word) in words.iter().enumerate() {
        for place in OPENINGS.get(word.text.as_str()).into_iter().flatten() {
            let (Some(phrase), Some(found)) = (PHRASES.get(*place), found.get_mut(*place)) else { continue };
            if *found {
                continue;
            }
            let Some(end) = matches(&words, at, phrase.places) else { continue };
            *found = true;
            let span = span_of(&words, at, end);
            if phrase.pattern != "sends-to-address" || has_address(text, &span) {
                hits.push(Hit { pattern: phrase.pattern, severity: phrase.severity, span });
            }
        }
    }
    hits.extend(secrets(text, &words));
    hits
}

/// An argument that asks for what no tool needs to know.
pub(super) fn look_at_key(key: &str) -> Option<Hit> {
    let folded: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    let asks = ASKING_KEYS.contains(&folded.as_str()) || (folded.contains("idrsa") && folded.len() > 8);
    asks.then_some(Hit { pattern: "asks-for-context", severity: Mark, span: 0..key.len() })
}

/// Every word that could be the name of a tool, and where it stands.
pub(super) fn identifiers(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '-'))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - start, word))
}

struct Phrase {
    pattern: &'static str,
    severity: Severity,
    places: &'static [Place],
}

/// The next word is one of these, after so many others at most.
struct Place {
    gap: usize,
    words: &'static [&'static str],
}

/// One word, folded; an empty one ends a sentence.
struct Word {
    text: String,
    start: usize,
    end: usize,
}

const fn at(gap: usize, words: &'static [&'static str]) -> Place {
    Place { gap, words }
}

fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    let mut letters = text.char_indices().peekable();
    while let Some((start, letter)) = letters.next() {
        let end = start + letter.len_utf8();
        match letter {
            '\'' | '\u{2019}' if open => {}
            _ if is_invisible(letter) => {}
            _ if letter.is_alphanumeric() => {
                if !open {
                    words.push(Word { text: String::new(), start, end });
                    open = true;
                }
                if let Some(word) = words.last_mut() {
                    word.text.extend(fold(letter).to_lowercase());
                    word.end = end;
                }
            }
            _ => {
                open = false;
                let ends = matches!(letter, '.' | '!' | '?' | ';')
                    && letters
                        .peek()
                        .is_none_or(|(_, next)| next.is_whitespace() || matches!(next, '"' | '\'' | ')' | '<'));
                let blank = letter == '\n' && letters.peek().is_some_and(|(_, next)| *next == '\n');
                if ends || blank {
                    words.push(Word { text: String::new(), start, end });
                }
            }
        }
    }
    words
}

/// Wide Latin letters are Latin letters to a model.
fn fold(letter: char) -> char {
    match letter {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
        _ => letter,
    }
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{E0000}'..='\u{E01EF}')
}

/// Where a phrase that begins at this word ends. The places are few, and so are the words of a gap.
fn matches(words: &[Word], from: usize, places: &[Place]) -> Option<usize> {
    let Some((place, rest)) = places.split_first() else { return Some(from) };
    for (skipped, word) in words.get(from..)?.iter().enumerate().take(place.gap + 1) {
        if word.text.is_empty() {
            return None;
        }
        if place.words.contains(&word.text.as_str())
            && let Some(end) = matches(words, from + skipped + 1, rest)
        {
            return Some(end);
        }
    }
    None
}

fn span_of(words: &[Word], from: usize, end: usize) -> std::ops::Range<usize> {
    let start = words.get(from).map_or(0, |word| word.start);
    let end = end.checked_sub(1).and_then(|last| words.get(last)).map_or(start, |word| word.end);
    start..end.max(start)
}

/// Tags that claim more weight than the text around them, and the marks of chat templates.
fn blocks(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    if let Some(mark) = CHAT.as_ref().and_then(|marks| marks.find(text)) {
        hits.push(Hit { pattern: "chat-template", severity: Quarantine, span: mark.start()..text.len() });
    }
    let block = text.match_indices('<').find(|(at, _)| {
        let inside = text.get(at + 1..).unwrap_or_default();
        let inside = inside.get(..inside.floor_char_boundary(BLOCK_NAME_BYTES_MAX)).unwrap_or_default();
        inside
            .split_once('>')
            .is_some_and(|(name, _)| BLOCKS.iter().any(|block| name.trim().eq_ignore_ascii_case(block)))
    });
    if let Some((start, _)) = block {
        hits.push(Hit { pattern: "important-block", severity: Mark, span: start..text.len() });
    }
    hits
}

/// A file that holds secrets, and a word before it that has it read; with words that pass its content on, it is more than
/// a mark. The public half of a key is no secret.
fn secrets(text: &str, words: &[Word]) -> Option<Hit> {
    let start = FILES.as_ref()?.find_iter(text).map(|file| file.start()).find(|at| !is_public(text, *at))?;
    let place = words.partition_point(|word| word.end <= start);
    let earlier = words.get(place.saturating_sub(READ_GAP)..place).unwrap_or_default();
    let sentence = earlier.iter().rev().take_while(|word| !word.text.is_empty());
    let read = sentence.filter(|word| READS.contains(&word.text.as_str())).last()?;
    let passed = (0..words.len()).any(|at| matches(words, at, PASSES).is_some());
    let severity = if passed { Quarantine } else { Mark };
    Some(Hit { pattern: "reads-secrets", severity, span: read.start..text.len() })
}

/// Whether the path that goes on here ends as a public key does.
fn is_public(text: &str, at: usize) -> bool {
    let path = text.get(at..).unwrap_or_default();
    let path = path.get(..path.floor_char_boundary(PATH_BYTES_MAX)).unwrap_or_default();
    let ends = |letter: char| letter.is_whitespace() || "\"'`<>(),;".contains(letter);
    let path = path.trim_start_matches(ends).split(ends).next().unwrap_or_default();
    path.trim_end_matches('.').to_ascii_lowercase().ends_with(".pub")
}

/// An address of mail in the sentence or just behind it.
fn has_address(text: &str, span: &std::ops::Range<usize>) -> bool {
    let behind: String = text.get(span.start..).unwrap_or_default().chars().take(240).collect();
    let mut words = behind.split(|letter: char| letter.is_whitespace() || "<>()\"'`,;".contains(letter));
    words.any(|word| {
        let word = word.trim_end_matches('.');
        word.split_once('@').is_some_and(|(who, place)| {
            !who.is_empty() && place.contains('.') && !place.contains("example") && !place.starts_with("domain")
        })
    })
}

const NEVER: &[&str] = &["not", "dont", "never", "without", "avoid", "mustnt", "shouldnt"];
const USER: &[&str] = &["user", "users", "human", "person", "operator"];

const PHRASES: &[Phrase] = &[
    Phrase {
        pattern: "overrides-instructions",
        severity: Quarantine,
        places: &[
            at(0, &["ignore", "disregard", "forget", "override", "bypass"]),
            at(
                3,
                &[
                    "previous",
                    "prior",
                    "above",
                    "earlier",
                    "preceding",
                    "other",
                    "existing",
                    "system",
                    "your",
                    "original",
                ],
            ),
            at(2, &["instructions", "instruction", "prompt", "prompts", "guidelines", "directives", "guardrails"]),
        ],
    },
    Phrase {
        pattern: "overrides-instructions",
        severity: Quarantine,
        places: &[
            at(0, &["you"]),
            at(0, &["must", "should", "are"]),
            at(2, &["ignore", "disregard", "forget", "override"]),
            at(2, &["all", "any"]),
            at(2, &["instructions", "rules", "guidelines"]),
        ],
    },
    Phrase {
        pattern: "keeps-from-user",
        severity: Quarantine,
        places: &[at(0, NEVER), at(1, &["tell", "telling"]), at(1, USER)],
    },
    // What is kept from somebody is said with `to`: `do not reveal the user's address` protects the user.
    Phrase {
        pattern: "keeps-from-user",
        severity: Quarantine,
        places: &[
            at(0, NEVER),
            at(1, &["mention", "mentioning", "disclose", "disclosing", "reveal", "revealing"]),
            at(4, &["to"]),
            at(1, USER),
        ],
    },
    Phrase {
        pattern: "keeps-from-user",
        severity: Mark,
        places: &[
            at(0, NEVER),
            at(0, &["mention", "tell", "reveal", "disclose"]),
            at(0, &["this", "that", "it", "anyone", "anybody"]),
        ],
    },
    Phrase {
        pattern: "keeps-from-user",
        severity: Mark,
        places: &[
            at(0, NEVER),
            at(1, &["inform", "informing", "alert", "alerting", "warn", "warning", "asking", "let", "letting"]),
            at(1, USER),
        ],
    },
    Phrase {
        pattern: "keeps-from-user",
        severity: Quarantine,
        places: &[at(0, &["hide", "hidden", "conceal", "keep", "secret"]), at(5, &["from"]), at(1, USER)],
    },
    Phrase {
        pattern: "keeps-from-user",
        severity: Mark,
        places: &[
            at(0, &["secretly", "silently", "covertly", "quietly"]),
            at(
                2,
                &[
                    "send",
                    "forward",
                    "upload",
                    "copy",
                    "bcc",
                    "include",
                    "append",
                    "attach",
                    "post",
                    "exfiltrate",
                    "read",
                ],
            ),
        ],
    },
    Phrase {
        pattern: "before-use",
        severity: Mark,
        places: &[
            at(0, &["before", "prior", "whenever", "after"]),
            at(1, &["using", "calling", "invoking", "use", "call", "running"]),
            at(1, &["this", "any", "other", "another"]),
            at(2, &["tool", "tools", "function", "functions"]),
            at(6, &["read", "send", "cat", "open", "copy", "upload", "collect", "gather", "dump", "forward"]),
        ],
    },
    Phrase {
        pattern: "asks-for-context",
        severity: Mark,
        places: &[
            at(0, &["include", "pass", "send", "put", "paste", "copy", "insert", "append", "provide"]),
            at(4, &["full", "entire", "whole", "complete", "exact", "verbatim", "all", "previous", "your"]),
            at(2, &["conversation", "chat", "conversations", "chats", "system"]),
            at(1, &["history", "log", "transcript", "prompt", "context", "messages", "so"]),
        ],
    },
    Phrase {
        pattern: "asks-for-credentials",
        severity: Mark,
        places: &[
            at(0, &["include", "pass", "send", "put", "paste", "copy", "insert", "append", "read", "collect"]),
            at(2, &["all", "any", "every"]),
            at(3, &["credentials", "passwords", "secrets", "keys", "tokens", "environment"]),
        ],
    },
    Phrase {
        pattern: "sends-to-address",
        severity: Mark,
        places: &[
            at(0, &["always", "must", "all", "every", "change", "also", "secretly"]),
            at(6, &["send", "sent", "forward", "forwarded", "bcc", "cc", "copy", "recipient", "addressed", "redirect"]),
            at(3, &["to", "recipient", "field"]),
        ],
    },
];

/// Which phrases begin with a word: most words begin none.
static OPENINGS: LazyLock<HashMap<&str, Vec<usize>>> = LazyLock::new(|| {
    let mut openings: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, phrase) in PHRASES.iter().enumerate() {
        for word in phrase.places.first().into_iter().flat_map(|first| first.words) {
            openings.entry(word).or_default().push(place);
        }
    }
    openings
});

/// Words that hand on what was read.
const PASSES: &[Place] = &[
    at(
        0,
        &[
            "pass", "send", "include", "provide", "put", "insert", "append", "paste", "supply", "attach", "upload",
            "post",
        ],
    ),
    at(4, &["content", "contents", "it", "them", "output", "data", "text", "file", "value"]),
    at(4, &["as", "in", "into", "to", "via", "with", "within"]),
];

const READS: &[&str] = &[
    "read", "reading", "open", "cat", "load", "access", "include", "send", "pass", "copy", "upload", "attach", "get",
    "fetch", "retrieve", "contents", "content",
];
const READ_GAP: usize = 10;

const SECRET_FILES: &[&str] = &[
    ".ssh/",
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    ".aws/credentials",
    "/etc/passwd",
    "/etc/shadow",
    ".cursor/mcp.json",
    "mcp.json",
    "claude_desktop_config.json",
    ".netrc",
    ".git-credentials",
    ".kube/config",
    ".npmrc",
    ".pypirc",
    ".docker/config.json",
    ".gnupg",
    "/.env",
    "`.env`",
    "\".env\"",
    " .env ",
    "/proc/self/environ",
    ".bash_history",
];

static FILES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| any_of(SECRET_FILES));
static CHAT: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| any_of(CHAT_MARKS));

/// Looks for all of these at once. None: never, for they are few and short.
fn any_of(texts: &[&str]) -> Option<AhoCorasick> {
    AhoCorasick::builder().ascii_case_insensitive(true).build(texts).ok()
}

const BLOCK_NAME_BYTES_MAX: usize = 24;
const PATH_BYTES_MAX: usize = 256;

const BLOCKS: &[&str] = &[
    "important",
    "system",
    "secret",
    "hidden",
    "admin",
    "critical",
    "override",
    "instructions",
    "instruction",
    "assistant",
    "sys",
];

const CHAT_MARKS: &[&str] =
    &["<|im_start|>", "<|im_end|>", "<|system|>", "<|assistant|>", "<<sys>>", "[inst]", "<|endoftext|>", "<|eot_id|>"];

const ASKING_KEYS: &[&str] = &[
    "conversationhistory",
    "chathistory",
    "chainofthought",
    "fullconversation",
    "entireconversation",
    "previousmessages",
    "conversationlog",
];
