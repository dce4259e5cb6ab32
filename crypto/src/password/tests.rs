use super::*;
use crate::testing::CHEAP_PASSWORDS;

fn hasher() -> PasswordHasher {
    PasswordHasher::new(CHEAP_PASSWORDS, 2).unwrap()
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn stored() -> String {
    hasher().hash(&secret("correct horse"), [7; 16]).unwrap()
}

#[test]
fn a_password_is_known_by_its_hash() {
    assert!(hasher().verify(&secret("correct horse"), &stored()).unwrap());
}

#[test]
fn the_stored_form_is_pinned() {
    // Made with Python's cryptography 48, Argon2id (OpenSSL).
    let hasher = PasswordHasher::new(PasswordParams { memory_kib: 64, passes: 2, lanes: 2 }, 1).unwrap();
    let expected =
        "$argon2id$v=19$m=64,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$KzY0shwac7WdDSXS7D8RdfNN9PJf0xghZnmkY8y2pVw";
    assert_eq!(hasher.hash(&secret("password"), *b"0123456789abcdef").unwrap(), expected);
}

#[test]
fn another_password_is_not() {
    for other in ["", "correct hors", "correct horse ", "Correct horse", "correct horse\0", "пароль"] {
        assert!(!hasher().verify(&secret(other), &stored()).unwrap(), "{other:?}");
    }
}

#[test]
fn salts_make_equal_passwords_differ() {
    assert_ne!(stored(), hasher().hash(&secret("correct horse"), [8; 16]).unwrap());
}

#[test]
fn a_password_above_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let (longest, longer) = ("x".repeat(PASSWORD_BYTES_MAX), "x".repeat(PASSWORD_BYTES_MAX + 1));
    let phc = hasher().hash(&secret(&longest), [7; 16]).unwrap();
    assert!(hasher().verify(&secret(&longest), &phc).unwrap());
    let refused = Error::PasswordTooLong { limit: 512 };
    assert_eq!(hasher().hash(&secret(&longer), [7; 16]).unwrap_err(), refused);
    assert_eq!(hasher().verify(&secret(&longer), &phc).unwrap_err(), refused);
    hasher().dummy(&secret(&longer));
}

#[test]
fn parameters_are_read_from_the_stored_hash() {
    let today = PasswordHasher::new(PasswordParams { memory_kib: 128, passes: 2, lanes: 1 }, 1).unwrap();
    assert!(today.verify(&secret("correct horse"), &stored()).unwrap());
    assert!(today.needs_rehash(&stored()));
    assert!(!hasher().needs_rehash(&stored()));
    assert!(hasher().needs_rehash("$2b$12$abcdefghijklmnopqrstuv"));
}

#[test]
fn a_stored_memory_or_time_bomb_is_refused() {
    for bomb in
        ["m=4194304,t=1,p=1", "m=262145,t=1,p=1", "m=262144,t=5,p=1", "m=64,t=17,p=1", "m=256,t=1,p=17"]
    {
        let phc = stored().replace("m=64,t=1,p=1", bomb);
        assert!(matches!(hasher().verify(&secret("x"), &phc), Err(Error::PasswordParams { .. })), "{bomb}");
    }
}

#[test]
fn impossible_parameters_are_refused() {
    for bad in ["m=7,t=1,p=1", "m=64,t=0,p=1", "m=64,t=1,p=0", "m=64,t=1,p=9"] {
        let phc = stored().replace("m=64,t=1,p=1", bad);
        assert!(matches!(hasher().verify(&secret("x"), &phc), Err(Error::PasswordParams { .. })), "{bad}");
    }
}

#[test]
fn a_damaged_or_foreign_hash_is_refused() {
    let good = stored();
    let cases = [
        String::new(),
        "x".to_owned(),
        good.replace("argon2id", "argon2i"),
        good.replace("argon2id", "argon2d"),
        good.replace("$v=19", "$v=16"),
        good.replace("$v=19", ""),
        good.replace("m=64,t=1,p=1", "t=1,p=1"),
        good.replace("m=64,t=1,p=1", "m=64,t=1,p=1,keyid=AAAA"),
        good.replace("m=64,t=1,p=1", "t=1,m=64,p=1"),
        good.replace("m=64", "m=064"),
        good[..good.rfind('$').unwrap()].to_owned(),
        good[..good.len() - 24].to_owned(),
        format!("{good}$"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}{}", "A".repeat(4096)),
    ];
    for phc in cases {
        assert!(matches!(hasher().verify(&secret("x"), &phc), Err(Error::PasswordHash { .. })), "{phc:?}");
        assert!(hasher().needs_rehash(&phc));
    }
}

#[test]
fn configured_parameters_have_the_same_bounds() {
    for (memory_kib, passes, lanes) in
        [(0, 1, 1), (7, 1, 1), (64, 0, 1), (64, 1, 0), (u32::MAX, 1, 1), (64, u32::MAX, 1)]
    {
        let params = PasswordParams { memory_kib, passes, lanes };
        let expected = Error::PasswordParams { memory_kib, passes, lanes };
        assert_eq!(PasswordHasher::new(params, 1).unwrap_err(), expected);
    }
}

#[test]
fn the_default_is_what_owasp_recommends() {
    assert_eq!(PasswordParams::default(), PasswordParams { memory_kib: 19_456, passes: 2, lanes: 1 });
    assert!(PasswordHasher::new(PasswordParams::default(), 1).is_ok());
}

#[test]
fn no_buffers_count_as_one() {
    let hasher = PasswordHasher::new(CHEAP_PASSWORDS, 0).unwrap();
    assert!(hasher.hash(&secret("x"), [1; 16]).is_ok());
}
