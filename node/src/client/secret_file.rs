//! Files that hold a secret of the one who calls: not for everybody, or refused. A group may read them, because that is how
//! orchestrators hand secrets to programs that are not root.
//!
//! Only regular files are judged, behind links too: a pipe, a terminal or what a shell hands over (`/dev/fd/N`) has no
//! other readers. What `$file` names in a document is not read here: it may stand in a working copy, whose modes are not
//! its owner's choice.

use crate::exit::{Class, Failure, Outcome};
use crypto::Secret;
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The longest secret.
const BYTES_MAX: u64 = 1 << 20;

/// Reads one.
pub(super) fn read(path: &Path) -> Outcome<Secret<String>> {
    let shown = path.display();
    let cannot =
        |why: &dyn Display| Failure::new(Class::Usage, format_args!("the file {shown} can't be read: {why}"));
    // What is judged is what is read: the file may be replaced meanwhile.
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let about = file.metadata().map_err(|error| cannot(&error))?;
    if about.is_file() && is_for_others(about.permissions().mode()) {
        let text = format_args!(
            "{shown} holds a secret and everybody may read or others may change it: `chmod 600 {shown}`"
        );
        return Err(Failure::new(Class::Usage, text));
    }
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| cannot(&error))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(cannot(&"it is too large"));
    }
    Ok(Secret::new(text))
}

/// Whether the mode of a file lets everybody at it, or others than its owner change it.
fn is_for_others(mode: u32) -> bool {
    mode & 0o037 != 0
}

#[cfg(test)]
mod tests {
    use super::super::testing::secret_file;
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        secret_file(&file, "s3cret");
        for (mode, is_read) in [
            (0o600, true),
            (0o400, true),
            (0o640, true),
            (0o440, true),
            (0o604, false),
            (0o620, false),
            (0o644, false),
            (0o777, false),
        ] {
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            match read(&file) {
                Ok(text) => assert!(is_read && text.expose() == "s3cret", "{mode:o}"),
                Err(failure) => {
                    assert!(!is_read, "{mode:o}: {}", failure.text);
                    assert_eq!(failure.class, Class::Usage);
                    let way_out = format!("`chmod 600 {}`", file.display());
                    assert!(failure.text.contains(&way_out) && !failure.text.contains("s3cret"));
                }
            }
        }
    }

    #[test]
    fn a_link_is_judged_by_what_it_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("secret"), dir.path().join("link"));
        secret_file(&file, "s3cret");
        symlink(&file, &link).unwrap();
        assert!(read(&link).is_ok());
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(read(&link).is_err());
    }

    #[test]
    fn a_pipe_is_not_judged() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let path = pipe.clone();
        let writer = std::thread::spawn(move || std::fs::write(path, "s3cret"));
        assert_eq!(read(&pipe).unwrap().expose(), "s3cret");
        writer.join().unwrap().unwrap();
    }

    #[test]
    fn what_is_no_text_or_too_long_or_not_there_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        assert_eq!(read(&file).unwrap_err().class, Class::Usage);
        assert_eq!(read(dir.path()).unwrap_err().class, Class::Usage);
        secret_file(&file, &"x".repeat((1 << 20) + 1));
        assert!(read(&file).unwrap_err().text.contains("too large"));
        std::fs::write(&file, [0xff, 0xfe]).unwrap();
        assert_eq!(read(&file).unwrap_err().class, Class::Usage);
    }
}
