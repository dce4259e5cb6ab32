//! Every configuration key, once: its name in the file, its variable, its default and what it means.

/// A configuration key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its dotted name in the file.
    pub(crate) name: &'static str,
    /// What holds when nobody says otherwise; empty where nothing does.
    pub(crate) default: &'static str,
    /// What it means, one line.
    pub(crate) about: &'static str,
    /// Whether its value is never shown, and never stands in the file.
    pub(crate) secret: bool,
}

impl Key {
    /// The environment variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

/// What every variable of ours begins with.
pub(crate) const PREFIX: &str = "CONCLAVE_";

/// Variables with our prefix that are no configuration of a node: the file's own path, two of the build's, and two that
/// the commands of the management API know.
pub(crate) const APART: &[&str] =
    &["CONCLAVE_CONFIG", "CONCLAVE_CACHE", "CONCLAVE_GOLDENS", "CONCLAVE_API_URL", "CONCLAVE_API_TOKEN"];

macro_rules! keys {
    ($($constant:ident $name:literal $default:literal $about:literal;)*) => {
        $(#[doc = $about] pub(crate) const $constant: &str = $name;)*

        /// All of them, in the order in which they are shown.
        pub(crate) const KEYS: &[Key] = &[
            $(Key { name: $name, default: $default, about: $about, secret: is_secret($name) },)*
        ];
    };
}

keys! {
    DATA_DIR "data_dir" "./conclave-data" "where this node keeps its data";
    PUBLIC_LISTEN "public.listen" "127.0.0.1:8080" "address of the public side: loopback, because it speaks plain HTTP";
    PUBLIC_URL "public.url" "" "scheme, host and port of the issuer; not given: http://localhost with the port of public.listen";
    PEERS_LISTEN "peers.listen" "127.0.0.1:8081" "address for the other nodes of the cluster, who prove themselves by certificates";
    PEERS_ADDRESS "peers.address" "" "host and port by which the other nodes reach this one; not given: peers.listen";
    OPERATIONS_LISTEN "operations.listen" "127.0.0.1:8082" "address of /live, /ready, /metrics and /cluster";
    MASTER_KEY_FILE "master_key_file" "" "file with the master key, several may stand in it, the first one wraps; not given: master.key in the data folder, better kept elsewhere";
    MASTER_KEY "master_key" "" "the master key itself: 64 hexadecimal digits or 43 of base64url; environment only";
    MEMORY "memory" "256MiB" "memory of the embedded store: caches and write buffers";
    RETENTION_BYTES "retention.bytes" "256MiB" "the log is cut when its entries hold more than this";
    RETENTION_AGE "retention.age" "7d" "entries of the log older than this go; at most 30d, so that erasure ends there too";
    VERIFY_EVERY "verify.every" "6h" "how often the nodes hash all that they hold and compare it";
    PASSWORD_MEMORY_KIB "password.memory_kib" "19456" "Argon2id: memory of one password hash, in KiB";
    PASSWORD_PASSES "password.passes" "2" "Argon2id: passes";
    PASSWORD_LANES "password.lanes" "1" "Argon2id: lanes";
    LOG_LEVEL "log.level" "info" "error, warn, info, debug or trace; also per module, as in `info,raft=debug`";
    LOG_FORMAT "log.format" "auto" "text, json, or auto: text on a terminal, JSON elsewhere";
}

const fn is_secret(name: &str) -> bool {
    matches!(name.as_bytes(), b"master_key")
}

/// The key of a dotted name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The known name that is most like an unknown one.
pub(crate) fn nearest<'n>(unknown: &str, known: impl Iterator<Item = &'n str>) -> &'n str {
    let mut best = ("", f64::MIN);
    for name in known {
        let likeness = strsim::jaro_winkler(unknown, name);
        if likeness > best.1 {
            best = (name, likeness);
        }
    }
    best.0
}
