//! A file that is there when it is complete, and not before.

use std::{
    fs::{File, Metadata, OpenOptions, TryLockError, hard_link, metadata, remove_file, rename},
    io::{self, BufWriter, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// A file that is being written, under another name. It is removed when it is dropped before [`Self::finish`].
pub struct NewFile {
    out: BufWriter<File>,
    digest: Sha256,
    path: PathBuf,
    unfinished: Option<PathBuf>,
    replace: bool,
}

impl NewFile {
    /// Begins a file with mode 0600, whose folder must exist. `replace` says whether there may be one of this name.
    ///
    /// # Errors
    /// The file exists, can't be created, or another process is writing it.
    pub fn create(path: &Path, replace: bool) -> Result<Self> {
        ensure!(replace || path.symlink_metadata().is_err(), "{} exists already; name another file", path.display());
        let mut name = path.file_name().with_context(|| format!("{} is not a file name", path.display()))?.to_owned();
        name.push(".part");
        let unfinished = path.with_file_name(name);
        // What a killed process has left is not locked.
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&unfinished);
        let file = file.with_context(|| format!("could not create {}", unfinished.display()))?;
        let is_free = match file.try_lock() {
            // Another process may have given it its name before the lock was taken.
            Ok(()) => is_at(&file, &unfinished),
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(error).context("could not lock the new file"),
        };
        ensure!(is_free, "another process is writing {}", unfinished.display());
        file.set_len(0)?;
        let (out, digest) = (BufWriter::new(file), Sha256::new());
        Ok(Self { out, digest, path: path.to_owned(), unfinished: Some(unfinished), replace })
    }

    /// Gives the complete file its name, and returns its SHA-256 in hex. It then survives a crash.
    ///
    /// # Errors
    /// It can't be written.
    pub fn finish(mut self) -> Result<String> {
        let written = self.complete();
        written.with_context(|| format!("could not write {}", self.path.display()))?;
        self.unfinished = None;
        Ok(HEXLOWER.encode(&std::mem::take(&mut self.digest).finalize()))
    }

    fn complete(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        let Some(unfinished) = &self.unfinished else { return Ok(()) };
        if self.replace {
            rename(unfinished, &self.path)?;
        } else {
            // Unlike a renaming, a link never replaces a file.
            hard_link(unfinished, &self.path)?;
            remove_file(unfinished)?;
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Whether the open file is the one at a path.
fn is_at(file: &File, path: &Path) -> bool {
    let id = |found: &Metadata| (found.dev(), found.ino());
    matches!((file.metadata(), metadata(path)), (Ok(open), Ok(there)) if id(&open) == id(&there))
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(unfinished) = &self.unfinished {
            // The error that is reported says more.
            drop(remove_file(unfinished));
        }
    }
}
