//! Mail: a server is told who, for whom, and what (RFC 5321), in plain text (RFC 5322).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use model::UnixMicros;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tower_service::Service as _;

use crate::channel::{Mailbox, Untold, plain};
use crate::notice::Notice;
use crate::post::connector;

/// Sends a notice as a message, over a connection of its own. Who did not get it although others did is told as a sentence.
pub(crate) async fn send(mailbox: &Mailbox, notice: &Notice, now: UnixMicros) -> Result<Option<String>, Untold> {
    let secure = mailbox.server.scheme_str() == Some("smtps");
    let (host, port) = (mailbox.server.host().unwrap_or_default(), mailbox.server.port_u16());
    let port = port.unwrap_or(if secure { 465 } else { 25 });
    let scheme = if secure { "https" } else { "http" };
    let url: Uri = format!("{scheme}://{host}:{port}/").parse().map_err(|_| "the server has no address".to_owned())?;
    let stream = connector()?.call(url).await.map_err(|error| format!("`{host}:{port}` cannot be reached: {error}"))?;
    let mut talk = Talk { stream: BufReader::new(TokioIo::new(stream)) };
    talk.answered(2).await?;
    talk.say("EHLO countersign.invalid", 2).await?;
    if let Some(login) = &mailbox.login {
        let (name, password) = &login.0;
        let secret = STANDARD.encode(format!("\0{name}\0{password}"));
        // A server that does not know the command repeats it, with the password in it.
        talk.say(&format!("AUTH PLAIN {secret}"), 2).await.map_err(Unheard::without_its_words)?;
    }
    talk.say(&format!("MAIL FROM:<{}>", plain(&mailbox.from)?), 2).await?;
    let refused = talk.recipients(mailbox).await?;
    talk.say("DATA", 3).await?;
    talk.say(&message(mailbox, notice, now), 2).await.map_err(Unheard::of_a_message)?;
    // It was taken: how the server says goodbye changes nothing.
    let _goodbye = talk.say("QUIT", 2).await;
    Ok((!refused.is_empty()).then(|| refused.join("; ")))
}

struct Talk<S> {
    stream: BufReader<S>,
}

/// Why there is no answer of the wanted kind.
enum Unheard {
    /// The server answered something else.
    Said(String),
    /// It did not answer.
    Broke(String),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    /// Names who gets the message. Those who are refused are given as sentences; an error where nobody is left.
    async fn recipients(&mut self, mailbox: &Mailbox) -> Result<Vec<String>, String> {
        let (mut refused, mut last) = (Vec::new(), None);
        for to in &mailbox.to {
            match self.say(&format!("RCPT TO:<{}>", plain(to)?), 2).await {
                Ok(()) => {}
                Err(Unheard::Said(said)) => {
                    refused.push(format!("`{to}` gets no mail: the server said: {said}"));
                    last = Some(Unheard::Said(said));
                }
                Err(broke) => return Err(broke.into()),
            }
        }
        match last {
            Some(last) if refused.len() == mailbox.to.len() => Err(last.into()),
            _ => Ok(refused),
        }
    }

    /// Says a line, or a message up to its end, and reads an answer that begins with this digit.
    async fn say(&mut self, what: &str, wanted: u8) -> Result<(), Unheard> {
        let wrong = |error: std::io::Error| Unheard::Broke(format!("the server broke off: {error}"));
        self.stream.write_all(what.as_bytes()).await.map_err(wrong)?;
        self.stream.write_all(b"\r\n").await.map_err(wrong)?;
        self.stream.flush().await.map_err(wrong)?;
        self.answered(wanted).await
    }

    async fn answered(&mut self, wanted: u8) -> Result<(), Unheard> {
        for _line in 0..LINES_MAX {
            let mut line = Vec::new();
            let mut bounded = tokio::io::AsyncReadExt::take(&mut self.stream, LINE_BYTES_MAX);
            let read = bounded
                .read_until(b'\n', &mut line)
                .await
                .map_err(|error| Unheard::Broke(format!("the server broke off: {error}")))?;
            if read == 0 {
                return Err(Unheard::Broke("the server broke off".to_owned()));
            }
            if line.get(3) == Some(&b'-') {
                continue;
            }
            if line.first() == Some(&(b'0' + wanted)) {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&line).chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(Unheard::Said(said));
        }
        Err(Unheard::Broke("the server does not stop talking".to_owned()))
    }
}

impl Unheard {
    /// The code of the answer, and nothing else of it.
    fn without_its_words(self) -> Self {
        match self {
            Self::Said(said) => Self::Said(said.chars().take(3).filter(char::is_ascii_digit).collect()),
            broke @ Self::Broke(_) => broke,
        }
    }

    /// What is said behind a message is said of it; a five means that it always will be.
    fn of_a_message(self) -> Untold {
        let refused = matches!(&self, Self::Said(said) if said.starts_with('5'));
        Untold { refused, ..Untold::from(String::from(self)) }
    }
}

impl From<Unheard> for Untold {
    fn from(unheard: Unheard) -> Self {
        String::from(unheard).into()
    }
}

impl From<Unheard> for String {
    fn from(unheard: Unheard) -> Self {
        match unheard {
            Unheard::Said(said) => format!("the server said: {said}"),
            Unheard::Broke(broke) => broke,
        }
    }
}

/// The whole message, with the line that ends it but for its end.
fn message(mailbox: &Mailbox, notice: &Notice, now: UnixMicros) -> String {
    let subject =
        format!("=?UTF-8?B?{}?=", STANDARD.encode(notice.title.chars().take(SUBJECT_CHARS_MAX).collect::<String>()));
    let date = Timestamp::from_microsecond(now.0).unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S +0000");
    let to = mailbox.to.join(", ");
    let text = STANDARD.encode(format!("{}\r\n\r\n{}", notice.title, notice.to_text()));
    // Lines of 76, as RFC 2045 wants them; no line of it begins with a dot.
    let lines: Vec<String> =
        text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!(
        "Date: {date}\r\nFrom: Countersign <{}>\r\nTo: {to}\r\nSubject: {subject}\r\nAuto-Submitted: auto-generated\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n.",
        mailbox.from,
        lines.join("\r\n")
    )
}

const LINES_MAX: usize = 64;
const LINE_BYTES_MAX: u64 = 4 * 1024;
/// Encoded, a subject fits into one line.
const SUBJECT_CHARS_MAX: usize = 40;

#[cfg(test)]
mod tests;
