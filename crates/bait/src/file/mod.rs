//! The inventory's file: read, locked against a second run, and written whole and private.

mod disk;
mod lock;

use std::{
    io,
    path::{Path, PathBuf},
};

use sundew_decoy::{Decoy, Inventory};

use crate::BaitError;
use lock::Lock;

/// What stands above every inventory that is written here.
const HEAD: &str = "\
# The inventory of decoys. It is a secret: whoever reads it can step around the bait.
# It is written by `sundew plant`, `retire` and `remove`, which keep no other comments.
";

/// An inventory that this run alone works on, until it is dropped.
#[derive(Debug)]
pub struct InventoryFile {
    path: PathBuf,
    cluster: String,
    inventory: Inventory,
    /// Held, never read.
    _lock: Lock,
}

impl InventoryFile {
    /// Opens it, or begins one for `cluster` where there is no file yet, and locks it (`PATH.lock`). Warns where others
    /// can read it, and closes that. A link is followed: the file that it leads to is the one that is written.
    ///
    /// # Errors
    ///
    /// [`BaitError::Busy`] where another run has it.
    pub fn open(path: &Path, cluster: &str) -> Result<Self, BaitError> {
        let path = disk::behind_links(path)?;
        let lock = Lock::take(&path)?;
        disk::close_to_others(&path);
        let inventory = match disk::read(&path)? {
            Some(text) => read(&path, &text)?,
            None => Inventory::of(cluster, Vec::new(), Vec::new()).map_err(wrong_in(&path))?,
        };
        Ok(Self { path, cluster: cluster.to_owned(), inventory, _lock: lock })
    }

    /// What it lists.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The decoy of the same cluster, namespace and account, as the file lists it.
    pub fn find(&self, decoy: &Decoy) -> Option<&Decoy> {
        let cluster = self.inventory.cluster_of(decoy);
        self.inventory.decoys.iter().find(|listed| same(&self.inventory, listed, decoy, cluster))
    }

    /// What a decoy of the cluster that this was opened for says of its cluster: nothing, where it is the inventory's.
    pub(crate) fn cluster(&self) -> Option<String> {
        (self.cluster != self.inventory.cluster).then(|| self.cluster.clone())
    }

    /// Puts a decoy in, in place of the one with the same cluster, namespace and account; and writes the file whole
    /// (mode 0600, by a rename, synced).
    ///
    /// # Errors
    ///
    /// The file is as it was then.
    pub fn put(&mut self, decoy: Decoy) -> Result<(), BaitError> {
        self.change(|inventory| {
            let cluster = inventory.cluster_of(&decoy);
            match inventory.decoys.iter().position(|listed| same(inventory, listed, &decoy, cluster)) {
                Some(at) => inventory.decoys[at] = decoy,
                None => inventory.decoys.push(decoy),
            }
        })
    }

    /// Takes a decoy of the cluster that this was opened for out, and writes the file.
    ///
    /// # Errors
    ///
    /// The file is as it was then.
    pub fn take(&mut self, namespace: &str, account: &str) -> Result<(), BaitError> {
        let cluster = self.cluster.clone();
        self.change(|inventory| take_out(inventory, &cluster, namespace, account))
    }

    /// Takes the decoy of the same cluster, namespace and account out, and writes the file.
    ///
    /// # Errors
    ///
    /// The file is as it was then.
    pub fn forget(&mut self, decoy: &Decoy) -> Result<(), BaitError> {
        let cluster = self.inventory.cluster_of(decoy).to_owned();
        self.change(|inventory| take_out(inventory, &cluster, &decoy.namespace, &decoy.account))
    }

    /// Reads the file again, so that what somebody wrote into it by hand meanwhile is kept; changes and writes it.
    fn change(&mut self, edit: impl FnOnce(&mut Inventory)) -> Result<(), BaitError> {
        let there = disk::read(&self.path)?;
        let mut inventory = match &there {
            Some(text) => read(&self.path, text)?,
            None => self.inventory.clone(),
        };
        edit(&mut inventory);
        let text = write(&inventory).map_err(disk::failed("write", &self.path))?;
        // Nothing is written that could not be read again.
        let inventory = read(&self.path, &text)?;
        if let Some(old) = there.filter(|old| has_comments(old)) {
            let kept = disk::keep(&self.path, &old)?;
            tracing::warn!(kept = %kept.display(), "the inventory's comments are lost; the file as it was is kept");
        }
        disk::write(&self.path, &text)?;
        self.inventory = inventory;
        Ok(())
    }
}

fn same(inventory: &Inventory, listed: &Decoy, decoy: &Decoy, cluster: &str) -> bool {
    listed.namespace == decoy.namespace
        && listed.account == decoy.account
        && inventory.cluster_of(listed) == cluster
}

fn take_out(inventory: &mut Inventory, cluster: &str, namespace: &str, account: &str) {
    let main = inventory.cluster.clone();
    inventory.decoys.retain(|decoy| {
        decoy.namespace != namespace
            || decoy.account != account
            || decoy.cluster.as_ref().unwrap_or(&main) != cluster
    });
}

fn read(path: &Path, text: &str) -> Result<Inventory, BaitError> {
    Inventory::read(text).map_err(wrong_in(path))
}

fn wrong_in(path: &Path) -> impl Fn(sundew_decoy::InventoryError) -> BaitError {
    move |source| BaitError::Inventory { path: path.to_owned(), source }
}

/// The file's text.
pub(crate) fn write(inventory: &Inventory) -> io::Result<String> {
    let text = serde_saphyr::to_string(inventory).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{HEAD}{text}"))
}

/// Whether somebody wrote comments of their own into it. Takes a `#` inside a quoted text for one: then a copy is
/// kept that nobody needed.
fn has_comments(text: &str) -> bool {
    let own = text.strip_prefix(HEAD).unwrap_or(text);
    own.lines().any(|line| line.trim_start().starts_with('#') || line.contains(" #") || line.contains("\t#"))
}
