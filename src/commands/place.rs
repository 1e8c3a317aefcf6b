//! Where a server is reached, as a browser or curl on this machine needs it.

use clusterdesk::{auth::SignInLink, config::BindAddr};

/// The URL of an address, with a slash at the end, and curl's option for its socket.
pub fn place(address: &BindAddr) -> (String, String) {
    match address {
        BindAddr::Tcp(address) if address.ip().is_unspecified() => {
            (format!("http://127.0.0.1:{}/", address.port()), String::new())
        }
        BindAddr::Tcp(address) => (format!("http://{address}/"), String::new()),
        BindAddr::Unix(path) => ("http://localhost/".to_owned(), format!("--unix-socket '{}' ", path.display())),
    }
}

/// The URL of a link that signs a browser in. The secret is in the fragment, which browsers send to nobody.
pub fn link_url(server: &str, link: &SignInLink) -> String {
    format!("{}/sign-in#{}", server.trim_end_matches('/'), link.secret.expose())
}
