//! The JSON of a log line. tracing-subscriber's own formatter reads the fields of the span back from their text for each
//! line, writes them twice, and costs a call several microseconds.

use std::fmt::{self, Debug};

use clusterdesk::db::Timestamp;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer},
    registry::{LookupSpan, SpanRef},
};

/// Writes fields as the members of a JSON object: `"name":value,…`.
pub struct Members;

/// Writes an event as one line: `timestamp`, `level`, its own fields, and the innermost span as `span`; all spans as
/// `spans` if there are more.
pub struct JsonLine;

impl<'w> FormatFields<'w> for Members {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut members = MemberWriter { writer: &mut writer, is_first: true, result: Ok(()) };
        fields.record(&mut members);
        members.result
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        if !current.fields.is_empty() {
            current.fields.push(',');
        }
        self.format_fields(current.as_writer(), fields)
    }
}

impl<S> FormatEvent<S, Members> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "{{\"timestamp\":\"{}\",\"level\":\"", Timestamp::now())?;
        writer.write_str(event.metadata().level().as_str())?;
        writer.write_char('"')?;
        let mut members = MemberWriter { writer: &mut writer, is_first: false, result: Ok(()) };
        event.record(&mut members);
        members.result?;
        if let Some(span) = context.lookup_current() {
            writer.write_str(",\"span\":")?;
            write_span(&mut writer, &span)?;
            if span.parent().is_some() {
                write_spans(&mut writer, &span)?;
            }
        }
        writer.write_str("}\n")
    }
}

/// Writes a span as an object with its fields and its name.
fn write_span<S>(writer: &mut Writer<'_>, span: &SpanRef<'_, S>) -> fmt::Result
where
    S: for<'span> LookupSpan<'span>,
{
    writer.write_char('{')?;
    if let Some(fields) = span.extensions().get::<FormattedFields<Members>>().filter(|fields| !fields.is_empty()) {
        writer.write_str(fields)?;
        writer.write_char(',')?;
    }
    writer.write_str("\"name\":")?;
    write_text(writer, span.name())?;
    writer.write_char('}')
}

/// Writes `span` and those around it, the outermost first.
fn write_spans<S>(writer: &mut Writer<'_>, span: &SpanRef<'_, S>) -> fmt::Result
where
    S: for<'span> LookupSpan<'span>,
{
    writer.write_str(",\"spans\":[")?;
    for (index, span) in span.scope().from_root().enumerate() {
        if index > 0 {
            writer.write_char(',')?;
        }
        write_span(writer, &span)?;
    }
    writer.write_char(']')
}

/// Writes a JSON string.
fn write_text(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        // Escapes are rare, so they may cost an allocation.
        return writer.write_str(&serde_json::to_string(text).map_err(|_never| fmt::Error)?);
    }
    writer.write_char('"')?;
    writer.write_str(text)?;
    writer.write_char('"')
}

struct MemberWriter<'a, 'w> {
    writer: &'a mut Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl MemberWriter<'_, '_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        // Events of the crate `log` repeat their metadata in such fields.
        if self.result.is_err() || field.name().starts_with("log.") {
            return;
        }
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        self.result = self.name(name).and_then(|()| value(self.writer));
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(',')?;
        }
        write_text(self.writer, name)?;
        self.writer.write_char(':')
    }
}

impl Visit for MemberWriter<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, |writer| write_text(writer, &format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |writer| write_text(writer, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinite numbers.
        self.member(
            field,
            |writer| if value.is_finite() { write!(writer, "{value}") } else { writer.write_str("null") },
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};
    use tracing::subscriber::with_default;
    use tracing_subscriber::{fmt::layer, layer::SubscriberExt, registry};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `work` logs, without their times.
    fn lines(work: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let output = written.clone();
        let layer = layer().fmt_fields(Members).event_format(JsonLine).with_writer(move || output.clone());
        with_default(registry().with(layer), work);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let line = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert!(serde_json::from_value::<Timestamp>(time).is_ok());
            line
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn a_line_is_json_whatever_is_logged() {
        let odd = "a \"quote\", a \\, a\nline, \u{1} and ü";
        let logged = lines(|| {
            tracing::warn!(odd, debug = ?Some(odd), error = %odd, count = -1, big = u64::MAX, share = 0.5, no = f64::NAN, "{odd}");
            tracing::info!("");
        });
        let debug = format!("{:?}", Some(odd));
        let fields = json!({
            "level": "WARN", "message": odd, "odd": odd, "debug": debug, "error": odd, "count": -1, "big": u64::MAX,
            "share": 0.5, "no": null
        });
        assert_eq!(logged, [fields, json!({"level": "INFO", "message": ""})]);
    }

    #[test]
    fn a_line_names_its_spans() {
        let logged = lines(|| {
            let call = tracing::info_span!("call", request_id = %"x", late = tracing::field::Empty);
            call.in_scope(|| tracing::info!(elapsed_ms = 3, "done"));
            call.record("late", true);
            call.in_scope(|| tracing::info_span!("inner").in_scope(|| tracing::info!("deep")));
        });
        let (call, inner) = (json!({"request_id": "x", "late": true, "name": "call"}), json!({"name": "inner"}));
        let done = json!({
            "level": "INFO", "message": "done", "elapsed_ms": 3, "span": {"request_id": "x", "name": "call"}
        });
        assert_eq!(logged, [done, json!({"level": "INFO", "message": "deep", "span": inner, "spans": [call, inner]})]);
    }
}
