// Package state knows every key on the chain and the form of every value: nobody
// else builds a key or decodes a value.
//
// Keys are plain text with "/" between parts; a part is percent-encoded where it
// needs to be, so a key is printable, sortable and can be taken apart again
// (ParseKey). The beginning of a key is the type of its value; values carry no type
// field of their own. Values are JSON with the field names of package trace.
//
// In go keys, subjects and typed records; out come bytes and typed records. It
// decides nothing. It imports chaincode/trace and never contract, rules, gateway or
// network; the index and the pages import it to read what the contracts wrote.
package state
