//! One test at a time: each has the whole machine, whatever runner starts them, threads or processes.

use crate::binary;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;

/// The machine is ours until this is dropped.
#[derive(Debug)]
pub struct Turn {
    _file: File,
}

impl Turn {
    /// Waits for the others to finish.
    pub fn wait() -> Turn {
        let path = binary::conclave().with_file_name("cluster-tests.lock");
        let file = File::create(&path).expect("the build folder can be written to");
        flock(&file, FlockOperation::LockExclusive).expect("a file can be locked");
        Turn { _file: file }
    }
}
