//! The program behind a user agent, and its version apart: an upgrade is ordinary, another program is not.

use std::borrow::Cow;

/// How long a program's name is kept, in bytes: the text comes from outside.
const MOST: usize = 64;
/// What a client is called that says nothing about itself.
const NAMELESS: &str = "(no user agent)";

/// Programs made to send any request that somebody thinks of, in lower case.
const TOOLS: [&str; 9] = [
    "curl",
    "go-http-client",
    "httpie",
    "kubectl",
    "powershell",
    "python-requests",
    "python-urllib",
    "wget",
    "xh",
];

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client<'a> {
    /// The program.
    pub(crate) name: Cow<'a, str>,
    /// Major and minor part of its version, where it has one.
    pub(crate) version: Version,
}

/// Major and minor part of a version in one number, 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Version(pub(crate) u32);

impl Version {
    pub(crate) fn of(text: &str) -> Self {
        let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, ['.', '-', '+', '_']);
        let mut number = || parts.next().and_then(|part| part.parse::<u16>().ok());
        let major = u32::from(number().unwrap_or(0));
        let minor = u32::from(number().unwrap_or(0));
        Self(major << 16 | minor)
    }

    /// ` 1.32`, or nothing.
    pub(crate) fn suffix(self) -> String {
        if self.0 == 0 { String::new() } else { format!(" {}.{}", self.0 >> 16, self.0 & 0xffff) }
    }
}

/// Whether a program is one that sends whatever somebody thinks of. What else a workload uses was made for its work.
pub(crate) fn is_tool(name: &str) -> bool {
    TOOLS.iter().any(|tool| tool.eq_ignore_ascii_case(name))
}

/// Reads `NAME/VERSION (SYSTEM) …`. Programs built on client-go are called by their binary, since that is how the
/// default user agent begins (`k8s.io/client-go/rest/config.go`, `DefaultKubernetesUserAgent`); the client libraries that
/// are generated for several languages name theirs after the version (`OpenAPI-Generator/29.0.0/python`).
pub(crate) fn parse(agent: &str) -> Client<'_> {
    let bytes = agent.as_bytes();
    let end = bytes.windows(2).position(|pair| pair == b" (").unwrap_or(bytes.len());
    let head = agent[..end].trim_ascii();
    let (name, rest) = halves(head, |b| b == b'/');
    let (version, after) = halves(rest, |b| matches!(b, b'/' | b' '));
    let name = cut(unversioned(name.trim_ascii()));
    if name.is_empty() {
        return Client { name: Cow::Borrowed(NAMELESS), version: Version::default() };
    }
    let language = rest.as_bytes().get(version.len()) == Some(&b'/')
        && !after.is_empty()
        && after.len() <= 16
        && after.bytes().all(|b| b.is_ascii_alphabetic());
    let name = if language { Cow::Owned(format!("{name}/{after}")) } else { Cow::Borrowed(name) };
    Client { name, version: Version::of(version) }
}

/// What is before and after the first byte of ASCII that `is` one.
fn halves(text: &str, is: impl Fn(u8) -> bool) -> (&str, &str) {
    let at = text.bytes().position(is);
    at.map_or((text, ""), |at| (&text[..at], &text[at + 1..]))
}

/// Without a version that is part of the binary's name, such as `provider_v2.23.0_x5` or `manager-1.2.3`.
fn unversioned(name: &str) -> &str {
    if !name.bytes().any(|b| b.is_ascii_digit()) {
        return name;
    }
    let version = |(at, _): &(usize, char)| {
        let tail = &name[at + 1..];
        let digits = tail.strip_prefix('v').unwrap_or(tail);
        let (major, rest) = digits.split_once('.').unwrap_or((digits, ""));
        !major.is_empty()
            && major.bytes().all(|b| b.is_ascii_digit())
            && rest.bytes().next().is_some_and(|b| b.is_ascii_digit())
    };
    let found = name.char_indices().filter(|(at, c)| *at > 0 && matches!(c, '-' | '_' | ' ')).find(version);
    found.map_or(name, |(at, _)| &name[..at])
}

/// At most [`MOST`] bytes of whole characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_its_program_whatever_the_version() {
        for (agent, name, version) in [
            ("kubectl/v1.32.4 (linux/amd64) kubernetes/4cb5f07", "kubectl", " 1.32"),
            (
                "kube-controller-manager/v0.0.0 (linux/amd64) kubernetes/$Format/x",
                "kube-controller-manager",
                "",
            ),
            ("axios/1.7.2", "axios", " 1.7"),
            ("Prometheus/2.53.0", "Prometheus", " 2.53"),
            ("OpenAPI-Generator/29.0.0/python", "OpenAPI-Generator/python", " 29.0"),
            ("Kubernetes Java Client/11.0.1-SNAPSHOT", "Kubernetes Java Client", " 11.0"),
            (
                "terraform-provider-kubernetes_v2.23.0_x5/v0.0.0 (linux/amd64)",
                "terraform-provider-kubernetes",
                "",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "Mozilla", " 5.0"),
            ("HashiCorp/1.0 Terraform/1.5.7", "HashiCorp", " 1.0"),
            ("k3s/v1.30.2+k3s1 (linux/amd64) k3s/abc", "k3s", " 1.30"),
            ("curl", "curl", ""),
            ("kubectl 1.2.3", "kubectl", ""),
            ("", "(no user agent)", ""),
            ("/1.2", "(no user agent)", ""),
            (" (x)", "(no user agent)", ""),
        ] {
            let client = parse(agent);
            assert_eq!((&*client.name, client.version.suffix().as_str()), (name, version), "{agent}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let long = "é".repeat(100);
        assert_eq!(parse(&long).name.len(), 64);
        assert_eq!(parse(&format!("{}é", "a".repeat(63))).name.len(), 63);
    }
}
