//! What is wanted of a pod's JSON, borrowed from it.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr},
};

use jiff::Timestamp;
use serde::Deserialize;
use smallvec::SmallVec;

/// One of each family. Those of IPv4 are mapped (RFC 4291 §2.5.5.2): so they take the least room.
pub(super) type Addresses = SmallVec<[Ipv6Addr; 1]>;

pub(super) fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// One pod (core/v1 `Pod`).
pub(super) struct Read<'p> {
    pub(super) namespace: Cow<'p, str>,
    pub(super) name: Cow<'p, str>,
    pub(super) uid: u128,
    pub(super) version: Option<Cow<'p, str>>,
    pub(super) node: Cow<'p, str>,
    pub(super) account: Cow<'p, str>,
    pub(super) owner: String,
    pub(super) host_network: bool,
    /// Since when it can have had its addresses.
    pub(super) since: Option<Timestamp>,
    /// Empty where it has none yet.
    pub(super) addresses: Addresses,
    /// It has run to its end, and given its addresses back.
    pub(super) ended: bool,
}

type Text<'p> = Option<Cow<'p, str>>;

#[derive(Deserialize)]
struct Pod<'p> {
    #[serde(borrow)]
    metadata: Metadata<'p>,
    #[serde(borrow, default)]
    spec: Spec<'p>,
    #[serde(borrow, default)]
    status: Status<'p>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'p> {
    #[serde(borrow)]
    name: Cow<'p, str>,
    #[serde(borrow)]
    namespace: Cow<'p, str>,
    #[serde(borrow)]
    uid: Cow<'p, str>,
    #[serde(borrow)]
    resource_version: Text<'p>,
    creation_timestamp: Option<Timestamp>,
    #[serde(borrow)]
    labels: Option<Labels<'p>>,
    #[serde(borrow)]
    owner_references: Option<Vec<Owner<'p>>>,
}

#[derive(Deserialize)]
struct Labels<'p> {
    #[serde(borrow, rename = "pod-template-hash")]
    hash: Text<'p>,
}

#[derive(Deserialize)]
struct Owner<'p> {
    #[serde(borrow)]
    kind: Cow<'p, str>,
    #[serde(borrow)]
    name: Cow<'p, str>,
    controller: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Spec<'p> {
    #[serde(borrow)]
    node_name: Text<'p>,
    #[serde(borrow)]
    service_account_name: Text<'p>,
    host_network: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status<'p> {
    #[serde(borrow)]
    phase: Text<'p>,
    start_time: Option<Timestamp>,
    #[serde(borrow, rename = "podIP")]
    address: Text<'p>,
    #[serde(borrow, rename = "podIPs")]
    addresses: Option<Vec<Address<'p>>>,
}

#[derive(Deserialize)]
struct Address<'p> {
    #[serde(borrow)]
    ip: Cow<'p, str>,
}

impl<'p> Read<'p> {
    /// Reads a pod.
    pub(super) fn of(json: &'p str) -> Result<Self, serde_json::Error> {
        let Pod { metadata, spec, status } = serde_json::from_str(json)?;
        let addresses = status.addresses();
        let hash = metadata.labels.and_then(|labels| labels.hash);
        let owners = metadata.owner_references.unwrap_or_default();
        Ok(Self {
            owner: owners
                .iter()
                .find(|owner| owner.controller == Some(true))
                .map_or_else(String::new, |owner| owner.told(hash.as_deref())),
            uid: number(&metadata.uid),
            namespace: metadata.namespace,
            name: metadata.name,
            version: metadata.resource_version,
            node: spec.node_name.unwrap_or_default(),
            account: spec.service_account_name.unwrap_or_default(),
            host_network: spec.host_network == Some(true),
            since: status.start_time.or(metadata.creation_timestamp),
            ended: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
            addresses,
        })
    }
}

impl Status<'_> {
    fn addresses(&self) -> Addresses {
        let first = self.address.as_deref().into_iter();
        let all = first.chain(self.addresses.iter().flatten().map(|address| &*address.ip));
        let mut addresses = Addresses::new();
        for address in all.filter_map(|address| address.parse().ok().map(mapped)) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }
}

impl Owner<'_> {
    /// A ReplicaSet that bears its template's hash was made by the Deployment whose name stands before it
    /// (deployment/sync.go).
    fn told(&self, hash: Option<&str>) -> String {
        let deployment = hash
            .filter(|hash| self.kind == "ReplicaSet" && !hash.is_empty())
            .and_then(|hash| self.name.strip_suffix(hash)?.strip_suffix('-'))
            .filter(|name| !name.is_empty());
        match deployment {
            Some(name) => format!("Deployment/{name}"),
            None => format!("{}/{}", self.kind, self.name),
        }
    }
}

