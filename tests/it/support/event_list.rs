//! The list of events of the stand-in for Stripe, in pages, newest first.

use serde_json::{Value, json};

/// Events that are listed in pages.
#[derive(Default)]
pub struct EventList {
    events: Vec<Value>,
    page_size: usize,
}

impl EventList {
    pub fn new(events: impl IntoIterator<Item = Value>, page_size: usize) -> Self {
        let mut events: Vec<Value> = events.into_iter().collect();
        events.sort_by_key(|event| std::cmp::Reverse(event["created"].as_u64()));
        Self { events, page_size }
    }

    /// The page that a query asks for: `created[gte]`, `types[]`, `starting_after`.
    pub fn page(&self, query: &str) -> Value {
        let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let since: u64 = value("created[gte]").unwrap().parse().unwrap();
        let is_asked = |event: &&Value| {
            let kind = event["type"].as_str().unwrap();
            event["created"].as_u64().unwrap() >= since && query.contains(&("types[]".to_owned(), kind.to_owned()))
        };
        let asked: Vec<&Value> = self.events.iter().filter(is_asked).collect();
        let start = value("starting_after");
        let start = start.map_or(0, |id| asked.iter().position(|event| event["id"] == id).unwrap() + 1);
        let rest = &asked[start..];
        let page = &rest[..rest.len().min(self.page_size)];
        json!({"object": "list", "data": page, "has_more": page.len() < rest.len()})
    }
}
