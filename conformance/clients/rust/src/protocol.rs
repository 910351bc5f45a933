//! The runner's requests and the client's answers (conformance/PROTOCOL.md).

use std::io::{BufRead, Write};

use crate::file::{self, Holdings};
use crate::json::{self, Value};
use crate::refusal::{class, Limits, Result};
use crate::rule::Codes;

/// Answers each line of `requests`, until `bye` or the end.
pub fn serve(mut requests: impl BufRead, mut answers: impl Write) -> std::io::Result<()> {
    let mut line = Vec::new();
    while requests.read_until(b'\n', &mut line)? > 0 {
        let request = json::parse(&line).ok_or_else(|| wrong("a line is not a JSON object"))?;
        let answer = match request.get("do").and_then(Value::text) {
            Some("hello") => HELLO.replace("VERSION", env!("CARGO_PKG_VERSION")),
            Some("read") => {
                let id = request.get("id").and_then(Value::number);
                let id = id.ok_or_else(|| wrong("a request has no id"))?;
                format!("{{\"id\": {id}, {}}}", reading(answer(&request)))
            }
            Some("bye") => return Ok(()),
            _ => return Err(wrong("a request asks for something unknown")),
        };
        writeln!(answers, "{answer}")?;
        answers.flush()?;
        line.clear();
    }
    Ok(())
}

const HELLO: &str = r#"{"protocol": 1, "name": "plada-client (Rust)", "version": "VERSION", "roles": ["reader", "client"], "features": ["zstd", "weights", "dense", "rule"], "limits": {}}"#;

fn wrong(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}

/// The members of a reading.
pub fn reading(result: Result<[u8; 32]>) -> String {
    match result {
        Ok(id) => {
            let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\"verdict\": \"valid\", \"content_id\": \"{digits}\"")
        }
        Err(code) => format!("\"verdict\": \"{}\", \"code\": \"{code}\"", class(code)),
    }
}

fn answer(request: &Value) -> Result<[u8; 32]> {
    let list = |name| match request.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(list) => list.texts().map(Some).ok_or("x-bad-request"),
    };
    let pool = list("pool")?.map(digests).transpose()?;
    let codes = list("codes")?.map(codes).transpose()?;
    let path = request.get("file").and_then(Value::text).ok_or("x-bad-request")?;
    let data = std::fs::read(path).map_err(|_| "x-unreadable")?;
    file::read(&data, &limits(request), &Holdings { pool, codes })
}

fn limits(request: &Value) -> Limits {
    let limits = request.get("limits");
    let limit = |name, default| limits.and_then(|l| l.get(name)?.number()).unwrap_or(default);
    let default = Limits::default();
    Limits {
        kept: limit("kept", default.kept),
        stream: limit("stream", default.stream),
        blocks: limit("blocks", default.blocks),
        class_map: limit("class_map", default.class_map),
        metadata: limit("metadata", default.metadata),
        work: limit("work", default.work),
    }
}

/// The digests of a pool's images, from lines of hexadecimal digits.
pub fn digests<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Vec<[u8; 32]>> {
    let digest = |line| hexadecimal(line)?.try_into().map_err(|_| "x-bad-pool");
    lines.into_iter().map(digest).collect()
}

/// The codes of a pool, from a line of hexadecimal digits for each image.
pub fn codes<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Codes> {
    let mut codes = Codes { columns: 0, rows: Vec::new() };
    for line in lines {
        let row = hexadecimal(line)?;
        if row.is_empty() || !codes.rows.is_empty() && row.len() != codes.columns {
            return Err("x-bad-codes");
        }
        codes.columns = row.len();
        codes.rows.extend(row);
    }
    if codes.rows.is_empty() {
        return Err("x-bad-codes");
    }
    Ok(codes)
}

fn hexadecimal(text: &str) -> Result<Vec<u8>> {
    let digit = |char: u8| char::from(char).to_digit(16).map(|digit| digit as u8);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect::<Option<_>>().ok_or("x-bad-hexadecimal")
}