/// A uid as a number: it is a UUID, but for a static pod's, which is 32 hexadecimal digits with no dashes
/// (kubelet/config/common.go). Of anything else, a hash.
fn number(uid: &str) -> u128 {
    let mut number = 0;
    let mut digits = 0;
    for byte in uid.bytes().filter(|byte| *byte != b'-') {
        match (byte as char).to_digit(16) {
            Some(digit) if digits < 32 => number = number << 4 | u128::from(digit),
            _ => return hashed(uid),
        }
        digits += 1;
    }
    if digits == 32 { number } else { hashed(uid) }
}

/// FNV-1a of 128 bits.
fn hashed(uid: &str) -> u128 {
    uid.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_and_the_rest_is_not_looked_at() {
        let pod = r#"{"kind":"Pod","metadata":{"name":"web-7d9f-abcde","namespace":"shop","uid":"0f3c1a52-7f0e-4a3e-9d55-6a1f0d0d9a01",
            "resourceVersion":"77","creationTimestamp":"2026-11-20T10:00:00Z","labels":{"pod-template-hash":"7d9f","app":"w\"eb"},
            "ownerReferences":[{"kind":"Other","name":"x"},{"kind":"ReplicaSet","name":"web-7d9f","controller":true}]},
            "spec":{"nodeName":"node-1","serviceAccountName":"web","containers":[{"name":"c","env":null}]},
            "status":{"phase":"Running","startTime":"2026-11-20T10:00:05Z","podIP":"10.0.0.7","podIPs":[{"ip":"10.0.0.7"},{"ip":"fd00::7"}]}}"#;
        let read = Read::of(pod).unwrap();
        assert_eq!((&*read.namespace, &*read.name, &*read.node), ("shop", "web-7d9f-abcde", "node-1"));
        assert_eq!((&*read.account, read.owner.as_str()), ("web", "Deployment/web"));
        assert_eq!(read.since.unwrap().to_string(), "2026-11-20T10:00:05Z");
        assert_eq!(read.uid, 0x0f3c_1a52_7f0e_4a3e_9d55_6a1f_0d0d_9a01);
        let addresses: Vec<String> = read.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["::ffff:10.0.0.7", "fd00::7"]);
        assert!(!read.host_network && !read.ended && matches!(read.version.as_deref(), Some("77")));
    }

    #[test]
    fn a_pod_that_has_next_to_nothing_is_read_too() {
        let read = Read::of(r#"{"metadata":{"name":"a","namespace":"b","uid":"c"}}"#).unwrap();
        assert_eq!((read.owner.as_str(), read.addresses.len(), read.since), ("", 0, None));
        let nulls = r#"{"metadata":{"name":"a","namespace":"b","uid":"c","labels":null,"ownerReferences":null,
            "creationTimestamp":null},"spec":{"hostNetwork":null},"status":{"podIP":"none","podIPs":null,"phase":null}}"#;
        assert!(Read::of(nulls).unwrap().addresses.is_empty());
        for damaged in ["{}", "[]", "1", r#"{"metadata":{"name":1,"namespace":"b","uid":"c"}}"#] {
            assert!(Read::of(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn an_owner_is_told_as_a_person_made_it() {
        let told = |kind: &str, name: &str, hash| {
            Owner { kind: kind.into(), name: name.into(), controller: Some(true) }.told(hash)
        };
        assert_eq!(told("ReplicaSet", "web-7d9f", Some("7d9f")), "Deployment/web");
        assert_eq!(told("ReplicaSet", "web-7d9f", None), "ReplicaSet/web-7d9f");
        assert_eq!(told("ReplicaSet", "-7d9f", Some("7d9f")), "ReplicaSet/-7d9f");
        assert_eq!(told("Job", "nightly-29", Some("29")), "Job/nightly-29");
        assert_eq!(told("DaemonSet", "proxy", None), "DaemonSet/proxy");
    }

    #[test]
    fn uids_that_are_no_uuid_are_told_apart_too() {
        assert_eq!(number("00000000-0000-0000-0000-0000000000ff"), 255);
        assert_eq!(number("000000000000000000000000000000ff"), 255);
        let odd = ["", "a", "b", "00000000-0000-0000-0000-0000000000fff", "zz"].map(number);
        let distinct: std::collections::HashSet<_> = odd.iter().collect();
        assert_eq!(distinct.len(), odd.len());
    }
}
