//! The emulator behind a port or a path: it is ours, it listens for us, and it goes with us.

use std::path::Path;

use whfb::base::OsRng;
use whfb::base::secret_slice;
use whfb::device::tpm::swtpm::{PROGRAM, Server};
use whfb::device::tpm::{Address, Direct, Gate, KeyKind, Ownership, TpmError, Usage, connect, open};

use crate::support::{manufactured, secret, start, tempdir};

#[test]
fn ends_with_its_owner_in_order_and_leaves_the_directory_free() {
    let directory = tempdir();
    let (swtpm, owned) = manufactured(directory.path());
    drop(swtpm);
    for serve in [Server::unix, Server::tcp] {
        let server = serve(directory.path(), Path::new(PROGRAM)).unwrap();
        let mut tpm = open(&server.address(), Ownership::Guest, Some(&owned.pins), Box::new(OsRng), None).unwrap();
        // A counted use, after which an end without TPM2_Shutdown would cost a try.
        let sealed = tpm.seal(&secret_slice(vec![1; 32]), Gate::Counted(&secret(1))).unwrap();
        tpm.unseal(&sealed, Gate::Counted(&secret(1))).unwrap();
        drop(tpm);
        let process = server.process_id();
        drop(server);
        assert!(!Path::new(&format!("/proc/{process}")).exists());
    }
    assert_eq!(Direct::look(&mut start(directory.path())).unwrap().lockout.count, 0);
}

#[test]
fn outlives_the_thread_that_asked_for_it() {
    let directory = tempdir();
    let path = directory.path().to_owned();
    let server = std::thread::spawn(move || Server::tcp(&path, Path::new(PROGRAM)).unwrap()).join().unwrap();
    drop(Direct::open(connect(&server.address()).unwrap(), Ownership::Guest, None, Box::new(OsRng)).unwrap());
}

#[test]
fn a_client_may_come_back_and_finds_its_keys() {
    let directory = tempdir();
    let server = Server::unix(directory.path(), Path::new(PROGRAM)).unwrap();
    let mut guest = open(&server.address(), Ownership::Guest, None, Box::new(OsRng), None).unwrap();
    let (pins, key) = (guest.pins().unwrap(), guest.create(KeyKind::P256, Usage::General, None).unwrap());
    drop(guest);
    let mut again = open(&server.address(), Ownership::Guest, Some(&pins), Box::new(OsRng), None).unwrap();
    let key = again.load(&key).unwrap();
    again.sign(&key, None, &[0; 32]).unwrap();
}

#[test]
fn one_directory_has_one_owner_however_it_is_reached() {
    let directory = tempdir();
    let _server = Server::tcp(directory.path(), Path::new(PROGRAM)).unwrap();
    let second = Server::unix(directory.path(), Path::new(PROGRAM)).unwrap_err();
    assert!(matches!(&second, TpmError::Unavailable(words) if words.contains("in use")), "{second}");
}

#[test]
fn names_what_is_missing_or_too_long() {
    let directory = tempdir();
    let missing = Server::tcp(directory.path(), Path::new("swtpm-that-nobody-installed")).unwrap_err().to_string();
    assert!(missing.contains("swtpm-that-nobody-installed"), "{missing}");
    let deep = directory.path().join("d".repeat(100));
    let long = Server::unix(&deep, Path::new(PROGRAM)).unwrap_err().to_string();
    assert!(long.contains("107 bytes") && long.contains("shorter directory"), "{long}");
}

#[test]
fn an_address_where_nobody_is_says_so() {
    let directory = tempdir();
    let path = directory.path().join("nobody.sock");
    let absent = connect(&Address::Unix(path.clone())).map(drop).unwrap_err().to_string();
    assert!(absent.contains(&path.display().to_string()), "{absent}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let refused = connect(&Address::Tcp("127.0.0.1".into(), port)).map(drop).unwrap_err().to_string();
    assert!(refused.starts_with(&format!("no TPM answers at 127.0.0.1:{port}")), "{refused}");
}

#[test]
fn dies_with_its_owner_even_when_that_is_killed() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    const SERVE: &str = "WHFB_TEST_SERVE_IN";
    // The same test in a process of its own is the owner: it serves, says so and waits to be killed.
    if let Some(directory) = std::env::var_os(SERVE) {
        let server = Server::tcp(Path::new(&directory), Path::new(PROGRAM)).unwrap();
        use std::io::Write as _;
        writeln!(std::io::stdout(), "\nserving {}", server.process_id()).unwrap();
        std::thread::park();
    }
    let directory = tempdir();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "server::dies_with_its_owner_even_when_that_is_killed", "--nocapture"])
        .env(SERVE, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map_while(Result::ok);
    let process = lines.find_map(|line| line.strip_prefix("serving ").map(str::to_owned)).unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    let alive = || std::fs::read_to_string(format!("/proc/{process}/cmdline")).is_ok_and(|line| line.contains("swtpm"));
    for _ in 0..1000 {
        if !alive() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    unreachable!("swtpm outlived its owner");
}
