//! Names of tokens and addresses as numbers of one size.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// FNV-1a of 64 bits over `parts`, each ended by a byte that is in no text. What is kept under it must mean the same to
/// the next version, so it is no hash of the standard library's. Who makes names that collide mixes up their own.
pub(super) fn hash(parts: &[&str]) -> u64 {
    parts.iter().flat_map(|part| part.bytes().chain([0xff])).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What kind of id a token is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// The uid of the pod that it is bound to: all tokens of one pod are one.
    Pod,
    /// `JTI=…` of a token.
    Token,
    /// `X509SHA256=…` of a client certificate.
    Certificate,
    /// Something else.
    Other,
}

impl Kind {
    const ALL: [(Self, char); 4] =
        [(Self::Pod, 'p'), (Self::Token, 't'), (Self::Certificate, 'c'), (Self::Other, 'o')];
}

/// A token, a certificate, or all tokens of one pod, in one cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct HolderKey {
    pub(super) cluster: u16,
    pub(super) kind: Kind,
    pub(super) id: u128,
}

impl HolderKey {
    /// All tokens that are bound to the pod with this uid.
    pub(super) fn of_pod(cluster: u16, uid: &str) -> Self {
        Self { cluster, kind: Kind::Pod, id: number(uid) }
    }

    /// The credential with this id (`authentication.kubernetes.io/credential-id`).
    pub(super) fn of_credential(cluster: u16, credential: &str) -> Self {
        let (kind, id) = match credential.split_once('=') {
            Some(("JTI", id)) => (Kind::Token, id),
            Some(("X509SHA256", id)) => (Kind::Certificate, id),
            _ => (Kind::Other, credential),
        };
        Self { cluster, kind, id: number(id) }
    }

    /// Its name outside of memory, without the cluster.
    pub(super) fn name(self) -> String {
        let letter = Kind::ALL.iter().find(|(kind, _)| *kind == self.kind).map_or('o', |(_, letter)| *letter);
        format!("{letter}{:032x}", self.id)
    }

    /// Reads what [`HolderKey::name`] wrote.
    pub(super) fn named(cluster: u16, name: &str) -> Option<Self> {
        let (kind, letter) = Kind::ALL.into_iter().find(|(_, letter)| name.starts_with(*letter))?;
        let id = u128::from_str_radix(&name[letter.len_utf8()..], 16).ok()?;
        let key = Self { cluster, kind, id };
        (key.name() == name).then_some(key)
    }
}

/// The first 128 bits of a hexadecimal id (a UUID has just these); of any other text its hash.
fn number(id: &str) -> u128 {
    let digits = id.bytes().filter(|byte| *byte != b'-').take(32).map(|byte| char::from(byte).to_digit(16));
    let read = digits.into_iter().try_fold((0_u128, 0), |(number, count), digit| {
        digit.map(|digit| (number << 4 | u128::from(digit), count + 1))
    });
    match read {
        Some((number, 32)) => number,
        _ => u128::from(hash(&[id])) << 64 | u128::from(hash(&["once more", id])),
    }
}

/// An address of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address([u8; 16]);

impl Address {
    /// Reads an address, without the zone of a link-local one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.split_once('%').map_or(text, |(address, _)| address);
        text.parse().ok().map(Self::of)
    }

    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().octets()),
            IpAddr::V6(address) => Self(address.octets()),
        }
    }

    fn ip(self) -> IpAddr {
        Ipv6Addr::from(self.0).to_canonical()
    }

    /// Whether it is an IPv4 address, written in whichever way.
    pub(super) fn is_v4(self) -> bool {
        self.ip().is_ipv4()
    }

    /// Exactly 127.0.0.1 or ::1: the machine that the API server runs on. Others of 127.0.0.0/8 are nobody's by nature.
    pub(super) fn is_own_machine(self) -> bool {
        [Self::of(IpAddr::from([127, 0, 0, 1])), Self::of(Ipv6Addr::LOCALHOST.into())].contains(&self)
    }

    /// The network that the pods of one node commonly share: /24, or /64 of IPv6.
    pub(super) fn narrow(self) -> Net {
        if self.is_v4() { self.cut(1, 24) } else { self.cut(8, 64) }
    }

    /// The network that the pods of one cluster, or the machines of one office, commonly share: /16, or /48 of IPv6.
    pub(super) fn wide(self) -> Net {
        if self.is_v4() { self.cut(2, 16) } else { self.cut(10, 48) }
    }

    fn cut(mut self, bytes: usize, bits: u8) -> Net {
        self.0[16 - bytes..].fill(0);
        Net { base: self, bits }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

/// A network of one of the sizes above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Net {
    base: Address,
    bits: u8,
}

impl Net {
    /// Reads a network of the size that [`Address::narrow`] gives.
    pub(super) fn parse_narrow(text: &str) -> Option<Self> {
        let (base, _) = text.split_once('/')?;
        let net = Address::parse(base)?.narrow();
        (net.to_string() == text).then_some(net)
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn ids_are_read_as_the_numbers_they_are() {
        let uid = "eaf55a4b-0000-4000-8000-0123456789ab";
        let key = HolderKey::of_pod(3, uid);
        assert_eq!(key.name(), "peaf55a4b0000400080000123456789ab");
        assert_eq!(HolderKey::named(3, &key.name()), Some(key));
        assert_ne!(key, HolderKey::of_credential(3, &format!("JTI={uid}")));
        let certificate = format!("X509SHA256={}", "3a".repeat(32));
        assert_eq!(HolderKey::of_credential(0, &certificate).name(), format!("c{}", "3a".repeat(16)));
    }

    #[test]
    fn ids_of_any_other_form_are_told_apart_too() {
        let keys = ["", "JTI=", "JTI=x", "JTI=y", "zz", "deadbeef", "X509SHA256=ü"]
            .map(|id| HolderKey::of_credential(0, id));
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(HolderKey::named(0, &key.name()), Some(*key));
            assert!(!keys[..at].contains(key));
        }
        for unreadable in ["", "x00", "p", "pxyz", "é1", "p+0000000000000000000000000000001", "p1"] {
            assert_eq!(HolderKey::named(0, unreadable), None, "{unreadable}");
        }
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        assert_eq!(read("::ffff:10.0.0.1"), read("10.0.0.1"));
        assert_eq!(read("fe80::1%eth0").to_string(), "fe80::1");
        assert!(read("::ffff:10.0.0.1").is_v4() && !read("2001:db8::1").is_v4());
        assert_eq!(Address::parse("10.0.0.1:443"), None);
        assert_eq!(Address::parse(""), None);
    }

    #[test]
    fn only_two_addresses_are_the_api_servers_own_machine() {
        for (address, own) in
            [("127.0.0.1", true), ("::1", true), ("127.10.0.13", false), ("10.0.0.1", false)]
        {
            assert_eq!(read(address).is_own_machine(), own, "{address}");
        }
    }

    #[test]
    fn networks_are_cut_by_family() {
        assert_eq!(read("10.1.2.3").narrow().to_string(), "10.1.2.0/24");
        assert_eq!(read("10.1.2.3").wide().to_string(), "10.1.0.0/16");
        assert_eq!(read("2001:db8:1:2:3::4").narrow().to_string(), "2001:db8:1:2::/64");
        assert_eq!(read("2001:db8:1:2:3::4").wide().to_string(), "2001:db8:1::/48");
        assert_eq!(Net::parse_narrow("10.1.2.0/24"), Some(read("10.1.2.9").narrow()));
        assert_eq!(Net::parse_narrow("10.1.0.0/16"), None);
    }
}
