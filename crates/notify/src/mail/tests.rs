use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;
use crate::channel::Hidden;

const NOON: UnixMicros = UnixMicros(1_763_726_400_000_000);

/// A server that says yes to everything, but for what begins so; that it repeats. What it was told.
fn server(refuses: &'static str) -> (Uri, JoinHandle<Vec<String>>) {
    server_that_says(refuses, "550")
}

fn server_that_says(refuses: &'static str, code: &'static str) -> (Uri, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let heard = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = Vec::new();
        (&stream).write_all(b"220 here\r\n").unwrap();
        let mut in_message = false;
        for line in BufReader::new(&stream).lines().map_while(Result::ok) {
            let refusal = format!("{code} 5.5.1 not here: \"{line}\"\r\n");
            let answer = match line.as_str() {
                "." => {
                    in_message = false;
                    if refuses == "." { "554 5.6.0 not this\r\n" } else { "250 taken\r\n" }
                }
                _ if in_message => "",
                "DATA" if refuses != "DATA" => {
                    in_message = true;
                    "354 go on\r\n"
                }
                "QUIT" if refuses == "QUIT" => continue,
                "QUIT" => "221 bye\r\n",
                other if !refuses.is_empty() && other.starts_with(refuses) => refusal.as_str(),
                other if other.starts_with("EHLO") => "250-here\r\n250 AUTH PLAIN\r\n",
                _ => "250 fine\r\n",
            };
            (&stream).write_all(answer.as_bytes()).unwrap();
            let ends = line == "QUIT";
            lines.push(line);
            if ends {
                break;
            }
        }
        lines
    });
    (url, heard)
}

fn mailbox(server: Uri) -> Mailbox {
    let to = vec!["bo@example.com".to_owned(), "cleo@example.com".to_owned()];
    Mailbox { server, login: None, from: "countersign@example.com".to_owned(), to }
}

fn notice(title: &str) -> Notice {
    Notice {
        event: "hold.opened".to_owned(),
        title: title.to_owned(),
        lines: vec!["Held by x.".to_owned()],
        link: "https://console.example/holds/h_1".to_owned(),
        holds: vec!["h_1".to_owned()],
        records: vec![1],
    }
}

#[tokio::test]
async fn everybody_gets_the_message() {
    let (url, heard) = server("");
    let login = Some(Hidden(("bot".to_owned(), "secret".to_owned())));
    let mailbox = Mailbox { login, ..mailbox(url) };
    send(&mailbox, &notice("one"), NOON).await.unwrap();
    let heard = heard.join().unwrap();
    let count = |begins: &str| heard.iter().filter(|line| line.starts_with(begins)).count();
    assert_eq!((count("MAIL FROM:<countersign@example.com>"), count("RCPT TO:<")), (1, 2), "{heard:?}");
    assert!(heard.contains(&"Date: Fri, 21 Nov 2025 12:00:00 +0000".to_owned()), "{heard:?}");
    assert!(heard.contains(&format!("AUTH PLAIN {}", STANDARD.encode("\0bot\0secret"))));
    let text: String =
        heard.iter().filter(|line| STANDARD.decode(line.as_bytes()).is_ok()).map(String::as_str).collect();
    assert!(!text.is_empty() && !heard.iter().any(|line| line.len() > 998));
}

#[tokio::test]
async fn who_is_refused_is_told_what_the_server_said() {
    for refuses in ["EHLO", "MAIL", "RCPT"] {
        let (url, heard) = server(refuses);
        let said = send(&mailbox(url), &notice("one"), NOON).await.unwrap_err().said;
        assert!(said.starts_with(&format!("the server said: 550 5.5.1 not here: \"{refuses}")), "{said}");
        heard.join().unwrap();
    }
}

#[tokio::test]
async fn a_message_that_is_refused_is_told_from_a_server_that_does_not_want_any() {
    for (refuses, refused) in [(".", true), ("RCPT", false), ("DATA", false)] {
        let (url, heard) = server(refuses);
        assert_eq!(send(&mailbox(url), &notice("one"), NOON).await.unwrap_err().refused, refused, "{refuses}");
        heard.join().unwrap();
    }
}

