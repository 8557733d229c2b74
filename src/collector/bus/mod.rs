//! A conversation over the system's message bus: all that can be asked at once is asked in one write, the greeting
//! included. It never takes longer than it is told it may.

pub(super) mod message;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use super::Host;
use message::{Answer, Arguments, Call, LARGEST, length, read};

/// The socket, below the root.
pub(in crate::collector) const SOCKET: &str = "run/dbus/system_bus_socket";
/// No line of the greeting comes near.
const LONGEST_LINE: usize = 512;
const BUS: &str = "org.freedesktop.DBus";
const HELLO: Call<'static> = Call {
    destination: BUS,
    path: "/org/freedesktop/DBus",
    interface: BUS,
    member: "Hello",
    arguments: Arguments::None,
    may_start: false,
};

pub(in crate::collector) struct Bus {
    stream: UnixStream,
    limit: Duration,
    deadline: Instant,
    /// What came and was not yet read.
    buffer: Vec<u8>,
    /// Of the last call.
    serial: u32,
}

impl Bus {
    /// For at most `limit`; `None` where there is no bus.
    ///
    /// # Errors
    /// There is one that does not let us in.
    pub(in crate::collector) fn open(
        host: &Host<'_>,
        limit: Duration,
    ) -> anyhow::Result<Option<Self>> {
        let (path, limit) = (host.path(SOCKET), host.patience.at_most(limit));
        match connect(&path) {
            Ok(stream) => {
                let deadline = Instant::now() + limit;
                Ok(Some(Bus { stream, limit, deadline, buffer: Vec::new(), serial: 0 }))
            }
            Err(error) if is_none(&error) => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("could not reach the bus {}", path.display()))
            }
        }
    }

    /// The answers to these calls, in their order.
    ///
    /// # Errors
    /// Not all came in time, or what came is no answer.
    pub(in crate::collector) fn ask(&mut self, calls: &[Call<'_>]) -> anyhow::Result<Vec<Answer>> {
        let mut request = Vec::new();
        let is_first = self.serial == 0;
        if is_first {
            request.extend(greeting(rustix::process::geteuid().as_raw()).into_bytes());
            self.serial += 1;
            request.extend(HELLO.write(self.serial));
        }
        let first = self.serial + 1;
        for call in calls {
            self.serial += 1;
            request.extend(call.write(self.serial));
        }
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write_all(&request).map_err(|error| self.in_words(error))?;
        if is_first {
            self.welcome()?;
        }
        let mut answers: Vec<Option<Answer>> = calls.iter().map(|_| None).collect();
        while answers.iter().any(Option::is_none) {
            let Some(message) = read(&self.message()?) else { continue };
            let place = message.serial.checked_sub(first).map(|at| at as usize);
            match place.and_then(|at| answers.get_mut(at)) {
                Some(answer) => *answer = Some(message.answer),
                None => refused(&message.answer)?,
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// The answer to the greeting.
    fn welcome(&mut self) -> anyhow::Result<()> {
        let end = loop {
            if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                break at;
            }
            if self.buffer.len() > LONGEST_LINE {
                bail!("it does not speak D-Bus");
            }
            self.more()?;
        };
        let line = String::from_utf8_lossy(self.buffer.get(..end).unwrap_or_default()).into_owned();
        self.buffer.drain(..end + 2);
        if !line.starts_with("OK ") {
            bail!("it does not let us in: {}", line.escape_default());
        }
        Ok(())
    }

    /// The next whole message.
    fn message(&mut self) -> anyhow::Result<Vec<u8>> {
        loop {
            match length(&self.buffer).map_err(anyhow::Error::msg)? {
                Some(length) if length <= self.buffer.len() => {
                    return Ok(self.buffer.drain(..length).collect());
                }
                _ => self.more()?,
            }
        }
    }

    fn more(&mut self) -> anyhow::Result<()> {
        let mut part = [0; 16 * 1024];
        self.stream.set_read_timeout(Some(self.left()?))?;
        let count = match self.stream.read(&mut part) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other.map_err(|error| self.in_words(error))?,
        };
        if count == 0 {
            bail!("it hung up");
        }
        self.buffer.extend(part.get(..count).unwrap_or_default());
        if self.buffer.len() > 2 * LARGEST {
            bail!("it says too much");
        }
        Ok(())
    }

    fn left(&self) -> anyhow::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.timed_out());
        }
        Ok(left)
    }

    fn in_words(&self, error: io::Error) -> anyhow::Error {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.timed_out(),
            _ => error.into(),
        }
    }

    fn timed_out(&self) -> anyhow::Error {
        anyhow::anyhow!("no answer within {} s", self.limit.as_secs_f64())
    }
}

/// Without waiting: a bus that hangs has a queue, and once that is full whoever comes would wait for ever.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let connected = rustix::net::connect(&socket, &SocketAddrUnix::new(path)?);
    connected.map_err(|error| match error {
        Errno::AGAIN => io::Error::other("too many wait for it already"),
        other => other.into(),
    })?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// The bus knows who we are; it wants to hear it all the same, in hexadecimal digits.
fn greeting(user: u32) -> String {
    let digits: Vec<String> =
        user.to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
    format!("\0AUTH EXTERNAL {}\r\nBEGIN\r\n", digits.concat())
}

/// The answer to what nobody waits for: to `Hello`, which a bus that is full refuses.
fn refused(answer: &Answer) -> anyhow::Result<()> {
    match answer {
        Answer::Error(name) => bail!("it refuses us: {name}"),
        Answer::Body(_) => Ok(()),
    }
}

/// No bus: no socket, or one that nobody listens to any more.
fn is_none(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | ConnectionRefused)
}

#[cfg(test)]
pub(in crate::collector) mod tests;
