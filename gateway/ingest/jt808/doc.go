// Package jt808 takes the readings of vehicle terminals: JT/T 808 over TCP, editions
// 2013 and 2019.
//
// Bytes of a connection become frames (frame.go), frames a header and a body
// (header.go, fragment.go), bodies messages (register.go, position.go, answer.go). A
// position becomes a reading of chaincode/trace by the device's model and the binding of
// its time (model.go, reading.go). A session (session.go, group.go) hands all that lies
// in its buffer to ingest.Sink in one call, answers it in one write, and only then reads
// on: what a device is told to be kept is kept. The server (server.go) holds the
// sessions, their identities and the limits.
//
// Everything a device sends is a stranger's: sizes, rates and times are bounded
// (limits.go), and nothing is allocated by a length that it names.
//
// It imports chaincode/trace, chaincode/rules and gateway/ingest only.
package jt808
