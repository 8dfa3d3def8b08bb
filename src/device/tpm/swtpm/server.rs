//! The emulator behind a port or a path, for clients that want to connect by themselves.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::process::{Claim, Process};
use super::{GET_TEST_RESULT, PATIENCE, SHUTDOWN, STATE};
use crate::device::tpm::transport::{Socket, Transport as _};
use crate::device::tpm::{Address, TpmError};

/// How long the emulator may take to listen.
const START: Duration = Duration::from_secs(5);
/// How often another pair of ports is tried when somebody else took the first.
const ATTEMPTS: u32 = 8;
/// The longest path of a Unix socket (`sun_path` without its NUL).
const LONGEST_PATH: usize = 107;

/// A running emulator that listens, on loopback alone.
///
/// A port or a path can be found by others of this machine, which a socketpair cannot; so this is for tests and for
/// libtss2. The emulator dies with this process, whatever ends it. Dropping it ends it in order.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    /// Keeps the directory ours until the child is gone.
    _claim: Claim,
}

/// The emulator's process and where it listens.
#[derive(Debug)]
struct Listener {
    process: Process,
    address: Address,
    keeper: Keeper,
}

impl Server {
    /// Serves the state in `directory` on the Unix socket `tpm.sock` in it.
    ///
    /// # Errors
    /// [`TpmError::Unavailable`] as for [`Swtpm::start`](super::Swtpm::start), and when the path is longer than the 107 bytes
    /// that an address of a Unix socket takes.
    pub fn unix(directory: &Path, program: &Path) -> Result<Self, TpmError> {
        const DATA: &str = "tpm.sock";
        let claim = Claim::on(directory)?;
        let path = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned()).join(DATA);
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(TpmError::Unavailable(format!(
                "the path {} is longer than the {LONGEST_PATH} bytes that a Unix socket may have; choose a shorter directory",
                path.display()
            )));
        }
        // The name is relative: the child runs in the directory. One that a killed emulator left would be in the way.
        for stale in [path.clone(), path.with_extension("sock.ctrl")] {
            drop(fs::remove_file(stale));
        }
        let sockets = [
            "--server".to_owned(),
            format!("type=unixio,path={DATA},mode=0600"),
            "--ctrl".to_owned(),
            format!("type=unixio,path={DATA}.ctrl,mode=0600"),
        ];
        let listener = Listener::start(directory, program, &sockets, Address::Unix(path))?;
        Ok(Self { listener, _claim: claim })
    }

    /// Serves the state in `directory` on a free port of 127.0.0.1, with the control channel at the port after it, where
    /// libtss2 looks for it.
    ///
    /// # Errors
    /// [`TpmError::Unavailable`] as for [`Swtpm::start`](super::Swtpm::start), and when no two neighbouring ports are free.
    pub fn tcp(directory: &Path, program: &Path) -> Result<Self, TpmError> {
        let claim = Claim::on(directory)?;
        let mut outcome = TpmError::Unavailable("no two neighbouring ports are free on 127.0.0.1".to_owned());
        for _ in 0..ATTEMPTS {
            let Some(port) = free_pair() else { continue };
            let sockets = [
                "--server".to_owned(),
                format!("type=tcp,port={port},bindaddr=127.0.0.1"),
                "--ctrl".to_owned(),
                format!("type=tcp,port={},bindaddr=127.0.0.1", port + 1),
            ];
            let address = Address::Tcp(Ipv4Addr::LOCALHOST.to_string(), port);
            // Between looking and listening somebody else can take a port: then the child ends at once.
            match Listener::start(directory, program, &sockets, address) {
                Ok(listener) => return Ok(Self { listener, _claim: claim }),
                Err(error) => outcome = error,
            }
        }
        Err(outcome)
    }

    /// Where our own backend reaches it.
    pub fn address(&self) -> Address {
        self.listener.address.clone()
    }

    /// Where libtss2 reaches it, as a TCTI string; for a Unix socket one that tss-esapi 7.7.0 does not know.
    pub fn tcti(&self) -> String {
        match &self.listener.address {
            Address::Tcp(host, port) => format!("swtpm:host={host},port={port}"),
            Address::Unix(path) => format!("swtpm:path={}", path.display()),
            other => other.to_string(),
        }
    }

    /// The child's process id, for whoever wants to see it die.
    pub fn process_id(&self) -> u32 {
        self.listener.process.id()
    }
}

impl Listener {
    fn start(directory: &Path, program: &Path, sockets: &[String], address: Address) -> Result<Self, TpmError> {
        let (keeper, process) = Keeper::start(directory.to_owned(), program.to_owned(), sockets.to_vec())?;
        let mut listener = Self { process, address, keeper };
        listener.greet().map(|()| listener)
    }

