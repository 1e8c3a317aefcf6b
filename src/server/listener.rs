//! The listening socket: TCP or unix.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener as Probe},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

use crate::{config::BindAddr, http::Peer};

/// The first port that everybody may use.
const FIRST_UNPRIVILEGED: u16 = 1024;
/// How many ports are tried to find a free one.
const PORTS: usize = 100;

/// The stream of a connection.
pub(super) type Stream = Either<TcpStream, UnixStream>;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// An address that is taken, and not listened on yet: clients are refused, and do not wait.
pub(super) enum Reserved {
    Tcp(TcpSocket),
    Unix(PathBuf),
}

impl Reserved {
    /// Takes the address of a setting.
    ///
    /// # Errors
    /// When another server has it, or it is not allowed. Names the setting.
    pub(super) async fn take(address: &BindAddr, setting: &str) -> Result<Self> {
        match address {
            BindAddr::Tcp(address) => {
                let bind = || {
                    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
                    // The connections of a server that has ended keep the address for a minute otherwise.
                    socket.set_reuseaddr(true)?;
                    socket.bind(*address)?;
                    Ok::<_, std::io::Error>(socket)
                };
                let bound = bind().map_err(|error| {
                    let advice = free_port(*address, error.kind()).map(|port| format!("; port {port} is free"));
                    anyhow!("{setting}: could not listen on {address}: {error}{}", advice.unwrap_or_default())
                })?;
                Ok(Self::Tcp(bound))
            }
            BindAddr::Unix(path) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                    bail!("{setting}: could not listen on {}: there is no folder {}", path.display(), folder.display());
                }
                remove_stale(path, setting).await?;
                Ok(Self::Unix(path.clone()))
            }
        }
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// When another server was faster.
    pub(super) fn listen(self) -> Result<Listener> {
        match self {
            Self::Tcp(socket) => Ok(Listener::Tcp(socket.listen(BACKLOG).context("could not listen")?)),
            Self::Unix(path) => {
                let bound = UnixListener::bind(&path);
                Ok(Listener::Unix(bound.with_context(|| format!("could not listen on {}", path.display()))?, path))
            }
        }
    }
}

/// A listening socket. The file of a unix socket is removed when it is dropped.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
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

/// A port near one that is taken or that only root may use. None for other errors.
fn free_port(address: SocketAddr, error: ErrorKind) -> Option<u16> {
    if !matches!(error, ErrorKind::AddrInUse | ErrorKind::PermissionDenied) {
        return None;
    }
    let ports = address.port().max(FIRST_UNPRIVILEGED - 1)..u16::MAX;
    ports.map(|port| port + 1).take(PORTS).find(|port| Probe::bind((address.ip(), *port)).is_ok())
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
async fn remove_stale(path: &Path, setting: &str) -> Result<()> {
    match UnixStream::connect(path).await {
        Ok(_answered) => bail!("{setting}: another server listens on {}", path.display()),
        // Connections to a file that is not a socket are refused too, and it must not be removed.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused && is_socket(path) => {
            std::fs::remove_file(path).with_context(|| format!("{setting}: could not remove {}", path.display()))
        }
        Err(_nothing_there) => Ok(()),
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}
