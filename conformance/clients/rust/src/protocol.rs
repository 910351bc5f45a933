//! The runner's requests and the client's answers (conformance/PROTOCOL.md).

use std::error::Error;
use std::io::{BufRead, Write};

use crate::file;
use crate::json::{self, Value};
use crate::refusal::{class, require, Limits, Result};

const HELLO: &str = concat!(
    r#"{"protocol": 1, "name": "Rust client", "version": ""#,
    env!("CARGO_PKG_VERSION"),
    r#"", "roles": ["reader", "client"], "features": ["zstd", "weights", "dense", "rule"], "#,
    r#""limits": {}}"#
);

/// Answers each line of `requests`, until `bye` or the end.
pub fn serve(
    mut requests: impl BufRead,
    mut answers: impl Write,
) -> std::result::Result<(), Box<dyn Error>> {
    let mut line = Vec::new();
    while requests.read_until(b'\n', &mut line)? > 0 {
        let request = json::parse(&line).ok_or("a line is not JSON")?;
        match request.get("do").and_then(Value::text) {
            Some("hello") => writeln!(answers, "{HELLO}")?,
            Some("bye") => return Ok(()),
            what => {
                let id = request.get("id").and_then(Value::number).ok_or("a request has no id")?;
                let known = what == Some("read");
                let reading = if known { read(&request) } else { Err("x-unknown-request") };
                writeln!(answers, "{{\"id\": {id}, {}}}", members(&reading))?;
            }
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
    let pool = rows(request.get("pool"))?;
    require(pool.iter().flatten().all(|digest| digest.len() == 32), "x-bad-pool")?;
    let codes = rows(request.get("codes"))?;
    let even = |rows: &Vec<Vec<u8>>| {
        let columns = rows.first().map_or(0, Vec::len);
        columns > 0 && rows.iter().all(|row| row.len() == columns)
    };
    require(codes.as_ref().map_or(true, even), "x-bad-codes")?;
    let path = request.get("file").and_then(Value::text).ok_or("x-bad-request")?;
    let data = std::fs::read(path).map_err(|_| "x-unreadable")?;
    let limits = request.get("limits");
    let limit = |name: &str, default| limits.and_then(|l| l.get(name)?.number()).unwrap_or(default);
    let limits = Limits {
        kept: limit("kept", 1 << 24),
        stream: limit("stream", 64 << 20),
        blocks: limit("blocks", 65_536),
        class_map: limit("class_map", 1 << 20),
        metadata: limit("metadata", 64 << 10),
        work: limit("work", 1 << 41),
    };
    file::read(&data, &limits, pool.as_deref(), codes.as_deref())
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
