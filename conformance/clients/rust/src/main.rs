//! A reader and client of `.plada` files, after spec/plada-1.md, with the standard library alone.
//!
//! Without arguments it speaks the protocol of the conformance suite. With
//! `[--pool FILE] [--codes FILE] FILE` it reads one file, and its exit status is 0 if it is valid.

#![forbid(unsafe_code)]

mod block;
mod bytes;
mod content;
mod dense;
mod digest;
mod entropy;
mod file;
mod head;
mod json;
mod positions;
mod protocol;
mod refusal;
mod rule;
mod stream;
mod text;
mod zstd;

use std::collections::HashMap;
use std::error::Error;
use std::io::{stdin, stdout};
use std::process::ExitCode;

use json::Value;
use refusal::{class, Result};

const USAGE: &str = "usage: plada-client [--pool FILE] [--codes FILE] FILE";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.split_last() {
        Some((path, options)) => read_one(path, options),
        None => protocol::serve(stdin().lock(), stdout().lock()).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|problem| {
        eprintln!("plada-client: {problem}");
        ExitCode::from(2)
    })
}

/// Reads one file, by the same request as the runner would make.
fn read_one(path: &str, options: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let mut request = HashMap::from([("file".into(), Value::Text(path.into()))]);
    for option in options.chunks(2) {
        let [name @ ("--pool" | "--codes"), path] = option else { return Err(USAGE.into()) };
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let lines = text.lines().map(|line| Value::Text(line.into())).collect();
        request.insert(name[2..].into(), Value::Array(lines));
    }
    let reading = protocol::read(&Value::Object(request));
    match reading {
        Err(code) if class(code) == "refused" => return Err(format!("{code} ({USAGE})").into()),
        _ => println!("{{{}}}", protocol::members(&reading)),
    }
    Ok(ExitCode::from(u8::from(reading.is_err())))
}
