//! How command bytes reach a TPM and response bytes come back, within bounds.
//!
//! A transport knows the ten bytes of a header (TPM 2.0 Part 1, section 18) and nothing else: it reads as many bytes as the
//! header announces, refuses an answer longer than [`LONGEST`], and gives up after a time that depends on the command.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tpm2_protocol::data::TpmCc;

use super::TpmError;

/// The longest command that is sent and the longest answer that is read: TPM_PT_MAX_COMMAND_SIZE and
/// TPM_PT_MAX_RESPONSE_SIZE of every TPM that we know.
pub const LONGEST: usize = 4096;

/// How long a connection over TCP may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// Tag, size and response code.
pub(super) const HEADER: usize = 10;

/// Carries one command to a TPM and its answer back.
pub trait Transport: Send {
    /// Sends `command` and returns the complete response, header included.
    ///
    /// # Errors
    /// [`TpmError::Gone`] when the peer closed, answered nothing in time or answered what is no response. After such an error
    /// the transport stays gone: an answer that arrives late must not be taken for that of a later command.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError>;
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        (**self).transmit(command)
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        (**self).transmit(command)
    }
}

/// Our end of a socketpair whose other end a TPM emulator holds.
#[derive(Debug)]
pub struct SwtpmPair {
    stream: UnixStream,
    line: Line,
}

impl SwtpmPair {
    /// Takes over `stream`, which becomes non-blocking.
    ///
    /// # Errors
    /// [`TpmError::Unavailable`] when the descriptor refuses that.
    pub fn new(stream: UnixStream) -> Result<Self, TpmError> {
        stream
            .set_nonblocking(true)
            .map_err(|error| TpmError::Unavailable(format!("the socket cannot be set up: {error}")))?;
        Ok(Self { stream, line: Line::default() })
    }

    /// Tells the peer that no more commands come. Every later command is refused.
    pub(super) fn close(&mut self) {
        self.line.broken = true;
        // The peer may be gone already; that is what we want.
        drop(self.stream.shutdown(std::net::Shutdown::Both));
    }
}

impl Transport for SwtpmPair {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.line.exchange(self.stream.as_fd(), command)
    }
}

/// A connection to the command socket of a TPM emulator that somebody else started.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    line: Line,
}

impl Socket {
    /// Connects to a Unix socket.
    ///
    /// # Errors
    /// [`TpmError::Unavailable`], whose text names the path and the cause.
    pub fn unix(path: &Path) -> Result<Self, TpmError> {
        let absent = |error: std::io::Error| unreachable(&path.display(), &error);
        let stream = UnixStream::connect(path).map_err(absent)?;
        stream.set_nonblocking(true).map_err(absent)?;
        Ok(Self { fd: stream.into(), line: Line::default() })
    }

    /// Connects to a TCP port within five seconds.
    ///
    /// # Errors
    /// [`TpmError::Unavailable`], whose text names host, port and cause.
    pub fn tcp(host: &str, port: u16) -> Result<Self, TpmError> {
        let name = format!("{host}:{port}");
        let absent = |error: std::io::Error| unreachable(&name, &error);
        let addresses: Vec<SocketAddr> = name.to_socket_addrs().map_err(absent)?.collect();
        let mut outcome = Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        for address in addresses {
            outcome = TcpStream::connect_timeout(&address, CONNECT);
            if outcome.is_ok() {
                break;
            }
        }
        let stream = outcome.map_err(absent)?;
        stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).map_err(absent)?;
        Ok(Self { fd: stream.into(), line: Line::default() })
    }
}

impl Socket {
    /// Waits no longer than that for any answer from now on.
    pub(super) fn answer_within(&mut self, limit: Duration) {
        self.line.limit = Some(limit);
    }
}

fn unreachable(name: &dyn std::fmt::Display, error: &std::io::Error) -> TpmError {
    TpmError::Unavailable(format!("no TPM answers at {name}: {error}"))
}

impl Transport for Socket {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.line.exchange(self.fd.as_fd(), command)
    }
}

/// A TPM character device, best the one behind the kernel's resource manager: `/dev/tpmrm0`.
#[derive(Debug)]
pub struct DeviceNode {
    file: File,
    line: Line,
}

