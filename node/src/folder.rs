//! The node's own files in the data folder: the wrapped cluster key, and the master key when nobody gives one. The
//! authority's are in `authority`.
//!
//! `node.json`, `log/`, `state/` and `snapshots/` are storage's. A folder belongs to a node from the moment that its
//! `node.json` stands; everything that is written before may be left by an interrupted `init` and is used again.

use crate::authority;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::exit::{Class, Failure, Outcome, io};
use crate::join::ATTEMPT_FILE;
use crypto::certificate::Authority;
use crypto::{ClusterKey, Entropy, MasterKeys, Secret, Wrap, draw, draw_secret};
use identity::cluster::node::FOUNDER;
use raft::Clock as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use storage::NodeIdentity;

/// The cluster key, wrapped by the master key.
const CLUSTER_KEY: &str = "cluster.key";
/// The master key of a folder for which none is configured.
const MASTER_KEY: &str = "master.key";

/// Stands while a folder is being made.
const BEGUN: &str = "begun.tmp";

/// Where the cluster key is.
pub(crate) fn cluster_key_path(dir: &Path) -> PathBuf {
    dir.join(CLUSTER_KEY)
}

/// A folder that this node may open: whose it is, and the key to it.
pub(crate) struct Opened {
    /// Whose it is.
    pub(crate) identity: NodeIdentity,
    /// Opens the keys of instances.
    pub(crate) cluster_key: ClusterKey,
    /// Issues certificates between nodes.
    pub(crate) authority: Authority,
}

/// What `prepare` did besides opening.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    /// The folder was new.
    pub(crate) folder: bool,
    /// A master key was made, and stands here.
    pub(crate) master_key: Option<PathBuf>,
}

/// Opens the data folder, or makes it: its identity, its cluster key, and a master key if none is configured.
pub(crate) async fn prepare(config: &Config) -> Outcome<(Opened, Made)> {
    let dir = &config.data_dir;
    let mut made = Made::default();
    if let Some(identity) = NodeIdentity::read(dir)? {
        let cluster_key = open(config).await?;
        remove(&dir.join(BEGUN))?;
        rewrap(config).await?;
        let authority = authority::Files::read(dir)?.open(&identity.cluster, &cluster_key)?;
        return Ok((Opened { identity, cluster_key, authority }, made));
    }
    make(dir)?;
    if dir.join(ATTEMPT_FILE).exists() {
        return Err(Failure::new(
            Class::NoData,
            format_args!(
                "{} was about to join a cluster: repeat `conclave join`, or remove the folder to begin a new cluster",
                dir.display()
            ),
        ));
    }
    if !config.may_found {
        return Err(Failure::new(
            Class::NoData,
            format_args!(
                "{} holds no node, and peers.* is configured: a node whose data is gone must not begin a second \
                 cluster under the same issuer. Let it join anew with `conclave join`, or begin a cluster with \
                 `conclave init`",
                dir.display()
            ),
        ));
    }
    if !is_given(config) {
        let path = dir.join(MASTER_KEY);
        if ensure_master_key(&path)? {
            made.master_key = Some(path);
        }
    }
    if !cluster_key_path(dir).exists() {
        let master = master_keys(config)?.ok_or_else(|| no_master_key(dir, None))?;
        let key: Secret<[u8; 32]> = draw_secret(&SystemEntropy);
        let wrapped = master.wrap(key.expose(), draw(&SystemEntropy)).await;
        let wrapped = wrapped.map_err(|error| Failure::new(Class::MasterKey, error))?;
        write_private(&cluster_key_path(dir), &wrapped)?;
    }
    let cluster_key = open(config).await?;
    let identity = NodeIdentity { cluster: SystemEntropy.bytes(), node: FOUNDER, lineage: 1 };
    let files = authority::Files::generate(&identity.cluster, &cluster_key, SystemClock.wall_ms() / 1000)?;
    files.write(dir)?;
    let authority = files.open(&identity.cluster, &cluster_key)?;
    found(dir, &identity)?;
    made.folder = true;
    Ok((Opened { identity, cluster_key, authority }, made))
}

