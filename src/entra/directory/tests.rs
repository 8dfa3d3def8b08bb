use super::*;
use crate::base::Uuid;

async fn memory() -> Directory {
    Directory::open(&Database::Memory).await.unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

#[test]
fn what_is_good_once_is_consumed_once_even_by_many_at_a_time() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(&Database::File(folder.path().join("d.sqlite"))).await.unwrap();
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let directory = directory.clone();
                tokio::spawn(async move { directory.consume("h", 100, 0).await.unwrap() })
            })
            .collect();
        let mut won = 0;
        for each in tries {
            won += usize::from(each.await.unwrap());
        }
        assert_eq!(won, 1);
        directory.close().await;
    });
}

#[test]
fn expired_rows_are_forgotten() {
    run(async {
        let directory = memory().await;
        assert!(directory.consume("old", 10, 0).await.unwrap());
        assert!(directory.consume("new", 100, 11).await.unwrap());
        let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM consumed").fetch_one(&directory.pool).await.unwrap();
        assert_eq!(left, 1);
    });
}

#[test]
fn refuses_a_database_of_another_schema_version() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::File(folder.path().join("d.sqlite"));
        let directory = Directory::open(&database).await.unwrap();
        sqlx::query("UPDATE _sqlx_migrations SET version = 99 WHERE version = 2")
            .execute(&directory.pool)
            .await
            .unwrap();
        directory.close().await;
        let fault = Directory::open(&database).await.unwrap_err();
        assert!(matches!(fault, DatabaseFault::OtherSchema(99)), "{fault:?}");
    });
}

#[test]
fn a_key_of_the_first_schema_becomes_one_of_normal_strength() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.sqlite");
        let pool = SqlitePoolOptions::new().connect_with(file(&path).unwrap()).await.unwrap();
        migrations(&STEPS[..1]).run(&pool).await.unwrap();
        let user = Uuid::from_u128(1);
        for statement in [
            "INSERT INTO tenant VALUES ('t', 'd', 'n', 'r', 0)".to_owned(),
            format!("INSERT INTO users VALUES ('{user}', 't', 'u', 'n', 's', 1, 'v', TRUE)"),
            format!("INSERT INTO keys VALUES ('{user}', 's', '{user}', '{user}', 'k', 'b', 0, 'none', 'null')"),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
        }
        pool.close().await;
        let directory = Directory::open(&Database::File(path)).await.unwrap();
        let keys = directory.keys_of(user, "k").await.unwrap();
        assert_eq!(keys.iter().map(|key| key.strength.as_str()).collect::<Vec<_>>(), ["normal"]);
        directory.close().await;
    });
}

#[test]
fn refuses_a_file_that_is_no_database_and_leaves_it_alone() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        let text = "these are notes and no database at all\n".repeat(40);
        std::fs::write(&path, &text).unwrap();
        let fault = Directory::open(&Database::File(path.clone())).await.unwrap_err();
        assert!(matches!(fault, DatabaseFault::NotADatabase(_)), "{fault:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let missing = Database::File(folder.path().join("no/such/folder.sqlite"));
        let fault = Directory::open(&missing).await.unwrap_err();
        assert!(matches!(fault, DatabaseFault::File { kind: std::io::ErrorKind::NotFound, .. }), "{fault:?}");
    });
}

#[test]
fn a_database_file_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.sqlite");
        let directory = Directory::open(&Database::File(path.clone())).await.unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
        directory.close().await;
    });
}

#[test]
fn a_deleted_key_leaves_a_line_in_the_audit_and_is_deleted_once() {
    run(async {
        let directory = memory().await;
        let (id, key) = seeded(&directory).await;
        directory.add_key(&key, "slot", None).await.unwrap();
        assert!(directory.delete_key(&key, 5).await.unwrap());
        assert!(!directory.delete_key(&key, 6).await.unwrap());
        assert_eq!(directory.keys_of_user(id).await.unwrap(), []);
        let lines: Vec<(i64, String, String)> =
            sqlx::query_as("SELECT at, event, detail FROM audit ORDER BY at").fetch_all(&directory.pool).await.unwrap();
        assert_eq!(lines[1..], [(5, "key deleted".to_owned(), id.to_string())]);
    });
}

/// A tenant with a user; and a key of theirs, of a device that is not there.
async fn seeded(directory: &Directory) -> (Uuid, Key) {
    let id = Uuid::from_u128(7);
    let user = User {
        id,
        upn: "u@x".into(),
        display_name: String::new(),
        salt: String::new(),
        rounds: 1,
        verifier: String::new(),
        mfa_method: true,
    };
    let (domain, display_name, region) = ("x".into(), String::new(), String::new());
    let tenant = Tenant { id, domain, display_name, region };
    directory.seed(&Seed { tenant, keys: Vec::new(), users: vec![user] }, 0).await.unwrap();
    let key = Key {
        kid: id,
        owner: id,
        device: id,
        key_id: "k".into(),
        blob: String::new(),
        created: 0,
        level: "none".into(),
        report: "null".into(),
        strength: "normal".into(),
    };
    (id, key)
}

async fn join(directory: &Directory, tenant: Uuid, id: Uuid) {
    let device = Device {
        id,
        owner: tenant,
        display_name: String::new(),
        os: String::new(),
        os_version: String::new(),
        trust_type: String::new(),
        enabled: true,
        thumbprint: id.to_string(),
        certificate: String::new(),
        transport_key: String::new(),
        created: 0,
    };
    directory.add_device(tenant, &device).await.unwrap();
}

#[test]
fn of_many_devices_at_a_time_one_is_vouched_for_by_an_endorsement_key() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(&Database::File(folder.path().join("d.sqlite"))).await.unwrap();
        let (tenant, key) = seeded(&directory).await;
        let mut tries = Vec::new();
        for number in 100..108 {
            let device = Uuid::from_u128(number);
            join(&directory, tenant, device).await;
            let (directory, key) = (directory.clone(), Key { kid: device, device, ..key.clone() });
            tries.push(async move {
                let endorsement = Endorsement { ek: "ek".into(), report_if_known: None };
                directory.add_key(&key, &key.kid.to_string(), Some(&endorsement)).await.unwrap().is_some()
            });
        }
        let tries: Vec<_> = tries.into_iter().map(tokio::spawn).collect();
        let mut won = 0;
        for each in tries {
            won += usize::from(each.await.unwrap());
        }
        assert_eq!(won, 1);
        assert_eq!(directory.keys_of_user(tenant).await.unwrap().len(), 1, "the others left nothing behind");
        directory.close().await;
    });
}

#[test]
fn the_endorsement_keys_of_expired_certificates_are_forgotten() {
    run(async {
        let directory = memory().await;
        directory.add_aik_certificate("old", "ek", 10, 0).await.unwrap();
        assert_eq!(directory.endorsement_of("old").await.unwrap().as_deref(), Some("ek"));
        directory.add_aik_certificate("new", "ek", 100, 11).await.unwrap();
        assert_eq!(directory.endorsement_of("old").await.unwrap(), None);
        assert_eq!(directory.endorsement_of("new").await.unwrap().as_deref(), Some("ek"));
    });
}
