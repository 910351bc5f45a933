//! Why a file is refused (Appendix G), and the limits of a reader (section 15).

/// An error code of Appendix G, or one of this client's own, which starts with `x-`.
pub type Code = &'static str;

pub type Result<T, E = Code> = std::result::Result<T, E>;

/// Ends with `code` unless `holds`.
pub fn require(holds: bool, code: Code) -> Result<()> {
    holds.then_some(()).ok_or(code)
}

/// The error class of a code (Appendix G).
pub fn class(code: &str) -> &'static str {
    match code {
        "varint-overlong" | "chunk-order" | "empty-compressed" | "dense-tail"
        | "block-not-tight" | "feature-unused" | "max-stream" | "padding-bits" => "noncanonical",
        "unknown-version" | "unknown-critical-chunk" | "unknown-feature" => "unsupported",
        "pool-mismatch" | "codes-mismatch" => "mismatch",
        "crc-mismatch" | "content-check" => "corrupt",
        _ if code.starts_with("limit-") => "limit",
        _ if code.starts_with("x-") => "refused",
        _ => "malformed",
    }
}

pub struct Limits {
    pub kept: u64,
    pub stream: u64,
    pub blocks: u64,
    pub class_map: u64,
    pub metadata: u64,
    pub work: u64,
}