/// Makes the folder itself, or refuses one that holds what is not ours.
pub(crate) fn make(dir: &Path) -> Outcome<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(dir).map_err(|error| io("creating", dir, &error))?;
    refuse_strangers(dir)
}

/// Makes a master key in a file that does not exist yet; whether it did.
pub(crate) fn ensure_master_key(path: &Path) -> Outcome<bool> {
    if path.exists() {
        return Ok(false);
    }
    let key: Secret<[u8; 32]> = draw_secret(&SystemEntropy);
    let text = Secret::new(format!("{}\n", crypto::hex(key.expose())));
    write_private(path, text.expose().as_bytes()).map(|()| true)
}

/// Gives the folder to a node: from then on it is that node's.
pub(crate) fn found(dir: &Path, identity: &NodeIdentity) -> Outcome<()> {
    begin(dir)?;
    storage::create(dir, identity)?;
    remove(&dir.join(BEGUN))
}

/// Marks the folder as one that is being made, and removes the log of a making that was interrupted: where there is no
/// `node.json` yet, nothing was ever answered. Without the mark such a log may be a node's that lost its `node.json`.
fn begin(dir: &Path) -> Outcome<()> {
    let (mark, log) = (dir.join(BEGUN), dir.join("log"));
    if mark.exists() && log.exists() {
        fs::remove_dir_all(&log).map_err(|error| io("removing", &log, &error))?;
    }
    File::create(&mark).and_then(|file| file.sync_all()).map_err(|error| io("creating", &mark, &error))
}

