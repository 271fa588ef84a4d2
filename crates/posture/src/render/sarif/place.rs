//! Where a finding is: `FILE:LINE` and objects of a cluster as SARIF's locations.

use super::shape::{ArtifactLocation, LogicalLocation, PhysicalLocation, Region};
use crate::report::{Finding, Object, View};

/// The base of the addresses of objects that were read from a cluster, which are no files.
pub(super) const CLUSTER: &str = "CLUSTER";

/// One place with what is there.
pub(super) struct Place<'a> {
    /// `FILE:LINE`.
    pub(super) at: &'a str,
    /// What is there.
    pub(super) what: String,
}

/// All places of a finding that are in files, each once, the one to mend first.
///
/// What is wrong with an object itself is mended there; what an identity holds is mended where it is handed out.
pub(super) fn places(finding: &Finding) -> Vec<Place<'_>> {
    let object = Place { at: &finding.object.place, what: finding.object.to_string() };
    let handed_out = matches!(finding.view, View::Subjects | View::Pods | View::Nodes | View::Everyone);
    let mut all = Vec::with_capacity(1 + 2 * finding.because.len());
    let mut roles = Vec::with_capacity(finding.because.len());
    for because in &finding.because {
        let said = |who: &str| format!("{who}: {}", because.what);
        all.push(Place { at: &because.binding_place, what: said(&because.binding) });
        roles.push(Place { at: &because.role_place, what: said(&because.role) });
    }
    all.append(&mut roles);
    all.insert(if handed_out { all.len() } else { 0 }, object);
    let mut seen: Vec<&str> = Vec::with_capacity(all.len());
    all.retain(|place| {
        let new = !split(place.at).0.is_empty() && !seen.contains(&place.at);
        if new {
            seen.push(place.at);
        }
        new
    });
    all
}

/// The location in a file that `FILE:LINE` names; without a line, its first.
pub(super) fn in_file(at: &str) -> PhysicalLocation {
    let (file, start_line) = split(at);
    PhysicalLocation {
        artifact_location: ArtifactLocation { uri: uri(file), uri_base_id: None },
        region: Region { start_line },
    }
}

/// An address for an object that was read from a cluster: `namespaces/shop/ServiceAccount/orders`.
///
/// GitHub refuses a whole upload for one result without a physical location, so that an object has one too: it stays
/// the same from scan to scan, and the base says that it is no file.
pub(super) fn in_cluster(object: &Object) -> PhysicalLocation {
    let scope = if object.namespace.is_empty() { "cluster" } else { "namespaces" };
    let parts = [scope, &object.namespace, &object.kind, &object.name];
    let parts: Vec<String> =
        parts.iter().filter(|part| !part.is_empty()).map(|part| encode(part, "")).collect();
    PhysicalLocation {
        artifact_location: ArtifactLocation { uri: parts.join("/"), uri_base_id: Some(CLUSTER) },
        region: Region { start_line: 1 },
    }
}

/// The object itself: `namespaces/shop/ServiceAccount/orders`. SARIF has a kind for what is declared: `resource`
/// (§3.33.7).
pub(super) fn logical(object: &Object) -> LogicalLocation {
    LogicalLocation { name: object.name.clone(), fully_qualified_name: object.to_string(), kind: "resource" }
}

/// A file and its line, from 1.
fn split(at: &str) -> (&str, u32) {
    match at.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse::<u32>().ok()?))) {
        Some((file, line)) => (file, line.max(1)),
        None => (at, 1),
    }
}

/// A file's name as an address: relative to the folder of the scan, or `file:///…` where it is not.
fn uri(file: &str) -> String {
    let mut relative = file;
    while let Some(rest) = relative.strip_prefix("./") {
        relative = rest.trim_start_matches('/');
    }
    let prefix = if relative.starts_with('/') { "file://" } else { "" };
    format!("{prefix}{}", encode(relative, "/"))
}

/// Percent-encodes all but unreserved characters (RFC 3986 §2.3) and those in `keep`.
fn encode(text: &str, keep: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let char = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(char) || keep.contains(char) {
            out.push(char);
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

/// Text as one component of a hierarchical string (§3.5.4).
pub(super) fn component(text: &str) -> String {
    encode(text, ": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(at: &str) -> (String, u32) {
        let location = in_file(at);
        (location.artifact_location.uri, location.region.start_line)
    }

    #[test]
    fn a_place_becomes_a_relative_address_and_a_line() {
        assert_eq!(shown("./k8s/my roles.yaml:12"), ("k8s/my%20roles.yaml".to_owned(), 12));
        assert_eq!(shown("../base/é#?.yaml:3"), ("../base/%C3%A9%23%3F.yaml".to_owned(), 3));
        assert_eq!(shown("/srv/a.yaml:7"), ("file:///srv/a.yaml".to_owned(), 7));
    }

    #[test]
    fn a_colon_in_a_file_name_is_no_scheme() {
        assert_eq!(shown("c:x.yaml:4"), ("c%3Ax.yaml".to_owned(), 4));
    }

    #[test]
    fn a_place_without_a_line_is_the_files_first() {
        assert_eq!(shown("dump.json"), ("dump.json".to_owned(), 1));
        assert_eq!(shown("dump.json:0"), ("dump.json".to_owned(), 1));
    }
}
