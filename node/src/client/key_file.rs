//! Key files of service accounts: a private key, and whose it is. ZITADEL's shape, which its libraries read
//! (`type`, `keyId`, `key`, `userId`), and the issuer that the key was made for.

use super::secret_file;
use crate::exit::{Class, Failure, Outcome};
use crypto::{Generated, Secret, SigningKey};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What a file of a service account says it is.
const TYPE: &str = "serviceaccount";
/// How long an assertion counts, in seconds. Until then whoever has seen it may use it again; clocks differ by less.
const ASSERTION_SECS: u64 = 300;

/// A key file. It holds a secret, and so it has no `Debug`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyFile {
    r#type: String,
    key_id: String,
    key: Secret<String>,
    user_id: String,
    /// For which issuer it was made, if the file says so.
    #[serde(default)]
    pub(super) issuer: Option<String>,
}

/// The same as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'f> {
    r#type: &'f str,
    key_id: &'f str,
    key: &'f str,
    user_id: &'f str,
    issuer: &'f str,
}

/// Reads one that not everybody may read.
pub(super) fn read(path: &Path) -> Outcome<KeyFile> {
    let text = secret_file::read(path)?;
    let shown = path.display();
    // What an error of the parser says may quote the key.
    let wrong = || {
        let text = format_args!("{shown} is no key file: JSON with type {TYPE}, keyId, key and userId");
        Failure::new(Class::Usage, text)
    };
    let file: KeyFile = serde_json::from_str(text.expose()).map_err(|_| wrong())?;
    if file.r#type == TYPE { Ok(file) } else { Err(wrong()) }
}

/// Writes one that must not be there yet, for its owner's eyes alone.
pub(super) fn write_new(path: &Path, made: &Generated, user: &str, issuer: &str) -> Outcome<()> {
    let pem = made.pem();
    let file = Written { r#type: TYPE, key_id: &made.kid, key: pem.expose(), user_id: user, issuer };
    let text = Secret::new(serde_json::to_string_pretty(&file).map_err(Failure::other)? + "\n");
    let cannot = |error| {
        let shown = path.display();
        Failure::new(Class::Usage, format_args!("the key file {shown} can't be written: {error}"))
    };
    let options = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    let mut file = options.map_err(cannot)?;
    let written = file.write_all(text.expose().as_bytes()).and_then(|()| file.sync_all());
    // Half a file is no key, and would be in the way of the next attempt.
    written.inspect_err(|_| drop(std::fs::remove_file(path))).map_err(cannot)
}

/// What an assertion claims (RFC 7523 §3). There is no `iat`: a clock that is ahead would make it a lie.
#[derive(Serialize)]
struct Claims<'k> {
    iss: &'k str,
    sub: &'k str,
    aud: &'k str,
    exp: u64,
}

impl KeyFile {
    /// Refuses the key for another issuer than the one it was made for: it would know neither the key nor its owner.
    pub(super) fn require_issuer(&self, issuer: &str) -> Outcome<()> {
        match &self.issuer {
            Some(own) if own != issuer => {
                let own = super::problem::printable(own);
                let text = format_args!("the key was made for {own}, and not for {issuer}");
                Err(Failure::new(Class::Usage, text))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Signs who its owner is, for an issuer, at a moment in seconds since the Unix epoch.
    pub(super) async fn assertion(&self, issuer: &str, now: u64) -> Outcome<Secret<String>> {
        let unfit = |error| Failure::new(Class::Usage, error);
        let key = SigningKey::from_pem(&self.key_id, &self.key).map_err(unfit)?;
        let exp = now.saturating_add(ASSERTION_SECS);
        let claims = Claims { iss: &self.user_id, sub: &self.user_id, aud: issuer, exp };
        crypto::issue(&key, "JWT", &claims).await.map(Secret::new).map_err(unfit)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::secret_file;
    use super::*;
    use crypto::{Alg, Assertion};
    use serde_json::{Value, json};

    fn made(dir: &Path) -> (std::path::PathBuf, Generated) {
        let (path, made) = (dir.join("key.json"), SigningKey::generate(Alg::Es256).unwrap());
        write_new(&path, &made, "robot", "https://id.example").unwrap();
        (path, made)
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_signs() {
        let dir = tempfile::tempdir().unwrap();
        let (path, made) = made(dir.path());
        let file = read(&path).unwrap();
        let token = file.assertion("https://id.example", 1000).await.unwrap();
        let assertion = Assertion::parse(token.expose()).unwrap();
        assert_eq!(assertion.kid(), made.kid);
        let claims: Value = assertion.verify(&made.jwk).unwrap();
        let expected = json!({ "iss": "robot", "sub": "robot", "aud": "https://id.example", "exp": 1300 });
        assert_eq!(claims, expected);
    }

    #[test]
    fn a_key_is_for_its_issuer_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = read(&made(dir.path()).0).unwrap();
        assert!(file.require_issuer("https://id.example").is_ok());
        let failure = file.require_issuer("https://other.example").unwrap_err();
        assert_eq!(failure.class, Class::Usage);
        assert!(failure.text.contains("https://id.example"), "{}", failure.text);
        file.issuer = None;
        assert!(file.require_issuer("https://other.example").is_ok());
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        secret_file(&path, "mine");
        let made = SigningKey::generate(Alg::EdDsa).unwrap();
        assert_eq!(write_new(&path, &made, "robot", "x").unwrap_err().class, Class::Usage);
        assert_eq!(
            write_new(&dir.path().join("none/k"), &made, "robot", "x").unwrap_err().class,
            Class::Usage
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[tokio::test]
    async fn what_is_no_key_file_is_refused_without_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        for text in [
            "s3cret",
            "{}",
            r#"{"type":"application","keyId":"k","key":"s3cret","userId":"u"}"#,
            r#"{"type":"serviceaccount","keyId":"k","key":"s3cret"}"#,
            r#"{"type":"serviceaccount","keyId":1,"key":"s3cret","userId":"u"}"#,
        ] {
            secret_file(&path, text);
            let failure = read(&path).err().unwrap();
            assert_eq!(failure.class, Class::Usage);
            assert!(!failure.text.contains("s3cret"), "{}", failure.text);
        }
        secret_file(&path, r#"{"type":"serviceaccount","keyId":"k","key":"s3cret","userId":"u"}"#);
        let failure = read(&path).unwrap().assertion("x", 0).await.unwrap_err();
        assert_eq!(failure.class, Class::Usage);
        assert!(!failure.text.contains("s3cret"), "{}", failure.text);
    }
}
