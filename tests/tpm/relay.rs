//! Between libtss2 and the emulator's two ports: passes everything on and notes each command.

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use whfb::device::tpm::Tcti;
use whfb::device::tpm::swtpm::Server;

use crate::support::code;

/// The codes of the commands that went through, in order.
pub(crate) type Codes = Arc<Mutex<Vec<u32>>>;

/// Puts a relay before `server`; it lasts as long as the test.
pub(crate) fn relay(server: &Server) -> (Tcti, Codes) {
    let (_, upstream) =
        server.tcti().rsplit_once('=').map(|(key, port)| (key.to_owned(), port.parse().unwrap())).unwrap();
    let (commands, control) = two_ports();
    let port = commands.local_addr().unwrap().port();
    let codes = Codes::default();
    let noted = codes.clone();
    std::thread::spawn(move || each(&commands, upstream, move |client, tpm| pass_commands(client, tpm, &noted)));
    std::thread::spawn(move || each(&control, upstream + 1, pass_control));
    (format!("swtpm:host=127.0.0.1,port={port}").parse().unwrap(), codes)
}

/// Two listeners on neighbouring ports: libtss2 takes the second for the control channel.
fn two_ports() -> (TcpListener, TcpListener) {
    loop {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let next = first.local_addr().unwrap().port().checked_add(1);
        if let Some(Ok(second)) = next.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))) {
            return (first, second);
        }
    }
}

fn each(
    listener: &TcpListener,
    upstream: u16,
    pass: impl Fn(TcpStream, TcpStream) -> Result<()> + Clone + Send + 'static,
) {
    for client in listener.incoming() {
        let Ok((client, tpm)) =
            client.and_then(|client| Ok((client, TcpStream::connect((Ipv4Addr::LOCALHOST, upstream))?)))
        else {
            return;
        };
        let pass = pass.clone();
        std::thread::spawn(move || drop(pass(client, tpm)));
    }
}

fn pass_commands(mut client: TcpStream, mut tpm: TcpStream, codes: &Codes) -> Result<()> {
    loop {
        let command = message(&mut client)?;
        codes.lock().unwrap().push(code(&command));
        tpm.write_all(&command)?;
        client.write_all(&message(&mut tpm)?)?;
    }
}

/// A command or an answer: both say their size in bytes 2 to 5 of ten (TPM 2.0 Part 1, section 18).
fn message(from: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 10];
    from.read_exact(&mut bytes)?;
    let size = u32::from_be_bytes(bytes[2..6].try_into().unwrap());
    from.take(u64::from(size) - 10).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn pass_control(client: TcpStream, tpm: TcpStream) -> Result<()> {
    let (from, to) = (client.try_clone()?, tpm.try_clone()?);
    std::thread::spawn(move || drop(pass_on(&from, &to)));
    pass_on(&tpm, &client)
}

/// Passes on what comes and, in the end, that nothing more will.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream) -> Result<()> {
    let copied = std::io::copy(&mut from, &mut to);
    to.shutdown(Shutdown::Write)?;
    copied.map(drop)
}
