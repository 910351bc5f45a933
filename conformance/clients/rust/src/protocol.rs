//! The runner's requests and the client's answers (conformance/PROTOCOL.md).

use std::error::Error;
use std::io::{BufRead, Write};

use crate::file;
use crate::json::{self, Value};
use crate::refusal::{class, Limits, Result};

const HELLO: &str = concat!(
    r#"{"protocol": 1, "name": "Rust client", "version": ""#,
    env!("CARGO_PKG_VERSION"),
    r#"", "roles": ["reader", "client"], "features": ["zstd", "weights", "dense", "rule"], "#,
    r#""limits": {}}"#
);

/// Answers each line of `requests`, until `bye` or the end.
pub fn serve(mut requests: impl BufRead, mut answers: impl Write) -> Result<(), Box<dyn Error>> {
    let mut line = Vec::new();
    while requests.read_until(b'\n', &mut line)? > 0 {
        let request = json::parse(&line).ok_or("a line is not JSON")?;
        let what = request.get("do").and_then(Value::text);
        match (what, request.get("id")) {
            (Some("hello"), _) => writeln!(answers, "{HELLO}")?,
            (Some("bye"), _) => break,
            (what, Some(Value::Number(id))) => {
                let known = what == Some("read");
                let reading = if known { read(&request) } else { Err("x-unknown-request") };
                writeln!(answers, r#"{{"id": {id}, {}}}"#, members(&reading))?;
            }
            _ => return Err("a request has no id".into()),
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
            let digits = id.map(|byte| format!("{byte:02x}")).concat();
            format!(r#""verdict": "valid", "content_id": "{digits}""#)
        }
        Err(code) => format!(r#""verdict": "{}", "code": "{code}""#, class(code)),
    }
}

/// What a request to read asks for.
pub fn read(request: &Value) -> Result<[u8; 32]> {
    let pool = rows(request.get("pool"), Some(32)).ok_or("x-bad-pool")?;
    let codes = rows(request.get("codes"), None).ok_or("x-bad-codes")?;
    let path = request.get("file").and_then(Value::text).ok_or("x-bad-request")?;
    let data = std::fs::read(path).map_err(|_| "x-unreadable")?;
    let limits = request.get("limits");
    let limit = |name, default| match limits.and_then(|limits| limits.get(name)) {
        Some(Value::Number(number)) => number.parse().unwrap_or(default),
        _ => default,
    };
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

/// The bytes that the strings of a list say in hexadecimal, if each says as many: `size`, or any
/// number but 0. No rows if there is no list.
fn rows(list: Option<&Value>, size: Option<usize>) -> Option<Option<Vec<Vec<u8>>>> {
    let items = match list {
        None | Some(Value::Word) => return Some(None),
        Some(Value::Array(items)) => items,
        _ => return None,
    };
    let rows: Vec<_> = items.iter().map(|item| hexadecimal(item.text()?)).collect::<Option<_>>()?;
    let size = size.or(rows.first().map(Vec::len)).filter(|&size| size > 0)?;
    rows.iter().all(|row| row.len() == size).then_some(Some(rows))
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<_> = text.chars().map(|char| char.to_digit(16)).collect::<Option<_>>()?;
    let bytes = digits.chunks(2).map(|pair| (pair[0] << 4 | pair[pair.len() - 1]) as u8);
    (digits.len() % 2 == 0).then(|| bytes.collect())
}
