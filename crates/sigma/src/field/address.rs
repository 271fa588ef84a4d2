//! What can be told of an address by looking at it.

use std::net::{IpAddr, Ipv4Addr};

/// True for an address that is never seen on the internet: private (RFC 1918), shared by a carrier's NAT (RFC 6598),
/// loopback, link-local, or unique local (RFC 4193). None where the text is no address.
pub(super) fn is_private(address: &str) -> Option<bool> {
    Some(match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || is_carrier_nat(v4),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    })
}

/// 100.64.0.0/10.
fn is_carrier_nat(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    a == 100 && b & 0xC0 == 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_told_from_those_outside() {
        let inside = [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "127.10.0.14",
            "169.254.1.1",
            "::1",
            "fd00::1",
        ];
        for address in inside.iter().chain(&["fe80::1", "::ffff:10.0.0.1"]) {
            assert_eq!(is_private(address), Some(true), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:8.8.8.8"] {
            assert_eq!(is_private(address), Some(false), "{address}");
        }
        assert_eq!(is_private("unknown"), None);
    }
}
