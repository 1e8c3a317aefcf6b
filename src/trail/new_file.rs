//! A file for the audit log, with the checksum of what is written to it.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::files::{Unfinished, sync_folder};

/// A file that is being written. It is removed when it is dropped before [`Self::finish`].
pub struct NewFile {
    out: BufWriter<File>,
    digest: Sha256,
    unfinished: Unfinished,
    replace: bool,
}

impl NewFile {
    /// Begins a file with mode 0600, whose folder must exist. `replace` says whether there may be one of this name.
    ///
    /// # Errors
    /// The file exists, can't be created, or another process is writing it.
    pub fn create(path: &Path, replace: bool) -> Result<Self> {
        ensure!(replace || path.symlink_metadata().is_err(), "{} exists already; name another file", path.display());
        let unfinished = Unfinished::begin(path)?;
        let out = BufWriter::new(unfinished.file().try_clone()?);
        Ok(Self { out, digest: Sha256::new(), unfinished, replace })
    }

    /// Gives the complete file its name, and returns its SHA-256 in hex. It then survives a crash.
    ///
    /// # Errors
    /// It can't be written.
    pub fn finish(self) -> Result<String> {
        let Self { mut out, digest, mut unfinished, replace } = self;
        out.flush().with_context(|| format!("could not write {}", unfinished.place().display()))?;
        unfinished.publish(replace)?;
        sync_folder(unfinished.place())?;
        Ok(HEXLOWER.encode(&digest.finalize()))
    }
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
