//! The groups of one correlation.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::{group::Group, plan::print};

/// Parts the cluster and the values in a group's key.
pub(super) const PART: char = '\u{1f}';

/// How long a value may be in a key, in bytes. A user name may be as long as a certificate wants.
const LONGEST: usize = 256;

/// Of so many parts one is forgotten at a time, so that not every new group costs a search.
const SHARE: usize = 16;

/// The groups of one correlation.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) groups: HashMap<String, Group>,
    /// How many hits are remembered in all groups.
    pub(super) marks: usize,
}

impl Table {
    /// Forgets the groups that were silent longest. Gives how many of them were `open`.
    pub(super) fn forget(&mut self, open: impl Fn(&Group) -> bool) -> u64 {
        let mut turns: Vec<u64> = self.groups.values().map(|group| group.touched).collect();
        if turns.is_empty() {
            return 0;
        }
        let share = turns.len() / SHARE;
        let (_, last, _) = turns.select_nth_unstable(share);
        let last = *last;
        let mut lost = 0;
        self.groups.retain(|_, group| {
            let kept = group.touched > last;
            if !kept {
                self.marks -= group.marks.len();
                lost += u64::from(open(group));
            }
            kept
        });
        lost
    }
}

/// Writes the key of a group to `key`.
pub(super) fn write_key<'v>(key: &mut String, cluster: &'v str, values: impl Iterator<Item = &'v str>) {
    key.clear();
    for value in std::iter::once(cluster).chain(values) {
        let start = key.len();
        key.push_str(&bounded(value));
        // A value that has the parting character in it must not read as two.
        if key[start..].contains(PART) {
            let clean = key[start..].replace(PART, " ");
            key.truncate(start);
            key.push_str(&clean);
        }
        key.push(PART);
    }
}

/// The values of a key, without the cluster.
pub(super) fn values(key: &str) -> impl Iterator<Item = &str> {
    key.strip_suffix(PART).unwrap_or(key).split(PART).skip(1)
}

/// A value that is too long, cut: two that begin alike still differ.
fn bounded(value: &str) -> Cow<'_, str> {
    if value.len() <= LONGEST {
        return Cow::Borrowed(value);
    }
    let cut = value.floor_char_boundary(LONGEST - 24);
    Cow::Owned(format!("{}… ({:016x})", &value[..cut], print(value)))
}
