//! Decimal division and averages by Redshift's rules, which depend on the types of the operands.
//!
//! The translation knows no types, so it leaves each division and each AVG as a call of a [placeholder](placeholder).
//! [`resolve`] replaces the placeholders, innermost first: it has the caller bind a probe statement, gets the types of the
//! operands back, and picks a call that computes exactly, in whole numbers.
//!
//! DECIMAL(p1,s1) / DECIMAL(p2,s2) has the scale max(4, s1+p2-s2+1) and the precision p1-s1+s2+scale; a precision above 38
//! takes digits off the scale, down to four. Surplus digits are cut off. Integers count as decimals without fraction.

mod pieces;
pub(crate) mod placeholder;
mod result_type;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use placeholder::{Kind, Placeholder};

/// The function whose calls in a probe have the operands as arguments. Redshift has no function of this name.
pub const PROBE_FUNCTION: &str = "hash";

/// The types of the arguments of each call of [`PROBE_FUNCTION`], as DuckDB spells them (`DECIMAL(18,2)`), by the byte
/// offset of the call in the probe.
pub type OperandTypes = BTreeMap<usize, Vec<String>>;

/// Replaces the pending divisions and averages of a translated statement.
///
/// `bind` gets a probe: the statement with calls of [`PROBE_FUNCTION`] over the operands of the innermost pending
/// operations. It returns the types of their arguments, or nothing if the probe cannot be bound. An operation whose operand
/// types stay unknown becomes DuckDB's own division, so that executing the statement reports what is wrong with it.
pub fn resolve(sql: &str, mut bind: impl FnMut(&str) -> OperandTypes) -> String {
    let mut sql = sql.to_owned();
    loop {
        let pending = placeholder::find(&sql);
        if pending.is_empty() {
            return sql;
        }
        let (probe, offsets) = probe(&sql, &pending);
        let types = bind(&probe);
        let bound: Vec<Option<&[String]>> = offsets
            .iter()
            .map(|offset| types.get(offset.as_ref()?).map(Vec::as_slice))
            .collect();
        sql = placeholder::rebuild(&sql, &pending, |index, call, text| {
            if call.is_innermost {
                let types = bound[index].or_else(|| twin(&sql, &pending, &bound, call));
                text.push_str(&exact_call(call.kind, types.unwrap_or_default()));
                text.push_str(call.operands(&sql));
                text.push(')');
            } else {
                text.push_str(&sql[call.start..call.open]);
            }
        });
    }
}

/// Whether a translated expression has pending divisions or averages.
pub fn is_pending(sql: &str) -> bool {
    !placeholder::find(sql).is_empty()
}

/// The statement to bind, and the offsets of the probe functions of its innermost placeholders.
///
/// The probe function stands next to the operation as DuckDB does it, so that what surrounds the call binds, too.
fn probe(sql: &str, pending: &[Placeholder]) -> (String, Vec<Option<usize>>) {
    let mut offsets = vec![None; pending.len()];
    let probe = placeholder::rebuild(sql, pending, |index, call, text| {
        if call.is_innermost {
            text.push_str("CASE WHEN ");
            offsets[index] = Some(text.len());
            let (operands, plain) = (call.operands(sql), call.kind.plain());
            text.push_str(&format!(
                "{PROBE_FUNCTION}({operands}) IS NOT NULL THEN {plain}{operands}) END"
            ));
        } else {
            text.push_str(call.kind.plain());
        }
    });
    (probe, offsets)
}

/// The operand types of another call that DuckDB's binder has merged this one with.
///
/// `SELECT a / b … GROUP BY t.a / b` binds the division once, as the binder compares expressions after it has qualified
/// the columns. Only calls of one SELECT are merged.
fn twin<'a>(
    sql: &str,
    pending: &[Placeholder],
    bound: &[Option<&'a [String]>],
    call: &Placeholder,
) -> Option<&'a [String]> {
    let candidates = pending.iter().zip(bound).filter_map(|(other, types)| {
        let types = (*types)?;
        (other.kind == call.kind && other.scope == call.scope).then_some((other.operands(sql), types))
    });
    let operands = call.operands(sql);
    let same = |(other, types): (&str, &'a [String])| (other == operands).then_some(types);
    let unqualified = placeholder::unqualified(operands);
    let same_unqualified =
        |(other, types): (&str, &'a [String])| (placeholder::unqualified(other) == unqualified).then_some(types);
    candidates
        .clone()
        .find_map(same)
        .or_else(|| candidates.clone().find_map(same_unqualified))
}

/// The beginning of the call that computes an operation exactly, or DuckDB's own for unknown and floating-point operands.
fn exact_call(kind: Kind, types: &[String]) -> String {
    let exact = match (kind, types) {
        (Kind::Division, [left, right]) => result_type::division(left, right),
        (Kind::Average, [_, total, _]) => result_type::average(total),
        _ => None,
    };
    exact.unwrap_or_else(|| kind.plain().to_owned())
}
