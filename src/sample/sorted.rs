//! A map from a few names, sorted, in one piece: quicker to fill, to look into and to drop than a tree. Pure.

use std::borrow::Borrow;

use serde::{Serialize, Serializer};

#[derive(Clone, Debug, PartialEq)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Sorted(Vec::new())
    }
}

impl<K: Borrow<str>, V> Sorted<K, V> {
    /// Room for so many, where it is known how many there will be.
    pub fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    /// Where a name is, or would be.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(name))
    }

    pub fn get(&self, name: &str) -> Option<&V> {
        self.0.get(self.place(name).ok()?).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let at = self.place(name).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Puts it in, in the place of what has its name.
    pub fn insert(&mut self, name: K, value: V) {
        // Mostly they come in their order.
        if self.0.last().is_none_or(|(last, _)| last.borrow() < name.borrow()) {
            return self.0.push((name, value));
        }
        match self.place(name.borrow()) {
            Err(at) => self.0.insert(at, (name, value)),
            Ok(at) => {
                if let Some((_, known)) = self.0.get_mut(at) {
                    *known = value;
                }
            }
        }
    }

    pub fn remove(&mut self, name: &str) -> Option<V> {
        self.place(name).ok().map(|at| self.0.remove(at).1)
    }
}

impl<K, V> Sorted<K, V> {
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(name, value)| (name, value))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K, V> IntoIterator for Sorted<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Borrow<str>, V> Extend<(K, V)> for Sorted<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        entries.into_iter().for_each(|(name, value)| self.insert(name, value));
    }
}

impl<K: Serialize, V: Serialize> Serialize for Sorted<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&'static str]) -> Sorted<&'static str, usize> {
        let mut map = Sorted::default();
        map.extend(names.iter().copied().zip(1..));
        map
    }

    #[test]
    fn names_are_in_their_order_and_the_last_of_a_name_counts() {
        let map = of(&["b", "a", "c", "b"]);
        assert_eq!(map.iter().collect::<Vec<_>>(), [(&"a", &2), (&"b", &4), (&"c", &3)]);
        assert_eq!((map.get("b"), map.get("x"), map.get("d")), (Some(&4), None, None));
    }

    #[test]
    fn what_is_taken_out_is_gone() {
        let mut map = of(&["a", "b"]);
        for name in ["a", "x"] {
            map.remove(name);
        }
        assert_eq!(map, Sorted(vec![("b", 2)]));
        assert!(of(&[]).is_empty() && !map.is_empty());
    }

    #[test]
    fn it_is_written_as_an_object() {
        assert_eq!(serde_json::to_string(&of(&["b", "a"])).unwrap(), r#"{"a":2,"b":1}"#);
    }
}
