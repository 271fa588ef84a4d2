//! The network that an address stands for: pods and people change addresses, rarely networks.

use std::{fmt, net::IpAddr};

/// A network: a near one (/24 of IPv4, /64 of IPv6), or a far one (/16, /48) that holds near ones.
///
/// A node's pods mostly share a /24, a cluster's a /16 (kubeadm, k3s, Calico and Cilium by default); /64 is what one
/// network segment has and /48 what one site has (RFC 4291 §2.5.4, RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    /// The first 64 bits of the network, or of IPv4 all 32.
    pub(crate) bits: u64,
    /// Whether it is one of IPv6.
    pub(crate) v6: bool,
    /// Whether it is a far one.
    pub(crate) far: bool,
}

impl Network {
    /// The near and the far network of an address. None for what is no address, as some clouds write there.
    pub(crate) fn of(peer: &str) -> Option<[Self; 2]> {
        let address = peer.parse::<IpAddr>().ok()?.to_canonical();
        let (bits, v6) = match address {
            IpAddr::V4(address) => (u64::from(address.to_bits()), false),
            IpAddr::V6(address) => ((address.to_bits() >> 64) as u64, true),
        };
        Some([Self { bits, v6, far: false }.masked(), Self { bits, v6, far: true }.masked()])
    }

    fn masked(self) -> Self {
        let host = match (self.v6, self.far) {
            (false, false) => 8,
            (true, false) => 0,
            (_, true) => 16,
        };
        Self { bits: self.bits >> host << host, ..self }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.v6 {
            let address = std::net::Ipv6Addr::from_bits(u128::from(self.bits) << 64);
            write!(f, "{address}/{}", if self.far { 48 } else { 64 })
        } else {
            // The bits of an IPv4 network are its address: they never exceed 32.
            let address = std::net::Ipv4Addr::from_bits(u32::try_from(self.bits).unwrap_or(0));
            write!(f, "{address}/{}", if self.far { 16 } else { 24 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(peer: &str) -> Option<[String; 2]> {
        Network::of(peer).map(|both| both.map(|network| network.to_string()))
    }

    #[test]
    fn an_address_stands_for_its_networks() {
        assert_eq!(both("10.244.3.17"), Some(["10.244.3.0/24".into(), "10.244.0.0/16".into()]));
        assert_eq!(both("::ffff:10.244.3.17"), both("10.244.3.17"));
        assert_eq!(both("2001:db8:1:2::5"), Some(["2001:db8:1:2::/64".into(), "2001:db8:1::/48".into()]));
        assert_eq!(both("gce-internal-ip"), None);
        assert_eq!(both(""), None);
    }
}