impl DeviceNode {
    /// Opens the device for reading and writing, without blocking (Linux 4.20 and later answer to `poll` then).
    ///
    /// # Errors
    /// [`TpmError::Unavailable`], whose text names the path, the cause and what to do.
    pub fn open(path: &Path) -> Result<Self, TpmError> {
        let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).map_err(|error| {
            let path = path.display();
            TpmError::Unavailable(format!(
                "{path} cannot be opened: {error}; the account needs read and write access (group `tss`)"
            ))
        })?;
        Ok(Self { file, line: Line::default() })
    }
}

impl Transport for DeviceNode {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.line.exchange(self.file.as_fd(), command)
    }
}

/// How long the answer to `command` may take. Only making an RSA key is slow: seconds on a chip, and random.
fn patience(command: &[u8]) -> Duration {
    const SLOW: [TpmCc; 4] = [TpmCc::Create, TpmCc::CreatePrimary, TpmCc::CreateLoaded, TpmCc::SelfTest];
    let code = read_u32(command, 6);
    if SLOW.iter().any(|slow| Some(slow.value()) == code) { Duration::from_secs(120) } else { Duration::from_secs(30) }
}

/// The big-endian number at `offset`.
pub(super) fn read_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let field = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_be_bytes(field.try_into().ok()?))
}

/// Whether command and answer still alternate on a descriptor.
#[derive(Debug, Default)]
struct Line {
    broken: bool,
    /// Instead of the time that the command may take.
    limit: Option<Duration>,
}

impl Line {
    fn exchange(&mut self, fd: BorrowedFd<'_>, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        if self.broken {
            return Err(TpmError::Gone("the connection ended before".to_owned()));
        }
        let deadline = Instant::now() + self.limit.unwrap_or_else(|| patience(command));
        let answer = send(fd, command, deadline).and_then(|()| receive(fd, deadline));
        self.broken = answer.is_err();
        answer
    }
}

/// Writes the whole command; a device node takes it in one write, a socket may take it in pieces and must not raise SIGPIPE.
fn send(fd: BorrowedFd<'_>, mut command: &[u8], deadline: Instant) -> Result<(), TpmError> {
    // A command fits into every socket's buffer, so there is nothing to wait for before the first try.
    while !command.is_empty() {
        match rustix::net::send(fd, command, rustix::net::SendFlags::NOSIGNAL) {
            Err(Errno::NOTSOCK) => match rustix::io::write(fd, command) {
                Ok(written) => command = command.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait(fd, PollFlags::OUT, deadline)?,
                Err(error) => return Err(TpmError::Gone(format!("the command could not be written: {error}"))),
            },
            Ok(written) => command = command.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(fd, PollFlags::OUT, deadline)?,
            Err(Errno::PIPE | Errno::CONNRESET) => return Err(closed()),
            Err(error) => return Err(TpmError::Gone(format!("the command could not be written: {error}"))),
        }
    }
    Ok(())
}

/// Reads until the size in the header is complete.
fn receive(fd: BorrowedFd<'_>, deadline: Instant) -> Result<Vec<u8>, TpmError> {
    let mut buffer = vec![0u8; LONGEST];
    let mut filled = 0;
    loop {
        wait(fd, PollFlags::IN, deadline)?;
        match rustix::io::read(fd, buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => return Err(closed()),
            Ok(count) => filled += count,
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(Errno::CONNRESET) => return Err(closed()),
            Err(error) => return Err(TpmError::Gone(format!("the answer could not be read: {error}"))),
        }
        if filled < HEADER {
            continue;
        }
        let size = announced(&buffer)?;
        if filled > size {
            return Err(TpmError::Gone(format!("the answer announces {size} bytes and brings {filled}")));
        }
        if filled == size {
            buffer.truncate(size);
            return Ok(buffer);
        }
    }
}

/// The size that a response header announces.
fn announced(buffer: &[u8]) -> Result<usize, TpmError> {
    let size = read_u32(buffer, 2).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
    if (HEADER..=LONGEST).contains(&size) {
        Ok(size)
    } else {
        Err(TpmError::Gone(format!("the answer announces {size} bytes, which no TPM sends")))
    }
}

/// Waits until the descriptor is ready for `event`, no longer than `deadline`.
fn wait(fd: BorrowedFd<'_>, event: PollFlags, deadline: Instant) -> Result<(), TpmError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout =
            Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::from_borrowed_fd(fd, event)], Some(&timeout)) {
            Ok(0) => return Err(TpmError::Gone("it did not answer in time".to_owned())),
            // A hang-up counts as ready: the read or write that follows says what happened.
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(TpmError::Gone(format!("waiting for it failed: {error}"))),
        }
    }
}

