//! Maps that can only be asked for one key, so that judging an event cannot come to walk over all decoys.

use std::collections::HashMap;

/// A map from names to `V`.
#[derive(Debug, Clone)]
pub(super) struct Table<V>(HashMap<String, V>);

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V> Table<V> {
    pub(super) fn get(&self, key: &str) -> Option<&V> {
        #[cfg(test)]
        looks::count();
        self.0.get(key)
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, key: &str, value: V) {
        self.0.insert(key.to_owned(), value);
    }

    /// The value of `key`, made where there is none.
    pub(super) fn entry(&mut self, key: &str) -> &mut V
    where
        V: Default,
    {
        self.0.entry(key.to_owned()).or_default()
    }
}

/// A map from namespace and name to `V`.
#[derive(Debug, Clone)]
pub(super) struct Named<V>(Table<Table<V>>);

impl<V> Default for Named<V> {
    fn default() -> Self {
        Self(Table::default())
    }
}

impl<V> Named<V> {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&V> {
        self.0.get(namespace)?.get(name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, namespace: &str, name: &str, value: V) {
        self.0.entry(namespace).insert(name, value);
    }
}

/// How often tables were asked, for the test that this does not grow with the number of decoys.
#[cfg(test)]
pub(super) mod looks {
    use std::cell::Cell;

    thread_local!(static LOOKS: Cell<u64> = const { Cell::new(0) });

    pub(super) fn count() {
        LOOKS.set(LOOKS.get() + 1);
    }

    /// The number of looks that `work` takes.
    pub(in crate::tripwire) fn of(work: impl FnOnce()) -> u64 {
        LOOKS.set(0);
        work();
        LOOKS.get()
    }
}
