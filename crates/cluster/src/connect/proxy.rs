//! Whether the environment wants requests to go through a proxy.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// Whether the environment's proxy is for this server. The kube crate holds `NO_PROXY` beside the proxy's own host
/// instead of the server's, so it is read here too. What listens on this machine is never behind a proxy, as with
/// kubectl (Go's `httpproxy`).
pub(super) fn wanted(server: &Uri) -> bool {
    !is_here(server.host().unwrap_or_default()) && Matcher::from_env().intercept(server).is_some()
}

fn is_here(host: &str) -> bool {
    let ip = host.trim_matches(['[', ']']);
    host == "localhost" || ip.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_on_this_machine_is_behind_no_proxy() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "", "[2001:db8::1]"] {
            assert!(!is_here(host), "{host}");
        }
    }
}
