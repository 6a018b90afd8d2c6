//! Mail: a server is told who, for whom, and what (RFC 5321), in plain text (RFC 5322).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use model::UnixMicros;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tower_service::Service as _;

use crate::channel::{Mailbox, Told, Untold, plain};
use crate::notice::Notice;
use crate::post::connector;

/// Sends a notice as a message, over a connection of its own, to everybody whom the server lets have it.
pub(crate) async fn send(mailbox: &Mailbox, notice: &Notice, now: UnixMicros) -> Result<Told, Untold> {
    let (mut talk, told) = timeout(TALK_TIME_MAX, prepared(mailbox)).await.map_err(late(TALK_TIME_MAX))??;
    let said = timeout(TAKEN_TIME_MAX, talk.say(&message(mailbox, notice, now), 2)).await;
    said.map_err(late(TAKEN_TIME_MAX))?.map_err(Unheard::of_a_message)?;
    // It was taken: how the server says goodbye changes nothing, nor does whether it does.
    let _goodbye = timeout(GOODBYE_TIME_MAX, talk.say("QUIT", 2)).await;
    Ok(told)
}

/// A connection on which the server waits for the message, and whom it will not reach.
async fn prepared(mailbox: &Mailbox) -> Result<(Talk<impl AsyncRead + AsyncWrite + Unpin + use<>>, Told), Untold> {
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
    let told = talk.recipients(mailbox).await?;
    talk.say("DATA", 3).await?;
    Ok((talk, told))
}

/// It did not answer in this time.
fn late(time: Duration) -> impl FnOnce(Elapsed) -> Untold {
    move |_| Untold::from(format!("the server did not answer within {} s", time.as_secs()))
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
    /// Names who gets the message. Those who do not are given back; an error where nobody is left. A four says that it may be another
    /// time: so do servers that let a sender whom they do not know come twice.
    async fn recipients(&mut self, mailbox: &Mailbox) -> Result<Told, String> {
        let (mut refused, mut later, mut last) = (Vec::new(), Vec::new(), None);
        for to in &mailbox.to {
            match self.say(&format!("RCPT TO:<{}>", plain(to)?), 2).await {
                Ok(()) => {}
                Err(Unheard::Said(said)) => {
                    let not_yet = said.starts_with('4');
                    let yet = if not_yet { " yet" } else { "" };
                    refused.push(format!("`{to}` gets no mail{yet}: the server said: {said}"));
                    later.extend(not_yet.then(|| to.clone()));
                    last = Some(Unheard::Said(said));
                }
                Err(broke) => return Err(broke.into()),
            }
        }
        match last {
            Some(last) if refused.len() == mailbox.to.len() => Err(last.into()),
            _ => Ok(Told { remark: (!refused.is_empty()).then(|| refused.join("; ")), later }),
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

/// How long it may take until the server wants the message.
const TALK_TIME_MAX: Duration = Duration::from_mins(2);
/// How long a server may look at a message before it says that it takes it: what it took is not to be sent again (RFC 5321,
/// section 4.5.3.2.6).
const TAKEN_TIME_MAX: Duration = Duration::from_mins(10);
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(1);
const LINES_MAX: usize = 64;
const LINE_BYTES_MAX: u64 = 4 * 1024;
/// Encoded, a subject fits into one line.
const SUBJECT_CHARS_MAX: usize = 40;

#[cfg(test)]
mod tests;
