//! Cursors of paged lists. Their checksum is no secret, so anybody can make one.

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clusterdesk::{db::Timestamp, models::page::Position};

/// The list whose cursors are read.
const LIST: &str = "admin.listUsers";
/// The years 0 to 9999, which both databases can store.
const MILLIS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// Reads a text as a cursor, and as the position in a cursor with a valid checksum. A cursor that is accepted holds values
/// that the databases can store, and is written and read again without a change.
pub fn cursors(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let sum = crc32fast::hash(format!("{LIST}\0{text}").as_bytes());
    let forged = URL_SAFE_NO_PAD.encode(format!("{sum:08x}.{text}"));
    for cursor in [text, &forged] {
        read::<i64>(cursor);
        if let Some(position) = read::<String>(cursor) {
            assert!(!position.id.contains('\0'), "{position:?}");
        }
    }
    write(text);
}

fn read<Id: Display + FromStr + Debug + PartialEq>(cursor: &str) -> Option<Position<Id>> {
    let position = Position::<Id>::from_cursor(LIST, cursor).ok()?;
    assert!(MILLIS.contains(&position.at.millis()), "{position:?}");
    let again = position.to_cursor(LIST);
    assert_eq!(Position::<Id>::from_cursor(LIST, &again).unwrap(), position, "{cursor} and {again}");
    assert!(Position::<Id>::from_cursor("admin.listClusters", &again).is_err(), "{again} is valid for another list");
    Some(position)
}

/// Every position that a row can have survives: `text` is a time in milliseconds and an id, separated by a dot.
fn write(text: &str) {
    let Some((millis, id)) = text.split_once('.') else { return };
    let Some(at) = millis.parse().ok().and_then(Timestamp::from_millis) else { return };
    if !id.contains('\0') {
        let position = Position { at, id: id.to_owned() };
        assert_eq!(Position::from_cursor(LIST, &position.to_cursor(LIST)).unwrap(), position);
    }
}
