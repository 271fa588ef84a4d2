//! An API server's flags, and where they were seen.

use sundew_posture::Cluster;

/// An API server whose flags are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where they were seen, as `pod kube-system/kube-apiserver-cp1`.
    pub seen: String,
    /// The flags in their order, by name without dashes.
    flags: Vec<(String, String)>,
}

impl Server {
    /// A server with these flags.
    pub(super) fn new<'f>(
        seen: impl Into<String>,
        flags: impl IntoIterator<Item = (&'f str, &'f str)>,
    ) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self { seen: seen.into(), flags: flags.into_iter().map(owned).collect() }
    }

    /// The same, seen elsewhere.
    pub(super) fn seen_in(self, seen: String) -> Self {
        Self { seen, ..self }
    }

    /// Those whose pods the cluster shows.
    pub(super) fn of_cluster(cluster: &Cluster) -> Vec<Self> {
        let mut all: Vec<Self> = cluster
            .servers()
            .map(|(pod, flags)| {
                let place = cluster.place(pod.meta.place);
                let place = if place.is_empty() { String::new() } else { format!(" ({place})") };
                let flags = flags.iter().map(|(name, value)| (&**name, &**value));
                Self::new(format!("pod {}{place}", pod.meta), flags)
            })
            .collect();
        all.sort_by(|a, b| a.seen.cmp(&b.seen));
        all
    }

    /// The value of a flag: of one that is given twice the last counts.
    pub(super) fn get(&self, flag: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(name, _)| name == flag).map(|(_, value)| value.as_str())
    }

    /// Whether a flag has a value at all; an empty one is none.
    pub(super) fn has(&self, flag: &str) -> bool {
        self.get(flag).is_some_and(|value| !value.is_empty())
    }

    /// The words of a flag that takes a list: of one that is given twice all count.
    pub(super) fn list(&self, flag: &str) -> Vec<&str> {
        let all = self.flags.iter().filter(|(name, _)| name == flag);
        all.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|word| !word.is_empty()).collect()
    }

    /// A flag that is true or false (`strconv.ParseBool`).
    pub(super) fn is(&self, flag: &str, default: bool) -> bool {
        self.get(flag).map_or(default, |value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"))
    }

    /// `pod a/b: --flag=value`, or that it is not set and what that means.
    pub(super) fn shows(&self, flag: &str, default: &str) -> String {
        let given: Vec<&str> =
            self.flags.iter().filter(|(name, _)| name == flag).map(|(_, value)| value.as_str()).collect();
        let seen = &self.seen;
        match given.last() {
            None if default.is_empty() => format!("{seen}: --{flag} is not set"),
            None => format!("{seen}: --{flag} is not set, which means {default}"),
            Some(last) => format!("{seen}: --{flag}={last}"),
        }
    }
}