pub(crate) fn remove(path: &Path) -> Outcome<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("removing", path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A new node moves only into an empty folder, or into what an interrupted `init` of ours left.
fn refuse_strangers(dir: &Path) -> Outcome<()> {
    const OURS: [&str; 11] = [
        CLUSTER_KEY,
        MASTER_KEY,
        authority::NAMES[0],
        authority::NAMES[1],
        ATTEMPT_FILE,
        "LOCK",
        "cluster.tmp",
        "master.tmp",
        "peers.tmp",
        "joining.tmp",
        "lost+found",
    ];
    let begun = dir.join(BEGUN).exists();
    for entry in fs::read_dir(dir).map_err(|error| io("listing", dir, &error))? {
        let name = entry.map_err(|error| io("listing", dir, &error))?.file_name();
        let of_making = begun && (name == "log" || name == "node.tmp");
        if !of_making && name != BEGUN && !OURS.iter().any(|ours| name == *ours) {
            return Err(Failure::new(
                Class::NoData,
                format_args!(
                    "{} is no data folder of Conclave, but not empty either (it holds {}): correct data_dir, or \
                     name an empty folder",
                    dir.display(),
                    name.display()
                ),
            ));
        }
    }
    Ok(())
}

/// Opens the cluster key of an existing folder.
pub(crate) async fn open(config: &Config) -> Outcome<ClusterKey> {
    let path = cluster_key_path(&config.data_dir);
    let wrapped = fs::read(&path).map_err(|error| {
        Failure::new(
            Class::MasterKey,
            format_args!(
                "{} can't be read ({error}): restore it from a copy of the data folder",
                path.display()
            ),
        )
    })?;
    let wanted = crypto::wrap::master::wrapped_by(&wrapped).ok();
    let Some(master) = master_keys(config)? else {
        return Err(no_master_key(&config.data_dir, wanted.as_deref()));
    };
    ClusterKey::unwrap(&master, &wrapped).await.map_err(|error| match error {
        crypto::Error::UnknownMasterKey { id } => {
            let failure = other_master_key(config, &master, "this data folder", &id);
            let text = format!("{}, or correct data_dir", failure.text);
            failure.told_as(text)
        }
        other => Failure::new(Class::MasterKey, format_args!("{}: {other}", path.display())),
    })
}

/// Wraps the cluster key anew when another master key than before stands first: then the old one can go.
async fn rewrap(config: &Config) -> Outcome<()> {
    let path = cluster_key_path(&config.data_dir);
    let wrapped = fs::read(&path).map_err(|error| io("reading", &path, &error))?;
    let Some(master) = master_keys(config)? else { return Ok(()) };
    let of_master = |error| Failure::new(Class::MasterKey, error);
    let before = crypto::wrap::master::wrapped_by(&wrapped).map_err(of_master)?;
    if before == master.key_id() {
        return Ok(());
    }
    let key = master.unwrap(&wrapped).await.map_err(of_master)?;
    let wrapped = master.wrap(key.expose(), draw(&SystemEntropy)).await.map_err(of_master)?;
    write_private(&path, &wrapped)?;
    tracing::info!(before, now = master.key_id(), "the cluster key is wrapped by another master key");
    Ok(())
}

pub(crate) fn no_master_key(dir: &Path, wanted: Option<&str>) -> Failure {
    let which = wanted.map_or("no master key is configured".to_owned(), |id| {
        format!("the master key {id} is needed, and none is configured")
    });
    let path = dir.join(MASTER_KEY);
    let text = format!(
        "{which}: give it in master_key_file or CONCLAVE_MASTER_KEY, or put it into {}",
        path.display()
    );
    Failure::new(Class::MasterKey, text)
}

/// Says which master key `who` needs, which others there are, and where they come from.
pub(crate) fn other_master_key(config: &Config, have: &MasterKeys, who: &str, wanted: &str) -> Failure {
    let have: Vec<&str> = have.ids().collect();
    let file = master_key_file(config).map(|path| path.display().to_string());
    let variable = config.master_key.as_ref().map(|_| "CONCLAVE_MASTER_KEY".to_owned());
    let places: Vec<String> = variable.into_iter().chain(file).collect();
    let text = format!(
        "{who} needs the master key {wanted}, but {} holds {}: give the right one in master_key_file or \
         CONCLAVE_MASTER_KEY",
        places.join(" and "),
        have.join(", ")
    );
    Failure::new(Class::MasterKey, text)
}

fn is_given(config: &Config) -> bool {
    config.master_key.is_some() || config.master_key_file.is_some()
}

/// The file that is read for master keys, if one is.
fn master_key_file(config: &Config) -> Option<PathBuf> {
    let own = config.data_dir.join(MASTER_KEY);
    config.master_key_file.clone().or_else(|| (!is_given(config) && own.exists()).then_some(own))
}

/// The configured master keys; those of the environment stand before those of the file. `None` if there is none.
pub(crate) fn master_keys(config: &Config) -> Outcome<Option<MasterKeys>> {
    let mut text = Secret::new(String::new());
    if let Some(keys) = &config.master_key {
        text = Secret::new(format!("{} ", keys.expose()));
    }
    let file = master_key_file(config);
    if let Some(path) = &file {
        let read = fs::read_to_string(path).map(Secret::new).map_err(|error| {
            let path = path.display();
            Failure::new(
                Class::MasterKey,
                format_args!("the master key file {path} can't be read ({error}): correct master_key_file"),
            )
        })?;
        text = Secret::new(format!("{}{}", text.expose(), read.expose()));
    }
    if file.is_none() && config.master_key.is_none() {
        return Ok(None);
    }
    MasterKeys::parse(text.expose()).map(Some).map_err(|error| {
        let place = file.map_or("CONCLAVE_MASTER_KEY".to_owned(), |path| path.display().to_string());
        Failure::new(Class::MasterKey, format_args!("{place}: {error}"))
    })
}

/// Writes a file that only this user may read, so that a crash leaves all of it or nothing.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let temporary = path.with_extension("tmp");
    let written = (|| {
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    })();
    written.map_err(|error| io("writing", path, &error))
}
