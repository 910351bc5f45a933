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
use std::io::{stdin, stdout};
use std::process::ExitCode;

use json::Value;
use refusal::{class, Result};

const USAGE: &str = "usage: plada-client [--pool FILE] [--codes FILE] FILE";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let problem = if let Some((path, options)) = arguments.split_last() {
        let reading = request(path, options).and_then(|request| protocol::read(&request));
        match reading {
            Err(code) if class(code) == "refused" => format!("{code} ({USAGE})"),
            _ => {
                println!("{{{}}}", protocol::members(&reading));
                return ExitCode::from(u8::from(reading.is_err()));
            }
        }
    } else {
        match protocol::serve(stdin().lock(), stdout().lock()) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => error.to_string(),
        }
    };
    eprintln!("plada-client: {problem}");
    ExitCode::from(2)
}

/// A command line as a request of the protocol.
fn request(path: &str, options: &[String]) -> Result<Value> {
    let mut request = HashMap::from([("file".into(), Value::Text(path.into()))]);
    for option in options.chunks(2) {
        let [name, path] = option else { return Err("x-usage") };
        let member = name.strip_prefix("--").filter(|name| matches!(*name, "pool" | "codes"));
        let text = std::fs::read_to_string(path).map_err(|_| "x-unreadable")?;
        let lines = text.lines().map(|line| Value::Text(line.into())).collect();
        request.insert(member.ok_or("x-usage")?.into(), Value::Array(lines));
    }
    Ok(Value::Object(request))
}
