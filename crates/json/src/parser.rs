//! The one pass. No recursion: open containers stand on a stack of their own.

use model::limits::{JSON_DEPTH_MAX, JSON_KEYS_MAX, JSON_NODES_MAX};

use crate::document::{Kind, Node};
use crate::error::{JsonError, Problem, RESERVED_KEYS};
use crate::text::{check_escape, plain_run, unescape};

/// Checks the bytes and lays out their tape.
pub(crate) fn parse(bytes: &[u8]) -> Result<(&str, Vec<Node>), JsonError> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(JsonError::at(bytes, 0, Problem::TooLong));
    }
    let text = simdutf8::basic::from_utf8(bytes).map_err(|_| {
        let valid = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
        JsonError::at(bytes, valid, Problem::Utf8)
    })?;
    let mut parser = Parser {
        text,
        bytes,
        at: 0,
        // Room for a document of mostly text; one of mostly structure grows it a few times.
        nodes: Vec::with_capacity((bytes.len() / 32 + 8).min(NODES_RESERVED_MAX)),
        keys: Vec::with_capacity(16),
        open: Vec::with_capacity(8),
    };
    match parser.document() {
        Ok(()) => Ok((text, parser.nodes)),
        Err(Stop { offset, problem }) => Err(JsonError::at(bytes, offset, problem)),
    }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    /// Nodes of the keys of all open objects, innermost last.
    keys: Vec<u32>,
    open: Vec<Open>,
}

/// A container whose end has not been seen.
struct Open {
    node: u32,
    kind: Kind,
    len: u32,
    /// Where its keys begin in `Parser::keys`.
    keys_from: usize,
}

struct Stop {
    offset: usize,
    problem: Problem,
}

/// What comes next.
enum Step {
    /// A value.
    Value,
    /// A comma or the end of the innermost container.
    After,
    /// Nothing: the outermost value has ended.
    Done,
}

// === impl Parser ===