    /// Waits until the child, and nobody else, answers at the address.
    fn greet(&mut self) -> Result<(), TpmError> {
        let deadline = Instant::now() + START;
        loop {
            let answered = self.ask(&GET_TEST_RESULT);
            if self.process.wait(Duration::ZERO).is_some() {
                return Err(TpmError::Unavailable(self.process.epitaph("it does not listen")));
            }
            match answered {
                Ok(()) if self.is_the_listener() => return Ok(()),
                _ if Instant::now() > deadline => {
                    return Err(TpmError::Unavailable(self.process.epitaph("it does not listen in time")));
                }
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Sends one command over a connection of its own.
    fn ask(&self, command: &[u8]) -> Result<(), TpmError> {
        let mut socket = match &self.address {
            Address::Tcp(host, port) => Socket::tcp(host, *port)?,
            Address::Unix(path) => Socket::unix(path)?,
            Address::Device(_) | Address::Tcti(_) => return Ok(()),
        };
        socket.answer_within(PATIENCE);
        socket.transmit(command).map(drop)
    }

    /// Whether the listening port belongs to the child. A path in a directory that is locked and closed belongs to nobody else.
    fn is_the_listener(&self) -> bool {
        let Address::Tcp(_, port) = self.address else { return true };
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let Some(inode) = sockets.lines().find_map(|line| listening_inode(line, port)) else { return false };
        let wanted = format!("socket:[{inode}]");
        let held = fs::read_dir(format!("/proc/{}/fd", self.process.id()));
        held.into_iter()
            .flatten()
            .flatten()
            .any(|entry| fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()))
    }

    /// Tells the TPM that its power goes, and the child to end; waits for it, and kills it if it does not.
    fn end(&mut self) {
        if self.process.wait(Duration::ZERO).is_none() {
            // What cannot be told cannot be mended here: somebody holds the one connection, or the child is gone.
            drop(self.ask(&SHUTDOWN));
            if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
                let _gone_already = kill_process(pid, Signal::TERM);
            }
            self.process.finish(PATIENCE);
        }
        self.keeper.release();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.end();
    }
}

/// A thread that lives as long as the child.
///
/// `setpriv --pdeathsig` ends the child when the thread that started it ends, which is how it dies with us even when we are
/// killed; so it must not be a thread that ends earlier, such as a pool's.
#[derive(Debug)]
struct Keeper {
    release: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    fn start(directory: PathBuf, program: PathBuf, sockets: Vec<String>) -> Result<(Self, Process), TpmError> {
        let (report, started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let keep = move || {
            let process = Process::start(&directory, &program, |program| {
                let mut command = Command::new("setpriv");
                command.args(["--pdeathsig", "TERM"]).arg(program).args(STATE).args(sockets);
                Ok(command)
            });
            drop(report.send(process));
            // Ends with an error when the sender is dropped, which is the signal.
            let _released = released.recv();
        };
        let broken = |error: std::io::Error| TpmError::Unavailable(format!("no thread for swtpm: {error}"));
        let thread = std::thread::Builder::new().name("swtpm keeper".to_owned()).spawn(keep).map_err(broken)?;
        let keeper = Self { release: Some(release), thread: Some(thread) };
        let process = started.recv().map_err(|_| TpmError::Unavailable("swtpm was not started".to_owned()))??;
        Ok((keeper, process))
    }

    fn release(&mut self) {
        drop(self.release.take());
        if let Some(thread) = self.thread.take() {
            // It did nothing but wait.
            drop(thread.join());
        }
    }
}

/// A port that is free now, like the one after it.
fn free_pair() -> Option<u16> {
    /// libtss2 connects anew for each command, so where it was just used most neighbours rest in TIME_WAIT. Looking is cheap.
    const LOOKS: usize = 1000;
    (0..LOOKS).find_map(|_| {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let port = first.local_addr().ok()?.port();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port.checked_add(1)?)).ok().map(|_| port)
    })
}

/// The inode in a line of `/proc/net/tcp` if it is about a socket that listens on `port` of 127.0.0.1.
fn listening_inode(line: &str, port: u16) -> Option<&str> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let ours = format!("0100007F:{port:04X}");
    (fields.get(1) == Some(&ours.as_str()) && fields.get(3) == Some(&LISTEN)).then(|| fields.get(9).copied()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_socket_that_listens_on_a_port() {
        let line = "   4: 0100007F:0911 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 00 100 0";
        assert_eq!(listening_inode(line, 2321), Some("4711"));
        assert_eq!(listening_inode(line, 2322), None);
        assert_eq!(listening_inode(&line.replace(" 0A ", " 01 "), 2321), None, "a connection is no listener");
        assert_eq!(listening_inode("  sl  local_address rem_address", 2321), None);
    }
}