fn closed() -> TpmError {
    TpmError::Gone("it closed the connection".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    const GET_TEST_RESULT: [u8; 10] = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x7C];

    /// A peer that answers the first command with `answer` in two pieces and then closes.
    fn peer(answer: Vec<u8>) -> SwtpmPair {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut command = [0u8; 10];
            theirs.read_exact(&mut command).unwrap();
            let (head, tail) = answer.split_at(answer.len() / 2);
            theirs.write_all(head).unwrap();
            theirs.write_all(tail).unwrap();
        });
        SwtpmPair::new(ours).unwrap()
    }

    fn gone(answer: Vec<u8>) -> String {
        match peer(answer).transmit(&GET_TEST_RESULT) {
            Err(TpmError::Gone(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn puts_an_answer_together_from_pieces() {
        let answer = [0x80, 0x01, 0, 0, 0, 12, 0, 0, 0, 0, 7, 8].to_vec();
        assert_eq!(peer(answer.clone()).transmit(&GET_TEST_RESULT).unwrap(), answer);
    }

    #[test]
    fn refuses_an_answer_of_a_size_no_tpm_sends() {
        for size in [0u32, 9, 4097, u32::MAX] {
            let mut answer = vec![0x80, 0x01];
            answer.extend(size.to_be_bytes());
            answer.extend([0; 4]);
            assert!(gone(answer).contains("which no TPM sends"), "{size}");
        }
    }

    #[test]
    fn a_peer_that_closes_early_is_gone_and_stays_gone() {
        assert_eq!(gone(vec![0x80, 0x01, 0, 0]), "it closed the connection");
        assert_eq!(gone(vec![0x80, 0x01, 0, 0, 0, 12, 0, 0, 0, 0, 7]), "it closed the connection");
        let mut pair = peer(vec![]);
        assert!(pair.transmit(&GET_TEST_RESULT).is_err());
        let again = pair.transmit(&GET_TEST_RESULT).unwrap_err();
        assert_eq!(again.to_string(), "the TPM is gone: the connection ended before");
    }

    #[test]
    fn a_device_node_is_written_and_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tpmrm0");
        let missing = DeviceNode::open(&path).unwrap_err().to_string();
        assert!(missing.contains("tpmrm0") && missing.contains("group `tss`"), "{missing}");
        // A FIFO that is open in both directions gives back what was written: a command that is its own answer.
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        let mut node = DeviceNode::open(&path).unwrap();
        assert_eq!(node.transmit(&GET_TEST_RESULT).unwrap(), GET_TEST_RESULT);
    }

    #[test]
    fn a_peer_that_stays_silent_is_gone_when_the_time_is_over_and_stays_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tpm.sock");
        // Connections are queued and never accepted.
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut socket = Socket::unix(&path).unwrap();
        socket.answer_within(Duration::from_millis(20));
        for reason in ["it did not answer in time", "the connection ended before"] {
            let gone = socket.transmit(&GET_TEST_RESULT).unwrap_err();
            assert_eq!(gone.to_string(), format!("the TPM is gone: {reason}"));
        }
    }

    #[test]
    fn a_tcp_peer_is_asked_like_any_other() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = [0x80, 0x01, 0, 0, 0, 12, 0, 0, 0, 0, 7, 8];
        let peer = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0u8; 10]).unwrap();
            stream.write_all(&answer).unwrap();
        });
        let mut socket = Socket::tcp("127.0.0.1", port).unwrap();
        assert_eq!(socket.transmit(&GET_TEST_RESULT).unwrap(), answer);
        peer.join().unwrap();
        assert!(matches!(socket.transmit(&GET_TEST_RESULT), Err(TpmError::Gone(_))));
        let nobody = Socket::tcp("host.invalid", port).unwrap_err().to_string();
        assert!(nobody.starts_with(&format!("no TPM answers at host.invalid:{port}")), "{nobody}");
    }

    #[test]
    fn only_making_keys_may_take_long() {
        let create = [0x80, 0x02, 0, 0, 0, 10, 0, 0, 0x01, 0x53];
        assert_eq!(patience(&create), Duration::from_secs(120));
        assert_eq!(patience(&GET_TEST_RESULT), Duration::from_secs(30));
        assert_eq!(patience(&[]), Duration::from_secs(30));
    }
}
