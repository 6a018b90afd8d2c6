//! What people type and nobody is shown.

use std::io::{self, IsTerminal as _, Read as _};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::terminal::say;

/// Text from standard input: piped as it is without its last line end, or typed on a terminal that does not show it, after
/// this was said.
pub fn hidden(what: &str, bytes_max: usize) -> io::Result<String> {
    let stdin = io::stdin();
    let mut text = String::new();
    if !stdin.is_terminal() {
        stdin.take(bytes_max as u64 + 2).read_to_string(&mut text)?;
        return Ok(without_line_end(text));
    }
    say(what);
    let before = tcgetattr(&stdin).ok();
    if let Some(mut hidden) = before.clone() {
        hidden.local_modes.remove(LocalModes::ECHO);
        let _ = tcsetattr(&stdin, OptionalActions::Now, &hidden);
    }
    let read = stdin.read_line(&mut text);
    if let Some(before) = before {
        let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    }
    read.map(|_| without_line_end(text))
}

fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
