//! A cache of verified JWTs: a lookup costs far less than verifying a signature.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::claims::Claims;

/// SHA-256 of a token, so that the cache contains no usable token.
pub(super) type TokenDigest = [u8; 32];

/// A bounded map from tokens to their claims. All entries were verified with the same generation of keys.
pub(super) struct TokenCache {
    capacity: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    generation: u64,
    claims: HashMap<TokenDigest, Arc<Claims>>,
}

impl TokenCache {
    /// A cache of at most `capacity` tokens.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default() }
    }

    /// The claims of a token that was verified with this generation of keys. The caller checks whether it has expired.
    pub(super) fn get(&self, token: &TokenDigest, generation: u64) -> Option<Arc<Claims>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.generation != generation {
            return None;
        }
        entries.claims.get(token).map(Arc::clone)
    }

    /// Adds a token. A newer generation of keys clears the cache; a token of an older one is not added.
    pub(super) fn put(&self, token: TokenDigest, generation: u64, claims: Arc<Claims>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if generation < entries.generation {
            return;
        }
        if generation > entries.generation {
            entries.generation = generation;
            entries.claims.clear();
        }
        if entries.claims.len() >= self.capacity {
            entries.claims.retain(|_, claims| !claims.is_expired());
            // Full of live tokens: clearing the cache is simpler than evicting the least recently used.
            if entries.claims.len() >= self.capacity {
                entries.claims.clear();
            }
        }
        entries.claims.insert(token, claims);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;

    fn claims(expires_at: i64) -> Arc<Claims> {
        Arc::new(Claims {
            subject: "u".into(),
            name: None,
            email: None,
            image: None,
            expires_at,
            offered: OnceLock::new(),
        })
    }

    fn live(cache: &TokenCache, generation: u64) -> Vec<u8> {
        (0..10).filter(|token| cache.get(&[*token; 32], generation).is_some()).collect()
    }

    #[test]
    fn a_newer_generation_of_keys_clears_the_cache_and_an_older_one_is_ignored() {
        let cache = TokenCache::new(10);
        cache.put([1; 32], 1, claims(i64::MAX));
        assert_eq!(live(&cache, 1), [1]);
        assert!(live(&cache, 2).is_empty());
        cache.put([2; 32], 2, claims(i64::MAX));
        cache.put([3; 32], 1, claims(i64::MAX));
        assert_eq!(live(&cache, 2), [2]);
        assert!(live(&cache, 1).is_empty());
    }

    #[test]
    fn a_full_cache_drops_expired_tokens_first_and_then_all() {
        let cache = TokenCache::new(2);
        cache.put([1; 32], 0, claims(0));
        cache.put([2; 32], 0, claims(i64::MAX));
        cache.put([3; 32], 0, claims(i64::MAX));
        assert_eq!(live(&cache, 0), [2, 3]);
        cache.put([4; 32], 0, claims(i64::MAX));
        assert_eq!(live(&cache, 0), [4]);
    }
}
