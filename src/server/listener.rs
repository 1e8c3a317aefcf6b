//! The listening socket: TCP or unix.

use std::{
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

use crate::{config::BindAddr, http::Peer};

/// The stream of a connection.
pub(super) type Stream = Either<TcpStream, UnixStream>;

/// A listening socket. The file of a unix socket is removed when it is dropped.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Binds the address.
    ///
    /// # Errors
    /// When the address is taken or not allowed.
    pub(super) async fn bind(address: &BindAddr) -> Result<Self> {
        match address {
            BindAddr::Tcp(address) => {
                let bound = TcpListener::bind(address).await;
                Ok(Self::Tcp(bound.with_context(|| format!("BIND_ADDR: could not listen on {address}"))?))
            }
            BindAddr::Unix(path) => {
                remove_stale(path).await?;
                let bound = UnixListener::bind(path);
                let bound = bound.with_context(|| format!("BIND_ADDR: could not listen on {}", path.display()))?;
                Ok(Self::Unix(bound, path.clone()))
            }
        }
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// Those of the system, such as a lack of file descriptors.
    pub(super) async fn accept(&self) -> std::io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Either::Left(stream), Peer::Address(address.ip())))
            }
            Self::Unix(listener, _) => Ok((Either::Right(listener.accept().await?.0), Peer::UnixSocket)),
        }
    }

    /// The bound address, with the port that the system chose for port 0.
    ///
    /// # Errors
    /// When the system cannot tell it.
    pub(super) fn address(&self) -> Result<BindAddr> {
        Ok(match self {
            Self::Tcp(listener) => BindAddr::Tcp(listener.local_addr()?),
            Self::Unix(_, path) => BindAddr::Unix(path.clone()),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self
            && let Err(error) = std::fs::remove_file(&*path)
        {
            tracing::debug!(%error, "could not remove the socket file");
        }
    }
}

/// Removes the socket file of a server that was killed, but not that of a running server.
async fn remove_stale(path: &Path) -> Result<()> {
    match UnixStream::connect(path).await {
        Ok(_answered) => bail!("BIND_ADDR: another server listens on {}", path.display()),
        // Connections to a file that is not a socket are refused too, and it must not be removed.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused && is_socket(path) => {
            std::fs::remove_file(path).with_context(|| format!("BIND_ADDR: could not remove {}", path.display()))
        }
        Err(_nothing_there) => Ok(()),
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}