impl Parser<'_> {
    fn document(&mut self) -> Result<(), Stop> {
        let mut step = Step::Value;
        loop {
            step = match step {
                Step::Value => self.value()?,
                Step::After => self.after_value()?,
                Step::Done => break,
            };
        }
        self.skip_space();
        if self.at < self.bytes.len() { Err(self.stop(Problem::Trailing)) } else { Ok(()) }
    }

    fn value(&mut self) -> Result<Step, Stop> {
        self.skip_space();
        // A key stands before its value, so one look for each value bounds both.
        if self.nodes.len() >= JSON_NODES_MAX {
            return Err(self.stop(Problem::TooManyNodes(JSON_NODES_MAX)));
        }
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'{') => return self.open(Kind::Object),
            Some(b'[') => return self.open(Kind::Array),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true", Kind::Bool)?,
            Some(b'f') => self.word(b"false", Kind::Bool)?,
            Some(b'n') => self.word(b"null", Kind::Null)?,
            _ => return Err(self.unexpected("a value")),
        }
        Ok(self.step_after())
    }

    fn after_value(&mut self) -> Result<Step, Stop> {
        self.skip_space();
        let Some(innermost) = self.open.last_mut() else { return Ok(Step::Done) };
        innermost.len += 1;
        let is_object = innermost.kind == Kind::Object;
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                if is_object {
                    self.skip_space();
                    self.key()?;
                }
                Ok(Step::Value)
            }
            Some(b'}') if is_object => self.close(),
            Some(b']') if !is_object => self.close(),
            _ => Err(self.unexpected(if is_object { "`,` or `}`" } else { "`,` or `]`" })),
        }
    }

    fn open(&mut self, kind: Kind) -> Result<Step, Stop> {
        if self.open.len() >= JSON_DEPTH_MAX {
            return Err(self.stop(Problem::TooDeep(JSON_DEPTH_MAX)));
        }
        self.open.push(Open { node: index(self.nodes.len()), kind, len: 0, keys_from: self.keys.len() });
        self.nodes.push(Node::new(kind, index(self.at)));
        self.at += 1;
        self.skip_space();
        match (kind, self.peek()) {
            (Kind::Object, Some(b'}')) | (Kind::Array, Some(b']')) => self.close(),
            (Kind::Object, _) => self.key().map(|()| Step::Value),
            _ => Ok(Step::Value),
        }
    }

    fn close(&mut self) -> Result<Step, Stop> {
        self.at += 1;
        let Some(closed) = self.open.pop() else { return Ok(Step::Done) };
        if closed.kind == Kind::Object {
            self.refuse_duplicates(closed.keys_from)?;
            self.keys.truncate(closed.keys_from);
        }
        let next = index(self.nodes.len());
        if let Some(node) = self.nodes.get_mut(closed.node as usize) {
            node.end = index(self.at);
            node.next = next;
            node.len = closed.len;
        }
        Ok(self.step_after())
    }

    fn key(&mut self) -> Result<(), Stop> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key"));
        }
        let before = self.open.last().map_or(0, |innermost| innermost.keys_from);
        if self.keys.len() - before >= JSON_KEYS_MAX {
            return Err(self.stop(Problem::TooManyKeys(JSON_KEYS_MAX)));
        }
        self.keys.push(index(self.nodes.len()));
        self.string()?;
        self.refuse_reserved()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), Stop> {
        let mut node = Node::new(Kind::String, index(self.at));
        self.at += 1;
        loop {
            self.at += plain_run(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    node.escaped = true;
                    let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
                    match check_escape(rest) {
                        Ok(used) => self.at += 1 + used,
                        Err(problem) => return Err(self.stop(problem)),
                    }
                }
                Some(control) => return Err(self.stop(Problem::Control(control))),
                None => return Err(self.stop(Problem::End("the end of a string"))),
            }
        }
        self.at += 1;
        self.leaf(node);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Stop> {
        let node = Node::new(Kind::Number, index(self.at));
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits()?;
        if whole.0 == b'0' && whole.1 > 1 {
            self.at -= whole.1 - 1;
            return Err(self.stop(Problem::Number));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        self.leaf(node);
        Ok(())
    }

    /// One digit at least. Gives the first and how many there are.
    fn digits(&mut self) -> Result<(u8, usize), Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match rest.first() {
            Some(first) if count > 0 => {
                self.at += count;
                Ok((*first, count))
            }
            Some(_) => Err(self.stop(Problem::Number)),
            None => Err(self.stop(Problem::End("a digit"))),
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), Stop> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.unexpected("a value"));
        }
        let node = Node::new(kind, index(self.at));
        self.at += word.len();
        self.leaf(node);
        Ok(())
    }

    fn leaf(&mut self, mut node: Node) {
        node.end = index(self.at);
        node.next = index(self.nodes.len() + 1);
        self.nodes.push(node);
    }

    /// The key just read. Nearly all begin with a letter.
    fn refuse_reserved(&self) -> Result<(), Stop> {
        let Some(key) = self.nodes.last() else { return Ok(()) };
        let is_reserved = match self.bytes.get(key.start as usize + 1) {
            Some(b'$' | b'\\') => unescape(self.inner(*key), key.escaped).starts_with(RESERVED_KEYS),
            _ => false,
        };
        if is_reserved { Err(Stop { offset: key.start as usize, problem: Problem::ReservedKey }) } else { Ok(()) }
    }

    /// Few keys are compared each with each; many are sorted, which needs no hashing and bounds the work.
    fn refuse_duplicates(&self, keys_from: usize) -> Result<(), Stop> {
        let keys = self.keys.get(keys_from..).unwrap_or_default();
        if keys.len() > KEYS_COMPARED_MAX {
            return self.refuse_duplicates_among_many(keys);
        }
        let node = |key: &u32| self.nodes.get(*key as usize).copied().unwrap_or(Node::new(Kind::Null, 0));
        for (seen, key) in keys.iter().enumerate() {
            let later = node(key);
            if later.escaped {
                return self.refuse_duplicates_among_many(keys);
            }
            for earlier in keys.iter().take(seen).map(node) {
                let same_length = earlier.end - earlier.start == later.end - later.start;
                if same_length && self.raw(earlier) == self.raw(later) {
                    return Err(self.duplicate(later));
                }
            }
        }
        Ok(())
    }

    fn refuse_duplicates_among_many(&self, keys: &[u32]) -> Result<(), Stop> {
        let mut sorted: Vec<_> = keys
            .iter()
            .filter_map(|key| self.nodes.get(*key as usize).copied())
            .map(|node| (unescape(self.inner(node), node.escaped), node.start, node))
            .collect();
        sorted.sort_unstable_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        let twice = sorted.windows(2).filter_map(|pair| match pair {
            [earlier, later] if earlier.0 == later.0 => Some(later.2),
            _ => None,
        });
        match twice.min_by_key(|node| node.start) {
            Some(node) => Err(self.duplicate(node)),
            None => Ok(()),
        }
    }

    #[cold]
    fn duplicate(&self, node: Node) -> Stop {
        let name = unescape(self.inner(node), node.escaped);
        Stop { offset: node.start as usize, problem: Problem::duplicate_key(&name) }
    }

    fn raw(&self, node: Node) -> &[u8] {
        self.bytes.get(node.start as usize..node.end as usize).unwrap_or_default()
    }

    fn inner(&self, node: Node) -> &str {
        self.text.get(node.start as usize + 1..(node.end as usize).saturating_sub(1)).unwrap_or_default()
    }

    fn step_after(&self) -> Step {
        if self.open.is_empty() { Step::Done } else { Step::After }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[cold]
    fn stop(&self, problem: Problem) -> Stop {
        Stop { offset: self.at, problem }
    }

    #[cold]
    fn unexpected(&self, wanted: &'static str) -> Stop {
        let found = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        self.stop(found.map_or(Problem::End(wanted), |found| Problem::Unexpected { wanted, found }))
    }
}

/// The document is shorter than 4 GiB, and no node is shorter than one byte.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Objects with more keys are checked by sorting.
const KEYS_COMPARED_MAX: usize = 16;
/// Nodes reserved before the first is seen; the tape grows past it.
const NODES_RESERVED_MAX: usize = 512;

#[cfg(test)]
mod tests;
