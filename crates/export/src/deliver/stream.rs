//! Messages over TCP and UDP.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

/// Sends everything over a connection of its own, and waits until the receiver has closed it, too. Syslog has no answers: a
/// receiver that has read up to the end closes, and one that died before has not, so this is how to know.
pub(super) async fn send(address: &str, bytes: &[u8]) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("`{address}`: {error}");
    let mut stream = TcpStream::connect(address).await.map_err(wrong)?;
    stream.write_all(bytes).await.map_err(wrong)?;
    stream.shutdown().await.map_err(wrong)?;
    let mut said = [0; 1024];
    while stream.read(&mut said).await.map_err(wrong)? > 0 {}
    Ok(())
}

/// Sends one datagram a message. Those that do not arrive are not known.
pub(super) async fn send_datagrams(address: &str, messages: impl Iterator<Item = String>) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("`{address}`: {error}");
    let mut found = tokio::net::lookup_host(address).await.map_err(wrong)?;
    let Some(to) = found.next() else { return Err(format!("`{address}` has no address")) };
    let own = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).await.map_err(wrong)?;
    socket.connect(to).await.map_err(wrong)?;
    for message in messages {
        socket.send(message.as_bytes()).await.map_err(wrong)?;
    }
    Ok(())
}
