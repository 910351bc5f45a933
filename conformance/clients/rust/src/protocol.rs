//! The runner's requests and the client's answers (conformance/PROTOCOL.md).

use std::io::{BufRead, Error, ErrorKind, Write};

use crate::file::{self, Holdings};
use crate::json::{self, Value};
use crate::refusal::{class, Limits, Result};
use crate::rule::Codes;

const HELLO: &str = concat!(
    r#"{"protocol": 1, "name": "Rust client", "version": ""#,
    env!("CARGO_PKG_VERSION"),
    r#"", "roles": ["reader", "client"], "features": ["zstd", "weights", "dense", "rule"], "#,
    r#""limits": {}}"#
);

/// Answers each line of `requests`, until `bye` or the end.
pub fn serve(mut requests: impl BufRead, mut answers: impl Write) -> std::io::Result<()> {
    let wrong = |what| Error::new(ErrorKind::InvalidData, what);
    let mut line = Vec::new();
    while requests.read_until(b'\n', &mut line)? > 0 {
        let request = json::parse(&line).ok_or_else(|| wrong("a line is not JSON"))?;
        let id = request.get("id").and_then(Value::number);
        match (request.get("do").and_then(Value::text), id) {
            (Some("hello"), _) => writeln!(answers, "{HELLO}")?,
            (Some("bye"), _) => return Ok(()),
            (what, Some(id)) => {
                let known = what == Some("read");
                let reading = if known { read(&request) } else { Err("x-unknown-request") };
                writeln!(answers, "{{\"id\": {id}, {}}}", members(&reading))?;
            }
            _ => return Err(wrong("a request has no id")),
        }
        answers.flush()?;
        line.clear();
    }
    Ok(())
}

/// The members of a reading, but for its id.
pub fn members(reading: &Result<[u8; 32]>) -> String {
    match reading {
        Ok(id) => {
            let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\"verdict\": \"valid\", \"content_id\": \"{digits}\"")
        }
        Err(code) => format!("\"verdict\": \"{}\", \"code\": \"{code}\"", class(code)),
    }
}

/// What a request to read asks for.
pub fn read(request: &Value) -> Result<[u8; 32]> {
    let digests = |rows: Vec<_>| rows.into_iter().map(<[u8; 32]>::try_from).collect();
    let pool = rows(request.get("pool"))?.map(digests).transpose().map_err(|_| "x-bad-pool")?;
    let table = |rows: Vec<_>| Codes::new(&rows).ok_or("x-bad-codes");
    let codes = rows(request.get("codes"))?.map(table).transpose()?;
    let path = request.get("file").and_then(Value::text).ok_or("x-bad-request")?;
    let data = std::fs::read(path).map_err(|_| "x-unreadable")?;
    let limits = request.get("limits");
    let limit = |name: &str, default| limits.and_then(|l| l.get(name)?.number()).unwrap_or(default);
    file::read(&data, &Limits::new(limit), &Holdings { pool, codes })
}

/// The bytes that the strings of a list say in hexadecimal.
fn rows(list: Option<&Value>) -> Result<Option<Vec<Vec<u8>>>> {
    match list {
        None | Some(Value::Word) => Ok(None),
        Some(Value::Array(items)) => {
            let rows = items.iter().map(|item| hexadecimal(item.text()?));
            rows.collect::<Option<_>>().ok_or("x-bad-hexadecimal").map(Some)
        }
        _ => Err("x-bad-request"),
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |char: u8| char::from(char).to_digit(16);
    let byte = |pair: &[u8]| {
        let &[high, low] = pair else { return None };
        Some((digit(high)? << 4 | digit(low)?) as u8)
    };
    text.as_bytes().chunks(2).map(byte).collect()
}
