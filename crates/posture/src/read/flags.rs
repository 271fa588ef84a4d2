//! The API server's flags, from the words of a command line.

/// The flags that settings are read from. Others are not kept: nobody knows what stands in them.
const KEPT: [&str; 27] = [
    "admission-control",
    "admission-control-config-file",
    "anonymous-auth",
    "api-audiences",
    "audit-log-path",
    "audit-policy-file",
    "audit-webhook-config-file",
    "authentication-config",
    "authorization-config",
    "authorization-mode",
    "basic-auth-file",
    "disable-admission-plugins",
    "enable-admission-plugins",
    "enable-bootstrap-token-auth",
    "encryption-provider-config",
    "etcd-cafile",
    "etcd-certfile",
    "etcd-keyfile",
    "etcd-servers",
    "insecure-port",
    "kubelet-certificate-authority",
    "profiling",
    "service-account-extend-token-expiration",
    "service-account-issuer",
    "service-account-lookup",
    "service-account-max-token-expiration",
    "token-auth-file",
];

/// Whether a word names the API server's program.
pub(crate) fn is_server(word: &str) -> bool {
    word.rsplit('/').next() == Some("kube-apiserver")
}

/// The flags of an API server in the words of its command line, in their order and without dashes; a flag without a
/// value is `true`, as the flag's own parser takes it (github.com/spf13/pflag). Only flags that settings are read from.
pub fn server_flags<'w>(words: impl IntoIterator<Item = &'w str>) -> Vec<(&'w str, &'w str)> {
    let mut words = words.into_iter().peekable();
    let mut flags = Vec::new();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value),
            None => match words.next_if(|next| !next.starts_with('-')) {
                Some(value) => (flag, value),
                None => (flag, "true"),
            },
        };
        if KEPT.contains(&name) {
            flags.push((name, value.trim_matches(['"', '\''])));
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::{is_server, server_flags};

    #[test]
    fn flags_are_read_with_and_without_an_equals_sign() {
        let words =
            ["kube-apiserver", "--profiling", "--anonymous-auth=false", "--audit-log-path", "/x", "--v=4"];
        assert_eq!(
            server_flags(words),
            [("profiling", "true"), ("anonymous-auth", "false"), ("audit-log-path", "/x")]
        );
        assert_eq!(server_flags(["--", "-", "x"]), []);
    }

    #[test]
    fn the_program_is_known_by_its_name_in_any_folder() {
        assert!(is_server("kube-apiserver") && is_server("/usr/local/bin/kube-apiserver"));
        assert!(!is_server("kube-apiserver-healthcheck") && !is_server("--kube-apiserver-arg"));
    }
}
