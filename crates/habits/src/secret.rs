//! The name of a Secret without the part that is made up anew each time.

/// What stands in the place of that part.
const ANY: &str = "*";

/// The pattern that a Secret's name follows: a random suffix (`default-token-x7k2p`, `tls-6bk4mh8t2c`) or the number of a
/// Helm release (`sh.helm.release.v1.shop.v12`) is cut off, so that a name made anew is no new habit, and no number of
/// them grows the memory.
///
/// Random suffixes have letters that form no words (`k8s.io/apimachinery/pkg/util/rand`, `alphanums`), and so have
/// kustomize's hashes (`kustomize/api/hasher`); a digit among them tells them from abbreviations such as `https`.
pub(crate) fn pattern(name: &str) -> (&str, &'static str) {
    let cut = |at: usize| name.split_at_checked(at).map_or((name, ""), |(head, _)| (head, ANY));
    if name.starts_with("sh.helm.release.v1.")
        && let Some((head, number)) = name.rsplit_once(".v")
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        return cut(head.len() + 2);
    }
    match name.rsplit_once('-') {
        Some((head, suffix)) if is_random(suffix) => cut(head.len() + 1),
        _ => (name, ""),
    }
}

fn is_random(suffix: &str) -> bool {
    let bytes = suffix.as_bytes();
    (5..=10).contains(&bytes.len())
        && bytes.iter().any(u8::is_ascii_digit)
        && bytes.iter().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_up_anew_is_no_part_of_a_name() {
        for (name, head, rest) in [
            ("default-token-x7k2p", "default-token-", "*"),
            ("tls-6bk4mh8t2c", "tls-", "*"),
            ("sh.helm.release.v1.shop.v12", "sh.helm.release.v1.shop.v", "*"),
            ("orders-db", "orders-db", ""),
            ("ingress-https", "ingress-https", ""),
            ("payments-api", "payments-api", ""),
            ("db-20261120", "db-20261120", ""),
            ("", "", ""),
        ] {
            assert_eq!(pattern(name), (head, rest), "{name}");
        }
    }
}