#[tokio::test]
async fn who_is_refused_keeps_no_message_from_the_others() {
    let (url, heard) = server("RCPT TO:<bo@");
    let told = send(&mailbox(url), &notice("one"), NOON).await.unwrap();
    let remark = told.remark.unwrap();
    assert!(remark.contains("`bo@example.com` gets no mail: the server said: 550"), "{remark}");
    assert_eq!(told.later, [] as [&str; 0]);
    let heard = heard.join().unwrap();
    assert!(heard.contains(&"DATA".to_owned()) && heard.contains(&".".to_owned()), "{heard:?}");
}

#[tokio::test]
async fn who_is_to_come_again_is_told_from_who_is_refused() {
    let (url, heard) = server_that_says("RCPT TO:<bo@", "451");
    let told = send(&mailbox(url), &notice("one"), NOON).await.unwrap();
    assert_eq!(told.later, ["bo@example.com"]);
    assert!(told.remark.unwrap().contains("`bo@example.com` gets no mail yet: the server said: 451"));
    heard.join().unwrap();
    let (url, heard) = server_that_says("RCPT", "451");
    assert!(!send(&mailbox(url), &notice("one"), NOON).await.unwrap_err().refused);
    heard.join().unwrap();
}

#[tokio::test]
async fn whoever_takes_a_message_and_says_no_goodbye_has_taken_it() {
    let (url, heard) = server("QUIT");
    let told = timeout(Duration::from_secs(20), send(&mailbox(url), &notice("one"), NOON)).await;
    assert_eq!(told.unwrap(), Ok(Told::default()));
    heard.join().unwrap();
}

#[tokio::test]
async fn a_server_that_repeats_the_password_is_not_quoted() {
    let (url, heard) = server("AUTH");
    let mailbox = Mailbox { login: Some(Hidden(("bot".to_owned(), "secret".to_owned()))), ..mailbox(url) };
    let said = send(&mailbox, &notice("one"), NOON).await.unwrap_err().said;
    assert_eq!(said, "the server said: 550");
    heard.join().unwrap();
}

#[test]
fn a_server_of_another_kind_is_named_without_its_password() {
    let said = mailbox("http://bot:s3cret@relay.example/".parse().unwrap()).checked().unwrap_err().to_string();
    assert!(said.contains("`http://relay.example`") && !said.contains("s3cret") && !said.contains("bot"), "{said}");
}

#[test]
fn no_address_ends_a_command_and_no_password_goes_in_the_clear() {
    for odd in ["a b@c", "a@b>", "a@b\r\nDATA", "@b", "a@", "a"] {
        assert!(plain(odd).is_err(), "{odd}");
    }
    let at = |server: &str| mailbox(server.parse().unwrap());
    assert!(at("smtp://relay.example:25").checked().is_ok());
    assert!(at("http://relay.example").checked().is_err());
    let login = || Some(Hidden(("a".to_owned(), "b".to_owned())));
    assert!(Mailbox { login: login(), ..at("smtp://relay.example:25") }.checked().is_err());
    assert!(Mailbox { login: login(), ..at("smtps://relay.example") }.checked().is_ok());
    assert!(Mailbox { login: login(), ..at("smtp://127.0.0.1:25") }.checked().is_ok());
    assert!(Mailbox { to: Vec::new(), ..at("smtps://relay.example") }.checked().is_err());
}

#[test]
fn a_title_of_any_kind_stands_in_one_line() {
    let text = message(&mailbox("smtp://h".parse().unwrap()), &notice(&"ü\r\nBcc: x".repeat(20)), NOON);
    let subject = text.lines().find(|line| line.starts_with("Subject: ")).unwrap();
    assert!(!text.contains("Bcc") && subject.ends_with("?="), "{text}");
}
